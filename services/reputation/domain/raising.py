"""Owns what a burst does: raises its group's alert, joins the one that is there, or opens a resolved one again.

Within the hold after a raising the same group is not raised anew: what bursts on joins the alert, and once that is
resolved it is only noted. A graver level than the alert ever had in its life breaks the hold: a new crisis is not
swallowed by one that somebody thought over. A source that falls silent again within the hold is open again at once,
and its page waits for the end of the hold.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from services.reputation.domain.alerts import (
    EVIDENCE_LIMIT,
    Alert,
    AlertName,
    AlertState,
    Cause,
    CauseKind,
    Entry,
    EntryKind,
    Evidence,
    Group,
    Signal,
    first_life,
    written,
)
from services.reputation.domain.bursts import Judgement, is_held
from services.reputation.domain.escalation import Suppress, Suppression, told
from services.reputation.domain.levels import Assessment

NEGATIVE = "negative"


@dataclass(frozen=True, slots=True)
class Sighting:
    """Trouble of one group as one closed bucket shows it. ``time``: the end of that bucket.

    ``reopens_while_held``: the state itself is the trouble (a silent source), so it must be open while it lasts.
    """

    name: AlertName
    group: Group
    time: datetime
    assessment: Assessment
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    terms: Mapping[str, Any] = field(default_factory=dict)
    reopens_while_held: bool = False


def observed(newest: Alert | None, sighting: Sighting, now: datetime, hold: timedelta, suppress: Suppress) -> Alert:
    """Return the group's alert after the sighting: ``newest`` changed, the same, or the next one of the group."""
    if newest is None:
        return _raised(sighting, 1, now, suppress)
    if newest.life.state.is_live:
        return _joined(newest, sighting, now, suppress)
    held = is_held(newest.life.raised_time, now, hold)
    graver = sighting.assessment.level.is_graver_than(newest.life.level)
    if held and not graver and not sighting.reopens_while_held:
        return _noted(newest, sighting, now)
    if held and not graver:
        suppress = _until_hold_ends(suppress, (newest.life.woke_time or newest.life.raised_time) + hold)
    if newest.life.state is AlertState.RESOLVED and newest.has_room:
        seen = _seen(newest, sighting)
        again = written(seen, EntryKind.REOPENED, now, level=sighting.assessment.level)
        return told(again, Cause(again.life.number, CauseKind.RAISED), now, suppress)
    return _raised(sighting, newest.number + 1, now, suppress)


def needs_closing(newest: Alert | None, after: Alert) -> bool:
    """Tell whether the group's next alert takes over from one that is resolved only: it must be closed first."""
    return newest is not None and after.id != newest.id and newest.life.state is AlertState.RESOLVED


def closed_by_next(newest: Alert, now: datetime) -> Alert:
    """Return the resolved alert closed, because its history is full and the group's next alert goes on."""
    return written(newest, EntryKind.CLOSED, now, comment="the history is full; the group's next alert goes on")


def _until_hold_ends(suppress: Suppress, end: datetime) -> Suppress:
    def suppression(alert: Alert) -> Suppression:
        found = suppress(alert)
        return Suppression(found.by if found else "hold", end)

    return suppression


def _raised(sighting: Sighting, number: int, now: datetime, suppress: Suppress) -> Alert:
    entry = Entry(1, EntryKind.RAISED, now, level=sighting.assessment.level)
    alert = Alert(
        id=sighting.group.alert_id(number),
        name=sighting.name,
        group=sighting.group,
        number=number,
        starts_time=sighting.time,
        last_time=sighting.time,
        assessment=sighting.assessment,
        peak=sighting.assessment,
        life=first_life(entry),
        history=(entry,),
        signals=_signals({}, sighting),
        evidence=_best(sighting.evidence),
        terms=sighting.terms,
        update_time=now,
    )
    return told(alert, Cause(1, CauseKind.RAISED), now, suppress)


def _joined(alert: Alert, sighting: Sighting, now: datetime, suppress: Suppress) -> Alert:
    alert = _seen(alert, sighting)
    level = sighting.assessment.level
    if not level.is_graver_than(alert.life.level):
        return alert
    graver = written(alert, EntryKind.LEVEL_RAISED, now, level=level)
    return told(graver, Cause(graver.life.number, CauseKind.LEVEL, level.rank), now, suppress)


def _noted(alert: Alert, sighting: Sighting, now: datetime) -> Alert:
    """Keep what was seen; write it into the history once a life, or a long tail would fill it."""
    seen = _seen(alert, sighting)
    return seen if seen.life.recurred else written(seen, EntryKind.RECURRED, now, level=sighting.assessment.level)


def _seen(alert: Alert, sighting: Sighting) -> Alert:
    """Return the alert with the sighting's facts; a sighting that it knows changes nothing."""
    latest = sighting.time >= alert.last_time
    graver = sighting.assessment.points > alert.peak.points
    return replace(
        alert,
        starts_time=min(alert.starts_time, sighting.time),
        last_time=max(alert.last_time, sighting.time),
        assessment=sighting.assessment if latest else alert.assessment,
        peak=sighting.assessment if graver else alert.peak,
        signals=_signals(alert.signals, sighting),
        evidence=_best((*alert.evidence, *sighting.evidence)),
        terms=sighting.terms if latest else alert.terms,
    )


def _signals(known: Mapping[str, Signal], sighting: Sighting) -> dict[str, Signal]:
    signals = dict(known)
    for name, judgement in sighting.judgements.items():
        signal = signals.get(name) or Signal(sighting.time, sighting.time, judgement)
        higher = judgement.times_usual > signal.peak.times_usual
        signals[name] = Signal(
            min(signal.first_time, sighting.time),
            max(signal.last_time, sighting.time),
            judgement if higher else signal.peak,
        )
    return signals


def _best(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Return the weightiest mentions, one of each cluster: negative ones first, then by reach, then the oldest."""

    def weight(each: Evidence) -> tuple[bool, int, datetime, str]:
        return each.tone != NEGATIVE, -each.reach, each.published_time, each.mention_id

    by_cluster: dict[str, Evidence] = {}
    for each in sorted(evidence, key=weight):
        by_cluster.setdefault(each.cluster_id or each.mention_id, each)
    return tuple(by_cluster.values())[:EVIDENCE_LIMIT]
