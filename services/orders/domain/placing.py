"""Reads what was ordered out of ``order-placed``, whose details have the form of a purchase."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.kits.money import minor_units
from services.kits.purchases import CHARGE, ORDER_PLACED, RETURN, SALE
from services.orders.domain.events import OrderEvent
from services.orders.domain.order import Line, Placing
from services.orders.domain.remarks import Doubt, Remark

_NO_CURRENCY = "XXX"  # ISO 4217: no currency involved


def find_placing(events: Sequence[OrderEvent], remarks: list[Remark]) -> Placing | None:
    """Return what was ordered; of several tellings that nobody corrected the last holds."""
    placed = [event for event in events if event.type == ORDER_PLACED]
    if not placed:
        return None
    remarks.extend(Remark(Doubt.ORDER_PLACED_TWICE, event.id) for event in placed[:-1])
    return placing_of(placed[-1])


def placing_of(event: OrderEvent) -> Placing:
    """Read one ``order-placed``."""
    details = event.details
    order = details.get("order") or {}
    products = details.get("products") or ()
    currency = _currency(order, products)
    lines = tuple(
        [_line(product, number, currency) for number, product in zip(_numbers(products), products, strict=True)]
    )
    total = order.get("total")
    return Placing(
        event_id=event.id,
        placed_us=event.occurred_us,
        zone=event.zone,
        channel=details.get("channel", ""),
        kind=RETURN if order.get("kind") == RETURN else SALE,
        identifiers=tuple(details.get("identifiers") or ()),
        currency=currency,
        total_minor=minor_units(total["amount"], currency) if total else sum(line.total_minor for line in lines),
        lines=lines,
        handed_over=bool(details.get("handed_over")),
        destination=details.get("destination", ""),
    )


def _numbers(products: Sequence[Mapping[str, Any]]) -> Sequence[int]:
    """Return the lines' own numbers where each has one and no two are alike, else their places from 1."""
    own = [product.get("line") for product in products]
    if None not in own and len(set(own)) == len(own):
        return [int(number) for number in own if number is not None]
    return range(1, len(products) + 1)


def _currency(order: Mapping[str, Any], products: Sequence[Mapping[str, Any]]) -> str:
    if order.get("total"):
        return str(order["total"]["currency"])
    return next((str(product["price"]["currency"]) for product in products if product.get("price")), _NO_CURRENCY)


def _line(product: Mapping[str, Any], number: int, currency: str) -> Line:
    quantity = product.get("quantity", 1)
    price = _minor(product, "price", currency)
    off = _minor(product, "discount", currency) + _minor(product, "coupon_discount", currency)
    return Line(
        number=number,
        product_id=product["id"],
        quantity=quantity,
        price_minor=price,
        total_minor=max(0, price * quantity - off),
        is_charge=product.get("kind") == CHARGE,
    )


def _minor(product: Mapping[str, Any], name: str, currency: str) -> int:
    money = product.get(name)
    return minor_units(money["amount"], currency) if money else 0
