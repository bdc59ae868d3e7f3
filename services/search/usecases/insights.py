"""Lists what people search for: top, rising, empty and weak queries of a window."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from services.chassis.clock import Clock
from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.search.domain.attribution import query_key
from services.search.domain.errors import InsightViewError
from services.search.domain.insights import (
    PAGE_DEFAULT,
    PAGE_LIMIT,
    WINDOW_DEFAULT_DAYS,
    WINDOW_LIMIT_DAYS,
    Insight,
    QueryDay,
    QueryTotals,
    QueryView,
    clicks_by_position,
    course_of,
    day_text,
    is_suggestable,
    listed,
    shop_click_rate,
    smoothed_click_rate,
    totals_of,
    window_days,
)
from services.search.domain.query import checked_query, normalised_query
from services.search.domain.suggestions import Phrase, SuggestionKind
from services.search.store.mined import MinedStore, query_day_key

# Adding up a window costs a read of all its days, so answers within this time share one.
CACHE_S: Final = 2.0
CACHED_WINDOWS_LIMIT: Final = 16
QUERY_LANGUAGES: Final = ("zh", "en", "")  # under which one query may be counted


@dataclass(frozen=True, slots=True)
class InsightQuery:
    """A page of a view. ``language`` empty for both."""

    view: QueryView
    days: int = 0
    size: int = 0
    page_token: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class InsightPage:
    """Queries of a view, in its order."""

    insights: tuple[Insight, ...]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class QueryCourse:
    """One query over a window: a number for each day, where its results were clicked, and what all of it comes to."""

    query: str
    days: tuple[QueryDay, ...]
    by_position: tuple[int, ...]
    insight: Insight


class QueryInsights:
    """The views of the search log."""

    def __init__(self, mined: MinedStore, clock: Clock, zone: tzinfo) -> None:
        self._mined = mined
        self._clock = clock
        self._zone = zone
        self._windows: dict[int, tuple[float, dict[str, QueryTotals]]] = {}

    async def list_page(self, query: InsightQuery) -> InsightPage:
        """Return a page. Raises InsightViewError, InvalidPageTokenError."""
        days = _checked_days(query.days)
        identity = {"view": query.view.value, "days": days, "language": query.language}
        size = page_size(query.size, default=PAGE_DEFAULT, maximum=PAGE_LIMIT)
        after = decode_page_token(query.page_token, query=identity)
        totals = await self._totals(days)
        insights = _in_language(listed(totals.values(), query.view), query.language)
        start = 0 if after is None else _place_after(insights, after)
        shown = insights[start : start + size]
        more = len(insights) > start + size
        token = encode_page_token([shown[-1].totals.query, start + size], query=identity) if more else ""
        return InsightPage(tuple(shown), token)

    async def course(self, query: str, *, days: int = 0, language: str = "") -> QueryCourse:
        """Return one query day by day. Raises InsightViewError, QueryTooLongError."""
        days = _checked_days(days)
        wanted = normalised_query(checked_query(query))
        if not wanted:
            raise InsightViewError("name a query", field="query")
        today = self._clock.now().astimezone(self._zone).date()
        _, first, _ = window_days(today, days)
        keys = [query_key(wanted, each) for each in ([language] if language else QUERY_LANGUAGES)]
        names = [day_text(today - timedelta(days=ago)) for ago in range(2 * days)]
        found = await self._mined.query_days_of([query_day_key(day, key) for day in names for key in keys])
        totals = totals_of(((wanted, day) for _, day in found), first).get(wanted) or QueryTotals()
        totals.query = wanted
        rate = shop_click_rate((await self._totals(days)).values())
        in_window = [day for _, day in found if day.day >= first]
        return QueryCourse(
            wanted,
            course_of(in_window, today, days),
            clicks_by_position(in_window),
            Insight(totals, smoothed_click_rate(totals, rate)),
        )

    def as_of(self, staleness_s: float) -> datetime:
        """Return up to when the log is counted, given how stale its reader is."""
        return self._clock.now() - timedelta(seconds=min(staleness_s, 10 * 365 * 86_400.0))

    async def suggestions(self) -> list[Phrase]:
        """Return what shoppers typed often enough, and with results, to be proposed to others."""
        totals = await self._totals(WINDOW_DEFAULT_DAYS)
        return [
            Phrase(total.query, SuggestionKind.QUERY, math.log2(1 + total.searches), total.language)
            for total in totals.values()
            if is_suggestable(total)
        ]

    async def top_queries(self, limit: int) -> list[str]:
        """Return what people search for most, the most first."""
        totals = await self._totals(WINDOW_DEFAULT_DAYS)
        return [each.totals.query for each in listed(totals.values(), QueryView.TOP)[:limit]]

    async def _totals(self, days: int) -> dict[str, QueryTotals]:
        cached = self._windows.get(days)
        if cached and self._clock.monotonic() - cached[0] < CACHE_S:
            return cached[1]
        today = self._clock.now().astimezone(self._zone).date()
        before, first, _ = window_days(today, days)
        totals = totals_of([pair async for pair in self._mined.query_days(before)], first)
        if len(self._windows) >= CACHED_WINDOWS_LIMIT:
            self._windows.clear()
        self._windows[days] = (self._clock.monotonic(), totals)
        return totals


def _checked_days(days: int) -> int:
    if not 0 <= days <= WINDOW_LIMIT_DAYS:
        raise InsightViewError(f"window_days is between 1 and {WINDOW_LIMIT_DAYS}", field="window_days")
    return days or WINDOW_DEFAULT_DAYS


def _in_language(insights: Sequence[Insight], language: str) -> list[Insight]:
    return [insight for insight in insights if not language or insight.totals.language == language]


def _place_after(insights: Sequence[Insight], position: tuple[str, int]) -> int:
    """Return where a page goes on: after its last query wherever that stands now, else at the same rank."""
    query, rank = position
    for place, insight in enumerate(insights):
        if insight.totals.query == query:
            return place + 1
    return rank
