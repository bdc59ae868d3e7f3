"""Folds payments: what was authorised, taken and given back, in minor units of the order's currency."""

from collections.abc import Sequence

from services.kits.money import minor_units
from services.orders.domain.events import OrderEvent
from services.orders.domain.lifecycle import (
    PAYMENT_AUTHORIZED,
    PAYMENT_CAPTURED,
    PAYMENT_FAILED,
    PAYMENT_REFUNDED,
    PAYMENT_VOIDED,
    Payment,
)
from services.orders.domain.order import PaymentState, Placing
from services.orders.domain.remarks import Doubt, Remark

_ATTEMPTS = {
    PAYMENT_AUTHORIZED: Payment.AUTHORIZED,
    PAYMENT_FAILED: Payment.FAILED,
    PAYMENT_VOIDED: Payment.VOIDED,
}


def fold_payments(placing: Placing | None, events: Sequence[OrderEvent], remarks: list[Remark]) -> PaymentState:
    """Return how the order is paid. A fact without amount is about all that is left: to pay, or to give back."""
    total = placing.total_minor if placing is not None else 0
    currency = placing.currency if placing is not None else ""
    state, captured, refunded, paid_us = Payment.UNPAID, 0, 0, None
    was_captured = was_refunded = False
    refunds: list[OrderEvent] = []
    for event in events:
        if event.type in _ATTEMPTS:
            state = _ATTEMPTS[event.type]
        elif event.type == PAYMENT_CAPTURED:
            was_captured = True
            captured += _amount(event, currency, max(0, total - captured), remarks)
            if paid_us is None and captured >= total:
                paid_us = event.occurred_us
        elif event.type == PAYMENT_REFUNDED:
            refunds.append(event)
    if placing is not None and captured > total:
        remarks.append(Remark(Doubt.OVER_PAID, _last(events, PAYMENT_CAPTURED).id, quantity=captured - total))
    for event in refunds:  # after all that was taken is known, whenever it is dated
        was_refunded = True
        wanted = _amount(event, currency, captured - refunded, remarks)
        given = min(wanted, captured - refunded) if placing is not None else wanted
        refunded += given
        if wanted > given:
            remarks.append(Remark(Doubt.OVER_REFUNDED, event.id, quantity=wanted - given))
    if was_refunded and was_captured:
        state = Payment.REFUNDED if refunded >= captured else Payment.PARTIALLY_REFUNDED
    elif was_captured:
        state = Payment.PAID if captured >= total else Payment.PARTIALLY_PAID
    return PaymentState(state, captured, refunded, paid_us)


def _amount(event: OrderEvent, currency: str, everything: int, remarks: list[Remark]) -> int:
    money = event.details.get("amount")
    if money is None:
        return everything
    if currency and money["currency"] != currency:
        remarks.append(Remark(Doubt.CURRENCY_DIFFERS, event.id))
        return 0
    return minor_units(money["amount"], money["currency"])


def _last(events: Sequence[OrderEvent], type_: str) -> OrderEvent:
    return [event for event in events if event.type == type_][-1]
