"""Owns when a source is missed: it fails, or it says nothing although by its own rhythm it should have spoken.

The rhythm is how many mentions came at each hour of the day in the 14 days before it fell silent. Time is measured in
mentions that were due: a night costs little, a morning much. A source is silent when at least EXPECTED mentions were
due since its last, and half as many again as in the longest pause that it ever made: who rests on Sundays is missed on
Tuesday, who never rests within hours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

HISTORY: Final = timedelta(days=14)
LEARNED_AFTER: Final = timedelta(days=3)
LEARNED_FROM: Final = 10  # mentions
EXPECTED: Final = 6.0  # mentions that were due; by chance alone all would fail to come one time in 400
LONGEST_PAUSE_RATIO: Final = 1.5
HOUR: Final = timedelta(hours=1)
_DAY_HOURS: Final = 24


class SilenceKind(StrEnum):
    """Why a source is missed."""

    DEAD = "dead"  # it cannot be fetched
    SILENT = "silent"  # it is there and says nothing


@dataclass(frozen=True, slots=True)
class SourceRhythm:
    """What is known of one source that is watched.

    ``arrivals``: mentions by hour of publication (its beginning, UTC), of HISTORY before the last one at least; hours
    without any may be left out.
    ``failing_since``: since when fetching fails for good, None while it works.
    """

    source_id: str
    shop: str
    arrivals: Mapping[datetime, int] = field(default_factory=dict)
    failing_since: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """A source that is missed. ``due``: mentions that should have come since ``since``, 0 for a dead one."""

    source_id: str
    shop: str
    kind: SilenceKind
    since: datetime
    due: float = 0.0
    longest_due: float = 0.0  # in the longest pause before
    error: str = ""

    @property
    def words(self) -> Mapping[str, str]:
        """Return why it is missed, in both languages."""
        at = f"{self.since:%Y-%m-%d %H:%M}"
        if self.kind is SilenceKind.DEAD:
            return {
                "zh": f"自 {at} UTC 起无法读取：{self.error}",
                "en": f"cannot be read since {at} UTC: {self.error}",
            }
        return {
            "zh": f"自 {at} UTC 起没有新内容；按它平时的节奏应有约 {self.due:.0f} 条",
            "en": f"nothing new since {at} UTC; by its own rhythm about {self.due:.0f} were due",
        }


def silent_sources(rhythms: Iterable[SourceRhythm], now: datetime) -> tuple[Silence, ...]:
    """Return the sources that are missed now, in the order given."""
    return tuple(missed for rhythm in rhythms if (missed := _missed(rhythm, now)) is not None)


def _missed(rhythm: SourceRhythm, now: datetime) -> Silence | None:
    if rhythm.failing_since is not None:
        return Silence(rhythm.source_id, rhythm.shop, SilenceKind.DEAD, rhythm.failing_since, error=rhythm.error)
    hours = sorted(hour for hour, count in rhythm.arrivals.items() if count and hour <= now)
    hours = [hour for hour in hours if hour >= hours[-1] - HISTORY]
    total = sum(rhythm.arrivals[hour] for hour in hours)
    if total < LEARNED_FROM or hours[-1] - hours[0] < LEARNED_AFTER:
        return None
    rates = _rates(rhythm.arrivals, hours)
    since = hours[-1] + HOUR  # the hour of the last mention is not known finer
    due = _due(rates, since, now)
    longest = max(_due(rates, one + HOUR, other) for one, other in pairwise(hours))
    if due < max(EXPECTED, LONGEST_PAUSE_RATIO * longest):
        return None
    return Silence(rhythm.source_id, rhythm.shop, SilenceKind.SILENT, since, due, longest)


def _rates(arrivals: Mapping[datetime, int], hours: Sequence[datetime]) -> tuple[float, ...]:
    """Return mentions an hour by hour of the day, over the days from the first mention to the last.

    Each hour takes half of what its neighbours have in: a few mentions must not make an hour that is certain.
    """
    days = (hours[-1] - hours[0]) / timedelta(days=1) + 1 / _DAY_HOURS
    by_hour = [0.0] * _DAY_HOURS
    for hour in hours:
        by_hour[hour.hour] += arrivals[hour] / days
    return tuple(
        by_hour[place] / 2 + by_hour[place - 1] / 4 + by_hour[(place + 1) % _DAY_HOURS] / 4
        for place in range(_DAY_HOURS)
    )


def _due(rates: Sequence[float], start: datetime, end: datetime) -> float:
    """Return the mentions that the rates make of a span; whole days first, so that a long one costs no more."""
    if end <= start:
        return 0.0
    days, rest = divmod(end - start, timedelta(days=1))
    due = days * sum(rates)
    while rest > timedelta(0):
        step = min(rest, HOUR - timedelta(minutes=start.minute, seconds=start.second, microseconds=start.microsecond))
        due += rates[start.hour] * (step / HOUR)
        start, rest = start + step, rest - step
    return due
