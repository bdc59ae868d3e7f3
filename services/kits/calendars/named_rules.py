"""Reads the name of a day rule, as a setting gives it.

``every-day``, ``weekdays``, ``CN``, the ISO 3166 code of another country ("US"), of a part of one ("US-NY"), and each
country's with ``+weekends`` behind it: off on its public holidays alone.
"""

import re
from typing import Final

from services.kits.calendars.chinese_days import ChineseDays
from services.kits.calendars.country_days import CountryDays
from services.kits.calendars.day_rules import EVERY_DAY, DayRule, Weekdays, WeekendsToo

CHINA: Final = "CN"
WEEKENDS: Final = "+weekends"

_COUNTRY: Final = re.compile(r"([A-Z]{2})(?:-([A-Z0-9]{1,3}))?")


def day_rule_named(name: str) -> DayRule:
    """Return the rule of that name; raises ValueError with words for people."""
    if name == "every-day":
        return EVERY_DAY
    if name == "weekdays":
        return Weekdays()
    match = _COUNTRY.fullmatch(name.removesuffix(WEEKENDS))
    if match is None:
        raise ValueError('a calendar is every-day, weekdays, CN, a country or its part ("US-NY"), +weekends behind it')
    country, subdivision = match.groups(default="")
    rule: DayRule = ChineseDays() if (country, subdivision) == (CHINA, "") else CountryDays(country, subdivision)
    return WeekendsToo(rule) if name.endswith(WEEKENDS) else rule
