"""Services die, models and projections are exchanged: reads go on, nothing acknowledged is lost."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
import pytest

from tests.journeys.callers import Caller, Shop, an_event, eventually, fresh, problem_of
from tests.journeys.platform import Platform

RESTART_LIMIT_S = 30.0
READ_PAUSE_S = 0.03


@dataclass
class Traffic:
    """What readers in the background were answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def note(self, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] += 1
        if not answer.is_success and len(self.failures) < 5:
            self.failures.append(f"{answer.request.url}: {answer.status_code} {answer.text[:200]}")


@contextmanager
def _traffic(*reads: Callable[[], httpx.Response]) -> Iterator[Traffic]:
    """Read in the background until the block ends."""
    traffic, stop = Traffic(), threading.Event()

    def run(read: Callable[[], httpx.Response]) -> None:
        while not stop.is_set():
            try:
                traffic.note(read())
            except httpx.HTTPError as error:
                traffic.failures.append(repr(error))
            stop.wait(READ_PAUSE_S)

    threads = [threading.Thread(target=run, args=(read,), daemon=True) for read in reads]
    for thread in threads:
        thread.start()
    try:
        yield traffic
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=40)


def _pid(platform: Platform, service: str) -> int:
    run = platform.run_file()
    assert run is not None
    return run.pids[service]


def _kill(platform: Platform, service: str) -> int:
    pid = _pid(platform, service)
    psutil.Process(pid).kill()
    return pid


def _is_ready(shop: Shop) -> bool:
    return shop.client.get("/readyz").is_success


def _all_caught_up(shop: Shop) -> bool:
    system = shop.operator.get("/v1/system")
    lags = [reader["lag_events"] for service in system["services"] for reader in service.get("readers", [])]
    return system["ready"] and not any(lags)


def test_while_recommendation_is_down_search_answers_and_it_comes_back_knowing_everything(
    shop: Shop, demo_shop: Platform
) -> None:
    backend, browser = shop.backend(), shop.browser()
    product = backend.found("cheese", page_size=1, filter="in_stock:true")[0]
    browser.tell(an_event("add-to-cart", product))
    eventually(lambda: browser.cart() == {product: 1}, "the cart stays empty")
    before = browser.slots("recommended-for-you")
    run = demo_shop.run_file()
    assert run is not None
    process = psutil.Process(run.pids["recommendation"])
    process.send_signal(signal.SIGSTOP)  # held, so that its absence can be looked at
    try:
        hung = shop.client.get("/v1/cart", headers=browser.credentials)
        assert problem_of(hung)["status"] in {503, 504}
        assert hung.status_code == 504 or int(hung.headers["retry-after"]) >= 1
        instead = browser.recommendation("recommended-for-you")
        assert (instead["source"], instead["fallback_reason"]) == ("popular", "RECOMMENDATION_UNAVAILABLE")
        assert instead["slots"]
        assert browser.found("cheese")
        assert browser.get("/v1/suggest", q="choc", language="en")["suggestions"]
        assert browser.get(f"/v1/products/{product}")["id"] == product
        ready = shop.client.get("/readyz")
        assert problem_of(ready)["reason"] == "PARTS_MISSING"
        assert ready.json()["metadata"]["missing"] == "recommendation"
        browser.tell(an_event("add-to-cart", product))
    finally:
        process.kill()
    load = shop.backend("load")
    with _traffic(
        lambda: load.send("GET", "/v1/search", params={"q": "milk"}),
        lambda: load.send("GET", "/v1/recommendations/popular"),
    ) as traffic:
        eventually(lambda: _is_ready(shop), "recommendation does not come back", limit_s=RESTART_LIMIT_S)
    assert not traffic.failures
    eventually(lambda: browser.cart() == {product: 2}, "what was written meanwhile is lost")
    eventually(lambda: browser.slots("recommended-for-you") == before, "the same shopper is offered something else")


@pytest.mark.parametrize("service", ["search", "knowledge", "recommendation"])
def test_a_killed_service_answers_503_with_retry_after_or_late_and_is_back(
    shop: Shop, demo_shop: Platform, service: str
) -> None:
    reads: dict[str, Callable[[], httpx.Response]] = {
        "search": lambda: shop.backend("load").send("GET", "/v1/search", params={"q": "milk"}),
        "knowledge": lambda: shop.desk.send("GET", "/v1/customers/card:CJ000021"),
        "recommendation": lambda: shop.backend("load").send("GET", "/v1/recommendations/popular"),
    }
    wanted = reads[service]().json()
    with _traffic(*reads.values()) as traffic:
        killed = _kill(demo_shop, service)
        # Its pid, not /readyz: a restart may be over before anybody asks.
        eventually(lambda: _pid(demo_shop, service) != killed, "nobody noticed the kill")
        eventually(lambda: _is_ready(shop), f"{service} does not come back", limit_s=RESTART_LIMIT_S)
        ok = traffic.statuses[200]
        eventually(lambda: traffic.statuses[200] > ok, "nothing is answered")
    assert {*traffic.statuses} <= {200, 503, 504}, traffic
    assert all("/problem+json" not in failure for failure in traffic.failures)
    again = reads[service]().json()
    assert _comparable(again) == _comparable(wanted)


def test_no_acknowledged_event_is_lost_or_doubled_when_knowledge_dies_under_load(
    shop: Shop, demo_shop: Platform
) -> None:
    backend, card = shop.backend(), fresh("card:J")
    product = backend.found("milk", page_size=1)[0]
    price = {"amount": "1.00", "currency": "USD"}
    acknowledged: list[dict[str, Any]] = []

    def order() -> dict[str, Any]:
        line = [{"id": product, "price": price}]
        return an_event("purchase-complete", identifiers=[card], order={"number": fresh("o-")}, products=line)

    for turn in range(2):
        _kill(demo_shop, "knowledge")
        end = time.monotonic() + 4
        while time.monotonic() < end:
            batch = [order() for _ in range(10)]
            for _ in range(50):  # a client that does not know whether it was heard says it again
                answer = backend.send("POST", "/v1/events", json={"events": batch})
                if answer.is_success:
                    counted = answer.json()
                    assert counted["stored"] + counted["duplicate"] == len(batch)
                    acknowledged += batch
                    break
                assert problem_of(answer)["status"] in {503, 504}
                time.sleep(0.2)
        eventually(lambda: _is_ready(shop), f"knowledge does not come back, turn {turn}", limit_s=RESTART_LIMIT_S)
    assert acknowledged
    verdicts = [backend.verdicts(*acknowledged[at : at + 100]) for at in range(0, len(acknowledged), 100)]
    assert sum(each["duplicate"] for each in verdicts) == len(acknowledged), "every acknowledged event is there"
    orders = lambda: shop.desk.customer(card)["purchases"]["orders"]  # noqa: E731
    eventually(lambda: orders() == len(acknowledged), "orders were lost or doubled", limit_s=60)
    eventually(lambda: _all_caught_up(shop), "a reader does not catch up", limit_s=60)


def test_a_product_edit_that_was_acknowledged_survives_the_death_of_search(shop: Shop, demo_shop: Platform) -> None:
    backend, product, word = shop.backend(), fresh("p-"), fresh("lamp")
    row = {"id": product, "title": {"en": word}, "price": {"amount": "10.00", "currency": "USD"}}
    backend.bring("products", [row | {"available_quantity": 5}])
    backend.patch(product, price={"amount": "3.30", "currency": "USD"})
    _kill(demo_shop, "search")
    eventually(lambda: backend.send("GET", "/v1/search").is_success, "search does not come back", limit_s=60)
    assert backend.get(f"/v1/products/{product}")["price"]["amount"] == "3.30"
    card = lambda: [each["product"]["price"]["amount"] for each in backend.search(word)["results"]]  # noqa: E731
    eventually(lambda: card() == ["3.30"], "the edit is not in the index")


def test_the_gateway_comes_back_with_its_keys_and_tokens(shop: Shop, demo_shop: Platform) -> None:
    app = shop.app(fresh("login:j"))
    assert app.send("GET", "/v1/cart").is_success
    _kill(demo_shop, "gateway")

    def answers() -> bool:
        try:
            return app.send("GET", "/v1/cart").is_success
        except httpx.HTTPError:
            return False

    eventually(answers, "the gateway does not come back", limit_s=RESTART_LIMIT_S)
    assert shop.operator.get("/v1/keys")["keys"]


def test_while_nobody_can_say_who_consents_nothing_is_personal(shop: Shop, demo_shop: Platform) -> None:
    browser = shop.browser()
    product = shop.backend("load").found("cheese", page_size=1, filter="in_stock:true")[0]
    browser.tell(an_event("detail-page-view", product))
    for_you = lambda: browser.recommendation("recommended-for-you")  # noqa: E731
    eventually(lambda: for_you()["source"] != "popular", "a click changed nothing")
    run = demo_shop.run_file()
    assert run is not None
    knowledge = psutil.Process(run.pids["knowledge"])
    knowledge.send_signal(signal.SIGSTOP)
    try:
        eventually(lambda: for_you()["source"] == "popular", "an old consent still counts")
        assert for_you()["fallback_reason"] == "CONSENT_STALE"
        assert for_you()["slots"]
        assert browser.slots("similar-items", product_id=product)
        assert browser.found("cheese")
        assert problem_of(shop.desk.send("GET", "/v1/customers/card:CJ000952"))["status"] in {503, 504}
    finally:
        knowledge.send_signal(signal.SIGCONT)
    eventually(lambda: for_you()["source"] != "popular", "nothing is personal any more")


def test_models_are_exchanged_under_reading_without_a_failed_request(shop: Shop, demo_shop: Platform) -> None:
    load, desk = shop.backend("load"), shop.desk
    product = load.found("cheese", page_size=1, filter="in_stock:true")[0]
    places = ("recommended-for-you", "similar-items", "frequently-bought-together")
    reads = [
        lambda place=place: load.send(
            "GET",
            f"/v1/recommendations/{place}",
            params={"product_id": product, "identifier": "card:CJ000952"},
        )
        for place in places
    ]
    versions = [_version(load, product)]
    with _traffic(*reads) as traffic:
        for _ in range(2):
            trained = demo_shop.zhike("train", "--engine", "local")
            assert trained.returncode == 0, trained.stdout + trained.stderr
            newest = desk.get("/v1/models", page_size=1)["models"][0]["version"]
            promoted = lambda name=newest: _version(load, product) == name  # noqa: E731
            if not promoted():
                shop.operator.post(f"/v1/models/{newest}:promote", {"reason": "a journey"})
            eventually(promoted, f"{newest} does not answer", limit_s=60)
            versions.append(newest)
    assert len(set(versions)) == 3
    assert not traffic.failures, traffic
    assert traffic.statuses[200] > 100
    shop.operator.post(f"/v1/models/{versions[1]}:promote", {"reason": "roll back"})
    eventually(lambda: _version(load, product) == versions[1], "the roll back does not hold")


def _version(caller: Caller, product: str) -> str:
    return str(caller.recommendation("similar-items", product_id=product)["model_version"])


NOT_REBUILT = {
    ("search", "catalog-memory"),  # lives in memory and is read anew at every start
    # What is told to the world is told once; nothing of it is built anew.
    ("orders", "order-webhooks"),
    ("reputation", "alert-webhooks"),
    ("reputation", "alert-mails"),
}


def test_every_projection_is_rebuilt_under_reading_and_answers_the_same(shop: Shop, demo_shop: Platform) -> None:
    load, desk = shop.backend("load"), shop.desk
    product = load.found("cheese", page_size=1, filter="in_stock:true")[0]
    eventually(lambda: _all_caught_up(shop), "a reader does not catch up", limit_s=60)
    known = "card:CJ000952"
    reads: dict[str, Callable[[], httpx.Response]] = {
        "customer": lambda: desk.send("GET", f"/v1/customers/{known}"),
        # By price: relevance moves a little with how often words stand in what was written over in the old index.
        "search": lambda: load.send(
            "GET", "/v1/search", params={"q": "cheese", "facets": "brand,category", "order_by": "price"}
        ),
        "suggest": lambda: load.send("GET", "/v1/suggest", params={"q": "choc", "language": "en"}),
        "again": lambda: load.send("GET", "/v1/recommendations/buy-it-again", params={"identifier": known}),
        "alike": lambda: load.send("GET", "/v1/recommendations/similar-items", params={"product_id": product}),
        "cart": lambda: load.send("GET", "/v1/cart", params={"identifier": known}),
    }
    before = {name: _comparable(read().json()) for name, read in reads.items()}
    projections = _projections(shop)
    assert len(projections) >= 8
    with _traffic(reads["customer"], reads["search"], reads["again"]) as traffic:
        by_command = demo_shop.zhike("rebuild", "recommendation/shelf")
        assert by_command.returncode == 0, by_command.stdout + by_command.stderr
        started = [
            shop.operator.post(f"/v1/system/{service}/projections/{projection}:rebuild", {})["id"]
            for service, projection in sorted(projections - {("recommendation", "shelf")})
        ]
        for operation in started:
            assert shop.operator.finished(operation)["progress"]["rows"] > 0, operation
    assert not traffic.failures, traffic
    eventually(lambda: _all_caught_up(shop), "a reader does not catch up", limit_s=60)
    assert _projections(shop) == projections, "a projection keeps its name, so that it can be rebuilt again"
    for name, read in reads.items():
        assert _comparable(read().json()) == before[name], name


def _projections(shop: Shop) -> set[tuple[str, str]]:
    system = shop.operator.get("/v1/system")
    named = {
        (service["service"], reader["projection"]) for service in system["services"] for reader in service["readers"]
    }
    return named - NOT_REBUILT


def _comparable(answer: Any) -> Any:
    """Return an answer without what is different each time it is asked, or moves with the clock."""
    if isinstance(answer, dict):
        changing = {"attribution_token", "engine_us", "as_of_time", "next_page_token", "score"}
        changing |= {"classes", "percentile", "median"}  # against all other customers, computed now and then
        return {name: _comparable(value) for name, value in answer.items() if name not in changing}
    if isinstance(answer, list):
        return [_comparable(each) for each in answer]
    return answer
