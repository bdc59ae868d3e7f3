"""The days of work of other countries, from the package ``holidays``: public holidays, weekends, worked weekends.

A country's own language names its holidays there; a holiday that follows the moon or is not yet decreed carries the
word "estimated" in its name, and outside the years that the package covers only the weekend is known: both are answered
as not published.
"""

from datetime import date
from typing import Final

import holidays

from services.kits.calendars.day_rules import Day

NAMES_IN: Final = "en_US"


class CountryDays:
    """The days of a country or of one of its parts. Raises ValueError for a code that the package does not know."""

    def __init__(self, country: str, subdivision: str = "") -> None:
        try:
            made = holidays.country_holidays(country, subdiv=subdivision or None)
            if NAMES_IN in made.supported_languages:
                made = holidays.country_holidays(country, subdiv=subdivision or None, language=NAMES_IN)
        except NotImplementedError as error:
            raise ValueError(str(error)) from error
        self._holidays = made
        label = getattr(made, "estimated_label", "")  # "%s (estimated)", in the country's own language
        self._estimated = made.tr(label).replace("%s", "").strip(" ()（）") if label else ""

    def day(self, date: date) -> Day:
        days = self._holidays
        is_covered = days.start_year <= date.year <= days.end_year
        holiday = days.get(date, "") if is_covered else ""
        is_estimated = bool(self._estimated) and self._estimated in holiday
        is_workday = days.is_working_day(date) if is_covered else date.weekday() not in days.weekend
        return Day(is_workday, is_covered and not is_estimated, holiday)
