"""Promises and delay notices as facts of the log, and read back: events ``promise-made`` and ``delay-notified``.

This service alone writes them. Their ids are the order's own numbers (promise 1, 2, 3, …; slip 1, 2, 3, …), so two
writers at once, or one that died in between, make one fact of each.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from services.kits.times import micros, time_of
from services.orders.domain.events import OrderEvent
from services.orders.domain.lifecycle import DELAY_NOTIFIED, PROMISE_MADE, Words
from services.orders.domain.order import OrderRef
from services.orders.domain.payloads import OWN_SOURCE, fact_of, order_payload
from services.orders.domain.promise import Confidence, Estimate, Reason
from services.orders.domain.promised import Cause, DelayNotice, PromiseVersion
from services.orders.domain.reports import CheckedEvent

CHANNEL: Final = "web"
ZONE: Final = "+00:00"


@dataclass(frozen=True, slots=True)
class LinePromise:
    """The estimate of one line, as it was told with a version. ``family``: what it was taken to be made as."""

    line: int
    estimate: Estimate
    family: str = ""


def promise_fact(
    order: OrderRef, version: PromiseVersion, lines: Sequence[LinePromise], *, cause_seq: int
) -> CheckedEvent:
    """Return the fact of a new version. ``cause_seq``: the number of the latest fact that was known."""
    cause = version.cause
    details = {
        "version": version.number,
        **_estimate_body(version.estimate),
        "lines": [{"line": each.line, **_estimate_body(each.estimate)} for each in lines],
        "families": {str(each.line): each.family for each in lines if each.family},
        "cause": {"type": cause.type, "event_id": cause.event_id, "seq": cause_seq},
    }
    return _own_fact(order, PROMISE_MADE, f"promise-{order.id}-{version.number}", version.made_time, details)


def delay_fact(order: OrderRef, notice: DelayNotice, words: Words, reason: Reason, *, now: datetime) -> CheckedEvent:
    """Return the fact of a slip that is told, with the words for people."""
    details = {
        "slip": notice.slip,
        "version": notice.version,
        "broken_time": _text(notice.broken_time),
        "promised_time": _text(notice.promised_time),
        "late": notice.is_late,
        "reason": reason.value,
        "words": {"zh": words.zh, "en": words.en},
    }
    return _own_fact(order, DELAY_NOTIFIED, f"delay-{order.id}-{notice.slip}", now, details)


def versions_of(facts: Iterable[OrderEvent]) -> list[PromiseVersion]:
    """Read the versions back."""
    return [version_of(fact) for fact in facts if fact.type == PROMISE_MADE and "version" in fact.details]


def version_of(fact: OrderEvent) -> PromiseVersion:
    """Read one version back."""
    details = fact.details
    cause = details["cause"]
    return PromiseVersion(
        number=details["version"],
        made_time=time_of(fact.occurred_us),
        estimate=estimate_from(details),
        cause=Cause(cause["type"], cause["event_id"]),
    )


def cause_seq_of(fact: OrderEvent) -> int:
    """Return the number of the latest fact that was known when the version was made."""
    return int(fact.details["cause"]["seq"])


def line_promises_of(fact: OrderEvent) -> list[LinePromise]:
    """Read the lines' estimates of a version back."""
    families = fact.details.get("families", {})
    return [
        LinePromise(each["line"], estimate_from(each), families.get(str(each["line"]), ""))
        for each in fact.details.get("lines", ())
    ]


def notices_of(facts: Iterable[OrderEvent]) -> list[DelayNotice]:
    """Read the notices back."""
    return [
        DelayNotice(
            slip=fact.details["slip"],
            version=fact.details["version"],
            broken_time=_time(fact.details["broken_time"]),
            promised_time=_time(fact.details["promised_time"]),
            is_late=fact.details["late"],
        )
        for fact in facts
        if fact.type == DELAY_NOTIFIED and "slip" in fact.details
    ]


def estimate_from(body: Mapping[str, Any]) -> Estimate:
    """Read an estimate back."""
    return Estimate(
        p10=_time(body["p10"]),
        p50=_time(body["p50"]),
        p90=_time(body["p90"]),
        promise_time=_time(body["promise_time"]),
        confidence=Confidence(body["confidence"]),
        reasons=tuple(Reason(each) for each in body["reasons"]),
        samples=body["samples"],
        method=body["method"],
    )


def _estimate_body(estimate: Estimate) -> dict[str, Any]:
    return {
        "p10": _text(estimate.p10),
        "p50": _text(estimate.p50),
        "p90": _text(estimate.p90),
        "promise_time": _text(estimate.promise_time),
        "confidence": estimate.confidence.value,
        "reasons": [reason.value for reason in estimate.reasons],
        "samples": estimate.samples,
        "method": estimate.method,
    }


def _own_fact(order: OrderRef, type_: str, name: str, time: datetime, details: Mapping[str, Any]) -> CheckedEvent:
    payload = {
        "source": OWN_SOURCE,
        "source_event_id": name,
        "occurred_zone": ZONE,
        "order": order_payload(order),
        **details,
    }
    return CheckedEvent(
        time=time,
        shop=order.shop,
        channel=CHANNEL,
        payload=payload,
        fact=fact_of(type_, payload, occurred_us=micros(time)),
        order=order,
    )


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
