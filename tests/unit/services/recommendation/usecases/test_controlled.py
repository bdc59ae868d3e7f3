"""Placements under Controls: every placement, conditions, and no Control at all."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from services.kits.controls.arranging import Origin
from services.kits.controls.control import Action, ActionType, Condition, Control, Pin, Target
from services.kits.controls.live_controls import ControlSet
from services.recommendation.domain.prediction import Placement, Prediction, Request, Source
from services.recommendation.domain.reasons import ReasonCode
from services.recommendation.store.people import Person
from services.recommendation.store.shelf_facts import ShelfFacts
from services.recommendation.store.world import World
from services.recommendation.usecases import controlled, personal, taste
from services.recommendation.usecases.controlled import Ruling
from services.recommendation.usecases.predict import ConsentRules, predict
from services.recommendation.usecases.segments import KeptSegments
from services.recommendation.usecases.taste import Profiles
from tests.strategies.controls import control
from tests.unit.services.recommendation.shop import NOW, product_event, shop_world, user_event
from tests.unit.services.recommendation.usecases.test_predict import ALL_PLACEMENTS, newcomer, with_board

FRESH = ConsentRules(default_consent=True, staleness_limit_s=2.0, staleness_s=lambda: 0.1)


def nobody_special(_person: Person, _now: datetime) -> Sequence[str]:
    return ()


async def ask(
    world: World, placement: Placement, *controls: Control, segments: Any = nobody_special, **rest: Any
) -> Prediction:
    request = Request(placement, rest.pop("identifiers", ("card:0",)), **{"product_ids": ("p1",), **rest})
    ruling = Ruling(ControlSet(controls, ShelfFacts(world)), segments)
    return await predict(request, world, profiles=Profiles(), consent=FRESH, now=NOW, ruling=ruling)


def ids(prediction: Prediction) -> list[str]:
    return [slot.product_id for slot in prediction.slots]


@pytest.mark.parametrize("placement", ALL_PLACEMENTS)
async def test_in_every_placement_exclude_beats_pin_and_a_pin_has_its_place(placement: Placement) -> None:
    world = newcomer(with_board(shop_world()), "p1", "p3", "p5", "p7", subject="card:0")
    before = ids(await ask(world, placement))
    assert len(before) >= 3
    gone, pinned = before[0], "p17"
    prediction = await ask(
        world,
        placement,
        control(1, Action(ActionType.PIN, pins=(Pin(gone, 1), Pin(pinned, 2)))),
        control(2, Action(ActionType.EXCLUDE, Target(product_ids=(gone,)))),
    )
    assert gone not in ids(prediction)
    assert prediction.slots[1].product_id == pinned
    assert [placed.product_id for placed in prediction.placed] == ids(prediction)
    assert prediction.placed[1].origin is Origin.PINNED


async def test_what_was_not_retrieved_is_pinned_with_a_reason_of_its_own() -> None:
    world = with_board(shop_world())
    shown = ids(await ask(world, Placement.SIMILAR_ITEMS, product_ids=("p0",), page_size=3))
    assert "p9" not in shown
    pin = control(1, Action(ActionType.PIN, pins=(Pin("p9", 3),)))
    prediction = await ask(world, Placement.SIMILAR_ITEMS, pin, product_ids=("p0",), page_size=3)
    slot = prediction.slots[2]
    assert (slot.product_id, slot.source, slot.reason.code) == ("p9", Source.PINNED, ReasonCode.PICKED)


async def test_what_is_sold_out_or_left_out_by_the_request_is_not_pinned() -> None:
    world = with_board(shop_world())
    world.shelf.apply(product_event(90_000, "p9", availability="out-of-stock", version=99))
    pins = control(1, Action(ActionType.PIN, pins=(Pin("p9", 1), Pin("p3", 2), Pin("p1", 3))))
    prediction = await ask(world, Placement.SIMILAR_ITEMS, pins, excluded=frozenset({"p3"}))
    assert not {"p9", "p3", "p1"} & set(ids(prediction))


async def test_a_filter_shows_its_products_alone_even_if_nobody_buys_them() -> None:
    world = with_board(shop_world())
    wanted = ("p2", "p17")
    only = control(1, Action(ActionType.FILTER, Target(product_ids=wanted)))
    prediction = await ask(world, Placement.POPULAR, only)
    assert set(ids(prediction)) == set(wanted)


async def test_a_boost_brings_up_what_stood_beyond_the_page() -> None:
    world = with_board(shop_world())
    everything = ids(await ask(world, Placement.POPULAR, page_size=20))
    last = everything[-1]
    boost = control(1, Action(ActionType.BOOST, Target(product_ids=(last,)), strength=9))
    found = await ask(world, Placement.POPULAR, boost, page_size=5)
    assert last in ids(found)
    assert found.placed[ids(found).index(last)].rank == 20


async def test_a_condition_on_placement_segment_channel_or_product_is_kept() -> None:
    world = with_board(shop_world())
    gone = ids(await ask(world, Placement.POPULAR))[0]
    exclude = Action(ActionType.EXCLUDE, Target(product_ids=(gone,)))

    async def shown(condition: Condition, **rest: Any) -> bool:
        return gone in ids(await ask(world, Placement.POPULAR, control(1, exclude, condition), **rest))

    assert await shown(Condition(placements=("similar-items",)))
    assert not await shown(Condition(placements=("popular",)))
    assert await shown(Condition(channels=("app",)), channel="web")
    assert not await shown(Condition(channels=("app",)), channel="app")
    assert await shown(Condition(segments=("regular",)))
    assert not await shown(Condition(segments=("regular",)), segments=lambda person, now: ("regular",))
    assert await shown(Condition(product_ids=("p4",)))
    assert not await shown(Condition(product_ids=("p1",)))


async def test_without_a_control_that_applies_the_answer_is_the_same_object_way_as_ever() -> None:
    world = with_board(shop_world())
    other = control(
        1, Action(ActionType.EXCLUDE, Target(product_ids=("p1",))), Condition(placements=("similar-items",))
    )
    prediction = await ask(world, Placement.POPULAR, other)
    assert prediction.placed == ()


async def test_kept_segments_follow_what_the_person_does_and_consent() -> None:
    world, consents = with_board(shop_world()), iter([0.1, 0.1, 9.0, 0.1])
    kept = KeptSegments(
        world, ConsentRules(default_consent=True, staleness_limit_s=2.0, staleness_s=lambda: next(consents))
    )
    person = world.people.resolve(("card:new",), default_consent=True)
    assert kept(person, NOW) == ("new",)
    world.ledger.apply(user_event(900_000, subject="card:new"))
    assert "returning" in kept(person, NOW)
    assert kept(person, NOW) == ()
    assert "returning" in kept(person, NOW)


async def test_a_cap_that_takes_the_whole_pool_has_more_retrieved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controlled, "POOLS", (5, 10, 24))
    for placement in (Placement.POPULAR, Placement.SIMILAR_ITEMS):
        world = with_board(shop_world())
        ranked = ids(await ask(world, placement, product_ids=("p0",), page_size=20))
        for product_id in ranked[:6]:
            world.shelf.apply(product_event(90_000, product_id, version=99, brands=["Capped"]))
        cap = control(1, Action(ActionType.CAP, Target(brands=("Capped",)), maximum=1))
        found = await ask(world, placement, cap, product_ids=("p0",), page_size=5)
        assert ids(found) == [ranked[0], *ranked[6:10]]
        assert [placed.rank for placed in found.placed] == [1, 7, 8, 9, 10]


async def test_a_capped_page_of_a_persons_own_says_why_of_each() -> None:
    world = with_board(shop_world())
    before = await ask(world, Placement.RECOMMENDED_FOR_YOU, product_ids=(), page_size=3)
    cap = control(1, Action(ActionType.CAP, Target(brands=("No such",)), maximum=1))
    after = await ask(world, Placement.RECOMMENDED_FOR_YOU, cap, product_ids=(), page_size=3)
    assert after.slots == before.slots
    assert after.pool is None


@pytest.mark.parametrize("placement", [Placement.SIMILAR_ITEMS, Placement.FREQUENTLY_BOUGHT_TOGETHER])
async def test_what_controls_leave_out_makes_room_for_the_next(placement: Placement) -> None:
    world = with_board(shop_world())
    before = await ask(world, placement, product_ids=("p0",), page_size=6)
    gone = ids(before)[:3]
    exclude = control(1, Action(ActionType.EXCLUDE, Target(product_ids=tuple(gone))))
    after = await ask(world, placement, exclude, product_ids=("p0",), page_size=3)
    assert after.slots == before.slots[3:]


async def test_what_another_request_had_ranked_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taste, "HEAD_PLACES", 2)
    monkeypatch.setattr(taste, "DEEPER", 2)
    monkeypatch.setattr(personal, "NARROW_PLACES", 4)
    world, profiles = with_board(shop_world()), Profiles()
    only = control(1, Action(ActionType.FILTER, Target(product_ids=tuple(f"p{n}" for n in range(12, 24)))))

    async def predicted(*controls: Control) -> Prediction:
        request = Request(Placement.RECOMMENDED_FOR_YOU, ("visitor:v-new",), page_size=20)
        ruling = Ruling(ControlSet(controls, ShelfFacts(world)), nobody_special)
        return await predict(request, world, profiles=profiles, consent=FRESH, now=NOW, ruling=ruling)

    newcomer(world, "p1")
    first = await predicted(only)
    assert len((await predicted()).slots) == 20  # has all that there is ranked
    assert await predicted(only) == first
