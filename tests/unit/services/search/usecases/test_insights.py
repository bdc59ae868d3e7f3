"""Views of the log are paged, cached for a moment, and name their window."""

from collections.abc import AsyncIterator, Sequence
from zoneinfo import ZoneInfo

import pytest

from services.chassis.paging import InvalidPageTokenError
from services.search.domain.attribution import query_key
from services.search.domain.errors import InsightViewError, QueryTooLongError
from services.search.domain.insights import PAGE_DEFAULT, QueryDay, QueryView
from services.search.domain.query import QUERY_LIMIT
from services.search.store.mined import query_day_key
from services.search.usecases.insights import CACHE_S, InsightQuery, QueryInsights
from tests.fakes.clock import ManualClock


class Days:
    """Mined numbers."""

    def __init__(self) -> None:
        self.days = [
            (
                f"k{number}",
                QueryDay(
                    "20260104",
                    f"q{number:03}",
                    "en" if number % 2 else "zh",
                    searches=number,
                    results=1,
                    searchers=tuple("abcde"[: min(number, 3)]),
                ),
            )
            for number in range(1, 121)
        ]
        self.reads = 0
        self.by_key: dict[str, QueryDay] = {}

    async def query_days_of(self, keys: Sequence[str]) -> list[tuple[str, QueryDay]]:
        return [(key, self.by_key[key]) for key in keys if key in self.by_key]

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


async def test_one_query_day_by_day_in_both_its_languages(insights: QueryInsights, days: Days) -> None:
    for day, language, searches, by_position in (
        ("20260105", "zh", 4, {"1": 3}),
        ("20260105", "en", 1, {"2": 1}),
        ("20260104", "en", 2, {}),
        ("20260103", "en", 9, {"1": 1}),
    ):
        key = query_day_key(day, query_key("tea", language))
        clicks = sum(by_position.values())
        days.by_key[key] = QueryDay(
            day, "tea", language, searches=searches, clicks=clicks, by_position=by_position, results=3
        )
    course = await insights.course(" TEA ", days=2)
    assert (course.query, [day.searches for day in course.days]) == ("tea", [2, 5])
    assert course.by_position[:3] == (3, 1, 0)
    totals = course.insight.totals
    assert (totals.searches, totals.searches_before, totals.clicks, totals.results) == (7, 9, 4, 3)
    english = await insights.course("tea", days=2, language="en")
    assert [day.searches for day in english.days] == [2, 1]


async def test_a_query_that_nobody_searched_has_zeros(insights: QueryInsights) -> None:
    course = await insights.course("unheard")
    assert (len(course.days), sum(day.searches for day in course.days), sum(course.by_position)) == (28, 0, 0)
    assert course.insight.totals.query == "unheard"


async def test_a_course_has_bounds(insights: QueryInsights) -> None:
    for query, days in (("tea", 91), ("tea", -1), ("   ", 7)):
        with pytest.raises(InsightViewError):
            await insights.course(query, days=days)
    with pytest.raises(QueryTooLongError):
        await insights.course("x" * (QUERY_LIMIT + 1))
