"""Opening hours: what can be said, and what cannot."""

import pytest

from services.kits.calendars.opening_hours import ALL_DAY, MAX_WINDOWS, OpeningHours, parse_opening_hours


def test_hours_are_read_as_people_write_them() -> None:
    hours = parse_opening_hours("09:00-12:00, 13:30-18:00")
    assert hours.windows == ((540, 720), (810, 1080))
    assert hours.minutes_a_day == 450
    assert parse_opening_hours("00:00-24:00") == ALL_DAY


@pytest.mark.parametrize(
    "text",
    ["", "9-18", "09:00", "18:00-09:00", "09:00-09:00", "09:00-24:01", "09:00-12:00,12:00-18:00", "25:00-26:00", "a-b"],
)
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="opening hours"):
        parse_opening_hours(text)


def test_there_are_at_most_so_many_windows() -> None:
    most = tuple((each * 20, each * 20 + 10) for each in range(MAX_WINDOWS))
    assert OpeningHours(most).minutes_a_day == MAX_WINDOWS * 10
    with pytest.raises(ValueError, match="windows"):
        OpeningHours((*most, (1_000, 1_010)))
