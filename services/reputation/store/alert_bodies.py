"""How alerts and silences are stored and published; no other module sees a stored field of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from services.kits.times import micros, time_of
from services.reputation.domain.alerts import (
    Alert,
    AlertName,
    AlertState,
    Cause,
    Entry,
    EntryKind,
    Evidence,
    Group,
    GroupKind,
    Life,
    Signal,
    Withheld,
)
from services.reputation.domain.bursts import Judgement, Verdict
from services.reputation.domain.levels import Assessment, Level, Term
from services.reputation.domain.silences import Matcher, Silence

Body = dict[str, Any]

HISTORY: Final = "history"
_JUDGEMENT_NUMBERS: Final = (
    "bucket",
    "count",
    "rate",
    "usual_rate",
    "bar_rate",
    "history_buckets",
    "share",
    "usual_share",
)


def alert_body(alert: Alert) -> Body:
    """Return an alert with its whole history."""
    return {**summary_body(alert), HISTORY: [entry_body(entry) for entry in alert.history]}


def summary_body(alert: Alert) -> Body:
    """Return an alert as it stands, without how it came there."""
    group = alert.group
    return {
        "id": alert.id,
        "name": alert.name.value,
        "group": {"shop": group.shop, "kind": group.kind.value, "subject": group.subject, "brand": group.brand},
        "number": alert.number,
        "starts_us": micros(alert.starts_time),
        "last_us": micros(alert.last_time),
        "update_us": _micros(alert.update_time),
        "version": alert.version,
        "assessment": _assessment_body(alert.assessment),
        "peak": _assessment_body(alert.peak),
        "life": _life_body(alert.life),
        "signals": {name: _signal_body(signal) for name, signal in alert.signals.items()},
        "evidence": [_evidence_body(each) for each in alert.evidence],
        "terms": dict(alert.terms),
    }


def alert_from_body(body: Mapping[str, Any]) -> Alert:
    """Invert ``alert_body``; of a summary the history is empty."""
    group = body["group"]
    return Alert(
        id=body["id"],
        name=AlertName(body["name"]),
        group=Group(group["shop"], GroupKind(group["kind"]), group["subject"], group["brand"]),
        number=body["number"],
        starts_time=time_of(body["starts_us"]),
        last_time=time_of(body["last_us"]),
        assessment=_assessment(body["assessment"]),
        peak=_assessment(body["peak"]),
        life=_life(body["life"]),
        history=tuple(entry_from_body(each) for each in body.get(HISTORY, ())),
        signals={name: _signal(each) for name, each in body["signals"].items()},
        evidence=tuple(_evidence(each) for each in body["evidence"]),
        terms=body["terms"],
        update_time=_time(body["update_us"]),
        version=body["version"],
    )


def entry_body(entry: Entry) -> Body:
    """Return one entry of a history; what it has not is left out."""
    said: Body = {"number": entry.number, "kind": entry.kind.value, "time_us": micros(entry.time), "actor": entry.actor}
    for name in ("comment", "owner", "by", "request"):
        if value := getattr(entry, name):
            said[name] = value
    if entry.level is not None:
        said["level"] = entry.level.value
    if entry.cause is not None:
        said["cause"] = str(entry.cause)
    if entry.until is not None:
        said["until_us"] = micros(entry.until)
    return said


def entry_from_body(body: Mapping[str, Any]) -> Entry:
    """Invert ``entry_body``."""
    return Entry(
        number=body["number"],
        kind=EntryKind(body["kind"]),
        time=time_of(body["time_us"]),
        actor=body["actor"],
        comment=body.get("comment", ""),
        owner=body.get("owner", ""),
        level=Level(body["level"]) if "level" in body else None,
        cause=Cause.parse(body["cause"]) if "cause" in body else None,
        by=body.get("by", ""),
        until=_time(body.get("until_us")),
        request=body.get("request", ""),
    )


def silence_body(silence: Silence) -> Body:
    """Return a silence as a document."""
    return {
        "matchers": [[each.name, each.value, each.is_equal] for each in silence.matchers],
        "reason": silence.reason,
        "created_by": silence.created_by,
        "starts_us": micros(silence.starts_time),
        "ends_us": micros(silence.ends_time),
        "version": silence.version,
    }


def silence_from_body(silence_id: str, body: Mapping[str, Any]) -> Silence:
    """Invert ``silence_body``."""
    return Silence(
        id=silence_id,
        matchers=tuple(Matcher(name, value, is_equal) for name, value, is_equal in body["matchers"]),
        reason=body["reason"],
        created_by=body["created_by"],
        starts_time=time_of(body["starts_us"]),
        ends_time=time_of(body["ends_us"]),
        version=body["version"],
    )


def _life_body(life: Life) -> Body:
    return {
        "number": life.number,
        "state": life.state.value,
        "level": life.level.value,
        "raised_us": micros(life.raised_time),
        "owner": life.owner,
        "paged_us": _micros(life.paged_time),
        "woke_us": _micros(life.woke_time),
        "escalated": life.escalated,
        "recurred": life.recurred,
        "resolved_us": _micros(life.resolved_time),
        "closed_us": _micros(life.closed_time),
        "withheld": [[str(each.cause), each.by, _micros(each.until)] for each in life.withheld],
        "causes": sorted(map(str, life.causes)),
    }


def _life(body: Mapping[str, Any]) -> Life:
    return Life(
        number=body["number"],
        state=AlertState(body["state"]),
        level=Level(body["level"]),
        raised_time=time_of(body["raised_us"]),
        owner=body["owner"],
        paged_time=_time(body["paged_us"]),
        woke_time=_time(body["woke_us"]),
        escalated=body["escalated"],
        recurred=body["recurred"],
        resolved_time=_time(body["resolved_us"]),
        closed_time=_time(body["closed_us"]),
        withheld=tuple(Withheld(Cause.parse(cause), by, _time(until)) for cause, by, until in body["withheld"]),
        causes=frozenset(map(Cause.parse, body["causes"])),
    )


def _assessment_body(assessment: Assessment) -> Body:
    return {
        "level": assessment.level.value,
        "points": assessment.points,
        "floor": assessment.floor,
        "terms": [[term.name, term.value, term.points, term.step, dict(term.explanation)] for term in assessment.terms],
    }


def _assessment(body: Mapping[str, Any]) -> Assessment:
    return Assessment(Level(body["level"]), body["points"], tuple(Term(*each) for each in body["terms"]), body["floor"])


def _signal_body(signal: Signal) -> Body:
    peak = signal.peak
    judged = {name: getattr(peak, name) for name in _JUDGEMENT_NUMBERS}
    return {
        "first_us": micros(signal.first_time),
        "last_us": micros(signal.last_time),
        "peak": {"verdict": peak.verdict.value, **judged},
    }


def _signal(body: Mapping[str, Any]) -> Signal:
    peak = dict(body["peak"])
    verdict = Verdict(peak.pop("verdict"))
    return Signal(time_of(body["first_us"]), time_of(body["last_us"]), Judgement(verdict, **peak))


def _evidence_body(evidence: Evidence) -> Body:
    return {
        "mention_id": evidence.mention_id,
        "cluster_id": evidence.cluster_id,
        "source": evidence.source,
        "url": evidence.url,
        "tone": evidence.tone,
        "reach": evidence.reach,
        "published_us": micros(evidence.published_time),
    }


def _evidence(body: Mapping[str, Any]) -> Evidence:
    fields = dict(body)
    return Evidence(published_time=time_of(fields.pop("published_us")), **fields)


def _micros(time: datetime | None) -> int | None:
    return None if time is None else micros(time)


def _time(time_us: int | None) -> datetime | None:
    return None if time_us is None else time_of(time_us)
