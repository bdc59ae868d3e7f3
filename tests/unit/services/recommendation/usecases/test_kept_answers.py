"""Nothing that is kept between two answers may make one of them late: each is compared with a cold start's."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.eventlog.port import Event
from services.recommendation.domain.cart import MAX_AGE_S
from services.recommendation.domain.model import Ranker
from services.recommendation.domain.prediction import FallbackReason, Placement, Prediction, Request, Source
from services.recommendation.domain.reasons import ReasonCode
from services.recommendation.jobs.board import count_board
from services.recommendation.store.ledger import Ledger
from services.recommendation.store.serving import ServingModel
from services.recommendation.store.world import World
from services.recommendation.usecases import about_product, taste
from services.recommendation.usecases.predict import ConsentRules, predict
from services.recommendation.usecases.taste import Profiles
from services.recommendation.wire.predictions import WrittenReasons, prediction_to_json
from tests.unit.services.recommendation.shop import (
    NOW,
    PRODUCTS,
    identity_event,
    model_arrays,
    product_event,
    purchase_events,
    shop_world,
    user_event,
)

FRESH = ConsentRules(default_consent=True, staleness_limit_s=2.0, staleness_s=lambda: 0.1)
WHO = ("card:0", "visitor:v-1")
NEW_PRODUCT = f"p{PRODUCTS}"
FACTS = {"model_version": "m-1", "token": "t", "engine_us": 1}


@cache
def shop_copies() -> tuple[bytes, bytes]:
    world = shop_world()
    return world.ledger.dump(), world.shelf.dump()


class Shop:
    """A shop that is asked between changes, and what a cold start on the same events would answer."""

    def __init__(self, ranker: Ranker = Ranker.ALS) -> None:
        self.ranker, self.seq, self.now = ranker, 1_000_000, NOW
        self.world, self.profiles, self.reasons = World(), Profiles(), WrittenReasons()
        ledger, shelf = shop_copies()
        self.world.ledger.load(ledger)
        self.world.shelf.load(shelf)
        self.world.model = ServingModel("m-1", ranker, model_arrays())
        self.told: list[tuple[str, Event]] = []
        self.tell("shelf", product_event(500, NEW_PRODUCT))

    def tell(self, copy: str, event: Event) -> None:
        self.told.append((copy, event))
        getattr(self.world, copy).apply(event)

    def act(
        self, type_: str, product_id: str, *, subject: str = WHO[0], time: datetime | None = None, **rest: Any
    ) -> None:
        self.seq += 1
        event = user_event(self.seq, type_, subject=subject, products=[(product_id, 1)], time=time or self.now, **rest)
        self.tell("ledger", event)

    def product(self, product_id: str, **changes: Any) -> None:
        self.seq += 1
        self.tell("shelf", product_event(self.seq, product_id, **changes))

    def identity(self, identifier: str, members: list[str], **changes: Any) -> None:
        self.seq += 1
        self.tell("people", identity_event(self.seq, identifier, members, **changes))

    async def ask(self, placement: Placement = Placement.RECOMMENDED_FOR_YOU, **rest: Any) -> Prediction:
        request = Request(placement, (WHO[0],), **rest)
        return await predict(request, self.world, profiles=self.profiles, consent=FRESH, now=self.now)

    def cold(self) -> "Shop":
        again = Shop(self.ranker)
        again.now = self.now
        for copy, event in self.told:
            getattr(again.world, copy).apply(event)
        again.world.board = self.world.board
        return again

    def written(self, prediction: Prediction, language: str) -> bytes:
        return prediction_to_json(prediction, self.world.shelf, language, reasons=self.reasons, **FACTS)


def ids(prediction: Prediction) -> list[str]:
    return [slot.product_id for slot in prediction.slots]


ANY_PRODUCT = st.integers(0, PRODUCTS).map(lambda number: f"p{number}")
CHANGES = st.one_of(
    st.tuples(
        st.just("act"),
        st.sampled_from(["detail-page-view", "add-to-cart", "remove-from-cart", "purchase-complete"]),
        ANY_PRODUCT,
        st.sampled_from(WHO),
        st.sampled_from([0, 1, 24 * 89, 24 * 91]),
    ),
    st.tuples(st.just("order"), ANY_PRODUCT, st.sampled_from(["0-0", "39-0", "new"]), st.sampled_from(WHO)),
    st.tuples(st.just("product"), ANY_PRODUCT, st.sampled_from(["in-stock", "out-of-stock"]), st.booleans()),
    st.tuples(st.just("move"), ANY_PRODUCT, st.sampled_from(["Grocery > Tea", "Home > Cups", "Home"])),
    st.tuples(st.just("title"), ANY_PRODUCT, st.sampled_from(["Tea", "Cup", "茶"])),
    st.tuples(st.just("people"), st.booleans(), st.sampled_from(["granted", "denied"])),
    st.tuples(st.just("clock"), st.sampled_from([3_600, 86_400, 40 * 86_400, -7_200])),
    st.tuples(st.just("board")),
)


def change(shop: Shop, what: str, *how: Any) -> None:
    if what == "act":
        type_, product_id, subject, hours_ago = how
        shop.act(type_, product_id, subject=subject, time=shop.now - timedelta(hours=hours_ago))
    elif what == "order":
        product_id, number, subject = how
        order = {"kind": "sale", "source": "shop", "number": number}
        shop.act("purchase-complete", product_id, subject=subject, order=order)
    elif what == "product":
        shop.product(how[0], availability=how[1], withdrawn=how[2])
    elif what == "move":
        shop.product(how[0], categories=[{"en": how[1]}])
    elif what == "title":
        shop.product(how[0], title={"en": how[1], "zh": how[1]})
    elif what == "people":
        members = list(WHO) if how[0] else [WHO[0]]
        shop.identity(WHO[0], members, consents={"personalization": how[1]})
    elif what == "clock":
        shop.now += timedelta(seconds=how[0])
    else:
        shop.world.board = count_board(shop.world.ledger.snapshot(), int(shop.now.timestamp()))


@settings(max_examples=60, deadline=None)
@given(
    ranker=st.sampled_from(Ranker),
    changes=st.lists(CHANGES, min_size=1, max_size=12),
    size=st.sampled_from([1, 5, 50]),
    language=st.sampled_from(["zh", "en"]),
)
async def test_whatever_happens_between_two_answers_the_next_is_that_of_a_cold_start(
    ranker: Ranker, changes: list[tuple[Any, ...]], size: int, language: str
) -> None:
    shop = Shop(ranker)
    for each in changes:
        change(shop, *each)
        cold = shop.cold()
        for placement, about in (
            (Placement.RECOMMENDED_FOR_YOU, ()),
            (Placement.SIMILAR_ITEMS, (NEW_PRODUCT,)),
            (Placement.SIMILAR_ITEMS, ("p3",)),
        ):
            warm_answer = await shop.ask(placement, page_size=size, product_ids=about, language=language)
            cold_answer = await cold.ask(placement, page_size=size, product_ids=about, language=language)
            assert warm_answer == cold_answer
            assert shop.written(warm_answer, language) == cold.written(cold_answer, language)


@pytest.mark.parametrize("ranker", list(Ranker))
async def test_a_sold_out_product_disappears_at_once_and_is_back_in_its_place(ranker: Ranker) -> None:
    shop = Shop(ranker)
    first = await shop.ask(page_size=5)
    shop.product(ids(first)[0], availability="out-of-stock")
    assert ids(await shop.ask(page_size=4)) == ids(first)[1:]
    shop.product(ids(first)[0])
    assert await shop.ask(page_size=5) == first


async def test_consent_withdrawn_ends_personal_answers_at_once_and_given_again_restores_them() -> None:
    shop = Shop()
    first = await shop.ask()
    shop.identity(WHO[0], [WHO[0]], consents={"personalization": "denied"})
    assert (await shop.ask()).fallback_reason is FallbackReason.NO_CONSENT
    shop.identity(WHO[0], [WHO[0]], consents={"personalization": "granted"})
    assert await shop.ask() == first


async def test_a_cart_line_ends_with_its_age_and_nothing_but_the_clock_moved() -> None:
    shop = Shop()
    shop.act("detail-page-view", "p1")
    product_id = next(each for each in ids(await shop.ask(page_size=50)) if each != "p1")
    shop.act("add-to-cart", product_id)
    assert product_id not in ids(await shop.ask(page_size=50))
    shop.now = NOW + timedelta(seconds=MAX_AGE_S)
    assert product_id not in ids(await shop.ask(page_size=50))
    shop.now += timedelta(seconds=1)
    assert product_id in ids(await shop.ask(page_size=50))
    shop.now -= timedelta(seconds=1)
    assert product_id not in ids(await shop.ask(page_size=50)), "the clock was set back"


async def test_the_words_change_when_the_product_that_they_name_leaves_the_cart() -> None:
    shop = Shop()
    shop.world.ledger.clear()
    shop.act("add-to-cart", "p1")
    assert (await shop.ask()).slots[0].reason.code is ReasonCode.BECAUSE_IN_CART
    shop.act("remove-from-cart", "p1")
    reason = next(slot.reason for slot in (await shop.ask()).slots if slot.product_id != "p1")
    assert reason.code is ReasonCode.BECAUSE_VIEWED


async def test_another_model_answers_at_once() -> None:
    shop = Shop(Ranker.ALS)
    assert (await shop.ask()).source is Source.ALS
    shop.world.model = ServingModel("m-2", Ranker.ITEM_TO_ITEM, model_arrays())
    assert (await shop.ask()).source is Source.ITEM_TO_ITEM


@pytest.mark.parametrize("swap", ["another object", "the same object with other content"])
async def test_another_ledger_answers_at_once_though_it_has_as_many_rows_of_the_person(swap: str) -> None:
    """Persons, their numbers and their rows are as many as before; only the products are others."""
    shop, other = Shop(), Ledger()
    for event in purchase_events():
        products = [{**each, "id": f"p{PRODUCTS - 1 - int(each['id'][1:])}"} for each in event.payload["products"]]
        other.apply(replace(event, payload={**event.payload, "products": products}))
    before = ids(await shop.ask(page_size=3))
    if swap == "another object":
        shop.world.ledger = Ledger()
        shop.world.ledger.load(other.dump())  # as often begun anew as the first
    else:
        shop.world.ledger.load(other.dump())
    assert not set(before) & set(ids(await shop.ask(page_size=3)))


@pytest.mark.parametrize("ranker", list(Ranker))
async def test_a_page_is_full_even_where_all_that_was_ranked_first_is_sold_out(
    ranker: Ranker, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = await Shop(ranker).ask(page_size=50)
    monkeypatch.setattr(taste, "HEAD_PLACES", 1)
    monkeypatch.setattr(taste, "DEEPER", 2)
    shop = Shop(ranker)
    assert await shop.ask(page_size=50) == wanted
    for product_id in ids(wanted)[:3]:
        shop.product(product_id, availability="out-of-stock")
    assert ids(await shop.ask(page_size=1)) == ids(wanted)[3:4]


@pytest.mark.parametrize("ranker", list(Ranker))
async def test_likes_go_on_below_those_ranked_first(ranker: Ranker, monkeypatch: pytest.MonkeyPatch) -> None:
    about = {"product_ids": ("p3",)}
    wanted = await Shop(ranker).ask(Placement.SIMILAR_ITEMS, page_size=20, **about)
    monkeypatch.setattr(about_product, "HEAD_PLACES", 2)
    shop = Shop(ranker)
    assert await shop.ask(Placement.SIMILAR_ITEMS, page_size=20, **about) == wanted
    for product_id in ids(wanted)[:2]:
        shop.product(product_id, availability="out-of-stock")
    assert ids(await shop.ask(Placement.SIMILAR_ITEMS, page_size=1, **about)) == ids(wanted)[2:3]


async def test_a_product_that_moves_to_another_category_is_another_like_at_once() -> None:
    shop, about = Shop(), {"product_ids": ("p3",), "page_size": 3}
    first = ids(await shop.ask(Placement.SIMILAR_ITEMS, **about))
    for product_id in first:
        shop.product(product_id, categories=[{"en": "Garden"}])
    assert not set(first) & set(ids(await shop.ask(Placement.SIMILAR_ITEMS, **about)))


async def test_a_change_of_somebody_else_leaves_a_profile_as_it_is() -> None:
    shop = Shop()
    world, model = shop.world, shop.world.model
    assert model is not None
    actors = world.ledger.actor_places([WHO[0]])
    profile = shop.profiles.profile(model, world.ledger, actors)
    order = {"kind": "sale", "source": "shop", "number": "0-1"}  # the first order of card:1
    shop.act("purchase-complete", "p20", subject="card:1", order=order)
    assert shop.profiles.profile(model, world.ledger, actors) is profile


async def test_an_empty_cart_event_is_no_cart() -> None:
    shop = Shop()
    shop.seq += 1
    shop.tell("ledger", user_event(shop.seq, "add-to-cart", subject=WHO[0], products=[]))
    assert (await shop.ask()).source is Source.ALS
