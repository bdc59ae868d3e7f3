"""Lists what people search for: top, rising, empty and weak queries of a window."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from services.chassis.clock import Clock
from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.search.domain.errors import InsightViewError
from services.search.domain.insights import (
    PAGE_DEFAULT,
    PAGE_LIMIT,
    WINDOW_DEFAULT_DAYS,
    WINDOW_LIMIT_DAYS,
    Insight,
    QueryTotals,
    QueryView,
    is_suggestable,
    listed,
    totals_of,
    window_days,
)
from services.search.domain.suggestions import Phrase, SuggestionKind
from services.search.store.mined import MinedStore

# Adding up a window costs a read of all its days, so answers within this time share one.
CACHE_S: Final = 2.0
CACHED_WINDOWS_LIMIT: Final = 16


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


class QueryInsights:
    """The views of the search log."""

    def __init__(self, mined: MinedStore, clock: Clock, zone: tzinfo) -> None:
        self._mined = mined
        self._clock = clock
        self._zone = zone
        self._windows: dict[int, tuple[float, dict[str, QueryTotals]]] = {}

    async def list_page(self, query: InsightQuery) -> InsightPage:
        """Return a page. Raises InsightViewError, InvalidPageTokenError."""
        days = query.days or WINDOW_DEFAULT_DAYS
        if not 1 <= days <= WINDOW_LIMIT_DAYS:
            raise InsightViewError(f"window_days is between 1 and {WINDOW_LIMIT_DAYS}", field="window_days")
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


def _in_language(insights: Sequence[Insight], language: str) -> list[Insight]:
    return [insight for insight in insights if not language or insight.totals.language == language]


def _place_after(insights: Sequence[Insight], position: tuple[str, int]) -> int:
    """Return where a page goes on: after its last query wherever that stands now, else at the same rank."""
    query, rank = position
    for place, insight in enumerate(insights):
        if insight.totals.query == query:
            return place + 1
    return rank
