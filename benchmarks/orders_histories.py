"""Whole lives of made-up orders, told as sources tell them: the public form, in the order in which they happened.

Seeded. A life has one to four lines, is paid, perhaps made to order stage by stage, shipped in up to three parcels that
are scanned on their way, cancelled in part, delivered, returned and refunded; promises and corrections are among them.
Nothing in it contradicts: what can be said of a life by some of its facts, the others only add to.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from services.kits.event_forms import MoneyForm, ProductForm
from services.orders.domain.events import OrderEvent
from services.orders.domain.reports import (
    CheckedEvent,
    CorrectedForm,
    EventForm,
    IntakeRules,
    ItemForm,
    OrderForm,
    ShipmentForm,
    check_event,
)

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
RULES = IntakeRules(NOW, "main", "web")
BEGIN = NOW - timedelta(days=30)
STAGES = ("queued", "gathering", "baking", "cooling", "layering", "decorating", "chilling", "inspecting", "packing")
SCANS = ("shipment-picked-up", "shipment-in-transit", "shipment-in-transit", "shipment-out-for-delivery")


class Life:
    """One order, from its placing on."""

    def __init__(self, number: str, rng: Random) -> None:
        self._number, self._rng = number, rng
        self._time = BEGIN + timedelta(minutes=rng.randrange(20 * 24 * 60))
        self._count = 0
        self._open = {line: rng.randint(1, 4) for line in range(1, rng.randint(1, 4) + 1)}
        self._delivered: dict[int, int] = {}

    def forms(self) -> Iterator[EventForm]:
        """Yield what is told, as it happens."""
        rng = self._rng
        price = MoneyForm("10.00", "CNY")
        products = [ProductForm(f"p-{line}", count, price, line=line) for line, count in self._open.items()]
        yield self._told("order-placed", products=products, identifiers=[f"card:10{self._number}"])
        if rng.random() < 0.15:
            yield self._told("order-cancelled")
            return
        yield self._told("payment-captured")
        if rng.random() < 0.4:
            yield from self._made()
        for parcel in range(rng.randint(1, 3)):
            yield from self._shipped(parcel)
        yield from self._returned()

    def _made(self) -> Iterator[EventForm]:
        for stage in STAGES[: self._rng.randint(2, len(STAGES))]:
            yield self._told("stage-entered", line=1, stage=stage, family="cakes")
            if self._rng.random() < 0.5:
                yield self._told("stage-completed", line=1, stage=stage, family="cakes")

    def _shipped(self, parcel: int) -> Iterator[EventForm]:
        rng = self._rng
        taken = {line: rng.randint(0, count) for line, count in self._open.items()}
        items = [ItemForm(line, count) for line, count in taken.items() if count]
        if not items:
            return
        for item in items:
            self._open[item.line] -= item.quantity or 0
        if rng.random() < 0.15:
            for item in items:
                yield self._told("line-cancelled", line=item.line, quantity=item.quantity)
            return
        shipment = ShipmentForm("sf-express", f"SF{self._number}{parcel}", self._time.date().isoformat())
        yield self._told("shipment-created", shipment=shipment, items=items)
        for type_ in SCANS[: rng.randint(1, len(SCANS))]:
            # A carrier's clock is its own: some scans are dated hours after they were made.
            late = timedelta(hours=rng.choice((0, 0, 0, 60)))
            yield self._told(type_, late=late, shipment=shipment, place="上海转运中心")
        if rng.random() < 0.8:
            if rng.random() < 0.2:
                yield from self._mistaken(shipment)
            yield self._told("shipment-delivered", shipment=shipment)
            for item in items:
                self._delivered[item.line] = self._delivered.get(item.line, 0) + (item.quantity or 0)

    def _mistaken(self, shipment: ShipmentForm) -> Iterator[EventForm]:
        """A scan of the wrong parcel, and the word that takes it back."""
        wrong = self._told("shipment-exception", shipment=shipment, text="unreadable label")
        yield wrong
        assert wrong.id is not None
        yield self._told("correction", corrects=[CorrectedForm(wrong.id)], reason="another parcel")

    def _returned(self) -> Iterator[EventForm]:
        if not self._delivered or self._rng.random() < 0.6:
            return
        line, count = self._rng.choice(sorted(self._delivered.items()))
        yield self._told("return-requested", return_id="R1", line=line, quantity=self._rng.randint(1, count))
        yield self._told("return-received", return_id="R1")
        yield self._told("payment-refunded", amount=MoneyForm("5.00", "CNY"))

    def _told(self, type_: str, *, late: timedelta = timedelta(0), **fields: object) -> EventForm:
        self._count += 1
        self._time += timedelta(minutes=self._rng.randint(0, 300))
        return EventForm(
            type=type_,
            time=min(self._time + late, NOW),
            id=f"{self._number}-{self._count}",
            source="erp",
            order=OrderForm(self._number),
            **fields,  # type: ignore[arg-type]
        )


def life(number: int, rng: Random) -> list[CheckedEvent]:
    """Return one checked life."""
    return [check_event(form, RULES) for form in Life(f"{number:06d}", rng).forms()]


def facts(told: list[CheckedEvent]) -> list[OrderEvent]:
    return [event.fact for event in told]
