"""What stands in for a service that is down: bounded, marked as what it is, never personal."""

import asyncio
from typing import Any

import orjson
import pytest

from gateway import fallbacks
from gateway.fallbacks import (
    PAGE_LIMIT_S,
    PAGES_LIMIT,
    PAGES_LIMIT_BYTES,
    POPULAR_AGE_S,
    POPULAR_LIMIT,
    POPULAR_LIMIT_S,
    POPULAR_SLOTS,
    Fallbacks,
)
from gateway.principals import Role
from services.chassis.errors import ErrorKind, InvalidArgumentError, UnavailableError, ZhikeError
from tests.fakes.gateway_shop import OTHER_VISITOR, Shop, problem_of

PAGE = {"results": [{"product": {"id": "p-1"}}], "total_size": 1, "attribution_token": "t-1", "engine_us": 9}


class LateError(ZhikeError):
    kind = ErrorKind.DEADLINE
    reason = "DEADLINE_EXCEEDED"


class StoreAwayError(UnavailableError):
    reason = "STORE_UNAVAILABLE"


def _kept(shop: Shop) -> Fallbacks:
    return shop.parts.fallbacks


def _counted(shop: Shop, answer: str) -> float | None:
    return shop.metrics.registry.get_sample_value("zhike_fallbacks_total", {"answer": answer})


def _fill(shop: Shop, *products: str) -> None:
    """Have the recommendation service fill every placement with these."""

    def predict(request: Any) -> Any:
        from_service = {"slots": [{"product": {"id": each}} for each in products], "placement": request.placement}
        body = from_service | {"source": "popular", "attribution_token": "r-1", "model_version": "m-7"}
        return fallbacks.prediction_service_pb2.PredictResponse(json=orjson.dumps(body))

    shop.services._Predict = predict  # type: ignore[method-assign]  # what it offers is the test's choice


async def _offer(shop: Shop, *products: str) -> None:
    """Let a shopper be offered these, so that they are kept."""
    _fill(shop, *products)
    await shop.get("/v1/recommendations/recommended-for-you")
    await _kept(shop).popular.refresh(shop.parts.caller)


@pytest.mark.parametrize("failure", ["down", "late", "store"])
async def test_while_search_is_away_the_last_page_of_the_same_search_is_answered(shop: Shop, failure: str) -> None:
    fresh = await shop.get("/v1/search", params={"q": "牛奶", "filter": "brand:x"})
    assert "stale" not in fresh.json() and "age" not in fresh.headers
    shop.clock.advance(7)
    if failure == "down":
        shop.services.down.add("search")
    else:
        shop.services.failures["Search"] = LateError("late") if failure == "late" else StoreAwayError("full")
    page = await shop.get("/v1/search", params={"q": "牛奶", "filter": "brand:x"})
    assert page.status_code == 200
    assert page.headers["age"] == "7"
    assert page.json() == fresh.json() | {"stale": True, "attribution_token": ""}
    assert _counted(shop, "stale-page") == 1
    assert shop.services.waited[-2:] == [True, False], "who has a page does not wait for a service that is down"


@pytest.mark.parametrize(
    "other",
    [
        {"q": "茶"},
        {"q": "牛奶", "page_size": 5},
        {"q": "牛奶", "language": "en"},
        {"q": "牛奶", "filter": "brand:x"},
        {"q": "牛奶", "order_by": "price"},
        {"q": "牛奶", "facets": "brand"},
        {"q": "牛奶", "exact_spelling": "true"},
        {"q": "牛奶", "page_token": "next"},
    ],
)
async def test_another_search_has_no_page_and_is_refused(shop: Shop, other: dict[str, Any]) -> None:
    await shop.get("/v1/search", params={"q": "牛奶", "language": "zh"})
    shop.services.down.add("search")
    refused = await shop.get("/v1/search", params={"language": "zh"} | other)
    problem_of(refused, 503, "SERVICE_UNAVAILABLE")
    assert int(refused.headers["retry-after"]) >= 1


async def test_shoppers_share_the_pages_for_nothing_in_them_is_personal(shop: Shop) -> None:
    await shop.get("/v1/search", params={"q": "milk"})
    shop.services.down.add("search")
    other = await shop.get("/v1/search", headers={"X-Visitor-Id": OTHER_VISITOR}, params={"q": "milk"})
    assert other.json()["stale"] is True


async def test_a_page_that_is_too_old_is_not_answered(shop: Shop) -> None:
    await shop.get("/v1/search")
    shop.services.down.add("search")
    shop.clock.advance(PAGE_LIMIT_S)
    assert (await shop.get("/v1/search")).status_code == 200
    shop.clock.advance(0.1)
    problem_of(await shop.get("/v1/search"), 503, "SERVICE_UNAVAILABLE")


async def test_a_refusal_of_the_request_is_no_reason_for_an_old_page(shop: Shop) -> None:
    await shop.get("/v1/search")
    shop.services.failures["Search"] = InvalidArgumentError("no such field", field="filter")
    problem_of(await shop.get("/v1/search"), 400, "INVALID_ARGUMENT")


async def test_one_page_more_than_are_kept_drops_the_oldest(shop: Shop) -> None:
    pages = _kept(shop).pages
    for number in range(PAGES_LIMIT + 1):
        pages.keep(number, b"{}")
    assert (len(pages), pages.size_bytes) == (PAGES_LIMIT, 2 * PAGES_LIMIT)
    assert pages.find(0) is None and pages.find(1) is not None


async def test_pages_are_bounded_in_bytes_and_a_new_one_takes_the_place_of_its_old(shop: Shop) -> None:
    pages, half = _kept(shop).pages, b" " * (PAGES_LIMIT_BYTES // 2)
    for name in ("a", "b", "a"):
        pages.keep(name, half)
    assert (len(pages), pages.size_bytes) == (2, PAGES_LIMIT_BYTES)
    pages.keep("c", b" ")
    assert pages.find("b") is None and pages.find("a") is not None
    assert pages.size_bytes == PAGES_LIMIT_BYTES // 2 + 1


@pytest.mark.parametrize("placement", sorted(fallbacks.PLACEMENTS))
async def test_while_recommendation_is_away_every_placement_shows_what_is_popular(shop: Shop, placement: str) -> None:
    await _offer(shop, "p-1", "p-2", "p-3")
    shop.clock.advance(5)
    shop.services.down.add("recommendation")
    filled = await shop.get(f"/v1/recommendations/{placement}")
    assert filled.status_code == 200
    answer = filled.json()
    assert [slot["product"]["id"] for slot in answer["slots"]] == ["p-1", "p-2", "p-3"]
    assert (answer["placement"], answer["source"]) == (placement, "popular")
    assert (answer["fallback_reason"], answer["attribution_token"]) == ("RECOMMENDATION_UNAVAILABLE", "")
    assert filled.headers["age"] == "5"
    assert _counted(shop, "popular") == 1


async def test_what_is_popular_leaves_out_what_the_page_shows_already(shop: Shop) -> None:
    await _offer(shop, "p-1", "p-2", "p-3", "p-4")
    shop.services.down.add("recommendation")
    query = {"product_id": "p-1", "exclude_product_id": "p-2", "page_size": 1}
    filled = (await shop.get("/v1/recommendations/similar-items", params=query)).json()
    assert [slot["product"]["id"] for slot in filled["slots"]] == ["p-3"]


async def test_what_is_popular_is_asked_for_nobody_and_counts_as_nobodys_look(shop: Shop) -> None:
    await _offer(shop, "p-1")
    asked = shop.services.last("Predict")
    assert (asked.placement, asked.page_size, asked.synthetic) == ("popular", POPULAR_SLOTS, True)
    assert not asked.shopper.identifiers
    assert asked.shopper.shop == "main"


async def test_a_placement_that_does_not_exist_has_no_fallback(shop: Shop) -> None:
    await _offer(shop, "p-1")
    shop.services.down.add("recommendation")
    problem_of(await shop.get("/v1/recommendations/no-such-placement"), 503, "SERVICE_UNAVAILABLE")


async def test_without_anything_kept_a_recommendation_is_refused(shop: Shop) -> None:
    shop.services.down.add("recommendation")
    await _kept(shop).popular.refresh(shop.parts.caller)
    problem_of(await shop.get("/v1/recommendations/popular"), 503, "SERVICE_UNAVAILABLE")
    await _kept(shop).popular.refresh(shop.parts.caller)
    problem_of(await shop.get("/v1/recommendations/popular", Role.SHOP), 503, "SERVICE_UNAVAILABLE")


async def test_a_shop_that_sold_nothing_yet_is_asked_again_at_once_and_its_empty_answer_replaces_nothing(
    shop: Shop,
) -> None:
    popular = _kept(shop).popular
    await _offer(shop)
    assert popular.find("popular", "main", "zh") is None
    _fill(shop, "p-1")
    await popular.refresh(shop.parts.caller)
    assert popular.find("popular", "main", "zh") is not None
    _fill(shop)
    shop.clock.advance(POPULAR_AGE_S)
    await popular.refresh(shop.parts.caller)
    kept = popular.find("popular", "main", "zh")
    assert kept is not None
    assert orjson.loads(kept.content)["slots"]


async def test_what_is_popular_is_asked_again_when_it_has_grown_old_and_forgotten_when_too_old(shop: Shop) -> None:
    await _offer(shop, "p-1")
    popular, before = _kept(shop).popular, shop.services.count("Predict")
    await popular.refresh(shop.parts.caller)
    assert shop.services.count("Predict") == before
    shop.clock.advance(POPULAR_AGE_S)
    await popular.refresh(shop.parts.caller)
    assert shop.services.count("Predict") == before + 1
    shop.services.down.add("recommendation")
    shop.clock.advance(POPULAR_LIMIT_S)
    await popular.refresh(shop.parts.caller)
    assert (await shop.get("/v1/recommendations/popular")).status_code == 200
    shop.clock.advance(0.1)
    problem_of(await shop.get("/v1/recommendations/popular"), 503, "SERVICE_UNAVAILABLE")


async def test_one_shop_more_than_are_kept_drops_the_one_that_was_longest_not_asked_for(shop: Shop) -> None:
    popular = _kept(shop).popular
    _fill(shop, "p-1")
    for number in range(POPULAR_LIMIT):
        popular.want(f"shop-{number}", "zh")
    popular.want("shop-0", "zh")
    popular.want("one-more", "zh")
    await popular.refresh(shop.parts.caller)
    assert popular.find("popular", "shop-0", "zh") is not None
    assert popular.find("popular", "shop-1", "zh") is None
    assert shop.services.count("Predict") == POPULAR_LIMIT


async def test_it_is_kept_fresh_as_long_as_the_process_lives(shop: Shop) -> None:
    popular, turns = _kept(shop).popular, 0
    popular.want("main", "en")

    async def sleep(_seconds: float) -> None:
        nonlocal turns
        turns += 1
        shop.clock.advance(POPULAR_AGE_S)
        if turns == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await popular.keep_fresh(shop.parts.caller, sleep)
    assert shop.services.count("Predict") == 3
