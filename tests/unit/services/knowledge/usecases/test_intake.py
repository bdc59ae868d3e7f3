"""Intake: a verdict per item, one bad item harms nobody, rule 2 of docs/consistency.md on the way."""

from datetime import timedelta

import pytest

from services.kits.event_forms import EventRefusedError, MoneyForm, ProductForm
from services.knowledge.domain.errors import BatchSizeError
from services.knowledge.domain.user_events import MAX_BATCH_EVENTS, OrderForm
from services.knowledge.store.collections import USER_EVENTS
from services.knowledge.usecases.intake import DUPLICATE, REJECTED, STORED, RefusedForm
from tests.unit.services.knowledge.conftest import World, event_form


async def test_what_can_be_kept_is_kept_whatever_stands_beside_it(world: World) -> None:
    now = world.clock.now()
    verdict = await world.write(
        event_form("good", now, identifiers=["login:u1"]),
        RefusedForm("broken", EventRefusedError("EVENT_MALFORMED", "not readable", field="time")),
        event_form("strange", now, type="thought", identifiers=["login:u1"]),
        event_form("also-good", now, identifiers=["card:1001"]),
    )
    assert [(item.id, item.status) for item in verdict.items] == [
        ("good", STORED),
        ("broken", REJECTED),
        ("strange", REJECTED),
        ("also-good", STORED),
    ]
    assert verdict.items[2].error is not None
    assert verdict.items[2].error.reason == "UNKNOWN_EVENT_TYPE"
    assert [event.payload["id"] for event in await world.events(USER_EVENTS)] == ["good", "also-good"]


async def test_the_same_event_again_is_a_duplicate_and_is_counted_once(world: World) -> None:
    form = event_form("e1", world.clock.now(), identifiers=["login:u1"])
    assert (await world.write(form, form)).count(DUPLICATE) == 1
    assert (await world.write(form)).count(DUPLICATE) == 1
    assert (await world.customer("login:u1")).interactions_by_channel == {"web": 1}


async def test_the_same_id_with_another_body_is_refused_by_name(world: World) -> None:
    now = world.clock.now()
    await world.write(event_form("e1", now, identifiers=["login:u1"]))
    verdict = await world.write(event_form("e1", now, identifiers=["login:u1"], products=[ProductForm("p-2")]))
    assert verdict.items[0].error is not None
    assert verdict.items[0].error.reason == "EVENT_ID_REUSED"


async def test_the_same_id_from_two_shops_is_two_events(world: World) -> None:
    now = world.clock.now()
    verdict = await world.write(
        event_form("e1", now, identifiers=["login:u1"], shop="north"),
        event_form("e1", now, identifiers=["login:u1"], shop="south"),
    )
    assert verdict.count(STORED) == 2


async def test_the_same_id_from_two_keys_is_two_events(world: World) -> None:
    form = event_form("e1", world.clock.now(), identifiers=["login:u1"])
    assert (await world.write(form, owner="one")).count(STORED) == 1
    assert (await world.write(form, owner="two")).count(STORED) == 1


async def test_late_and_out_of_order_events_count_at_their_own_time(world: World) -> None:
    now = world.clock.now()
    await world.write(event_form("new", now, identifiers=["login:u1"]))
    await world.write(event_form("old", now - timedelta(days=400), identifiers=["login:u1"]))
    customer = await world.customer("login:u1")
    assert customer.first_seen_us is not None
    assert customer.last_seen_us is not None
    assert customer.last_seen_us - customer.first_seen_us == 400 * 86_400_000_000


@pytest.mark.parametrize("count", [0, MAX_BATCH_EVENTS + 1])
async def test_a_batch_past_its_bounds_is_refused_as_a_whole(world: World, count: int) -> None:
    form = event_form("e", world.clock.now(), identifiers=["login:u1"])
    with pytest.raises(BatchSizeError):
        await world.write(*[form] * count)
    assert await world.events(USER_EVENTS) == []


async def test_a_full_batch_is_taken(world: World) -> None:
    now = world.clock.now()
    forms = [event_form(f"e{number}", now, identifiers=["login:u1"]) for number in range(MAX_BATCH_EVENTS)]
    assert (await world.write(*forms)).count(STORED) == MAX_BATCH_EVENTS


async def test_an_order_too_heavy_for_the_log_is_refused_and_the_batch_goes_on(world: World) -> None:
    now = world.clock.now()
    lines = [ProductForm("产" * 128, 1, MoneyForm("1.00", "CNY"), line=number) for number in range(2_000)]
    heavy = event_form(
        "heavy", now, type="purchase-complete", identifiers=["card:1001"], products=lines, order=OrderForm("1")
    )
    verdict = await world.write(heavy, event_form("light", now, identifiers=["card:1001"]))
    assert verdict.items[0].error is not None
    assert verdict.items[0].error.reason == "EVENT_TOO_LARGE"
    assert verdict.items[1].status == STORED
