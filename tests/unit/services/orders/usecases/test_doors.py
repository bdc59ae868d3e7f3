"""Placing an order, packing a parcel, opening a return: once under the natural key, once under an idempotency key."""

import pytest

from services.chassis.idempotency import IdempotencyKeyReusedError
from services.kits.event_forms import EventRefusedError, MoneyForm, ProductForm
from services.orders.domain.doors import NewOrderForm, NewReturnForm, NewShipmentForm
from services.orders.domain.errors import OrderFullError, OrderNumberTakenError, ReturnTakenError, ShipmentTakenError
from services.orders.domain.lifecycle import Headline, Parcel, Returning
from services.orders.domain.reports import ItemForm, OrderForm
from services.orders.usecases import doors
from tests.unit.services.orders.conftest import World, ago, fact, parcel_form, placing


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody follows the log meanwhile."""
    monkeypatch.setattr(doors, "WAIT_LIMIT_S", 0.0)


def new_order(world: World, number: str = "7", *, quantity: int = 2) -> NewOrderForm:
    return NewOrderForm(number, ago(world, 60), [ProductForm("p-1", quantity, MoneyForm("10.00", "CNY"))])


def new_shipment(world: World, number: str = "7", *, items: tuple[ItemForm, ...] = ()) -> NewShipmentForm:
    return NewShipmentForm(OrderForm(number), "sf-express", "SF1", ago(world, 50), items=items)


def new_return(world: World, *, quantity: int = 1, name: str | None = "R1") -> NewReturnForm:
    return NewReturnForm(OrderForm("7"), ago(world, 10), [ItemForm(1, quantity)], id=name, reason="too small")


async def test_an_order_is_placed_once(world: World) -> None:
    first = await world.doors.create_order(new_order(world), world.asked())
    again = await world.doors.create_order(new_order(world), world.asked())
    assert (first.is_new, again.is_new) == (True, False)
    assert first.order == again.order
    assert first.state.headline is Headline.PLACED
    assert len(await world.events()) == 1


async def test_another_order_of_the_same_number_is_refused(world: World) -> None:
    await world.doors.create_order(new_order(world), world.asked())
    with pytest.raises(OrderNumberTakenError):
        await world.doors.create_order(new_order(world, quantity=3), world.asked())


async def test_an_order_that_was_told_otherwise_keeps_its_number_too(world: World) -> None:
    await world.write(placing(world))
    with pytest.raises(OrderNumberTakenError):
        await world.doors.create_order(new_order(world), world.asked())


async def test_facts_that_came_early_are_no_order_yet(world: World) -> None:
    await world.write(fact(world, "payment-captured", id="p"))
    created = await world.doors.create_order(new_order(world), world.asked())
    assert created.is_new
    assert created.state.headline is Headline.PAID


async def test_an_idempotency_key_repeats_its_first_answer(world: World) -> None:
    first = await world.doors.create_order(new_order(world), world.asked("k1", number="7"))
    again = await world.doors.create_order(new_order(world), world.asked("k1", number="7"))
    assert (first.is_new, again.is_new) == (True, True)
    with pytest.raises(IdempotencyKeyReusedError):
        await world.doors.create_order(new_order(world, "8"), world.asked("k1", number="8"))


async def test_a_refused_create_leaves_its_key_free(world: World) -> None:
    with pytest.raises(EventRefusedError):
        await world.doors.create_order(new_order(world, quantity=0), world.asked("k1", number="7", quantity=0))
    assert (await world.doors.create_order(new_order(world), world.asked("k1", number="7"))).is_new


async def test_a_parcel_is_packed_once(world: World) -> None:
    await world.doors.create_order(new_order(world), world.asked())
    await world.settle()
    first = await world.doors.create_shipment(new_shipment(world), world.asked())
    again = await world.doors.create_shipment(new_shipment(world), world.asked())
    assert (first.is_new, again.is_new) == (True, False)
    assert first.state.parcels[0].state is Parcel.CREATED
    assert first.state.parcels[0].contents == {1: 2}
    with pytest.raises(ShipmentTakenError):
        await world.doors.create_shipment(new_shipment(world, items=(ItemForm(1, 1),)), world.asked())
    with pytest.raises(ShipmentTakenError):
        await world.doors.create_shipment(new_shipment(world, "8"), world.asked())


async def test_too_much_in_a_parcel_is_kept_and_told(world: World) -> None:
    await world.doors.create_order(new_order(world), world.asked())
    await world.settle()
    packed = await world.doors.create_shipment(new_shipment(world, items=(ItemForm(1, 5),)), world.asked())
    assert [(each.doubt.value, each.quantity) for each in packed.remarks] == [("OVER_SHIPPED", 3)]


async def test_a_parcel_of_an_order_that_nobody_told_of_is_kept_and_told(world: World) -> None:
    packed = await world.doors.create_shipment(new_shipment(world), world.asked())
    assert [each.doubt.value for each in packed.remarks] == ["ORDER_UNKNOWN"]


async def test_a_return_is_opened_once(world: World) -> None:
    await world.write(placing(world), fact(world, "shipment-created", id="p", shipment=parcel_form(), minutes=50))
    await world.write(fact(world, "shipment-delivered", id="d", shipment=parcel_form(), minutes=20))
    first = await world.doors.create_return(new_return(world), world.asked())
    again = await world.doors.create_return(new_return(world), world.asked())
    assert (first.is_new, again.is_new, first.state.returning) == (True, False, Returning.REQUESTED)
    with pytest.raises(ReturnTakenError):
        await world.doors.create_return(new_return(world, quantity=2), world.asked())


async def test_a_return_without_id_is_named_by_what_it_says(world: World) -> None:
    await world.write(placing(world))
    names = [
        (await world.doors.create_return(new_return(world, name=None, quantity=quantity), world.asked())).event.fact
        for quantity in (1, 1, 2)
    ]
    assert names[0].return_id == names[1].return_id != names[2].return_id


async def test_a_full_order_takes_no_parcel(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.write(placing(world))
    monkeypatch.setattr(doors, "MAX_ORDER_EVENTS", 1)
    with pytest.raises(OrderFullError):
        await world.doors.create_shipment(new_shipment(world), world.asked())
