"""Which days are days of work: what a day rule answers, and the rules that need no table of a country.

A rule is asked for one day at a time and always answers. What a rule cannot know for sure (a year whose holidays no
government has published) it answers by rule of thumb and says so: ``is_published`` is False then.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

NOT_PUBLISHED: Final = "calendar-not-published"  # the reason that a promise or a clock gives
SATURDAY_SUNDAY: Final = frozenset({5, 6})  # as date.weekday() counts


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a calendar. ``holiday``: its English name where it is one, for people who ask why."""

    is_workday: bool
    is_published: bool = True
    holiday: str = ""


WORKDAY: Final = Day(is_workday=True)
DAY_OFF: Final = Day(is_workday=False)


class DayRule(Protocol):
    """Says of any day whether it is a day of work. Equal questions get equal answers."""

    def day(self, date: date) -> Day:
        """Return what is known of the day; never raises."""


@dataclass(frozen=True, slots=True)
class Weekdays:
    """Works on every day that is no weekend, on holidays too. ``weekend``: date.weekday() of the days off."""

    weekend: frozenset[int] = SATURDAY_SUNDAY

    def day(self, date: date) -> Day:
        return DAY_OFF if date.weekday() in self.weekend else WORKDAY


EVERY_DAY: Final = Weekdays(weekend=frozenset())


@dataclass(frozen=True, slots=True)
class WeekendsToo:
    """Is off on the named holidays of ``rule`` alone and works on weekends, as kitchens and carriers do."""

    rule: DayRule

    def day(self, date: date) -> Day:
        day = self.rule.day(date)
        return day if day.is_workday or day.holiday else Day(True, day.is_published)


@dataclass(frozen=True, slots=True)
class WithExceptions:
    """``rule`` with a shop's own days: ``closed`` are off (stocktaking), ``opened`` are worked; closed wins."""

    rule: DayRule
    closed: Collection[date] = ()
    opened: Collection[date] = ()

    def day(self, date: date) -> Day:
        if date in self.closed:
            return DAY_OFF
        return WORKDAY if date in self.opened else self.rule.day(date)
