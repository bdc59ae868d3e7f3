"""Folds what carriers and warehouses tell of parcels: which parcel a scan is of, and how each stands.

An end holds against everything that is dated later, and being delivered against every other end: a carrier that scans
late or twice moves nothing back.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from services.chassis.canonical import canonical_json
from services.kits.times import DAY_US
from services.orders.domain.events import OrderEvent, ParcelRef
from services.orders.domain.lifecycle import PARCEL_ENDS, PARCEL_STATES, SHIPMENT_CREATED, SHIPMENT_SCANNED, Parcel
from services.orders.domain.remarks import Doubt, Remark

ID_BYTES: Final = 16
SHIPMENT_PREFIX: Final = "s-"
CLOCK_TOLERANCE_US: Final = DAY_US  # a scan dated this long before the parcel was packed may still be of it
_STRENGTH: Final = {state: len(PARCEL_ENDS) - place for place, state in enumerate(PARCEL_ENDS)}
_AT_THE_SENDER: Final = frozenset({Parcel.CREATED, Parcel.CANCELLED})


def parcel_id(ref: ParcelRef) -> str:
    """Return a shipment's id, a hash of its natural key."""
    key = [ref.carrier, ref.tracking_number, ref.ship_date]
    return SHIPMENT_PREFIX + blake2b(canonical_json(key), digest_size=ID_BYTES).hexdigest()


class ParcelHistory:
    """The facts of one parcel, in order. Mutable while it is folded."""

    __slots__ = ("created", "end", "events", "ref")

    def __init__(self, ref: ParcelRef, created: OrderEvent | None) -> None:
        self.ref, self.created = ref, created
        self.events: list[OrderEvent] = []
        self.end: OrderEvent | None = None

    @property
    def state(self) -> Parcel:
        """How it stands: its end, else the last that was told of it."""
        if self.end is not None:
            return PARCEL_STATES[self.end.type]
        told = Parcel.UNKNOWN if self.created is None else Parcel.CREATED
        for event in self.events:
            told = told if event.type in (SHIPMENT_CREATED, SHIPMENT_SCANNED) else PARCEL_STATES[event.type]
        return told

    @property
    def holds_goods(self) -> bool:
        """Whether its pieces are shipped: one that came back, was lost or cancelled leaves them open again."""
        return self.created is not None and self.state not in (Parcel.RETURNED, Parcel.LOST, Parcel.CANCELLED)

    @property
    def handed_over(self) -> OrderEvent | None:
        """Return the first fact that has it with the carrier."""
        for event in self.events:
            if PARCEL_STATES.get(event.type, Parcel.CREATED) not in _AT_THE_SENDER:
                return event
        return None

    def add(self, event: OrderEvent) -> None:
        """Take the next fact in order."""
        self.events.append(event)
        state = PARCEL_STATES.get(event.type)
        strength = _STRENGTH.get(state, 0) if state is not None else 0
        if strength and (self.end is None or strength > _STRENGTH[PARCEL_STATES[self.end.type]]):
            self.end = event


def fold_parcels(events: Sequence[OrderEvent], remarks: list[Remark]) -> list[ParcelHistory]:
    """Return the parcels of an order's shipment facts, in the order in which they were first told of."""
    parcels = _packed(events, remarks)
    by_number: dict[tuple[str, str], list[ParcelHistory]] = {}
    for parcel in parcels.values():
        by_number.setdefault((parcel.ref.carrier, parcel.ref.tracking_number), []).append(parcel)
    for event in events:
        ref = event.parcel
        if ref is None:
            continue
        found = parcels.get(ref) or _of_number(by_number.get((ref.carrier, ref.tracking_number), ()), event)
        if found is None:
            found = parcels[ref] = ParcelHistory(ref, None)
            remarks.append(Remark(Doubt.SHIPMENT_UNKNOWN, event.id))
        found.add(event)
    for parcel in parcels.values():
        _remark_late(parcel, remarks)
    return list(parcels.values())


def _packed(events: Sequence[OrderEvent], remarks: list[Remark]) -> dict[ParcelRef, ParcelHistory]:
    parcels: dict[ParcelRef, ParcelHistory] = {}
    for event in events:
        if event.type != SHIPMENT_CREATED or event.parcel is None:
            continue
        if event.parcel in parcels:
            remarks.append(Remark(Doubt.SHIPMENT_CREATED_TWICE, event.id))
        else:
            parcels[event.parcel] = ParcelHistory(event.parcel, event)
    return parcels


def _of_number(known: Sequence[ParcelHistory], event: OrderEvent) -> ParcelHistory | None:
    """Return which parcel of a tracking number a scan without day is of: the last that was packed before it."""
    if event.parcel is None or event.parcel.ship_date or not known:
        return None
    before = [each for each in known if _packed_us(each) <= event.occurred_us + CLOCK_TOLERANCE_US]
    return before[-1] if before else known[0]


def _packed_us(parcel: ParcelHistory) -> int:
    return parcel.created.occurred_us if parcel.created is not None else 0


def _remark_late(parcel: ParcelHistory, remarks: list[Remark]) -> None:
    end = parcel.end
    if end is None:
        return
    for event in parcel.events:
        if event.occurred_us > end.occurred_us:
            remarks.append(Remark(Doubt.SCANNED_AFTER_END, event.id))
