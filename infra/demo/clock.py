"""Moves the data's year 2017 to the year that ends just before now.

Whole weeks, in the shop's local time: weekdays and hours of the day stay true, also across summer time. Weeks rather
than years (of 364 days), because what is recent decides recommendations and classes: the year ends within the last
seven days. The price: holidays move. Christmas goods sell in the last weeks of the demo's year, whenever that is.
"""

from datetime import datetime, timedelta
from typing import Final

import polars as pl

from infra.demo.source import YEAR_END

SHOP_TIME_ZONE: Final = "America/New_York"
_WEEK: Final = timedelta(weeks=1)


def weeks_to_shift(end_time: datetime) -> int:
    """Return by how many weeks the year moves so that it ends at most a week before ``end_time`` (aware).

    Raises ValueError when ``end_time`` is naive or before the data's own end.
    """
    if end_time.tzinfo is None:
        raise ValueError("end_time needs a time zone")
    if end_time < YEAR_END:
        raise ValueError(f"end_time lies before the data's own end, {YEAR_END.isoformat()}")
    return (end_time - YEAR_END) // _WEEK


def shifted(time: pl.Expr, weeks: int) -> pl.Expr:
    """Return UTC times moved by whole weeks of the shop's local time.

    A local time that summer time leaves out is read as the hour after it; one that it doubles as the earlier.
    """
    if weeks == 0:
        return time
    local = time.dt.convert_time_zone(SHOP_TIME_ZONE).dt.replace_time_zone(None).dt.offset_by(f"{weeks}w")
    moved = local.dt.replace_time_zone(SHOP_TIME_ZONE, ambiguous="earliest", non_existent="null")
    after_gap = local.dt.offset_by("1h").dt.replace_time_zone(SHOP_TIME_ZONE, ambiguous="earliest", non_existent="null")
    return pl.coalesce(moved, after_gap).dt.convert_time_zone("UTC")
