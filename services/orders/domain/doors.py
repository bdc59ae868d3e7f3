"""What a shop's backend says when it places an order, packs a parcel or opens a return: each becomes one fact.

The fact's id is made of the natural key, so the same again is the same fact, and another under the same key is refused
by the log itself: (shop, order number), (carrier, tracking number, day), (order, return).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from services.chassis.canonical import canonical_json
from services.kits.event_forms import MoneyForm, ProductForm
from services.kits.purchases import ORDER_PLACED, RETURN
from services.orders.domain.lifecycle import RETURN_REQUESTED, SHIPMENT_CREATED
from services.orders.domain.reports import (
    MAX_RETURN_CHARACTERS,
    CheckedEvent,
    EventForm,
    IntakeRules,
    ItemForm,
    OrderForm,
    ShipmentForm,
    check_event,
)

ID_BYTES: Final = 16
RETURN_PREFIX: Final = "r-"


@dataclass(frozen=True, slots=True)
class NewOrderForm:
    """An order as a backend places it."""

    number: str
    time: datetime
    products: Sequence[ProductForm]
    shop: str | None = None
    kind: str | None = None
    zone: str | None = None
    channel: str | None = None
    identifiers: Sequence[str] = ()
    total: MoneyForm | None = None
    attribution_token: str | None = None
    handed_over: bool | None = None
    destination: str | None = None
    raw: Any = None


@dataclass(frozen=True, slots=True)
class NewShipmentForm:
    """A parcel as a warehouse packs it; without items it holds all that is open."""

    order: OrderForm
    carrier: str
    tracking_number: str
    time: datetime
    ship_date: str | None = None
    zone: str | None = None
    items: Sequence[ItemForm] = ()
    raw: Any = None


@dataclass(frozen=True, slots=True)
class NewReturnForm:
    """A return as it is opened; ``id`` names it where the shop has a number for it."""

    order: OrderForm
    time: datetime
    items: Sequence[ItemForm]
    id: str | None = None
    zone: str | None = None
    reason: str | None = None
    raw: Any = None


def check_new_order(form: NewOrderForm, rules: IntakeRules) -> CheckedEvent:
    """Return the fact. Raises EventRefusedError."""
    return check_event(
        EventForm(
            id=f"{'credit' if form.kind == RETURN else 'order'}-{form.number}",
            type=ORDER_PLACED,
            time=form.time,
            zone=form.zone,
            order=OrderForm(form.number, form.shop, form.kind, form.total),
            identifiers=form.identifiers,
            products=form.products,
            channel=form.channel,
            attribution_token=form.attribution_token,
            handed_over=form.handed_over,
            destination=form.destination,
            raw=form.raw,
        ),
        rules,
    )


def check_new_shipment(form: NewShipmentForm, rules: IntakeRules) -> CheckedEvent:
    """Return the fact. Raises EventRefusedError."""

    def told(name: str, ship_date: str | None) -> CheckedEvent:
        return check_event(
            EventForm(
                id=name,
                type=SHIPMENT_CREATED,
                time=form.time,
                zone=form.zone,
                order=form.order,
                shipment=ShipmentForm(form.carrier, form.tracking_number, ship_date),
                items=form.items,
                raw=form.raw,
            ),
            rules,
        )

    parcel = told("draft", form.ship_date).fact.parcel
    assert parcel is not None
    key = [parcel.carrier, parcel.tracking_number, parcel.ship_date]
    return told(f"parcel-{_digest(key)}", parcel.ship_date)


def check_new_return(form: NewReturnForm, rules: IntakeRules) -> CheckedEvent:
    """Return the fact. Raises EventRefusedError."""
    items = [[item.line, item.quantity] for item in form.items]
    content = [form.order.number, form.time.isoformat(), items, form.reason]
    return_id = form.id or RETURN_PREFIX + _digest(content)
    return check_event(
        EventForm(
            id=f"return-{_digest([form.order.number, return_id[: MAX_RETURN_CHARACTERS + 1]])}",
            type=RETURN_REQUESTED,
            time=form.time,
            zone=form.zone,
            order=form.order,
            return_id=return_id,
            items=form.items,
            reason=form.reason,
            raw=form.raw,
        ),
        rules,
    )


def _digest(key: Sequence[Any]) -> str:
    return blake2b(canonical_json(key), digest_size=ID_BYTES).hexdigest()
