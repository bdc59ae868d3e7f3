"""What an event of the log ``order-events`` carries, and the fact that it is.

Every payload holds ``source``, ``source_event_id``, ``occurred_zone`` and what the event is about: ``order`` {id, shop,
number, kind?}, and of ``line``, ``quantity``, ``items``, ``shipment``, ``return_id``, ``corrects`` what applies; beside
these ``raw`` (as the source sent it, which no fold reads) and the type's own fields. ``order-placed`` carries the form
of a purchase (services/kits/purchases), so that who reads purchases reads it.
"""

from collections.abc import Mapping
from typing import Any, Final

from services.kits.purchases import RETURN
from services.orders.domain.events import OrderEvent, ParcelRef, Portion, event_id
from services.orders.domain.order import OrderRef

OWN_SOURCE: Final = "zhike"  # of what this service writes itself
_NO_DETAIL: Final = frozenset(
    {
        "source",
        "source_event_id",
        "occurred_zone",
        "line",
        "quantity",
        "items",
        "shipment",
        "return_id",
        "corrects",
        "raw",
        "shop",
    }
)


def fact_of(
    type_: str, payload: Mapping[str, Any], *, occurred_us: int, recorded_us: int = 0, seq: int = 0
) -> OrderEvent:
    """Return the fact that an event tells."""
    # A scan that named its parcel alone keeps the shop that it came under, also when its order is known later.
    shop = str(payload["shop"] if "shop" in payload else payload["order"]["shop"])
    source, name = payload["source"], payload["source_event_id"]
    return OrderEvent(
        id=event_id(shop, source, name),
        source=source,
        source_event_id=name,
        type=type_,
        occurred_us=occurred_us,
        zone=payload["occurred_zone"],
        recorded_us=recorded_us,
        seq=seq,
        portions=_portions(payload),
        parcel=parcel_of(payload),
        return_id=payload.get("return_id", ""),
        corrects=tuple(event_id(shop, each.get("source", source), each["id"]) for each in payload.get("corrects", ())),
        details={name: value for name, value in payload.items() if name not in _NO_DETAIL},
    )


def order_payload(order: OrderRef) -> dict[str, Any]:
    """Return how a payload names an order; the id is there for those who follow the log."""
    named = {"id": order.id, "shop": order.shop, "number": order.number}
    return {**named, "kind": order.kind} if order.kind else named


def order_of(payload: Mapping[str, Any], *, synthetic: bool) -> OrderRef | None:
    """Return which order an event is about; None for a carrier's that knows its parcel alone."""
    order = payload.get("order")
    if order is None:
        return None
    kind = RETURN if order.get("kind") == RETURN else ""
    return OrderRef(order["shop"], order["number"], kind, synthetic)


def parcel_of(payload: Mapping[str, Any]) -> ParcelRef | None:
    """Return which parcel an event is about."""
    shipment = payload.get("shipment")
    if shipment is None:
        return None
    return ParcelRef(shipment["carrier"], shipment["tracking_number"], shipment.get("ship_date", ""))


def _portions(payload: Mapping[str, Any]) -> tuple[Portion, ...]:
    if "items" in payload:
        return tuple([Portion(each["line"], each.get("quantity")) for each in payload["items"]])
    return (Portion(payload["line"], payload.get("quantity")),) if "line" in payload else ()
