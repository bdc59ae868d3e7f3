"""Views of the log are paged, cached for a moment, and name their window."""

from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest

from services.chassis.paging import InvalidPageTokenError
from services.search.domain.errors import InsightViewError
from services.search.domain.insights import PAGE_DEFAULT, QueryDay, QueryView
from services.search.usecases.insights import CACHE_S, InsightQuery, QueryInsights
from tests.fakes.clock import ManualClock


class Days:
    """Mined numbers."""

    def __init__(self) -> None:
        self.days = [
            (
                f"k{number}",
                QueryDay("20260104", f"q{number:03}", "en" if number % 2 else "zh", searches=number, results=1),
            )
            for number in range(1, 121)
        ]
        self.reads = 0

    async def query_days(self, first_day: str) -> AsyncIterator[tuple[str, QueryDay]]:
        self.reads += 1
        for key, day in self.days:
            if day.day >= first_day:
                yield key, day


@pytest.fixture
def days() -> Days:
    return Days()


@pytest.fixture
def insights(days: Days) -> QueryInsights:
    return QueryInsights(days, ManualClock(), ZoneInfo("Asia/Shanghai"))  # type: ignore[arg-type]


async def test_pages_join_up(insights: QueryInsights) -> None:
    found: list[str] = []
    token = ""
    while True:
        page = await insights.list_page(InsightQuery(QueryView.TOP, page_token=token))
        assert len(page.insights) <= PAGE_DEFAULT
        found += [insight.totals.query for insight in page.insights]
        token = page.next_page_token
        if not token:
            break
    assert found == [f"q{number:03}" for number in range(120, 0, -1)]


async def test_a_language_narrows_the_view(insights: QueryInsights) -> None:
    page = await insights.list_page(InsightQuery(QueryView.TOP, language="zh"))
    assert {insight.totals.language for insight in page.insights} == {"zh"}


async def test_a_window_past_its_bounds_or_a_foreign_token_is_refused(insights: QueryInsights) -> None:
    for days in (-1, 91):
        with pytest.raises(InsightViewError):
            await insights.list_page(InsightQuery(QueryView.TOP, days=days))
    token = (await insights.list_page(InsightQuery(QueryView.TOP))).next_page_token
    with pytest.raises(InvalidPageTokenError):
        await insights.list_page(InsightQuery(QueryView.RISING, page_token=token))


async def test_a_day_outside_the_window_is_not_counted(insights: QueryInsights, days: Days) -> None:
    days.days = [("a", QueryDay("20260105", "today", searches=1)), ("b", QueryDay("20260104", "before", searches=1))]
    page = await insights.list_page(InsightQuery(QueryView.TOP, days=1))
    assert [insight.totals.query for insight in page.insights] == ["today"]


async def test_answers_close_together_share_one_reading(days: Days) -> None:
    clock = ManualClock()
    insights = QueryInsights(days, clock, ZoneInfo("Asia/Shanghai"))  # type: ignore[arg-type]
    for view in QueryView:
        await insights.list_page(InsightQuery(view))
    assert days.reads == 1
    clock.advance(CACHE_S)
    await insights.list_page(InsightQuery(QueryView.TOP))
    assert days.reads == 2


async def test_frequent_queries_become_suggestions(insights: QueryInsights) -> None:
    phrases = await insights.suggestions()
    assert len(phrases) == 118
    assert max(phrases, key=lambda phrase: phrase.weight).text == "q120"
