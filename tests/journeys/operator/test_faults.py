"""A service hangs or dies while shoppers are about: they are shown something, it is marked, and it ends by itself."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest

from tests.journeys.callers import Shop, eventually, fresh, problem_of
from tests.journeys.platform import Platform

PLACEMENTS = ("recommended-for-you", "similar-items", "frequently-bought-together", "buy-it-again", "popular")
RESTART_LIMIT_S = 30.0


@contextmanager
def _hung(platform: Platform, service: str) -> Iterator[None]:
    """Hold a service as it is."""
    run = platform.run_file()
    assert run is not None
    process = psutil.Process(run.pids[service])
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def _metric(platform: Platform, name: str) -> float:
    """Return the sum of a metric's series at the gateway."""
    run = platform.run_file()
    assert run is not None
    lines = httpx.get(f"http://{run.metrics['gateway']}/metrics", trust_env=False).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{"))


def test_while_search_hangs_a_page_seen_before_is_shown_again_marked_stale(shop: Shop, demo_shop: Platform) -> None:
    load, before = shop.backend("load"), _metric(demo_shop, "zhike_fallbacks_total")
    query = {"q": "cheese", "language": "en", "facets": "brand"}
    seen = load.get("/v1/search", **query)
    assert seen["results"]
    with _hung(demo_shop, "search"):
        answer = load.send("GET", "/v1/search", params=query)
        page: dict[str, Any] = answer.json()
        assert (answer.status_code, page["stale"], page["attribution_token"]) == (200, True, "")
        assert page["results"] == seen["results"] and page["facets"] == seen["facets"]
        assert int(answer.headers["age"]) >= 0
        other = shop.client.get("/v1/search", params={"q": fresh("x")}, headers=load.credentials)
        assert problem_of(other)["status"] in {503, 504}
        assert load.slots("popular"), "whoever does not hang answers on"
    assert _metric(demo_shop, "zhike_fallbacks_total") > before
    fresh_page = lambda: "stale" not in load.get("/v1/search", **query)  # noqa: E731
    eventually(fresh_page, "old pages are shown on", limit_s=RESTART_LIMIT_S)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_while_recommendation_hangs_every_placement_shows_what_is_popular(
    shop: Shop, demo_shop: Platform, placement: str
) -> None:
    load = shop.backend("load")
    product = load.found("milk", page_size=1, filter="in_stock:true")[0]
    eventually(lambda: load.slots("popular"), "nothing is popular")
    with _hung(demo_shop, "recommendation"):
        filled = load.recommendation(placement, product_id=product)
    assert (filled["placement"], filled["source"]) == (placement, "popular")
    assert (filled["fallback_reason"], filled["attribution_token"]) == ("RECOMMENDATION_UNAVAILABLE", "")
    ids = [slot["product"]["id"] for slot in filled["slots"]]
    assert ids and product not in ids
    own = lambda: load.recommendation(placement, product_id=product)["fallback_reason"]  # noqa: E731
    eventually(lambda: own() != "RECOMMENDATION_UNAVAILABLE", "the fallback is shown on", limit_s=RESTART_LIMIT_S)


def test_whoever_hangs_long_is_taken_for_dead_until_it_answers(shop: Shop, demo_shop: Platform) -> None:
    load = shop.backend("load")
    with _hung(demo_shop, "recommendation"):
        taken_for_dead = lambda: load.slots("popular") and _metric(demo_shop, "zhike_breaker_open") == 1  # noqa: E731
        eventually(taken_for_dead, "the breaker does not open", limit_s=RESTART_LIMIT_S)
    eventually(lambda: _metric(demo_shop, "zhike_breaker_open") == 0, "it does not close", limit_s=RESTART_LIMIT_S)
    assert load.recommendation("popular")["fallback_reason"] == ""
