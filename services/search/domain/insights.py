"""Owns what the search log teaches: how often a query is searched, found empty, clicked and bought from, by day.

Each event changes the numbers of one query on one day and of nothing else, so the numbers do not depend on the order in
which the two logs (searches, user events) are read.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

WINDOW_DEFAULT_DAYS: Final = 28
WINDOW_LIMIT_DAYS: Final = 90
PAGE_DEFAULT: Final = 50
PAGE_LIMIT: Final = 200
# Clicks / searches is drawn towards the shop's own rate as if so many more searches had been seen.
PRIOR_SEARCHES: Final = 10.0
MIN_SEARCHES: Final = 3  # below this a query says nothing about growth or weakness
MIN_SEARCHERS: Final = 3  # who searched for it before it is proposed to others
WEAK_SHARE: Final = 0.5  # of the shop's click rate
UNKNOWN_RESULTS: Final = -1
POSITIONS_SHOWN: Final = 20  # clicks further down are counted together
# Telephone, card and order numbers and e-mail addresses get typed into search boxes.
_PERSONAL: Final = re.compile(r"@|\d{6}|\d(?:[\s-]*\d){7}")


class QueryView(StrEnum):
    """Which queries are listed."""

    TOP = "top"
    RISING = "rising"
    EMPTY = "empty"
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class QueryDay:
    """One query's numbers on one of the shop's days."""

    day: str  # YYYYMMDD
    query: str = ""
    language: str = ""
    searches: int = 0
    empty: int = 0
    clicks: int = 0
    purchases: int = 0
    position_sum: int = 0
    positions: int = 0
    results: int = UNKNOWN_RESULTS
    results_time_us: int = 0
    by_position: Mapping[str, int] = field(default_factory=dict)  # clicks; the last key stands for all further down
    searchers: tuple[str, ...] = ()  # keyed hashes of who searched, the lowest MIN_SEARCHERS: whether there are so many


@dataclass(slots=True)
class QueryTotals:
    """One query's numbers over a window, and its searches in the window before."""

    query: str = ""
    language: str = ""
    searches: int = 0
    searches_before: int = 0
    empty: int = 0
    clicks: int = 0
    purchases: int = 0
    position_sum: int = 0
    positions: int = 0
    results: int = UNKNOWN_RESULTS
    results_time_us: int = 0
    searchers: set[str] = field(default_factory=set)

    @property
    def mean_click_position(self) -> float:
        """The mean position of clicks that named one, 0 without any."""
        return self.position_sum / self.positions if self.positions else 0.0


@dataclass(frozen=True, slots=True)
class Insight:
    """A query of a view with its smoothed click rate."""

    totals: QueryTotals
    click_rate: float


@dataclass(frozen=True, slots=True)
class Act:
    """What one event adds to one query's day."""

    query_key: str
    day: str
    query: str = ""
    language: str = ""
    search: bool = False
    click: bool = False
    purchase: bool = False
    position: int = 0
    results: int | None = None
    time_us: int = 0
    searcher: str = ""  # a keyed hash, "" for nobody known


def with_act(before: QueryDay | None, act: Act) -> QueryDay:
    """Return the day with one more act."""
    day = before or QueryDay(act.day)
    newer = act.results is not None and act.time_us >= day.results_time_us
    positioned = act.click and act.position > 0
    return QueryDay(
        day=act.day,
        query=day.query or act.query,
        language=day.language or act.language,
        searches=day.searches + act.search,
        empty=day.empty + (act.search and act.results == 0),
        clicks=day.clicks + act.click,
        purchases=day.purchases + act.purchase,
        position_sum=day.position_sum + (act.position if positioned else 0),
        positions=day.positions + positioned,
        results=act.results if newer and act.results is not None else day.results,
        results_time_us=act.time_us if newer else day.results_time_us,
        by_position=_with_click(day.by_position, act.position) if positioned else day.by_position,
        searchers=tuple(sorted({*day.searchers, act.searcher} - {""})[:MIN_SEARCHERS]),
    )


def without_purchase(before: QueryDay | None, act: Act) -> QueryDay:
    """Return the day without a purchase that another search is credited with; it may be added only after that."""
    day = before or QueryDay(act.day)
    return replace(day, purchases=day.purchases - act.purchase)


def _with_click(by_position: Mapping[str, int], position: int) -> Mapping[str, int]:
    key = str(min(position, POSITIONS_SHOWN + 1))
    return {**by_position, key: by_position.get(key, 0) + 1}


def clicks_by_position(days: Iterable[QueryDay]) -> tuple[int, ...]:
    """Return the clicks at positions 1 to POSITIONS_SHOWN, and last those further down."""
    counts = [0] * (POSITIONS_SHOWN + 1)
    for day in days:
        for position, clicks in day.by_position.items():
            counts[int(position) - 1] += clicks
    return tuple(counts)


def course_of(days: Iterable[QueryDay], last: date, count: int) -> tuple[QueryDay, ...]:
    """Return a day for each of the ``count`` days up to ``last``, the parts of a day (its languages) added up."""
    by_day: dict[str, QueryDay] = {}
    for day in days:
        known = by_day.get(day.day, QueryDay(day.day))
        by_day[day.day] = replace(
            known,
            searches=known.searches + day.searches,
            empty=known.empty + day.empty,
            clicks=known.clicks + day.clicks,
            purchases=known.purchases + day.purchases,
        )
    names = [day_text(last - timedelta(days=ago)) for ago in range(count - 1, -1, -1)]
    return tuple(by_day.get(name, QueryDay(name)) for name in names)


def window_days(last: date, days: int) -> tuple[str, str, str]:
    """Return (first day of the window before, first day of the window, last day) as YYYYMMDD."""
    first = last - timedelta(days=days - 1)
    return day_text(first - timedelta(days=days)), day_text(first), day_text(last)


def day_text(day: date) -> str:
    """Write a day as YYYYMMDD."""
    return day.strftime("%Y%m%d")


def totals_of(days: Iterable[tuple[str, QueryDay]], first: str) -> dict[str, QueryTotals]:
    """Add up (query key, day) pairs: days from ``first`` on are the window, those before it the window before."""
    totals: dict[str, QueryTotals] = {}
    for key, day in days:
        total = totals.setdefault(key, QueryTotals())
        total.query = total.query or day.query
        total.language = total.language or day.language
        if day.day < first:
            total.searches_before += day.searches
            continue
        total.searches += day.searches
        total.empty += day.empty
        total.clicks += day.clicks
        total.purchases += day.purchases
        total.position_sum += day.position_sum
        total.positions += day.positions
        total.searchers.update(day.searchers)
        if day.results_time_us >= total.results_time_us and day.results != UNKNOWN_RESULTS:
            total.results, total.results_time_us = day.results, day.results_time_us
    return totals


def listed(totals: Iterable[QueryTotals], view: QueryView) -> list[Insight]:
    """Return the queries of a view in its order; equal ones by query."""
    known = [total for total in totals if total.query]
    rate = shop_click_rate(known)
    insights = [Insight(total, smoothed_click_rate(total, rate)) for total in known]
    ranked = [(_rank(insight, view, rate), insight) for insight in insights]
    kept = [(rank, insight) for rank, insight in ranked if rank > 0]
    return [insight for _, insight in sorted(kept, key=lambda pair: (-pair[0], pair[1].totals.query))]


def is_suggestable(total: QueryTotals) -> bool:
    """Tell whether a query may be shown to others: searched by several, with results, and nobody's number or address.

    However often one shopper types a name, it is that shopper's own.
    """
    personal = _PERSONAL.search(total.query)
    return len(total.searchers) >= MIN_SEARCHERS and total.results != 0 and not personal and bool(total.query)


def shop_click_rate(totals: Iterable[QueryTotals]) -> float:
    """Return clicks / searches over all queries, at most 1."""
    searches = clicks = 0
    for total in totals:
        searches, clicks = searches + total.searches, clicks + total.clicks
    return min(1.0, clicks / searches) if searches else 0.0


def smoothed_click_rate(total: QueryTotals, shop_rate: float) -> float:
    """Return clicks / searches, shrunk towards the shop's rate; at most 1 (one search may bring several clicks)."""
    return min(1.0, (total.clicks + PRIOR_SEARCHES * shop_rate) / (total.searches + PRIOR_SEARCHES))


def _rank(insight: Insight, view: QueryView, shop_rate: float) -> float:
    """Return how high a query stands in a view; 0 or less: not in it."""
    total = insight.totals
    match view:
        case QueryView.TOP:
            return float(total.searches)
        case QueryView.RISING:
            # How many standard deviations of a Poisson count the growth is worth: 3 -> 9 says less than 300 -> 400.
            growth = total.searches - total.searches_before
            return growth / math.sqrt(total.searches + total.searches_before) if total.searches >= MIN_SEARCHES else 0.0
        case QueryView.EMPTY:
            return float(total.empty) if total.results == 0 else 0.0
        case QueryView.WEAK:
            weak = insight.click_rate < WEAK_SHARE * shop_rate and total.results != 0
            # Clicks that the shop's rate would have brought.
            return total.searches * (shop_rate - insight.click_rate) if weak and total.searches >= MIN_SEARCHES else 0.0
