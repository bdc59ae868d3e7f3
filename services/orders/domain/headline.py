"""Derives the one state that a person reads first, and the order's state on the axis of shipment."""

from collections.abc import Sequence
from typing import Final

from services.kits.purchases import RETURN
from services.orders.domain.balance import LineBalance
from services.orders.domain.lifecycle import Headline, Parcel, Payment, Production, Shipping
from services.orders.domain.order import ParcelState, Placing

_PROBLEMS: Final = frozenset({Parcel.EXCEPTION, Parcel.ATTEMPTED, Parcel.REFUSED, Parcel.RETURNING})
_AT_THE_SENDER: Final = frozenset({Parcel.CREATED, Parcel.UNKNOWN})
_PAID: Final = frozenset({Payment.PAID, Payment.PARTIALLY_REFUNDED, Payment.REFUNDED})
_BEFORE_SHIPPING: Final = {
    Production.QUEUED: Headline.IN_PRODUCTION,
    Production.IN_PROGRESS: Headline.IN_PRODUCTION,
    Production.COMPLETED: Headline.READY,
}


def shipping_of(lines: Sequence[LineBalance], parcels: Sequence[ParcelState]) -> Shipping:
    """Return how the order stands on the axis of shipment. ``lines``: goods only."""
    ordered, cancelled = sum(each.line.quantity for each in lines), sum(each.cancelled for each in lines)
    delivered, open_ = sum(each.delivered for each in lines), sum(each.open for each in lines)
    if delivered:
        return Shipping.DELIVERED if delivered + cancelled == ordered else Shipping.PARTIALLY_DELIVERED
    holding = [each for each in parcels if each.contents]
    if not holding:
        return Shipping.NOT_SHIPPED
    waiting = [each for each in holding if each.state in _AT_THE_SENDER]
    if len(waiting) == len(holding):
        return Shipping.PACKED
    return Shipping.PARTIALLY_SHIPPED if open_ or waiting else Shipping.SHIPPED


def headline_of(
    placing: Placing | None,
    lines: Sequence[LineBalance],
    parcels: Sequence[ParcelState],
    *,
    payment: Payment,
    production: Production,
    shipping: Shipping,
) -> Headline:
    """Return the headline. ``lines``: goods only.

    It is terminal only when every piece is accounted for, so nothing that a carrier scans late can take it back.
    """
    if placing is None:
        return Headline.EXPECTED
    if placing.kind == RETURN:
        return Headline.CREDITED
    ended = _ended(lines)
    if ended is not None:
        return ended
    if shipping is Shipping.PARTIALLY_DELIVERED:
        return Headline.PARTIALLY_DELIVERED
    under_way = _under_way(parcels, shipping)
    if under_way is not None:
        return under_way
    if any(each.state in (Parcel.LOST, Parcel.RETURNED) for each in parcels) and any(each.open for each in lines):
        return Headline.DELIVERY_PROBLEM
    if shipping is Shipping.PACKED:
        return Headline.READY
    before = _BEFORE_SHIPPING.get(production)
    if before is not None:
        return before
    return Headline.PAID if payment in _PAID else Headline.PLACED


def _ended(lines: Sequence[LineBalance]) -> Headline | None:
    ordered, cancelled = sum(each.line.quantity for each in lines), sum(each.cancelled for each in lines)
    delivered = sum(each.delivered for each in lines)
    if not ordered or delivered + cancelled < ordered:
        return None
    if not delivered:
        return Headline.CANCELLED
    return Headline.RETURNED if sum(each.returned for each in lines) == delivered else Headline.DELIVERED


def _under_way(parcels: Sequence[ParcelState], shipping: Shipping) -> Headline | None:
    states = {each.state for each in parcels if each.contents and not each.ended} - _AT_THE_SENDER
    if not states:
        return None
    if states & _PROBLEMS:
        return Headline.DELIVERY_PROBLEM
    if Parcel.OUT_FOR_DELIVERY in states:
        return Headline.OUT_FOR_DELIVERY
    if Parcel.PICKUP_READY in states:
        return Headline.PICKUP_READY
    return Headline.SHIPPED if shipping is Shipping.SHIPPED else Headline.PARTIALLY_SHIPPED
