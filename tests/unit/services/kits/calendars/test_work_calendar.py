"""Time at work: moved and counted, over weekends, holidays and clock changes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kits.calendars.chinese_days import ChineseDays
from services.kits.calendars.day_rules import EVERY_DAY, Day, DayRule, Weekdays
from services.kits.calendars.opening_hours import ALL_DAY, MINUTES_A_DAY, OpeningHours, parse_opening_hours
from services.kits.calendars.work_calendar import MAX_KEPT_DAYS, MAX_WALK_DAYS, NoWorkingTimeError, WorkCalendar

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
OFFICE = WorkCalendar(SHANGHAI, ChineseDays(), parse_opening_hours("09:00-12:00,13:00-18:00"))
ANSWERING = WorkCalendar(SHANGHAI, ChineseDays())
HOURS = timedelta(hours=1)


class NeverOpen:
    """A rule of a place that has shut down."""

    def day(self, date: date) -> Day:
        return Day(is_workday=False)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-27T10:00", 1, "2026-11-27T11:00"),
        ("2026-11-27T11:30", 1, "2026-11-27T13:30"),  # over lunch
        ("2026-11-27T17:00", 1, "2026-11-27T18:00"),  # ends with the day
        ("2026-11-27T17:00", 2, "2026-11-30T10:00"),  # over a weekend
        ("2026-11-28T12:00", 1, "2026-11-30T10:00"),  # begins on a day off
        ("2026-02-13T17:00", 2, "2026-02-14T10:00"),  # the Saturday is worked
        ("2026-02-14T17:00", 2, "2026-02-24T10:00"),  # over Spring Festival
        ("2026-11-27T07:00", 0, "2026-11-27T09:00"),
        ("2026-11-27T18:00", 0, "2026-11-30T09:00"),
    ],
)
def test_work_goes_on_when_it_is_worked(start: str, hours: int, end: str) -> None:
    assert OFFICE.add(at(start), hours * HOURS) == at(end)


def test_a_24_hour_answer_clock_stands_still_on_days_off() -> None:
    assert ANSWERING.add(at("2026-11-27T15:00"), 24 * HOURS) == at("2026-11-30T15:00")
    assert ANSWERING.add(at("2026-11-28T15:00"), 24 * HOURS) == at("2026-12-01T00:00")
    assert ANSWERING.working_time(at("2026-11-28T15:00"), at("2026-11-30T06:00")) == 6 * HOURS


def test_every_answer_is_utc() -> None:
    assert OFFICE.add(at("2026-11-27T10:00"), HOURS).tzinfo is UTC
    assert OFFICE.subtract(at("2026-11-27T10:00"), HOURS / 2).tzinfo is UTC
    assert OFFICE.close_of_day(at("2026-11-27T10:00")).tzinfo is UTC
    assert OFFICE.next_open(at("2026-11-27T10:00")).tzinfo is UTC


@pytest.mark.parametrize(
    ("instant", "closing"),
    [
        ("2026-11-27T08:00", "2026-11-27T18:00"),
        ("2026-11-27T10:00", "2026-11-27T18:00"),
        ("2026-11-27T12:30", "2026-11-27T18:00"),
        ("2026-11-27T18:00", "2026-11-27T18:00"),
        ("2026-11-27T18:01", "2026-11-30T18:00"),
        ("2026-11-28T10:00", "2026-11-30T18:00"),
    ],
)
def test_a_day_closes_once(instant: str, closing: str) -> None:
    assert OFFICE.close_of_day(at(instant)) == at(closing)


def test_a_day_that_is_worked_whole_closes_at_its_midnight() -> None:
    always = WorkCalendar(SHANGHAI, EVERY_DAY)
    assert always.close_of_day(at("2026-11-27T00:01")) == at("2026-11-28T00:00")
    assert always.close_of_day(at("2026-11-28T00:00")) == at("2026-11-28T00:00")


def test_open_from_the_first_instant_and_closed_at_the_last() -> None:
    assert OFFICE.is_open(at("2026-11-27T09:00"))
    assert not OFFICE.is_open(at("2026-11-27T12:00"))
    assert not OFFICE.is_open(at("2026-11-28T10:00"))


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        (date(2026, 11, 27), 1, date(2026, 11, 30)),
        (date(2026, 11, 28), 1, date(2026, 11, 30)),
        (date(2026, 11, 28), 0, date(2026, 11, 30)),
        (date(2026, 11, 27), 0, date(2026, 11, 27)),
        (date(2026, 2, 13), 2, date(2026, 2, 24)),
        (date(2026, 11, 30), -1, date(2026, 11, 27)),
    ],
)
def test_workdays_are_counted(start: date, count: int, end: date) -> None:
    assert OFFICE.add_workdays(start, count) == end


def test_a_night_that_is_an_hour_shorter_is_counted_so() -> None:
    night = WorkCalendar(NEW_YORK, EVERY_DAY, parse_opening_hours("00:00-06:00"))
    spring, autumn = at("2026-03-08T00:00", NEW_YORK), at("2026-11-01T00:00", NEW_YORK)
    assert night.working_time(spring, night.close_of_day(spring)) == 5 * HOURS
    assert night.working_time(autumn, night.close_of_day(autumn)) == 7 * HOURS


def test_a_window_inside_the_missing_hour_is_no_window_of_another_day() -> None:
    odd = WorkCalendar(NEW_YORK, EVERY_DAY, parse_opening_hours("02:15-02:45,03:10-04:00"))
    start = at("2026-03-08T00:00", NEW_YORK)
    assert odd.working_time(start, start + 12 * HOURS) == timedelta(minutes=45)  # 03:15 to 04:00
    apia = WorkCalendar(ZoneInfo("Pacific/Apia"), Weekdays(), parse_opening_hours("09:00-17:00"))
    thursday = at("2011-12-29T00:00", ZoneInfo("Pacific/Apia")).astimezone(UTC)
    assert apia.working_time(thursday, thursday + 48 * HOURS) == 8 * HOURS  # Friday was left out, Saturday is off


def test_a_calendar_that_never_opens_is_refused_and_not_walked_for_ever() -> None:
    shut = WorkCalendar(SHANGHAI, NeverOpen())
    now = at("2026-11-27T10:00")
    for ask in (
        lambda: shut.add(now, HOURS),
        lambda: shut.subtract(now, HOURS),
        lambda: shut.close_of_day(now),
        lambda: shut.add_workdays(now.date(), 1),
        lambda: shut.working_time(now, now + timedelta(days=MAX_WALK_DAYS + 1)),
    ):
        with pytest.raises(NoWorkingTimeError):
            ask()


def test_negative_working_time_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        OFFICE.add(at("2026-11-27T10:00"), -HOURS)
    with pytest.raises(ValueError, match="negative"):
        OFFICE.subtract(at("2026-11-27T10:00"), -HOURS)


def test_days_are_forgotten_before_there_are_too_many() -> None:
    calendar = WorkCalendar(SHANGHAI, EVERY_DAY)
    start = at("2016-01-01T00:00")
    far = calendar.add(start, timedelta(days=MAX_WALK_DAYS - 1))
    further = calendar.add(far, timedelta(days=MAX_KEPT_DAYS - MAX_WALK_DAYS + 10))
    assert calendar.working_time(far, further) == timedelta(days=MAX_KEPT_DAYS - MAX_WALK_DAYS + 10)
    assert len(calendar._kept) <= MAX_KEPT_DAYS


def test_a_stretch_is_published_when_all_of_its_days_are() -> None:
    assert OFFICE.is_published(at("2026-11-30T10:00"), at("2026-12-28T23:00"))
    assert not OFFICE.is_published(at("2026-11-30T10:00"), at("2026-12-29T00:00"))
    assert WorkCalendar(SHANGHAI, EVERY_DAY).is_published(at("2026-11-30T10:00"), at("2030-01-01T10:00"))


ZONES = st.sampled_from(
    [SHANGHAI, NEW_YORK, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/St_Johns")]
)
RULES = st.sampled_from([ChineseDays(), Weekdays(), EVERY_DAY, Weekdays(frozenset({0, 2, 4, 6}))])
DURATIONS = st.timedeltas(min_value=timedelta(), max_value=timedelta(days=20))
# Around the clock changes of 2026 and 2027 and China's holidays.
INSTANTS = st.integers(0, 2 * 365 * 86_400).flatmap(
    lambda seconds: st.sampled_from([UTC, NEW_YORK]).map(
        lambda zone: (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(zone)
    )
)


@st.composite
def hours_of_a_day(draw: st.DrawFn) -> OpeningHours:
    edges = draw(st.lists(st.integers(0, MINUTES_A_DAY), min_size=2, max_size=6, unique=True))
    edges = sorted(edges)[: len(edges) // 2 * 2]
    return OpeningHours(tuple(zip(edges[::2], edges[1::2], strict=True)))


@st.composite
def calendars(draw: st.DrawFn) -> WorkCalendar:
    rule: DayRule = draw(RULES)
    return WorkCalendar(draw(ZONES), rule, draw(st.one_of(st.just(ALL_DAY), hours_of_a_day())))


def is_worked(calendar: WorkCalendar, instant: datetime) -> bool:
    """Whether the instant is worked, or is the one at which work ends."""
    return calendar.is_open(instant) or calendar.is_open(instant.astimezone(UTC) - timedelta.resolution)


@given(calendars(), INSTANTS, DURATIONS)
def test_an_end_is_never_on_a_day_off_or_outside_the_hours(
    calendar: WorkCalendar, start: datetime, duration: timedelta
) -> None:
    duration = min(duration, timedelta(hours=60))
    end = calendar.add(start, duration)
    assert end >= start
    assert is_worked(calendar, end)
    assert calendar.is_workday(calendar.local_date(end - timedelta.resolution * (not calendar.is_open(end))))


@given(calendars(), INSTANTS, DURATIONS)
def test_what_was_added_has_passed(calendar: WorkCalendar, start: datetime, duration: timedelta) -> None:
    duration = min(duration, timedelta(hours=60))
    assert calendar.working_time(start, calendar.add(start, duration)) == duration
    assert calendar.working_time(calendar.subtract(start, duration), start) == duration


@given(calendars(), INSTANTS, st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(hours=60)))
def test_there_and_back_is_the_same_instant_at_work(
    calendar: WorkCalendar, start: datetime, duration: timedelta
) -> None:
    begin = calendar.next_open(start)
    assert calendar.next_open(calendar.subtract(calendar.add(begin, duration), duration)) == begin


@given(calendars(), INSTANTS, INSTANTS, st.tuples(DURATIONS, DURATIONS))
def test_later_or_longer_never_ends_earlier(
    calendar: WorkCalendar, one: datetime, other: datetime, durations: tuple[timedelta, timedelta]
) -> None:
    short, long = sorted(min(each, timedelta(hours=60)) for each in durations)
    early, late = sorted((one, other))
    assert calendar.add(early, short) <= calendar.add(late, short)
    assert calendar.add(early, short) <= calendar.add(early, long)
    assert calendar.subtract(early, short) <= calendar.subtract(late, short)


@given(calendars(), st.lists(INSTANTS, min_size=3, max_size=3))
def test_working_time_adds_up(calendar: WorkCalendar, instants: list[datetime]) -> None:
    first, middle, last = sorted(instants)
    whole = calendar.working_time(first, last)
    assert whole == calendar.working_time(first, middle) + calendar.working_time(middle, last)
    assert calendar.working_time(last, first) == -whole
    assert timedelta() <= whole <= last - first


@given(calendars(), INSTANTS)
def test_a_closing_is_the_end_of_a_worked_day(calendar: WorkCalendar, instant: datetime) -> None:
    closing = calendar.close_of_day(instant)
    assert closing >= instant
    assert is_worked(calendar, closing)
    assert calendar.close_of_day(closing) == closing
