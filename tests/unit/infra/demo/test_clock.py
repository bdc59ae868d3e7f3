"""The time shift: whole weeks of the shop's local time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from infra.demo.clock import SHOP_TIME_ZONE, shifted, weeks_to_shift
from infra.demo.source import YEAR_END

NEW_YORK = ZoneInfo(SHOP_TIME_ZONE)


def _shift(times: list[datetime], weeks: int) -> list[datetime]:
    frame = pl.DataFrame({"time": times}, schema={"time": pl.Datetime("ms", "UTC")})
    return frame.select(shifted(pl.col("time"), weeks))["time"].to_list()


def test_the_year_ends_within_the_week_before_the_end_time(now: datetime) -> None:
    ends = YEAR_END + timedelta(weeks=weeks_to_shift(now))
    assert timedelta(0) <= now - ends < timedelta(weeks=1)


def test_the_shift_grows_at_the_very_second_that_a_week_is_full() -> None:
    assert weeks_to_shift(YEAR_END) == 0
    assert weeks_to_shift(YEAR_END + timedelta(weeks=1) - timedelta(seconds=1)) == 0
    assert weeks_to_shift(YEAR_END + timedelta(weeks=1)) == 1


def test_an_end_time_before_the_data_or_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="before the data's own end"):
        weeks_to_shift(YEAR_END - timedelta(seconds=1))
    with pytest.raises(ValueError, match="time zone"):
        weeks_to_shift(datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("weeks", [0, 1, 26, 52, 464])
def test_weekday_and_local_hour_stay_also_across_summer_time(weeks: int) -> None:
    times = [datetime(2017, month, 14, 22, 30, tzinfo=UTC) for month in range(1, 13)]
    for before, after in zip(times, _shift(times, weeks), strict=True):
        old, new = before.astimezone(NEW_YORK), after.astimezone(NEW_YORK)
        assert (old.weekday(), old.hour, old.minute) == (new.weekday(), new.hour, new.minute)
        assert abs((after - before) - timedelta(weeks=weeks)) <= timedelta(hours=1)


def test_an_hour_that_summer_time_leaves_out_is_the_hour_after_it() -> None:
    sunday = datetime(2017, 3, 5, 2, 30, tzinfo=NEW_YORK).astimezone(UTC)
    (moved,) = _shift([sunday], 1)  # 12 March 2017, 02:30 never was
    assert moved.astimezone(NEW_YORK).hour == 3
    assert moved.astimezone(NEW_YORK).minute == 30


def test_an_hour_that_summer_time_doubles_is_the_earlier() -> None:
    sunday = datetime(2017, 10, 29, 1, 30, tzinfo=NEW_YORK).astimezone(UTC)
    (moved,) = _shift([sunday], 1)  # 5 November 2017, 01:30 was twice
    assert moved == datetime(2017, 11, 5, 5, 30, tzinfo=UTC)
