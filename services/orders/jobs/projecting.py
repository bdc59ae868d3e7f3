"""Follows ``order-events`` into orders and parcels, and gives scans that came too early to the order they are of.

A carrier may report a parcel before the shop tells what it holds: the scan waits under its tracking number. Once the
parcel is packed, the scan is appended again with its order, under the identity that it would have had with it, so a
crash in between repeats nothing.
"""

from collections.abc import Callable, Sequence

from services.chassis.documents.port import DocumentStore
from services.chassis.eventlog.applier import Projection
from services.chassis.eventlog.generations import Generations, Resolve
from services.chassis.eventlog.port import APPEND_LIMIT, Event, EventLog
from services.kits.times import time_of
from services.orders.domain.events import ParcelRef
from services.orders.domain.payloads import fact_of, order_payload, parcel_of
from services.orders.domain.reports import CheckedEvent
from services.orders.store.collections import ORDER_PROJECTION, ORDERS, PARCELS
from services.orders.store.orders import OrderStore, ParkedScan, StoredParcels
from services.orders.store.projections import OrderProjection
from services.orders.usecases.writing import Writer, new_event


def order_generations(documents: DocumentStore) -> Generations:
    """Return the generations of orders and parcels."""
    return Generations(documents, ORDER_PROJECTION, (ORDERS, PARCELS))


def build_orders(
    documents: DocumentStore,
    generations: Generations,
    orders: OrderStore,
    log: EventLog,
    *,
    moved: Callable[[], None] = lambda: None,
) -> Callable[[str, Resolve], Projection]:
    """Return what makes the projection of ``order-events`` for a generation. ``moved`` hears of each batch."""

    def build(name: str, resolve: Resolve) -> Projection:
        return Adopting(
            OrderProjection(documents, name, resolve),
            orders,
            log,
            is_active=lambda: generations.projection_name(generations.active) == name,
            moved=moved,
        )

    return build


class Adopting:
    """The projection, and the appending of what it finds waiting. Silent while its generation is only being built."""

    def __init__(
        self,
        projection: Projection,
        orders: OrderStore,
        log: EventLog,
        *,
        is_active: Callable[[], bool],
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = projection.name
        self._projection, self._orders, self._log = projection, orders, log
        self._is_active, self._moved = is_active, moved

    async def apply(self, events: Sequence[Event]) -> None:
        await self._projection.apply(events)
        self._moved()
        if self._is_active():
            for synthetic in (False, True):
                await self._adopt([event for event in events if event.synthetic is synthetic], synthetic=synthetic)

    async def _adopt(self, events: Sequence[Event], *, synthetic: bool) -> None:
        refs = {ref for event in events if (ref := parcel_of(event.payload)) is not None}
        if not refs:
            return
        known = await self._orders.parcels(sorted(refs, key=_number), synthetic=synthetic)
        scans = [scan for parcels in known.values() for scan in _ripe(parcels)]
        unique = list({scan.fact.id: scan for scan in scans}.values())
        for start in range(0, len(unique), APPEND_LIMIT):
            batch = unique[start : start + APPEND_LIMIT]
            await self._log.append([new_event(scan, Writer(synthetic=synthetic)) for scan in batch])


def _number(ref: ParcelRef) -> tuple[str, str, str]:
    return (ref.carrier, ref.tracking_number, ref.ship_date)


def _ripe(parcels: StoredParcels) -> list[CheckedEvent]:
    """Return the waiting scans whose order is known now."""
    return [_adopted(scan, parcels) for scan in parcels.parked] if parcels.links else []


def _adopted(scan: ParkedScan, parcels: StoredParcels) -> CheckedEvent:
    parcel = parcel_of(scan.payload)
    order = parcels.order_at(scan.occurred_us, parcel.ship_date if parcel is not None else "")
    assert order is not None, "there is a link"
    payload = {**scan.payload, "order": order_payload(order)}
    return CheckedEvent(
        time=time_of(scan.occurred_us),
        shop=scan.shop,
        channel=scan.channel,
        payload=payload,
        fact=fact_of(scan.type, payload, occurred_us=scan.occurred_us),
        order=order,
    )
