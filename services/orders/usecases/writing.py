"""Taking in facts: each gets a verdict, what is stored is durable, a bad one harms nobody."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from services.chassis.erasure.suppression import ERASED_MESSAGE, SubjectErasedError, Suppression
from services.chassis.eventlog.port import EventLog, NewEvent, Verdict, VerdictStatus
from services.kits.event_forms import EventRefusedError
from services.orders.domain.errors import BatchSizeError
from services.orders.domain.events import OrderEvent
from services.orders.domain.folding import fold_order
from services.orders.domain.lifecycle import SHIPMENT_CREATED
from services.orders.domain.order import OrderState
from services.orders.domain.payloads import fact_of, order_payload
from services.orders.domain.remarks import Doubt, Remark
from services.orders.domain.reports import MAX_BATCH_EVENTS, CheckedEvent, EventForm, IntakeRules, check_event
from services.orders.store.orders import OrderStore, StoredOrder, StoredParcels

MAX_ORDER_EVENTS: Final = 2_000  # facts of one order; the projection keeps some more, for those on their way
PARKED: Final = "parked:"  # before the source in the owner of a scan that names no order: told again it may name one

STORED, DUPLICATE, REJECTED = "stored", "duplicate", "rejected"


@dataclass(frozen=True, slots=True)
class RefusedForm:
    """An item that could not even be read. ``id`` as far as it was legible."""

    id: str
    error: EventRefusedError


@dataclass(frozen=True, slots=True)
class ItemVerdict:
    """What became of one fact. ``id`` is the source's own, or the one that we made of the content."""

    id: str
    status: str
    event_id: str = ""
    order_id: str = ""
    remarks: tuple[Remark, ...] = ()
    error: EventRefusedError | None = None


@dataclass(frozen=True, slots=True)
class BatchVerdict:
    """What became of a batch, in its order."""

    items: tuple[ItemVerdict, ...]

    def count(self, status: str) -> int:
        """Return how many have the status."""
        return sum(1 for item in self.items if item.status == status)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: whether all of it is a load test's, and the request's trace."""

    synthetic: bool = False
    trace: str = ""


@dataclass(slots=True)
class _Taken:
    """A batch on its way."""

    items: list[ItemVerdict | None]
    kept: list[tuple[int, CheckedEvent]] = field(default_factory=list)

    def refuse(self, place: int, name: str, error: EventRefusedError) -> None:
        """Note why an item is not kept."""
        self.items[place] = ItemVerdict(name, REJECTED, error=error)


class Writing:
    """Appends facts, and tells what is known to be odd about them now."""

    def __init__(self, log: EventLog, orders: OrderStore, suppression: Suppression | None = None) -> None:
        self._log, self._orders, self._suppression = log, orders, suppression

    async def write(self, forms: Sequence[EventForm | RefusedForm], rules: IntakeRules, writer: Writer) -> BatchVerdict:
        """Check each, append what can be kept in one go, and tell what became of each. Raises BatchSizeError."""
        if not 1 <= len(forms) <= MAX_BATCH_EVENTS:
            message = f"a batch has 1 to {MAX_BATCH_EVENTS} events, this one {len(forms)}"
            raise BatchSizeError(message, field="events", limit=MAX_BATCH_EVENTS)
        taken = _Taken([None] * len(forms))
        for place, form in enumerate(forms):
            if isinstance(form, RefusedForm):
                taken.refuse(place, form.id, form.error)
                continue
            try:
                taken.kept.append((place, self._not_erased(check_event(form, rules))))
            except EventRefusedError as error:
                taken.refuse(place, form.id or "", error)
        await self._write_kept(taken, writer)
        return BatchVerdict(tuple([item for item in taken.items if item is not None]))

    def _not_erased(self, event: CheckedEvent) -> CheckedEvent:
        """Return the event; raises EventRefusedError for the order of a person who was erased."""
        if self._suppression is not None and self._suppression.any_erased(event.payload.get("identifiers") or ()):
            self._suppression.count("order-events")
            raise EventRefusedError(SubjectErasedError.reason, ERASED_MESSAGE, field="identifiers")
        return event

    async def append(self, events: Sequence[CheckedEvent], writer: Writer) -> tuple[Verdict, ...]:
        """Append facts whose orders are known or that wait for one. At least one."""
        return await self._log.append([new_event(event, writer) for event in events])

    async def _write_kept(self, taken: _Taken, writer: Writer) -> None:
        parcels = await self._parcels_of(taken, writer)
        taken.kept = [(place, _with_order(event, parcels.get(event.fact.id))) for place, event in taken.kept]
        orders = await self._orders.get_many(_order_ids(event for _, event in taken.kept))
        self._refuse_full(taken, orders)
        if not taken.kept:
            return
        verdicts = await self.append([event for _, event in taken.kept], writer)
        told = [
            (place, event)
            for (place, event), verdict in zip(taken.kept, verdicts, strict=True)
            if verdict.status is not VerdictStatus.REUSED
        ]
        remarks = _remarks([event for _, event in told], orders, parcels)
        for (place, event), verdict in zip(taken.kept, verdicts, strict=True):
            taken.items[place] = _item(event, verdict.status, remarks)

    async def _parcels_of(self, taken: _Taken, writer: Writer) -> dict[str, StoredParcels]:
        """Return what is known of the parcels of facts that name no order, or that pack one; by fact."""
        asked = [
            event
            for _, event in taken.kept
            if event.fact.parcel is not None and (event.order is None or event.fact.type == SHIPMENT_CREATED)
        ]
        refs = {event.fact.parcel for event in asked if event.fact.parcel is not None}
        known = await self._orders.parcels(sorted(refs, key=repr), synthetic=writer.synthetic)
        return {event.fact.id: known[event.fact.parcel] for event in asked if event.fact.parcel is not None}

    def _refuse_full(self, taken: _Taken, orders: dict[str, StoredOrder]) -> None:
        room = {order_id: MAX_ORDER_EVENTS - len(stored.facts) for order_id, stored in orders.items()}
        fitting = []
        for place, event in taken.kept:
            order_id = event.order.id if event.order is not None else ""
            room.setdefault(order_id, MAX_ORDER_EVENTS)
            if room[order_id] > 0 or not order_id or _is_known(event, orders.get(order_id)):
                room[order_id] -= 1
                fitting.append((place, event))
            else:
                words = f"an order takes at most {MAX_ORDER_EVENTS:,} events"
                taken.refuse(place, event.fact.source_event_id, EventRefusedError("ORDER_FULL", words, field="order"))
        taken.kept = fitting


def new_event(event: CheckedEvent, writer: Writer) -> NewEvent:
    """Return what is appended to the log. Its identity is (shop, source, source's id), whoever's key brings it."""
    fact, order = event.fact, event.order
    if order is not None:
        subject, owner = order.subject, fact.source
    else:
        assert fact.parcel is not None
        subject, owner = f"parcel:{fact.parcel.carrier}/{fact.parcel.tracking_number}", f"{PARKED}{fact.source}"
    return NewEvent(
        client_event_id=fact.source_event_id,
        owner=f"load:{owner}" if writer.synthetic else owner,
        type=fact.type,
        occurred_time=event.time,
        shop=event.payload.get("shop") or event.shop,
        channel=event.channel,
        subject=subject,
        payload=event.payload,
        trace=writer.trace,
        synthetic=writer.synthetic,
    )


def state_with(stored: StoredOrder | None, facts: Iterable[OrderEvent]) -> OrderState:
    """Return the order as it stands with these facts, whether its document holds them yet or not."""
    known = stored.facts if stored is not None else ()
    return fold_order([*facts, *known])


def _with_order(event: CheckedEvent, parcels: StoredParcels | None) -> CheckedEvent:
    """Return the event with the order that its parcel is of, where that is known."""
    fact = event.fact
    if event.order is not None or parcels is None or fact.parcel is None:
        return event
    order = parcels.order_at(fact.occurred_us, fact.parcel.ship_date)
    if order is None:
        return event
    payload = {**event.payload, "order": order_payload(order)}
    return replace(event, payload=payload, order=order, fact=fact_of(fact.type, payload, occurred_us=fact.occurred_us))


def _order_ids(events: Iterable[CheckedEvent]) -> list[str]:
    return list(dict.fromkeys(event.order.id for event in events if event.order is not None))


def _is_known(event: CheckedEvent, stored: StoredOrder | None) -> bool:
    return stored is not None and any(fact.id == event.fact.id for fact in stored.facts)


def _remarks(
    told: Sequence[CheckedEvent], orders: dict[str, StoredOrder], parcels: dict[str, StoredParcels]
) -> dict[str, list[Remark]]:
    """Return what is odd about each fact, by its id, with all that is known now and all of the batch."""
    by_order: dict[str, list[OrderEvent]] = {}
    remarks: dict[str, list[Remark]] = {}
    for event in told:
        fact = event.fact
        if event.order is None:
            remarks[fact.id] = [Remark(Doubt.SHIPMENT_UNKNOWN, fact.id)]
            continue
        by_order.setdefault(event.order.id, []).append(fact)
        if fact.parcel is not None and fact.type == SHIPMENT_CREATED:
            others = {link.order for link in parcels[fact.id].links if link.ship_date == fact.parcel.ship_date}
            if others - {event.order}:
                remarks[fact.id] = [Remark(Doubt.SHIPMENT_OF_ANOTHER_ORDER, fact.id)]
    for order_id, facts in by_order.items():
        for remark in state_with(orders.get(order_id), facts).remarks:
            remarks.setdefault(remark.event_id, []).append(remark)
    return remarks


def _item(event: CheckedEvent, status: VerdictStatus, remarks: dict[str, list[Remark]]) -> ItemVerdict:
    fact = event.fact
    if status is VerdictStatus.REUSED:
        error = EventRefusedError("EVENT_ID_REUSED", "this id came with another event before", field="id")
        return ItemVerdict(fact.source_event_id, REJECTED, error=error)
    return ItemVerdict(
        fact.source_event_id,
        STORED if status is VerdictStatus.STORED else DUPLICATE,
        event_id=fact.id,
        order_id=event.order.id if event.order is not None else "",
        remarks=tuple(remarks.get(fact.id, ())),
    )
