"""Owns which days are known sale days: rules that come back every year (sale_days.toml) and the operator's own days.

On such a day much is said about every shop, so a burst of all mentions is no crisis (``bursts`` says what remains one).
Days are dates of the shop's calendar.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

OWN_DAYS_LIMIT: Final = 366
OWN_DAYS_TEXT_LIMIT: Final = 16_384  # characters
OWN_NAME_LIMIT: Final = 64

_TABLE: Final = Path(__file__).with_name("sale_days.toml")
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_OWN: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?(?:=(.+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class SaleDay:
    """Why a day is loud, in both languages."""

    id: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class YearlyDates:
    """The same dates every year, both included."""

    sale: SaleDay
    first: tuple[int, int]
    last: tuple[int, int]

    def includes(self, day: date) -> bool:
        """Tell whether the day is one of them."""
        return self.first <= (day.month, day.day) <= self.last


@dataclass(frozen=True, slots=True)
class YearlyWeekday:
    """Days that follow the nth weekday of a month. ``first_day_after``, ``last_day_after``: both included."""

    sale: SaleDay
    month: int
    weekday: int
    nth: int
    first_day_after: int
    last_day_after: int

    def includes(self, day: date) -> bool:
        """Tell whether the day is one of them."""
        start = date(day.year, self.month, 1)
        anchor = start + timedelta((self.weekday - start.weekday()) % 7 + 7 * (self.nth - 1))
        return self.first_day_after <= (day - anchor).days <= self.last_day_after


@dataclass(frozen=True, slots=True)
class OwnDates:
    """The operator's own days of one year, both included."""

    sale: SaleDay
    first: date
    last: date

    def includes(self, day: date) -> bool:
        """Tell whether the day is one of them."""
        return self.first <= day <= self.last


Rule = YearlyDates | YearlyWeekday | OwnDates


@dataclass(frozen=True, slots=True)
class SaleCalendar:
    """The known sale days; the operator's come first, for they say it in the shop's own words."""

    rules: tuple[Rule, ...] = ()

    def sale_on(self, day: date) -> SaleDay | None:
        """Return why the day is loud, None for any other day."""
        return next((rule.sale for rule in self.rules if rule.includes(day)), None)


def sale_calendar(own: str = "") -> SaleCalendar:
    """Return the calendar with the operator's days, ``2026-08-18[..2026-08-20][=name]`` divided by commas.

    Raises ValueError.
    """
    return SaleCalendar((*_own_rules(own), *_yearly_rules()))


@cache
def _yearly_rules() -> tuple[Rule, ...]:
    return tuple(_yearly_rule(entry) for entry in tomllib.loads(_TABLE.read_text(encoding="utf-8"))["sale"])


def _yearly_rule(entry: Mapping[str, Any]) -> Rule:
    sale = SaleDay(entry["id"], entry["zh"], entry["en"])
    if "from" in entry:
        return YearlyDates(sale, _month_day(entry["from"]), _month_day(entry["through"]))
    weekday = _WEEKDAYS.index(entry["weekday"])
    return YearlyWeekday(sale, entry["month"], weekday, entry["nth"], entry["first_day_after"], entry["last_day_after"])


def _month_day(text: str) -> tuple[int, int]:
    month, day = text.split("-")
    return int(month), int(day)


def _own_rules(text: str) -> Iterable[Rule]:
    if len(text) > OWN_DAYS_TEXT_LIMIT:
        raise ValueError(f"sale days take more than {OWN_DAYS_TEXT_LIMIT} characters")
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > OWN_DAYS_LIMIT:
        raise ValueError(f"more than {OWN_DAYS_LIMIT} sale days")
    return [_own_rule(part) for part in parts]


def _own_rule(part: str) -> OwnDates:
    match = _OWN.fullmatch(part)
    try:
        if match is None:
            raise ValueError
        first = date.fromisoformat(match[1])
        last = date.fromisoformat(match[2] or match[1])
    except ValueError:
        raise ValueError(f"{part[:OWN_NAME_LIMIT]!r} is not YYYY-MM-DD[..YYYY-MM-DD][=name]") from None
    name = (match[3] or "").strip()
    if last < first or len(name) > OWN_NAME_LIMIT:
        raise ValueError(f"{part[:OWN_NAME_LIMIT]!r} ends before it begins, or its name is too long")
    return OwnDates(SaleDay(f"own-{first.isoformat()}", name or "自定义大促", name or "own sale day"), first, last)
