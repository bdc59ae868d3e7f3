"""Scans that came too early: given to their order once, also through crashes, silently while a generation is built."""

from services.orders.domain.order import OrderRef
from services.orders.jobs.projecting import Adopting
from services.orders.store.projections import OrderProjection
from tests.unit.services.orders.conftest import World, fact, parcel_form, placing

ORDER = OrderRef("main", "7").id


def early(world: World, name: str = "s1", **fields: object) -> object:
    return fact(world, "shipment-delivered", id=name, source="sf", order=None, shipment=parcel_form(), **fields)


async def test_a_scan_is_given_to_its_order_once_though_the_packing_is_read_again(world: World) -> None:
    await world.write(early(world))  # type: ignore[arg-type]
    await world.write(placing(world), fact(world, "shipment-created", id="p", shipment=parcel_form(), minutes=40))
    events = await world.events()
    assert [event.type for event in events].count("shipment-delivered") == 2  # waiting, and with its order
    await world.projection.apply(events)
    assert await world.events() == events


async def test_what_a_crash_cut_off_is_done_when_the_packing_is_read_again(world: World) -> None:
    await world.write(early(world))  # type: ignore[arg-type]
    await world.tell(placing(world), fact(world, "shipment-created", id="p", shipment=parcel_form(), minutes=40))
    # The documents are saved, and the process dies before the scan is appended.
    silent = Adopting(
        OrderProjection(world.documents, "orders", world.generations.resolve),
        world.orders,
        world.log,
        is_active=lambda: False,
    )
    await silent.apply(await world.events())
    assert len(await world.events()) == 3
    await world.settle()
    assert len(await world.events()) == 4
    assert len((await world.order()).state.history) == 3


async def test_a_generation_that_is_being_built_appends_nothing(world: World) -> None:
    await world.write(early(world))  # type: ignore[arg-type]
    await world.tell(placing(world), fact(world, "shipment-created", id="p", shipment=parcel_form(), minutes=40))
    building = Adopting(
        OrderProjection(world.documents, "orders.g2", lambda collection: collection),
        world.orders,
        world.log,
        is_active=lambda: False,
    )
    await building.apply(await world.events())
    assert len(await world.events()) == 3


async def test_a_number_that_a_carrier_uses_again_goes_to_the_parcel_of_its_time(world: World) -> None:
    day = 24 * 60
    await world.write(
        placing(world, "7", minutes=101 * day),
        placing(world, "8", minutes=2 * day),
        fact(world, "shipment-created", id="p7", shipment=parcel_form(), minutes=100 * day),
        fact(world, "shipment-created", id="p8", order=placing(world, "8").order, shipment=parcel_form(), minutes=day),
    )
    old = await world.write(early(world, "old", minutes=98 * day))  # type: ignore[arg-type]
    new = await world.write(early(world, "new"))  # type: ignore[arg-type]
    assert old.items[0].order_id == ORDER
    assert new.items[0].order_id == OrderRef("main", "8").id


async def test_a_load_tests_scan_finds_no_real_parcel(world: World) -> None:
    await world.write(placing(world), fact(world, "shipment-created", id="p", shipment=parcel_form(), minutes=40))
    verdict = await world.write(early(world), synthetic=True)  # type: ignore[arg-type]
    assert verdict.items[0].order_id == ""
