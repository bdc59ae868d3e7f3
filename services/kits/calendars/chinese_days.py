"""China's days of work: public holidays and the weekend days that are worked to make up for them.

The State Council publishes one year at a time, late in the year before; ``chinesecalendar`` holds the published years.
Beyond them a day follows a rule of thumb: weekends and the holidays in their customary breadth (Spring Festival from
New Year's Eve through the seventh day, 1 to 7 October, 1 to 5 May, one day for each of the others), the lunar ones and
Qingming computed by ``borax``. Held against the published years 2015 to 2026, the rule misses 126 of 4,383 days, of
which only 29 are days off that it calls workdays (the statutory days alone would miss 183, 105 of them so). Make-up
workdays cannot be foreseen, which errs on the side of a later promise.
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from borax.calendars.lunardate import MAX_LUNAR_YEAR, MIN_LUNAR_YEAR, LunarDate
from chinese_calendar.constants import holidays, workdays

from services.kits.calendars.day_rules import DAY_OFF, SATURDAY_SUNDAY, WORKDAY, Day

FIRST_PUBLISHED: Final = date(min(holidays).year, 1, 1)
# The last days of a year belong to the decree of the next: in 2006, 2007, 2018, 2022 and others it moved them.
LAST_PUBLISHED: Final = date(max(holidays).year, 12, 28)
LUNAR_YEARS: Final = range(MIN_LUNAR_YEAR + 1, MAX_LUNAR_YEAR)  # outside, the lunar holidays are left out
MAX_KEPT_YEARS: Final = 64

_QINGMING: Final = "清明"
_QINGMING_DAYS: Final = (4, 5, 6)  # of April, whichever carries the solar term
_FIXED: Final = (
    ("New Year's Day", 1, 1, 1),
    ("Labour Day", 5, 1, 5),
    ("National Day", 10, 1, 7),
)  # name, month, first day, days
_LUNAR: Final = (
    ("Spring Festival", 1, 1, -1, 8),
    ("Dragon Boat Festival", 5, 5, 0, 1),
    ("Mid-autumn Festival", 8, 15, 0, 1),
)  # name, lunar month, lunar day, the first day off counted from it, days


class CustomaryDays:
    """The days of mainland China by rule of thumb, in any year."""

    def day(self, date: date) -> Day:
        holiday = _customary_holidays(date.year).get(date, "")
        is_workday = not holiday and date.weekday() not in SATURDAY_SUNDAY
        return Day(is_workday, is_published=False, holiday=holiday)


class ChineseDays:
    """The days of mainland China: as published, else as is customary."""

    def day(self, date: date) -> Day:
        if FIRST_PUBLISHED <= date <= LAST_PUBLISHED:
            return _published_day(date)
        return _CUSTOMARY.day(date)


_CUSTOMARY: Final = CustomaryDays()


def _published_day(date: date) -> Day:
    if date in workdays:  # a Saturday or Sunday that is worked
        return WORKDAY
    if date in holidays:
        return Day(is_workday=False, holiday=holidays[date])
    return DAY_OFF if date.weekday() in SATURDAY_SUNDAY else WORKDAY


@lru_cache(maxsize=MAX_KEPT_YEARS)
def _customary_holidays(year: int) -> dict[date, str]:
    """Return the days off of a year that no decree tells, each with its name."""
    found = {date(year, month, first + each): name for name, month, first, days in _FIXED for each in range(days)}
    if year not in LUNAR_YEARS:
        return found
    for name, month, day, start, days in _LUNAR:
        feast: date = LunarDate(year, month, day).to_solar_date()
        found |= {feast + timedelta(days=start + each): name for each in range(days)}
    qingming = next(day for day in _QINGMING_DAYS if LunarDate.from_solar_date(year, 4, day).term == _QINGMING)
    return found | {date(year, 4, qingming): "Tomb-sweeping Day"}
