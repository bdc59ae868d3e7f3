"""The order in schema.org's words (Order, ParcelDelivery), as JSON-LD: what a page or a mail carries for machines.

It holds nothing personal: whoever may see the order may see it.
"""

from typing import Any, Final

from services.kits.money import decimal_text
from services.kits.times import time_of
from services.orders.domain.lifecycle import PARCEL_WORDS, Headline, Parcel
from services.orders.domain.order import Line, OrderRef, OrderState, ParcelState
from services.orders.domain.parcels import parcel_id

SCHEMA: Final = "https://schema.org"
_ORDER_STATUS: Final = {
    Headline.EXPECTED: "OrderProcessing",
    Headline.PLACED: "OrderPaymentDue",
    Headline.PAID: "OrderProcessing",
    Headline.IN_PRODUCTION: "OrderProcessing",
    Headline.READY: "OrderProcessing",
    Headline.PARTIALLY_SHIPPED: "OrderInTransit",
    Headline.SHIPPED: "OrderInTransit",
    Headline.OUT_FOR_DELIVERY: "OrderInTransit",
    Headline.PICKUP_READY: "OrderPickupAvailable",
    Headline.DELIVERY_PROBLEM: "OrderProblem",
    Headline.PARTIALLY_DELIVERED: "OrderInTransit",
    Headline.DELIVERED: "OrderDelivered",
    Headline.RETURNED: "OrderReturned",
    Headline.CANCELLED: "OrderCancelled",
    Headline.CREDITED: "OrderReturned",
}
_PARCEL_STATUS: Final = {
    Parcel.CREATED: "OrderProcessing",
    Parcel.UNKNOWN: "OrderProcessing",
    Parcel.PICKUP_READY: "OrderPickupAvailable",
    Parcel.ATTEMPTED: "OrderProblem",
    Parcel.EXCEPTION: "OrderProblem",
    Parcel.REFUSED: "OrderProblem",
    Parcel.RETURNING: "OrderProblem",
    Parcel.RETURNED: "OrderReturned",
    Parcel.LOST: "OrderProblem",
    Parcel.CANCELLED: "OrderCancelled",
    Parcel.DELIVERED: "OrderDelivered",
}


def linked_data(ref: OrderRef, state: OrderState) -> dict[str, Any]:
    """Return the order as a schema.org Order."""
    placing = state.placing
    lines = {each.line.number: each.line for each in state.lines}
    document: dict[str, Any] = {
        "@context": SCHEMA,
        "@type": "Order",
        "orderNumber": ref.number,
        "orderStatus": f"{SCHEMA}/{_ORDER_STATUS[state.headline]}",
        "seller": {"@type": "Organization", "name": ref.shop},
        "orderedItem": [_item(line) for line in lines.values() if not line.is_charge],
        "orderDelivery": [_delivery(parcel, lines) for parcel in state.parcels],
    }
    if placing is not None:
        document["orderDate"] = _time(placing.placed_us)
        document["acceptedOffer"] = {
            "@type": "Offer",
            "price": decimal_text(placing.total_minor, placing.currency),
            "priceCurrency": placing.currency,
        }
    return document


def _item(line: Line) -> dict[str, Any]:
    return {
        "@type": "OrderItem",
        "orderItemNumber": str(line.number),
        "orderQuantity": line.quantity,
        "orderedItem": {"@type": "Product", "sku": line.product_id},
    }


def _delivery(parcel: ParcelState, lines: dict[int, Line]) -> dict[str, Any]:
    status = _PARCEL_STATUS.get(parcel.state, "OrderInTransit")
    return {
        "@type": "ParcelDelivery",
        "identifier": parcel_id(parcel.ref),
        "trackingNumber": parcel.ref.tracking_number,
        "provider": {"@type": "Organization", "name": parcel.ref.carrier},
        "itemShipped": [
            {"@type": "Product", "sku": lines[number].product_id} for number in parcel.contents if number in lines
        ],
        "deliveryStatus": {
            "@type": "DeliveryEvent",
            "name": PARCEL_WORDS[parcel.state].en,
            "url": f"{SCHEMA}/{status}",
            "startDate": _time(parcel.changed_us),
        },
    }


def _time(time_us: int) -> str:
    return time_of(time_us).isoformat().replace("+00:00", "Z")
