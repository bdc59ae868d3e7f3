"""The answer clock: 24 hours that weekends, holidays and nights do not count in, as the desk's calendar says."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kits.calendars.chinese_days import ChineseDays
from services.kits.calendars.opening_hours import parse_opening_hours
from services.kits.calendars.work_calendar import WorkCalendar
from services.knowledge.domain.answer_clock import AnswerClock

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = timedelta(hours=24)
ALL_DAY = AnswerClock(WorkCalendar(SHANGHAI, ChineseDays()), answer_within=DAY, warn_before=timedelta(hours=4))
AT_THE_DESK = AnswerClock(
    WorkCalendar(SHANGHAI, ChineseDays(), parse_opening_hours("09:00-12:00,13:00-18:00")),
    answer_within=timedelta(hours=8),
    warn_before=timedelta(hours=2),
)


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("opened", "due"),
    [
        ("2025-11-18T10:00", "2025-11-19T10:00"),  # Tuesday to Wednesday
        ("2025-11-21T15:00", "2025-11-24T15:00"),  # Friday to Monday
        ("2025-09-30T15:00", "2025-10-09T15:00"),  # before the holidays of National Day and Mid-autumn
        ("2025-10-10T15:00", "2025-10-11T15:00"),  # the Saturday after is worked to make up for them
        ("2025-11-22T03:00", "2025-11-25T00:00"),  # a Saturday night counts for nothing: all of Monday
    ],
)
def test_a_day_to_answer_is_a_working_day_long(opened: str, due: str) -> None:
    found = ALL_DAY.deadline(shanghai(opened)).due_time
    # The end of a working day and the beginning of the next are the same instant.
    assert found == shanghai(due)


def test_hours_at_the_desk_skip_the_night_and_the_break() -> None:
    deadline = AT_THE_DESK.deadline(shanghai("2025-11-18T11:00"))
    assert deadline.due_time == shanghai("2025-11-19T11:00")
    assert deadline.warn_time == shanghai("2025-11-19T09:00") or deadline.warn_time == shanghai("2025-11-18T18:00")


def test_days_that_nobody_decreed_yet_are_said_to_be_estimated() -> None:
    assert ALL_DAY.deadline(shanghai("2035-02-05T10:00")).estimated
    assert not ALL_DAY.deadline(shanghai("2025-02-05T10:00")).estimated


@given(
    st.datetimes(datetime(2019, 1, 1), datetime(2030, 12, 1)),  # noqa: DTZ001 - given a zone below
    st.floats(0.1, 200.0),
    st.floats(0.0, 300.0),
    st.sampled_from(["00:00-24:00", "09:00-18:00", "09:00-12:00,13:00-17:30", "00:00-00:30,23:00-24:00"]),
)
def test_the_working_time_until_due_is_exactly_what_was_promised(
    naive: datetime, within_h: float, warn_h: float, hours: str
) -> None:
    calendar = WorkCalendar(SHANGHAI, ChineseDays(), parse_opening_hours(hours))
    within, opened = timedelta(hours=within_h), naive.replace(tzinfo=UTC)
    deadline = AnswerClock(calendar, within, timedelta(hours=warn_h)).deadline(opened)
    assert calendar.working_time(opened, deadline.due_time) == within
    assert opened <= deadline.warn_time <= deadline.due_time
    assert deadline.due_time - opened >= within
    # Due at an instant of work, or at the very end of it.
    assert calendar.is_open(deadline.due_time - timedelta.resolution)
