"""Day rules without a country, of other countries, and by name."""

from datetime import date

import pytest

from services.kits.calendars.chinese_days import ChineseDays
from services.kits.calendars.country_days import CountryDays
from services.kits.calendars.day_rules import EVERY_DAY, Day, Weekdays, WeekendsToo, WithExceptions
from services.kits.calendars.named_rules import day_rule_named

SATURDAY, MONDAY = date(2026, 11, 28), date(2026, 11, 30)
NATIONAL_DAY, MAKE_UP_SUNDAY = date(2026, 10, 1), date(2026, 9, 20)


def test_weekdays_are_worked_and_weekends_are_not() -> None:
    assert Weekdays().day(MONDAY).is_workday
    assert not Weekdays().day(SATURDAY).is_workday
    assert Weekdays(frozenset({4})).day(SATURDAY).is_workday
    assert EVERY_DAY.day(SATURDAY).is_workday


def test_who_works_on_weekends_too_is_off_on_named_holidays_alone() -> None:
    rule = WeekendsToo(ChineseDays())
    assert rule.day(SATURDAY).is_workday
    assert rule.day(MAKE_UP_SUNDAY).is_workday
    assert not rule.day(NATIONAL_DAY).is_workday
    assert rule.day(date(2027, 11, 27)) == Day(True, is_published=False)


def test_a_shops_own_days_go_before_the_rule_and_closed_before_opened() -> None:
    rule = WithExceptions(Weekdays(), closed={MONDAY}, opened={SATURDAY, MONDAY})
    assert not rule.day(MONDAY).is_workday
    assert rule.day(SATURDAY).is_workday
    assert rule.day(date(2026, 12, 1)).is_workday


def test_another_country_has_its_holidays_in_english() -> None:
    assert CountryDays("US").day(date(2026, 11, 26)) == Day(False, True, "Thanksgiving Day")
    assert CountryDays("JP").day(date(2027, 1, 11)) == Day(False, True, "Coming of Age Day")
    assert CountryDays("US").day(MONDAY) == Day(True)


def test_a_weekend_is_the_countrys_own() -> None:
    assert CountryDays("IL").day(SATURDAY).is_workday is False
    assert CountryDays("IL").day(date(2026, 11, 29)).is_workday  # a Sunday
    assert not CountryDays("IL").day(date(2026, 11, 27)).is_workday  # a Friday


@pytest.mark.parametrize("country", ["AE", "SG", "MY"])
def test_an_estimated_holiday_is_not_published(country: str) -> None:
    days = [CountryDays(country).day(date(2031, 1, day)) for day in range(1, 32)]
    estimated = [day for day in days if "estimated" in day.holiday]
    assert estimated
    assert not any(day.is_published for day in estimated)
    assert all(day.is_published for day in days if not day.holiday)


def test_outside_the_years_of_the_package_the_weekend_is_all_that_is_known() -> None:
    far = CountryDays("JP").day(date(2150, 1, 1))
    assert far == Day(is_workday=True, is_published=False)


@pytest.mark.parametrize(
    ("name", "day", "is_workday"),
    [
        ("every-day", SATURDAY, True),
        ("weekdays", SATURDAY, False),
        ("CN", MAKE_UP_SUNDAY, True),
        ("CN", SATURDAY, False),
        ("CN+weekends", SATURDAY, True),
        ("CN+weekends", NATIONAL_DAY, False),
        ("US", date(2026, 11, 26), False),
        ("US-NY", date(2026, 2, 12), False),  # Lincoln's Birthday, a holiday of New York
        ("US", date(2026, 2, 12), True),
        ("US+weekends", SATURDAY, True),
    ],
)
def test_a_rule_has_a_name(name: str, day: date, is_workday: bool) -> None:
    assert day_rule_named(name).day(day).is_workday is is_workday


@pytest.mark.parametrize("name", ["", "cn", "ZZ", "US-QQ", "weekdays+weekends", "CN-XX", "US-", "China", "US-NY-1"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"calendar|not available|subdivision"):
        day_rule_named(name)
