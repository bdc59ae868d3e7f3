"""An order whose delay was told and that is not there yet: what the desk has to know before the customer calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.orders.domain.order import OrderRef
from services.orders.domain.promise import Estimate, Reason
from services.orders.domain.promised import DelayNotice, Promised


@dataclass(frozen=True, slots=True)
class LateOrder:
    """Such an order. ``broken_time``: the first promise; ``promised_time``: what stands in its place by now."""

    order: OrderRef
    broken_time: datetime
    promised_time: datetime
    likely_time: datetime
    slips: int
    reason: Reason


def late_order(
    order: OrderRef, notices: Sequence[DelayNotice], promised: Promised, estimate: Estimate
) -> LateOrder | None:
    """Return an order that is not there yet as a late one, None where no delay was told of it.

    A load test's orders are on no list: nobody waits for them.
    """
    if order.synthetic or not notices or promised.held_time is None:
        return None
    first = min(notice.broken_time for notice in notices)
    return LateOrder(order, first, promised.held_time, estimate.p50, promised.slips, estimate.reason)
