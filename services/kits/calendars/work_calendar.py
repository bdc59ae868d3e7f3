"""Owns time at work: instants moved by working time, and the working time between two instants.

Days and hours are the wall clock's in the calendar's zone; durations are counted as they pass, so that a night that a
clock change shortens is an hour shorter here too. Instants are aware; they are taken to UTC before anything is added to
them, because Python adds to a local time as the wall clock would. Every answer is UTC.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from services.kits.calendars.day_rules import DayRule
from services.kits.calendars.opening_hours import ALL_DAY, OpeningHours

MAX_WALK_DAYS: Final = 3_660  # ten years of days are looked at before a calendar is called endless
MAX_KEPT_DAYS: Final = 4_096

_NOTHING: Final = timedelta()
_DAY: Final = timedelta(days=1)

Window = tuple[datetime, datetime]  # from the first instant at work to the first after it, UTC


class NoWorkingTimeError(ValueError):
    """A calendar has less working time within MAX_WALK_DAYS than was asked for."""


class WorkCalendar:
    """The working time of one place. Immutable but for the days that it remembers."""

    def __init__(self, zone: tzinfo, days: DayRule, hours: OpeningHours = ALL_DAY) -> None:
        self.zone, self.days, self.hours = zone, days, hours
        self._kept: dict[date, tuple[Window, ...]] = {}

    def is_workday(self, date: date) -> bool:
        """Whether the day is worked at all."""
        return self.days.day(date).is_workday

    def is_open(self, instant: datetime) -> bool:
        """Whether it is worked at this instant; at the instant of closing it no longer is."""
        return any(opens <= instant < closes for opens, closes in self._windows(self.local_date(instant)))

    def local_date(self, instant: datetime) -> date:
        """Return the day that the instant lies on, in the calendar's zone."""
        return instant.astimezone(self.zone).date()

    def next_open(self, instant: datetime) -> datetime:
        """Return the instant itself where it is worked, else the next opening. Raises NoWorkingTimeError."""
        return self.add(instant, _NOTHING)

    def add(self, instant: datetime, working_time: timedelta) -> datetime:
        """Return the first instant by which that much working time has passed since ``instant``.

        Work that ends with the day ends at its closing, not at the next opening. Raises ValueError for negative
        working time and NoWorkingTimeError.
        """
        _check_not_negative(working_time)
        instant, left = instant.astimezone(UTC), working_time
        for opens, closes in self._windows_after(instant):
            instant = max(opens, instant)
            if closes > instant and left <= closes - instant:
                return instant + left
            left -= max(closes - instant, _NOTHING)
            instant = max(closes, instant)
        raise NoWorkingTimeError(f"not {working_time} of working time within {MAX_WALK_DAYS} days")

    def subtract(self, instant: datetime, working_time: timedelta) -> datetime:
        """Return the last instant from which that much working time passes until ``instant``.

        With none to subtract: the instant itself where it is worked or closes, else the closing before it. Raises
        ValueError for negative working time and NoWorkingTimeError.
        """
        _check_not_negative(working_time)
        instant, left = instant.astimezone(UTC), working_time
        for opens, closes in self._windows_before(instant):
            instant = min(closes, instant)
            if opens < instant and left <= instant - opens:
                return instant - left
            left -= max(instant - opens, _NOTHING)
            instant = min(opens, instant)
        raise NoWorkingTimeError(f"not {working_time} of working time within {MAX_WALK_DAYS} days")

    def working_time(self, start: datetime, end: datetime) -> timedelta:
        """Return the working time from ``start`` to ``end``, negative where ``end`` is the earlier.

        Raises NoWorkingTimeError where more than MAX_WALK_DAYS lie between.
        """
        if end < start:
            return -self.working_time(end, start)
        start, passed = start.astimezone(UTC), _NOTHING
        for opens, closes in self._windows_after(start):
            if opens >= end:
                return passed
            start = max(opens, start)
            passed += max(min(closes, end) - start, _NOTHING)
            start = max(closes, start)
        raise NoWorkingTimeError(f"more than {MAX_WALK_DAYS} days lie between")

    def add_workdays(self, date: date, count: int) -> date:
        """Return the ``count``-th workday after the day (before it where negative); 0: the day or the next workday.

        Raises NoWorkingTimeError.
        """
        step = _DAY if count >= 0 else -_DAY
        left = abs(count)
        for walked in range(MAX_WALK_DAYS):
            looked = date + walked * step
            if self.is_workday(looked) and (walked or not count):
                left -= 1
                if left <= 0:
                    return looked
        raise NoWorkingTimeError(f"not {count} workdays within {MAX_WALK_DAYS} days")

    def close_of_day(self, instant: datetime) -> datetime:
        """Return the last closing of the day on which the instant is worked or closes, else of the next workday.

        Raises NoWorkingTimeError.
        """
        for _, closes in self._windows_after(instant.astimezone(UTC) - _DAY):
            if closes >= instant:
                return self._windows(self.local_date(closes - timedelta.resolution))[-1][1]
        raise NoWorkingTimeError(f"no working day within {MAX_WALK_DAYS} days")

    def is_published(self, start: datetime, end: datetime) -> bool:
        """Whether all days from ``start`` to ``end`` are known for sure; MAX_WALK_DAYS of them are looked at."""
        first, last = self.local_date(start), self.local_date(end)
        days = min((last - first).days + 1, MAX_WALK_DAYS)
        return all(self.days.day(first + each * _DAY).is_published for each in range(days))

    def _windows_after(self, instant: datetime) -> Iterator[Window]:
        first = self.local_date(instant)
        for walked in range(MAX_WALK_DAYS):
            yield from self._windows(first + walked * _DAY)

    def _windows_before(self, instant: datetime) -> Iterator[Window]:
        last = self.local_date(instant)
        for walked in range(MAX_WALK_DAYS):
            yield from reversed(self._windows(last - walked * _DAY))

    def _windows(self, date: date) -> tuple[Window, ...]:
        """Return the windows of a day, none of it for a day off."""
        kept = self._kept.get(date)
        if kept is None:
            if len(self._kept) >= MAX_KEPT_DAYS:
                self._kept.clear()
            kept = self._kept[date] = self._made_windows(date) if self.is_workday(date) else ()
        return kept

    def _made_windows(self, date: date) -> tuple[Window, ...]:
        """Return the windows as instants. One that a clock change swallows has none; two never overlap."""
        made: list[Window] = []
        for opens, closes in self.hours.windows:
            start, end = self._instant(date, opens), self._instant(date, closes)
            if made:
                start = max(start, made[-1][1])
            if start < end and self.local_date(start) == date:
                made.append((start, end))
        return tuple(made)

    def _instant(self, date: date, minute: int) -> datetime:
        """Return the instant at which the wall clock first shows the minute, or would have."""
        days, minute = divmod(minute, 24 * 60)
        local = datetime(date.year, date.month, date.day, minute // 60, minute % 60, tzinfo=self.zone)
        return (local + days * _DAY).astimezone(UTC)


def _check_not_negative(working_time: timedelta) -> None:
    if working_time < _NOTHING:
        raise ValueError("working time to move by is not negative")
