"""What others are told of orders by webhook: every fact, under a name of its own, without what is personal.

A message names the order and what the fact is about; who needs more reads the order. Free texts, identifiers, what a
source sent and where goods go stay here. What happened long before it was told (an import of last year's books) is
history and no news.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from services.chassis.eventlog.port import Event
from services.kits.webhooks.messages import Message, message
from services.orders.domain.lifecycle import (
    CORRECTION,
    DELAY_NOTIFIED,
    LIFECYCLE,
    LINE_CANCELLED,
    PROMISE_MADE,
    STAGE_COMPLETED,
    STAGE_ENTERED,
)

NEWS_AGE: Final = timedelta(days=7)
_NAMES: Final = {
    PROMISE_MADE: "order.promised",
    DELAY_NOTIFIED: "order.delayed",
    LINE_CANCELLED: "order.line_cancelled",
    CORRECTION: "order.corrected",
    STAGE_ENTERED: "production.stage_entered",
    STAGE_COMPLETED: "production.stage_completed",
}
# From the type of a fact to the type of its webhook: "shipment-picked-up" is told as "shipment.picked_up".
WEBHOOK_TYPES: Final[Mapping[str, str]] = {
    each.name: _NAMES.get(each.name) or each.name.replace("-", ".", 1).replace("-", "_") for each in LIFECYCLE
}
_TOLD: Final = (
    "order",
    "line",
    "quantity",
    "items",
    "shipment",
    "return_id",
    "stage",
    "family",
    "amount",
)
_TOLD_OF_PROMISES: Final = (
    "version",
    "promise_time",
    "p50",
    "p90",
    "confidence",
    "reasons",
    "slip",
    "broken_time",
    "promised_time",
    "late",
    "reason",
    "words",
)


def webhooks_of(event: Event) -> Sequence[Message]:
    """Return what an event of the log is told as; nothing for history and for parcels whose order nobody knows yet."""
    payload, name = event.payload, WEBHOOK_TYPES.get(event.type)
    if name is None or "order" not in payload or event.recorded_time - event.occurred_time > NEWS_AGE:
        return ()
    fields = (*_TOLD, *_TOLD_OF_PROMISES) if event.type in (PROMISE_MADE, DELAY_NOTIFIED) else _TOLD
    data: dict[str, Any] = {field: payload[field] for field in fields if field in payload}
    return (message(event.key, name, event.occurred_time, data),)
