"""The fold: all facts of an order in, the order as it stands out.

It is a function of the set of facts. Whatever order they arrive in and however often, they are sorted by (occurred
time, rank, id), those that a correction names are left out, and each axis is read off its own facts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from services.kits.purchases import ORDER_PLACED
from services.orders.domain.balance import Contents, LineBalance, balance_of, goods, take_back
from services.orders.domain.events import OrderEvent, in_order, uncorrected
from services.orders.domain.headline import headline_of, shipping_of
from services.orders.domain.lifecycle import (
    CORRECTION,
    DELAY_NOTIFIED,
    PROMISE_MADE,
    SHIPMENT_DELIVERED,
    SHIPMENT_SCANNED,
    TYPES,
    Axis,
    Production,
)
from services.orders.domain.making import families_of, fold_progress, fold_stages, production_of
from services.orders.domain.order import LineState, OrderState, ParcelState, PaymentState, Placing
from services.orders.domain.parcels import ParcelHistory, fold_parcels
from services.orders.domain.payments import fold_payments
from services.orders.domain.placing import find_placing
from services.orders.domain.remarks import Doubt, Remark
from services.orders.domain.returning import fold_returns, returning_of
from services.orders.domain.stages import Progress

CLOCK_TOLERANCE_US: Final = 5 * 60_000_000  # of clocks of different machines
_MAY_COME_BEFORE: Final = frozenset({PROMISE_MADE, CORRECTION})


def fold_order(events: Iterable[OrderEvent]) -> OrderState:
    """Return the order as it stands. At least one event."""
    history = in_order(events)
    live = uncorrected(history)
    remarks: list[Remark] = []
    placing = find_placing(live, remarks)
    by_axis = _by_axis(live, remarks)
    _remark_history(history, live, placing, remarks)
    payment = fold_payments(placing, by_axis[Axis.PAYMENT], remarks)
    histories = fold_parcels(by_axis[Axis.SHIPMENT], remarks)
    moving = sorted((*by_axis[Axis.SHIPMENT], *by_axis[Axis.ORDER]), key=lambda event: event.sort_key)
    balance, contents = balance_of(placing, moving, histories, remarks)
    returns, received = fold_returns(by_axis[Axis.RETURN], remarks)
    if placing is not None:
        take_back(balance, received, remarks)
    _remark_unpaid(histories, payment, remarks)
    visits, making = fold_stages(by_axis[Axis.PRODUCTION])
    families = families_of(by_axis[Axis.PRODUCTION], by_axis[Axis.PROMISE])
    progress = fold_progress(by_axis[Axis.PRODUCTION], placing, families, remarks)
    parcels = tuple([_parcel_state(each, contents) for each in histories])
    lines, production = goods(balance), production_of(making)
    shipping = shipping_of(lines, parcels)
    promised = by_axis[Axis.PROMISE]
    return OrderState(
        placing=placing,
        headline=headline_of(placing, lines, parcels, payment=payment.state, production=production, shipping=shipping),
        payment=payment,
        production=production,
        shipping=shipping,
        returning=returning_of(returns, lines),
        lines=tuple([_line_state(each, making, families, progress) for each in balance.values()]),
        parcels=parcels,
        returns=tuple(returns),
        visits=tuple(visits),
        promises=tuple([event for event in promised if event.type == PROMISE_MADE]),
        notices=tuple([event for event in promised if event.type == DELAY_NOTIFIED]),
        remarks=tuple(remarks),
        history=tuple(history),
        void=frozenset() if len(live) == len(history) else _void(history, live),
        changed_us=history[-1].occurred_us,
    )


def _by_axis(events: Sequence[OrderEvent], remarks: list[Remark]) -> dict[Axis, list[OrderEvent]]:
    by_axis: dict[Axis, list[OrderEvent]] = {axis: [] for axis in Axis}
    for event in events:
        type_ = TYPES.get(event.type)
        if type_ is None:
            remarks.append(Remark(Doubt.TYPE_UNKNOWN, event.id))
            continue
        if event.type == SHIPMENT_SCANNED and not event.details.get("detail"):
            remarks.append(Remark(Doubt.CARRIER_WORD_UNKNOWN, event.id))
        by_axis[type_.axis].append(event)
    return by_axis


def _remark_history(
    history: Sequence[OrderEvent], live: Sequence[OrderEvent], placing: Placing | None, remarks: list[Remark]
) -> None:
    """Remark what does not fit the history as a whole."""
    if any(event.corrects for event in history):
        known = {event.id for event in history}
        for event in history:
            if event.corrects and not known.issuperset(event.corrects):
                remarks.append(Remark(Doubt.CORRECTED_EVENT_UNKNOWN, event.id))
    if placing is None:
        remarks.extend([Remark(Doubt.ORDER_UNKNOWN, event.id) for event in live])
        return
    earliest_us = placing.placed_us - CLOCK_TOLERANCE_US
    for event in live:
        if event.occurred_us >= earliest_us:
            break
        if event.type != ORDER_PLACED and event.type not in _MAY_COME_BEFORE:
            remarks.append(Remark(Doubt.BEFORE_ORDER, event.id))


def _remark_unpaid(parcels: Sequence[ParcelHistory], payment: PaymentState, remarks: list[Remark]) -> None:
    if payment.paid_us is None:
        return
    for parcel in parcels:
        handed_over = parcel.handed_over
        if handed_over is not None and handed_over.occurred_us < payment.paid_us:
            remarks.append(Remark(Doubt.HANDED_OVER_BEFORE_PAYMENT, handed_over.id))


def _parcel_state(parcel: ParcelHistory, contents: Contents) -> ParcelState:
    handed_over, last = parcel.handed_over, parcel.events[-1]
    return ParcelState(
        ref=parcel.ref,
        state=parcel.state,
        contents=contents.get(parcel, {}),
        created_us=parcel.created.occurred_us if parcel.created is not None else None,
        handed_over_us=handed_over.occurred_us if handed_over is not None else None,
        delivered_us=next((event.occurred_us for event in parcel.events if event.type == SHIPMENT_DELIVERED), None),
        changed_us=last.occurred_us,
        scans=tuple([event.id for event in parcel.events]),
        carrier_word=str(last.details.get("carrier_word", "")),
    )


def _line_state(
    balance: LineBalance,
    making: Mapping[int, Production],
    families: Mapping[int, str],
    progress: Mapping[int, Progress],
) -> LineState:
    number = balance.line.number
    return LineState(
        line=balance.line,
        open=balance.open,
        shipped=balance.shipped,
        cancelled=balance.cancelled,
        delivered=balance.delivered,
        returned=balance.returned,
        production=making.get(number, Production.NONE),
        family=families.get(number, ""),
        progress=progress.get(number),
    )


def _void(history: Sequence[OrderEvent], live: Sequence[OrderEvent]) -> frozenset[str]:
    return frozenset(event.id for event in history) - frozenset(event.id for event in live)
