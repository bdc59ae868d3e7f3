"""The answer clock: how long a customer may wait for an answer, counted in working time of the desk.

The desk's calendar knows holidays and make-up workdays; its hours say when the clock runs on a workday. With hours of
the whole day the 24 hours are a day's length that weekends and holidays do not count in; with shorter hours they are
hours at the desk.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.kits.calendars.work_calendar import WorkCalendar


@dataclass(frozen=True, slots=True)
class Deadline:
    """When an answer is due, and when the desk is warned before. ``estimated``: over days that are not decreed yet."""

    warn_time: datetime
    due_time: datetime
    estimated: bool


@dataclass(frozen=True, slots=True)
class AnswerClock:
    """``answer_within`` and ``warn_before`` in working time; a warning never comes before the case."""

    calendar: WorkCalendar
    answer_within: timedelta
    warn_before: timedelta

    def deadline(self, opened: datetime) -> Deadline:
        """Return the deadline of what was opened then. Raises NoWorkingTimeError."""
        due = self.calendar.add(opened, self.answer_within)
        warn = self.calendar.add(opened, max(timedelta(), self.answer_within - self.warn_before))
        return Deadline(min(warn, due), due, not self.calendar.is_published(opened, due))

    def left(self, now: datetime, due: datetime) -> timedelta:
        """Return the working time that is left until then, negative after it."""
        return self.calendar.working_time(now, due)
