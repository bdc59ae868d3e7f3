"""Reading orders: whose they are, and patience for what is on its way."""

import asyncio
from collections.abc import Sequence

import pytest

from services.orders.domain.errors import OrderNotFoundError, OrderNotYoursError
from services.orders.domain.order import OrderRef
from services.orders.domain.remarks import Doubt
from services.orders.store import projections
from services.orders.store.orders import StoredOrder
from services.orders.usecases import reading
from tests.unit.services.orders.conftest import World, fact, placing

ORDER = OrderRef("main", "7").id


async def test_an_order_that_nobody_told_of_is_not_found(world: World) -> None:
    with pytest.raises(OrderNotFoundError):
        await world.reading.get(ORDER)


async def test_a_shopper_reads_an_order_of_ones_own(world: World) -> None:
    await world.write(placing(world))
    assert (await world.reading.get(ORDER, only_identifiers=["card:1000231", "login:x"])).ref.number == "7"
    with pytest.raises(OrderNotYoursError):
        await world.reading.get(ORDER, only_identifiers=["login:x"])


async def test_facts_alone_are_no_shoppers_order(world: World) -> None:
    await world.write(fact(world, "payment-captured", id="p"))
    assert (await world.reading.get(ORDER)).state.placing is None
    with pytest.raises(OrderNotYoursError):
        await world.reading.get(ORDER, only_identifiers=["card:1000231"])


async def test_several_are_answered_in_the_order_asked_without_those_that_are_not_there(world: World) -> None:
    await world.write(placing(world), placing(world, "8"))
    eight = OrderRef("main", "8").id
    answers = await world.reading.get_many([eight, "o-none", ORDER], {})
    assert [each.ref.number for each in answers] == ["8", "7"]


async def test_a_reader_waits_for_a_fact_on_its_way(world: World) -> None:
    await world.write(placing(world))
    await world.tell(fact(world, "payment-captured", id="p"))
    waiting = asyncio.ensure_future(world.reading.get_many([ORDER], {ORDER: 2}))
    await asyncio.sleep(0)
    assert not waiting.done()
    await world.settle()
    assert (await waiting)[0].version == 2


async def test_a_reader_does_not_wait_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH_WAIT_LIMIT_S", 0.02)
    await world.write(placing(world))
    assert (await world.reading.get_many([ORDER], {ORDER: 99}))[0].version == 1


async def test_facts_beyond_the_bound_are_counted_and_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projections, "EVENTS_KEPT", 2)
    await world.write(placing(world), *[fact(world, "payment-authorized", id=f"p{n}") for n in range(3)])
    order = await world.order()
    assert len(order.state.history) == 2
    assert [(each.doubt, each.quantity) for each in order.state.remarks] == [(Doubt.EVENTS_DROPPED, 2)]


async def test_who_waits_for_a_fact_looks_again_when_it_was_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LOOK_INTERVAL_S", 60.0)  # it hears of the projection, or waits too long
    await world.write(placing(world))
    seq = (await world.reading.get(ORDER)).version + 1
    waiting = asyncio.ensure_future(world.reading.settled([ORDER], {ORDER: seq}, limit_s=60.0))
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await world.write(fact(world, "payment-captured", id="p"))
        assert (await waiting)[ORDER].version == seq


async def test_what_is_read_on_during_a_look_ends_the_wait_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LOOK_INTERVAL_S", 60.0)
    await world.write(placing(world))
    seq, get_many, looks = (await world.reading.get(ORDER)).version + 1, world.orders.get_many, 0

    async def slow_get_many(order_ids: Sequence[str]) -> dict[str, StoredOrder]:
        nonlocal looks
        looks += 1
        found = await get_many(order_ids)
        if looks == 1:  # the fact is read after the store answered and before the answer is seen
            await world.write(fact(world, "payment-captured", id="p"))
        return found

    monkeypatch.setattr(world.orders, "get_many", slow_get_many)
    async with asyncio.timeout(20):
        found = await world.reading.settled([ORDER], {ORDER: seq}, limit_s=60.0)
    assert found[ORDER].version == seq
