"""Events as they come from the world: malformed, late, early, again, too many, too large; nothing is lost."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.journeys.callers import Caller, Shop, an_event, eventually, fresh, hours_ago, problem_of

KIB = 1_024
BODY_LIMIT_BYTES = KIB * KIB
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def backend(shop: Shop) -> Caller:
    return shop.backend()


def _in(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def _reason(backend: Caller, event: Any) -> str:
    verdict = backend.verdicts(event)["verdicts"][0]
    assert verdict["status"] == "rejected", verdict
    assert verdict["error"]["message"]
    return str(verdict["error"]["reason"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "x" * 129}, "EVENT_ID_INVALID"),
        ({"id": ""}, "EVENT_ID_INVALID"),
        ({"id": "a\x00b"}, "EVENT_ID_INVALID"),
        ({"id": 7}, "EVENT_MALFORMED"),
        ({"type": "dance"}, "UNKNOWN_EVENT_TYPE"),
        ({"time": "2026-11-23T10:00:00"}, "EVENT_TIME_INVALID"),
        ({"time": "yesterday"}, "EVENT_MALFORMED"),
        ({"time": "2026-02-30T00:00:00Z"}, "EVENT_MALFORMED"),
        ({"time": _in(1)}, "FUTURE_EVENT"),
        ({"time": "9999-12-31T23:59:59-14:00"}, "FUTURE_EVENT"),
        ({"time": "1900-01-01T00:00:00Z"}, "EVENT_TOO_OLD"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "EVENT_TOO_OLD"),
        ({"type": "add-to-cart", "products": []}, "PRODUCTS_MISSING"),
        ({"products": [{"id": "p", "quantity": 0}]}, "QUANTITY_INVALID"),
        ({"products": [{"id": "p", "quantity": 10**40}]}, "QUANTITY_INVALID"),
        ({"products": [{"id": "p", "price": {"amount": "1.999", "currency": "USD"}}]}, "MONEY_INVALID"),
        ({"products": [{"id": "p", "price": {"amount": "-1", "currency": "USD"}}]}, "MONEY_INVALID"),
        ({"products": [{"id": "p", "price": {"amount": 1.5, "currency": "USD"}}]}, "EVENT_MALFORMED"),
        ({"products": [{"id": "p"}] * 201}, "TOO_MANY_PRODUCTS"),
        ({"identifiers": [f"login:u{number}" for number in range(9)]}, "TOO_MANY_IDENTIFIERS"),
        ({"identifiers": ["phone:12"]}, "IDENTIFIER_INVALID"),
        ({"identifiers": []}, "IDENTIFIER_MISSING"),
        ({"attributes": {str(number): "" for number in range(21)}}, "TOO_MANY_ATTRIBUTES"),
        ({"shop": "s" * 65}, "TEXT_TOO_LONG"),
        ({"position": -1}, "POSITION_INVALID"),
        ({"order": {"number": "1"}}, "ORDER_UNEXPECTED"),
    ],
    ids=lambda each: str(each)[:50],
)
def test_a_bad_event_is_refused_by_name_and_its_neighbours_are_kept(
    backend: Caller, change: dict[str, Any], reason: str
) -> None:
    login = fresh("login:j")
    good = [an_event("home-page-view", identifiers=[login]) for _ in range(2)]
    bad = an_event("home-page-view", identifiers=[login]) | change
    answer = backend.verdicts(good[0], bad, good[1])
    assert [each["status"] for each in answer["verdicts"]] == ["stored", "rejected", "stored"]
    assert answer["verdicts"][1]["error"]["reason"] == reason
    assert (answer["stored"], answer["duplicate"], answer["rejected"]) == (2, 0, 1)


def test_what_is_just_inside_the_bounds_is_stored(backend: Caller) -> None:
    login = [fresh("login:j")]
    backend.tell(
        an_event("home-page-view", identifiers=login) | {"id": fresh("e-").ljust(128, "x")},
        an_event("home-page-view", identifiers=login) | {"id": fresh("事件🥛")},
        an_event("home-page-view", identifiers=login, time=_in(4 / 60)),
        an_event("home-page-view", identifiers=login, time=hours_ago(24 * 365 * 9)),
        an_event("detail-page-view", identifiers=login, products=[{"id": "p", "quantity": 1_000_000}] * 200),
        an_event("home-page-view", identifiers=login, attributes={f"{number}": "值" * 256 for number in range(20)}),
        an_event("search", identifiers=login, search={"query": "x" * 500}),
    )


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"events": []}', 400),
        (b'{"events": "none"}', 400),
        (b'{"events": [}', 400),
        (b'{"events": [' + b"[" * 100_000, 400),
        (b'{"events":[{"id":"' + b"\xff" + b'"}]}', 400),
        (b'{"events":[{"id":"\\ud800"}]}', 400),
        (b"\xef\xbb\xbf{}", 400),
        (b'{"events":[' + b" " * BODY_LIMIT_BYTES + b"]}", 413),
    ],
    ids=lambda each: str(each)[:30],
)
def test_a_body_that_is_no_batch_is_a_problem(backend: Caller, content: bytes, status: int) -> None:
    problem = backend.refused("POST", "/v1/events", content=content, headers=JSON)
    assert problem["status"] == status


def test_a_body_of_another_kind_or_packed_is_refused(backend: Caller) -> None:
    batch = json.dumps({"events": []})
    kinds = ({"Content-Type": "text/plain"}, {}, JSON | {"Content-Encoding": "gzip"})
    for headers in kinds:
        assert backend.refused("POST", "/v1/events", content=batch, headers=headers)["status"] == 415


def test_a_body_over_the_limit_is_refused_however_it_comes(backend: Caller) -> None:
    def chunks() -> Any:
        for _ in range(BODY_LIMIT_BYTES // (64 * KIB) + 1):
            yield b" " * (64 * KIB)

    for content in (b" " * (BODY_LIMIT_BYTES + 1), chunks()):
        problem = backend.refused("POST", "/v1/events", content=content, headers=JSON)
        assert (problem["status"], problem["reason"]) == (413, "BODY_TOO_LARGE")
    assert (
        backend.refused("POST", "/v1/customers:merge", content=b" " * (BODY_LIMIT_BYTES + 1), headers=JSON)["status"]
        == 413
    )


def test_five_hundred_events_are_a_batch_and_one_more_is_none(backend: Caller) -> None:
    login = fresh("login:j")
    events = [an_event("home-page-view", identifiers=[login]) for _ in range(501)]
    problem = backend.refused("POST", "/v1/events", json={"events": events})
    assert (problem["status"], problem["reason"]) == (400, "BATCH_SIZE")
    assert backend.verdicts(*events[:500])["stored"] == 500, "of the batch that was refused nothing was kept"
    assert backend.verdicts(*events[:500])["duplicate"] == 500


def test_an_id_that_comes_again_is_the_same_event_and_with_another_body_is_refused(backend: Caller) -> None:
    event = an_event("home-page-view", identifiers=[fresh("login:j")])
    answer = backend.verdicts(event, event, event | {"channel": "app"})
    assert [each["status"] for each in answer["verdicts"]] == ["stored", "duplicate", "rejected"]
    assert answer["verdicts"][2]["error"]["reason"] == "EVENT_ID_REUSED"
    assert backend.verdicts(event)["duplicate"] == 1


def test_the_same_batch_from_many_at_once_is_stored_once(backend: Caller) -> None:
    events = [an_event("home-page-view", identifiers=[fresh("login:j")]) for _ in range(40)]
    with ThreadPoolExecutor(6) as many:
        answers = list(many.map(lambda _: backend.verdicts(*events), range(6)))
    assert sum(answer["stored"] for answer in answers) == 40
    assert sum(answer["duplicate"] for answer in answers) == 5 * 40


def test_late_and_disordered_orders_give_the_same_customer(backend: Caller, shop: Shop) -> None:
    price = {"amount": "10.00", "currency": "USD"}
    hashes = []
    for turn in range(2):
        card = fresh("card:J")
        orders = [
            an_event(
                "purchase-complete",
                identifiers=[card],
                time=hours_ago(24 * (day + 1)),
                order={"number": fresh("o-")},
                products=[{"id": f"p-{day}", "quantity": day + 1, "price": price}],
            )
            for day in range(5)
        ]
        for event in orders if turn else reversed(orders):
            backend.tell(event)
        eventually(lambda name=card: shop.desk.customer(name)["purchases"]["orders"] == 5, "an order is missing")
        bought = shop.desk.customer(card)["purchases"]
        hashes.append((bought["spend"], bought["median_interval_days"], bought["median_lines"]))
    assert hashes[0] == hashes[1]
    assert hashes[0][0]["amount"] == "150.00"


def test_an_event_about_what_nobody_knows_is_kept(backend: Caller) -> None:
    login = fresh("login:j")
    backend.tell(
        an_event("detail-page-view", "no-such-product", identifiers=[login]),
        an_event("home-page-view", identifiers=[login], attribution_token="a token that nobody gave out"),
    )


def test_too_many_requests_are_a_429_that_says_when(shop: Shop) -> None:
    browser = shop.browser()
    with ThreadPoolExecutor(4) as many:
        answers = list(many.map(lambda _: browser.send("GET", "/v1/suggest", params={"q": "c"}), range(200)))
    refused = [answer for answer in answers if answer.is_error]
    assert refused, "a visitor's bucket holds a hundred requests"
    assert any(answer.is_success for answer in answers)
    for answer in refused:
        problem = problem_of(answer)
        assert (problem["status"], problem["reason"]) == (429, "RATE_LIMITED")
        assert int(answer.headers["retry-after"]) >= 1
    assert int(answers[0].headers["ratelimit-limit"]) > 0
    assert shop.browser().send("GET", "/v1/suggest", params={"q": "c"}).is_success, "another visitor is not held up"


def test_methods_and_routes_that_are_none_are_problems(shop: Shop) -> None:
    for method, path, status in (
        ("GET", "/v1/nothing", 404),
        ("GET", "/nowhere", 404),
        ("DELETE", "/v1/search", 405),
        ("GET", "/v1/events", 405),
        ("POST", "/healthz", 405),
        ("REPORT", "/v1/search", 405),
    ):
        answer = shop.client.request(method, path)
        assert problem_of(answer)["status"] == status, (method, path)
        if status == httpx.codes.METHOD_NOT_ALLOWED:
            assert answer.headers["allow"]
