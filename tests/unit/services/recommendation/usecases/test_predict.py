"""Placements: what they hold, what they never hold, and what makes them change."""

from datetime import timedelta
from typing import Any

import pytest

from services.recommendation.domain.errors import ProductRequiredError
from services.recommendation.domain.model import Ranker
from services.recommendation.domain.prediction import (
    PERSONAL,
    FallbackReason,
    Placement,
    Prediction,
    Request,
    Source,
)
from services.recommendation.domain.reasons import ReasonCode
from services.recommendation.jobs.board import count_board
from services.recommendation.store.world import World
from services.recommendation.usecases.predict import ConsentRules, predict
from services.recommendation.usecases.taste import Profiles
from tests.unit.services.recommendation.shop import (
    NOW,
    NOW_S,
    PRODUCTS,
    identity_event,
    product_event,
    shop_world,
    user_event,
)

FRESH = ConsentRules(default_consent=True, staleness_limit_s=2.0, staleness_s=lambda: 0.1)
EVEN = {f"p{n}" for n in range(PRODUCTS // 2)}
ALL_PLACEMENTS = list(Placement)


async def ask(
    world: World,
    placement: Placement,
    *identifiers: str,
    profiles: Profiles | None = None,
    consent: ConsentRules = FRESH,
    **rest: Any,
) -> Prediction:
    request = Request(placement, identifiers, **rest)
    return await predict(request, world, profiles=profiles or Profiles(), consent=consent, now=NOW)


def ids(prediction: Prediction) -> list[str]:
    return [slot.product_id for slot in prediction.slots]


def with_board(world: World) -> World:
    world.board = count_board(world.ledger.snapshot(), NOW_S)
    return world


def newcomer(world: World, *viewed: str, subject: str = "visitor:v-new") -> World:
    for seq, product_id in enumerate(viewed, 100_000):
        world.ledger.apply(user_event(seq, "detail-page-view", subject=subject, products=[(product_id, 1)]))
    return world


@pytest.mark.parametrize(("viewed", "crowd"), [("p1", EVEN), (f"p{PRODUCTS - 1}", None)])
@pytest.mark.parametrize("ranker", list(Ranker))
async def test_one_click_is_enough_to_be_offered_what_that_crowd_buys(
    viewed: str, crowd: set[str] | None, ranker: Ranker
) -> None:
    world = newcomer(shop_world(ranker), viewed)
    prediction = await ask(world, Placement.RECOMMENDED_FOR_YOU, "visitor:v-new", page_size=5)
    wanted = crowd or {f"p{n}" for n in range(PRODUCTS)} - EVEN
    assert len(set(ids(prediction)) & wanted) >= 4
    first = next(slot for slot in prediction.slots if slot.product_id != viewed)
    assert first.reason.code is ReasonCode.BECAUSE_VIEWED
    assert first.reason.params == {"product_id": viewed}


async def test_a_product_is_not_its_own_reason() -> None:
    world = newcomer(shop_world(), "p1")
    prediction = await ask(world, Placement.RECOMMENDED_FOR_YOU, "visitor:v-new", page_size=PRODUCTS)
    assert "p1" in ids(prediction)
    own = next(slot for slot in prediction.slots if slot.product_id == "p1")
    assert own.reason.code is ReasonCode.VIEWED_RECENTLY
    assert all(slot.reason.params.get("product_id") != slot.product_id for slot in prediction.slots)


async def test_the_slot_says_what_filled_it_and_that_no_model_had_earned_it() -> None:
    als = await ask(newcomer(shop_world(Ranker.ALS), "p1"), Placement.RECOMMENDED_FOR_YOU, "visitor:v-new")
    near = await ask(newcomer(shop_world(Ranker.ITEM_TO_ITEM), "p1"), Placement.RECOMMENDED_FOR_YOU, "visitor:v-new")
    assert (als.source, als.fallback_reason) == (Source.ALS, FallbackReason.NONE)
    assert (near.source, near.fallback_reason) == (Source.ITEM_TO_ITEM, FallbackReason.NO_MODEL)
    assert {slot.source for slot in near.slots} <= {Source.ITEM_TO_ITEM, Source.POPULAR, Source.CATALOG}


@pytest.mark.parametrize("ranker", list(Ranker))
async def test_a_click_and_a_purchase_each_change_the_next_answer(ranker: Ranker) -> None:
    world, profiles = newcomer(shop_world(ranker), "p1"), Profiles()
    first = await ask(world, Placement.RECOMMENDED_FOR_YOU, "visitor:v-new", profiles=profiles)
    world.ledger.apply(user_event(200_000, "detail-page-view", subject="visitor:v-new", products=[("p20", 1)]))
    second = await ask(world, Placement.RECOMMENDED_FOR_YOU, "visitor:v-new", profiles=profiles)
    world.ledger.apply(user_event(200_001, subject="visitor:v-new", products=[(ids(second)[0], 1)]))
    third = await ask(world, Placement.RECOMMENDED_FOR_YOU, "visitor:v-new", profiles=profiles)
    assert ids(first) != ids(second) != ids(third)
    assert ids(second)[0] not in ids(third)


async def test_what_was_bought_or_lies_in_the_cart_is_not_new() -> None:
    world = shop_world()
    before = ids(await ask(world, Placement.RECOMMENDED_FOR_YOU, "card:0", page_size=3))
    bought = world.ledger.history(world.ledger.actor_places(["card:0"])).item
    assert not {world.ledger.item_ids[item] for item in bought} & set(before)
    world.ledger.apply(user_event(200_000, "add-to-cart", subject="card:0", products=[(before[0], 1)]))
    assert before[0] not in ids(await ask(world, Placement.RECOMMENDED_FOR_YOU, "card:0"))


async def test_a_person_is_all_of_the_persons_identifiers() -> None:
    world = newcomer(shop_world(), "p1", subject="login:u1")
    alone = await ask(world, Placement.RECOMMENDED_FOR_YOU, "visitor:v-1")
    assert alone.fallback_reason is FallbackReason.NO_HISTORY
    world.people.apply(identity_event(1, "visitor:v-1", ["login:u1", "visitor:v-1"]))
    joined = await ask(world, Placement.RECOMMENDED_FOR_YOU, "visitor:v-1")
    assert joined.source is Source.ALS
    world.people.apply(identity_event(2, "visitor:v-1", ["visitor:v-1"]))
    assert (await ask(world, Placement.RECOMMENDED_FOR_YOU, "visitor:v-1")).source is Source.POPULAR


@pytest.mark.parametrize("placement", ALL_PLACEMENTS)
@pytest.mark.parametrize("ranker", [Ranker.ALS, Ranker.ITEM_TO_ITEM, None])
async def test_sold_out_withdrawn_and_unknown_goods_are_never_shown(
    placement: Placement, ranker: Ranker | None
) -> None:
    world = with_board(newcomer(shop_world(ranker), "p1", "p2", "p3", subject="card:0"))
    gone = [f"p{n}" for n in range(0, PRODUCTS, 2)]
    for seq, product_id in enumerate(gone, 1_000):
        state = {"withdrawn": True} if seq % 2 else {"availability": "out-of-stock"}
        world.shelf.apply(product_event(seq, product_id, **state))
    world.ledger.apply(user_event(200_000, "detail-page-view", subject="card:0", products=[("never-imported", 1)]))
    prediction = await ask(world, placement, "card:0", product_ids=("p1",), page_size=50)
    assert prediction.slots
    assert not set(ids(prediction)) & {*gone, "never-imported"}


@pytest.mark.parametrize("placement", ALL_PLACEMENTS)
async def test_excluded_products_and_those_at_hand_are_never_shown_and_none_twice(placement: Placement) -> None:
    world = with_board(newcomer(shop_world(), "p1", "p2", "p3", subject="card:0"))
    found = await ask(world, placement, "card:0", product_ids=("p1",), page_size=50, excluded=frozenset({"p2", "p14"}))
    assert not set(ids(found)) & {"p2", "p14"}
    assert len(set(ids(found))) == len(found.slots)
    if placement is not Placement.BUY_IT_AGAIN:
        assert "p1" not in ids(found)


@pytest.mark.parametrize("placement", ALL_PLACEMENTS)
@pytest.mark.parametrize("size", [1, 7])
async def test_no_more_slots_than_asked_for(placement: Placement, size: int) -> None:
    world = with_board(newcomer(shop_world(), "p1", "p2", subject="card:0"))
    assert 1 <= len((await ask(world, placement, "card:0", product_ids=("p1",), page_size=size)).slots) <= size


@pytest.mark.parametrize("placement", sorted(PERSONAL))
async def test_without_consent_nothing_personal(placement: Placement) -> None:
    world = with_board(newcomer(shop_world(), "p1", subject="card:0"))
    world.people.apply(identity_event(1, "card:0", ["card:0"], consents={"personalization": "denied"}))
    prediction = await ask(world, placement, "card:0")
    assert prediction.fallback_reason is FallbackReason.NO_CONSENT
    assert {slot.reason.code for slot in prediction.slots} <= {ReasonCode.POPULAR_NOW, ReasonCode.IN_THE_RANGE}


@pytest.mark.parametrize("placement", sorted(PERSONAL))
async def test_with_stale_consent_nothing_personal(placement: Placement) -> None:
    stale = ConsentRules(default_consent=True, staleness_limit_s=2.0, staleness_s=lambda: 2.1)
    prediction = await ask(shop_world(), placement, "card:0", consent=stale)
    assert prediction.fallback_reason is FallbackReason.CONSENT_STALE
    assert prediction.source is Source.POPULAR


@pytest.mark.parametrize("placement", sorted(PERSONAL))
async def test_by_default_nobody_has_consented(placement: Placement) -> None:
    shy = ConsentRules(default_consent=False, staleness_limit_s=2.0, staleness_s=lambda: 0.0)
    assert (await ask(shop_world(), placement, "card:0", consent=shy)).fallback_reason is FallbackReason.NO_CONSENT


@pytest.mark.parametrize(
    "placement", [Placement.SIMILAR_ITEMS, Placement.FREQUENTLY_BOUGHT_TOGETHER, Placement.POPULAR]
)
async def test_what_is_about_products_needs_no_consent(placement: Placement) -> None:
    stale = ConsentRules(default_consent=False, staleness_limit_s=2.0, staleness_s=lambda: 99.0)
    prediction = await ask(with_board(shop_world()), placement, "card:0", product_ids=("p1",), consent=stale)
    assert prediction.fallback_reason is FallbackReason.NONE


async def test_similar_items_are_of_the_same_category_first() -> None:
    prediction = await ask(shop_world(), Placement.SIMILAR_ITEMS, product_ids=("p1",), page_size=5, language="en")
    assert set(ids(prediction)) <= EVEN
    assert prediction.slots[0].reason.code is ReasonCode.SAME_CATEGORY
    assert prediction.slots[0].reason.params["category"] == "Tea"


async def test_a_product_that_nobody_bought_yet_still_has_similar_items() -> None:
    world = with_board(shop_world())
    world.shelf.apply(product_event(500, "p99"))
    prediction = await ask(world, Placement.SIMILAR_ITEMS, product_ids=("p99",), page_size=5, language="zh")
    assert set(ids(prediction)) <= EVEN
    assert prediction.source is Source.CATEGORY
    assert prediction.fallback_reason is FallbackReason.NO_HISTORY
    assert prediction.slots[0].reason.params["category"] == "茶"


async def test_what_is_bought_together_says_with_what_and_how_much_oftener() -> None:
    prediction = await ask(shop_world(), Placement.FREQUENTLY_BOUGHT_TOGETHER, product_ids=("p1",))
    assert prediction.source is Source.EASE
    reason = prediction.slots[0].reason
    assert reason.code is ReasonCode.BOUGHT_TOGETHER
    assert reason.params["product_id"] == "p1"
    assert float(reason.params["lift"]) > 1.0
    assert int(reason.params["baskets"]) >= 5


async def test_without_a_product_the_cart_is_what_is_bought_together_with() -> None:
    world = shop_world()
    empty = await ask(with_board(world), Placement.FREQUENTLY_BOUGHT_TOGETHER, "visitor:v-1")
    assert empty.fallback_reason is FallbackReason.NO_HISTORY
    world.ledger.apply(user_event(200_000, "add-to-cart", subject="visitor:v-1", products=[("p1", 1)]))
    filled = await ask(world, Placement.FREQUENTLY_BOUGHT_TOGETHER, "visitor:v-1")
    assert filled.source is Source.EASE
    assert "p1" not in ids(filled)


async def test_similar_items_need_a_product() -> None:
    with pytest.raises(ProductRequiredError):
        await ask(shop_world(), Placement.SIMILAR_ITEMS, "card:0")


async def test_buying_again_tells_the_interval_and_the_last_time() -> None:
    world = shop_world()
    for week in range(10):
        time = NOW - timedelta(weeks=10 - week)
        world.ledger.apply(user_event(300_000 + week, subject="card:tea", products=[("p4", 1)], time=time))
    prediction = await ask(world, Placement.BUY_IT_AGAIN, "card:tea")
    assert ids(prediction) == ["p4"]
    reason = prediction.slots[0].reason
    assert reason.code in {ReasonCode.BUY_AGAIN, ReasonCode.BUY_AGAIN_DUE}
    assert reason.params["times"] == "10"
    assert 7 <= int(reason.params["interval_days"]) <= 12  # a week, drawn towards what is usual for the product
    assert reason.params["days_ago"] == "7"


async def test_recently_viewed_are_the_latest_views_each_once() -> None:
    world = shop_world()
    for minute, product_id in enumerate(["p1", "p2", "p1", "p3"]):
        time = NOW - timedelta(minutes=10 - minute)
        world.ledger.apply(
            user_event(300_000 + minute, "detail-page-view", subject="card:v", products=[(product_id, 1)], time=time)
        )
    assert ids(await ask(world, Placement.RECENTLY_VIEWED, "card:v")) == ["p3", "p1", "p2"]


async def test_of_two_products_viewed_within_one_second_the_one_told_last_stands_first() -> None:
    world = shop_world()
    for number, product_id in enumerate(["p1", "p2", "p3"]):
        world.ledger.apply(
            user_event(300_000 + number, "detail-page-view", subject="card:v", products=[(product_id, 1)])
        )
    assert ids(await ask(world, Placement.RECENTLY_VIEWED, "card:v")) == ["p3", "p2", "p1"]


@pytest.mark.parametrize("placement", sorted(PERSONAL))
async def test_somebody_new_gets_what_is_popular_and_the_answer_says_so(placement: Placement) -> None:
    prediction = await ask(with_board(shop_world()), placement, "visitor:v-unknown")
    assert prediction.fallback_reason is FallbackReason.NO_HISTORY
    assert prediction.slots[0].reason.code is ReasonCode.POPULAR_NOW


async def test_a_shop_on_its_first_day_shows_its_range() -> None:
    world = World()
    world.shelf.apply(product_event(1, "p1"))
    prediction = await ask(world, Placement.POPULAR)
    assert ids(prediction) == ["p1"]
    assert prediction.slots[0].source is Source.CATALOG


async def test_before_the_first_training_the_answer_says_no_model() -> None:
    world = with_board(newcomer(shop_world(None), "p1", subject="card:x"))
    for placement in (Placement.RECOMMENDED_FOR_YOU, Placement.FREQUENTLY_BOUGHT_TOGETHER, Placement.SIMILAR_ITEMS):
        prediction = await ask(world, placement, "card:x", product_ids=("p1",))
        assert prediction.fallback_reason is FallbackReason.NO_MODEL
        assert prediction.slots


async def test_popular_is_in_the_order_of_recent_buyers() -> None:
    world = with_board(shop_world())
    prediction = await ask(world, Placement.POPULAR, page_size=PRODUCTS)
    assert [slot.score for slot in prediction.slots] == sorted((s.score for s in prediction.slots), reverse=True)
    assert prediction.fallback_reason is FallbackReason.NONE


async def test_a_restart_from_a_snapshot_and_the_tail_answers_the_same() -> None:
    world = newcomer(shop_world(), "p1", "p5")
    before = await ask(world, Placement.RECOMMENDED_FOR_YOU, "visitor:v-new")
    restarted = shop_world()
    restarted.ledger.load(world.ledger.dump())
    assert await ask(restarted, Placement.RECOMMENDED_FOR_YOU, "visitor:v-new") == before
