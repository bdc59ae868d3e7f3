"""China's calendar: published holidays and make-up workdays, and what stands in for years that nobody published."""

from datetime import date, timedelta

import pytest

from services.kits.calendars.chinese_days import FIRST_PUBLISHED, LAST_PUBLISHED, ChineseDays, CustomaryDays
from services.kits.calendars.day_rules import Day

CHINA = ChineseDays()


@pytest.mark.parametrize(
    ("day", "is_workday"),
    [
        (date(2026, 2, 16), False),  # New Year's Eve, a Monday
        (date(2026, 2, 14), True),  # a Saturday worked for it
        (date(2026, 2, 28), True),  # another
        (date(2026, 2, 24), True),
        (date(2026, 10, 8), True),
        (date(2026, 10, 10), True),  # a Saturday worked for National Day
        (date(2026, 11, 28), False),  # a plain Saturday
        (date(2026, 11, 30), True),
    ],
)
def test_a_published_day_is_as_published(day: date, is_workday: bool) -> None:
    found = CHINA.day(day)
    assert (found.is_workday, found.is_published) == (is_workday, True)


def test_a_holiday_has_its_name_and_a_make_up_workday_has_none() -> None:
    assert CHINA.day(date(2026, 9, 25)) == Day(False, True, "Mid-autumn Festival")
    assert CHINA.day(date(2026, 9, 20)) == Day(True, True, "")


@pytest.mark.parametrize(
    ("day", "holiday"),
    [
        (date(2027, 1, 1), "New Year's Day"),
        (date(2027, 2, 5), "Spring Festival"),  # New Year's Eve: the year of the goat begins on 6 February 2027
        (date(2027, 2, 6), "Spring Festival"),
        (date(2027, 2, 12), "Spring Festival"),
        (date(2027, 2, 13), ""),
        (date(2027, 4, 5), "Tomb-sweeping Day"),
        (date(2027, 6, 9), "Dragon Boat Festival"),
        (date(2027, 9, 15), "Mid-autumn Festival"),
        (date(2027, 10, 7), "National Day"),
        (date(2033, 1, 31), "Spring Festival"),  # the hard year: a leap eleventh month before it
    ],
)
def test_beyond_the_published_years_fixed_and_lunar_holidays_are_off_and_said_to_be_unpublished(
    day: date, holiday: str
) -> None:
    found = CHINA.day(day)
    assert (found.holiday, found.is_published) == (holiday, False)
    assert found.is_workday == (not holiday and day.weekday() < 5)


def test_the_last_days_of_the_last_published_year_wait_for_the_next_decree() -> None:
    assert CHINA.day(LAST_PUBLISHED).is_published
    assert not CHINA.day(LAST_PUBLISHED + timedelta(days=1)).is_published
    assert CHINA.day(FIRST_PUBLISHED).is_published
    assert not CHINA.day(FIRST_PUBLISHED - timedelta(days=1)).is_published


@pytest.mark.parametrize("day", [date.min, date(1899, 5, 1), date(2100, 2, 9), date(2101, 10, 1), date.max])
def test_a_day_of_any_year_has_an_answer(day: date) -> None:
    assert not CHINA.day(day).is_published


def test_the_rule_of_thumb_keeps_the_quality_that_its_docstring_claims() -> None:
    days = [date(2015, 1, 1) + timedelta(days=each) for each in range(4_383)]
    assert days[-1] == date(2026, 12, 31)
    guessed = [CustomaryDays().day(day).is_workday for day in days]
    true = [CHINA.day(day).is_workday for day in days]
    wrong = [(guess, truth) for guess, truth in zip(guessed, true, strict=True) if guess != truth]
    assert len(wrong) == 126
    assert wrong.count((True, False)) == 29
