"""Owns what the clock does to an alert: pages that were withheld go out, and what nobody takes in hand is escalated.

A page is withheld while a silence or a graver alert covers it, or until its group's hold has passed; it goes out once,
as the alert stands then, unless somebody took the alert in hand meanwhile. The escalation counts from the page: what
nobody was told of cannot be late. A graver level is a page of its own and begins its ladder anew. After a pause of this
process only the highest step that is due goes out.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.reputation.domain.alerts import Alert, AlertState, Cause, EntryKind, Withheld, written
from services.reputation.domain.levels import Level

STEPS_LIMIT: Final = 8
STEP_LIMIT: Final = timedelta(days=7)
LADDER_TEXT_LIMIT: Final = 512  # characters

_PART: Final = re.compile(r"(I|II|III|IV)=([0-9.]+(?:/[0-9.]+)*|)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Suppression:
    """What withholds a page now: ``silence:<id>``, ``alert:<id>`` that inhibits, or ``hold`` with its end."""

    by: str
    until: datetime | None = None


Suppress = Callable[[Alert], Suppression | None]  # says of an alert as it stands what withholds its pages


def unsuppressed(_: Alert) -> None:
    """Withhold nothing: news of what was paged before."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """After how long without an acknowledgement each step of the escalation goes out, by level."""

    steps: Mapping[Level, tuple[timedelta, ...]]

    def due(self, level: Level, waited: timedelta) -> int:
        """Return the highest step that is due, 0 for none."""
        return sum(1 for after in self.steps.get(level, ()) if waited >= after)


def ladder_of(text: str) -> Ladder:
    """Read ``I=5/15/30;II=15/60;III=60;IV=``: minutes by level, rising; a level that is left out is not escalated.

    Raises ValueError.
    """
    if len(text) > LADDER_TEXT_LIMIT:
        raise ValueError(f"the escalation takes more than {LADDER_TEXT_LIMIT} characters")
    parts = [_PART.fullmatch(part.strip()) for part in text.split(";") if part.strip()]
    steps: dict[Level, tuple[timedelta, ...]] = {}
    for part in parts:
        if part is None or Level(part[1]) in steps:
            raise ValueError("the escalation is written I=5/15;II=30, minutes by level, each level once")
        steps[Level(part[1])] = _rising([timedelta(minutes=float(each)) for each in part[2].split("/") if each])
    return Ladder(steps)


def told(alert: Alert, cause: Cause, now: datetime, suppress: Suppress) -> Alert:
    """Tell it now or, while something withholds it, later; what was told or is owed already stays as it is."""
    life = alert.life
    if cause in life.causes or any(each.cause == cause for each in life.withheld):
        return alert
    suppression = suppress(alert)
    if suppression is not None:
        said = {"cause": cause, "level": life.level, "by": suppression.by, "until": suppression.until}
        return written(alert, EntryKind.WITHHELD, now, **said)
    return written(alert, EntryKind.NOTIFIED, now, cause=cause, level=life.level, owner=life.owner)


def tick(alert: Alert, now: datetime, ladder: Ladder, suppress: Suppress) -> Alert:
    """Return the alert after the clock was looked at; the same one while nothing is due."""
    life = alert.life
    if not life.state.is_live or suppress(alert) is not None:
        return alert
    owed = [each for each in life.withheld if _is_due(each, now)]
    if owed:
        return written(alert, EntryKind.NOTIFIED, now, cause=owed[0].cause, level=life.level, owner=life.owner)
    if life.state is not AlertState.OPEN or life.paged_time is None:
        return alert
    step = ladder.due(life.level, now - life.paged_time)
    if step <= life.escalated:
        return alert
    return told(alert, Cause.escalation(life.number, life.level, step), now, unsuppressed)


def _is_due(withheld: Withheld, now: datetime) -> bool:
    return withheld.until is None or now >= withheld.until


def _rising(steps: list[timedelta]) -> tuple[timedelta, ...]:
    if len(steps) > STEPS_LIMIT or any(after > STEP_LIMIT for after in steps) or timedelta() in steps:
        raise ValueError(f"an escalation has at most {STEPS_LIMIT} steps, each after more than 0 and at most 7 days")
    if steps != sorted(set(steps)):
        raise ValueError("the steps of an escalation rise")
    return tuple(steps)
