"""Alerts and silences as protobuf."""

from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from zhike.reputation.v1 import alert_pb2 as pb
from zhike.reputation.v1 import alert_service_pb2 as service_pb

from services.reputation.domain.alerts import Alert, AlertState, Entry, Evidence, GroupKind, Signal
from services.reputation.domain.errors import SilenceInvalidError
from services.reputation.domain.levels import Assessment, Term, level_words
from services.reputation.domain.notices import summary
from services.reputation.domain.silences import Matcher, Silence
from services.reputation.usecases.alerts import Deed

_STATES: Final = {
    AlertState.OPEN: pb.ALERT_STATE_OPEN,
    AlertState.ACKNOWLEDGED: pb.ALERT_STATE_ACKNOWLEDGED,
    AlertState.MITIGATING: pb.ALERT_STATE_MITIGATING,
    AlertState.RESOLVED: pb.ALERT_STATE_RESOLVED,
    AlertState.CLOSED: pb.ALERT_STATE_CLOSED,
}
_STATES_BY_NUMBER: Final = {number: state for state, number in _STATES.items()}
_KINDS: Final = {
    GroupKind.SHOP: pb.ALERT_KIND_SHOP,
    GroupKind.BRAND: pb.ALERT_KIND_BRAND,
    GroupKind.PRODUCT: pb.ALERT_KIND_PRODUCT,
    GroupKind.SOURCE: pb.ALERT_KIND_SOURCE,
}


def state_from_pb(number: int) -> AlertState | None:
    """Decode a state, None for not given."""
    return _STATES_BY_NUMBER.get(pb.AlertState.ValueType(number))


def alert_to_pb(alert: Alert, *, history: bool) -> pb.Alert:
    """Encode an alert. ``history``: with everything that happened to it."""
    group, life = alert.group, alert.life
    zh, en = summary(alert)
    message = pb.Alert(
        id=alert.id,
        alertname=alert.name,
        shop=group.shop,
        kind=_KINDS[group.kind],
        subject=group.subject,
        brand=group.brand,
        number=alert.number,
        state=_STATES[life.state],
        level=life.level,
        level_name=level_words(life.level),
        owner=life.owner,
        summary={"zh": zh, "en": en},
        life=life.number,
        escalated=life.escalated,
        assessment=_assessment_to_pb(alert.assessment),
        peak=_assessment_to_pb(alert.peak),
        signals=[_signal_to_pb(series, signal) for series, signal in sorted(alert.signals.items())],
        evidence=map(_evidence_to_pb, alert.evidence),
        history=map(entry_to_pb, alert.history) if history else (),
        version=alert.version,
    )
    for withheld in life.withheld:
        page = message.withheld.add(cause=str(withheld.cause), by=withheld.by)
        _set_time(page.until_time, withheld.until)
    _set_time(message.starts_time, alert.starts_time)
    _set_time(message.last_time, alert.last_time)
    _set_time(message.raised_time, life.raised_time)
    _set_time(message.paged_time, life.paged_time)
    _set_time(message.resolved_time, life.resolved_time)
    _set_time(message.closed_time, life.closed_time)
    return message


def entry_to_pb(entry: Entry) -> pb.AlertEntry:
    """Encode one thing that happened."""
    message = pb.AlertEntry(
        number=entry.number,
        kind=entry.kind,
        actor=entry.actor,
        comment=entry.comment,
        owner=entry.owner,
        level=entry.level or "",
        cause="" if entry.cause is None else str(entry.cause),
        by=entry.by,
    )
    _set_time(message.time, entry.time)
    return message


def deed_from_pb(request: service_pb.AcknowledgeAlertRequest | service_pb.ChangeAlertRequest) -> Deed:
    """Decode what a person does."""
    return Deed(request.id, request.actor, request.comment, request.expected_version)


def silence_from_pb(request: service_pb.CreateSilenceRequest, silence_id: str, now: datetime) -> Silence:
    """Decode a silence to set, from now on unless it says otherwise. Raises SilenceInvalidError."""
    starts = _time(request.starts_time, "starts_time") if request.HasField("starts_time") else now
    if not request.HasField("ends_time"):
        raise SilenceInvalidError("a silence has an end", field="ends_time")
    return Silence(
        id=silence_id,
        matchers=tuple(Matcher(each.name, each.value, not each.is_not) for each in request.matchers),
        reason=request.reason,
        created_by=request.created_by,
        starts_time=starts,
        ends_time=_time(request.ends_time, "ends_time"),
    )


def silence_to_pb(silence: Silence, now: datetime) -> pb.Silence:
    """Encode a silence."""
    message = pb.Silence(
        id=silence.id,
        matchers=[
            pb.SilenceMatcher(name=each.name, value=each.value, is_not=not each.is_equal) for each in silence.matchers
        ],
        reason=silence.reason,
        created_by=silence.created_by,
        active=silence.is_active(now),
    )
    _set_time(message.starts_time, silence.starts_time)
    _set_time(message.ends_time, silence.ends_time)
    return message


def _assessment_to_pb(assessment: Assessment) -> pb.AlertAssessment:
    return pb.AlertAssessment(
        level=assessment.level,
        points=assessment.points,
        terms=map(_term_to_pb, assessment.terms),
        floor=assessment.floor,
    )


def _term_to_pb(term: Term) -> pb.AlertTerm:
    return pb.AlertTerm(
        name=term.name, value=term.value, points=term.points, step=term.step, explanation=dict(term.explanation)
    )


def _signal_to_pb(series: str, signal: Signal) -> pb.AlertSignal:
    peak = signal.peak
    message = pb.AlertSignal(
        series=series,
        count=peak.count,
        rate=peak.rate,
        usual_rate=peak.usual_rate,
        bar_rate=peak.bar_rate,
        times_usual=peak.times_usual,
        history_buckets=peak.history_buckets,
        share=peak.share,
        usual_share=peak.usual_share,
    )
    _set_time(message.first_time, signal.first_time)
    _set_time(message.last_time, signal.last_time)
    return message


def _evidence_to_pb(evidence: Evidence) -> pb.AlertEvidence:
    message = pb.AlertEvidence(
        mention_id=evidence.mention_id,
        cluster_id=evidence.cluster_id,
        source=evidence.source,
        url=evidence.url,
        tone=evidence.tone,
        reach=evidence.reach,
    )
    _set_time(message.published_time, evidence.published_time)
    return message


def _time(stamp: Timestamp, field: str) -> datetime:
    try:
        return stamp.ToDatetime(UTC)
    except (ValueError, OverflowError) as error:
        raise SilenceInvalidError(f"{field} is no time", field=field) from error


def _set_time(field: Timestamp, time: datetime | None) -> None:
    if time is not None:
        field.FromDatetime(time)
