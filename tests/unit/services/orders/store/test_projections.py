"""What the log writes into documents: once whatever comes again, the same after a rebuild."""

from random import Random

from services.chassis.eventlog.port import Event
from services.orders.domain.folding import fold_order
from services.orders.store import projections
from services.orders.store.bodies import fact_body, fact_from_body
from services.orders.store.collections import ORDERS, PARCELS
from services.orders.store.projections import OrderProjection, fact_of_event
from tests.strategies.orders import consistent_history, wild_history
from tests.unit.services.orders.conftest import World, fact, make_world, parcel_form, placing


async def told(world: World) -> list[Event]:
    await world.write(
        placing(world),
        fact(world, "shipment-delivered", id="s", source="sf", order=None, shipment=parcel_form()),
        fact(world, "shipment-created", id="p", shipment=parcel_form(), minutes=40),
        fact(world, "shipment-picked-up", id="u", shipment=parcel_form("SF9")),
        placing(world, "8"),
    )
    return await world.events()


async def contents(world: World) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for collection in (ORDERS, PARCELS):
        for document in (await world.documents.scan(collection, limit=100)).documents:
            found[document.key] = {key: value for key, value in document.body.items() if key != "watermark"}
    return found


async def test_what_is_applied_again_changes_nothing(world: World) -> None:
    events = await told(world)
    before = await contents(world)
    for start in range(len(events)):
        await world.projection.apply(events[start:])
    assert await contents(world) == before


async def test_a_rebuild_gives_the_same(world: World) -> None:
    events = await told(world)
    fresh = await make_world()
    projection = OrderProjection(fresh.documents, "rebuilt", lambda collection: collection)
    for event in events:
        await projection.apply([event])
    assert await contents(fresh) == await contents(world)
    await fresh.log.close()


async def test_a_scan_leaves_where_it_waited_once_it_has_an_order(world: World) -> None:
    await told(world)
    parked = [body["parked"] for body in (await contents(world)).values() if "parked" in body]
    assert parked == [{}]


async def test_waiting_scans_are_bounded(world: World, monkeypatch: object) -> None:
    projections_kept = projections.PARKED_KEPT
    try:
        projections.PARKED_KEPT = 2  # type: ignore[misc]
        await world.write(
            *[
                fact(world, "shipment-in-transit", id=f"s{n}", order=None, shipment=parcel_form(), minutes=n + 1)
                for n in range(3)
            ]
        )
    finally:
        projections.PARKED_KEPT = projections_kept  # type: ignore[misc]
    assert [len(body["parked"]) for body in (await contents(world)).values()] == [2]  # type: ignore[arg-type]


async def test_a_scan_that_names_an_order_makes_no_waiting_place(world: World) -> None:
    await world.write(fact(world, "shipment-picked-up", id="u", shipment=parcel_form("SF9")))
    assert await world.documents.count(PARCELS) == 0


async def test_an_event_of_the_log_is_the_fact_that_was_checked(world: World) -> None:
    for event in await told(world):
        kept = fact_of_event(event)
        assert kept.seq == event.seq
        assert fact_from_body(fact_body(kept)) == kept


def test_facts_come_out_of_documents_as_they_went_in() -> None:
    rng = Random(3)
    for _ in range(100):
        for history in (wild_history(rng, 8), consistent_history(rng)):
            read = [fact_from_body(fact_body(each)) for each in history]
            assert fold_order(read) == fold_order(history)
