"""What the log teaches does not depend on the order in which it is read, and each view lists what it says."""

import itertools
from dataclasses import replace
from datetime import date

from services.search.domain.insights import (
    POSITIONS_SHOWN,
    Act,
    QueryDay,
    QueryTotals,
    QueryView,
    clicks_by_position,
    course_of,
    is_suggestable,
    listed,
    totals_of,
    window_days,
    with_act,
    without_purchase,
)

ACTS = (
    Act("k", "20260105", "tea", "en", search=True, results=7, time_us=2),
    Act("k", "20260105", "tea", "en", search=True, results=0, time_us=1),
    Act("k", "20260105", click=True, position=3),
    Act("k", "20260105", click=True, position=1),
    Act("k", "20260105", purchase=True),
)


def test_acts_add_up_in_any_order() -> None:
    expected = QueryDay("20260105", "tea", "en", 2, 1, 2, 1, 4, 2, 7, 2, {"1": 1, "3": 1})
    for order in itertools.permutations(ACTS):
        day: QueryDay | None = None
        for act in order:
            day = with_act(day, act)
        assert day == expected


def test_a_purchase_is_taken_back_before_it_was_added_as_well_as_after() -> None:
    bought = ACTS[-1]
    for day in (without_purchase(with_act(None, bought), bought), with_act(without_purchase(None, bought), bought)):
        assert day == QueryDay("20260105")


def test_a_window_and_the_one_before_do_not_overlap() -> None:
    assert window_days(date(2026, 3, 1), 7) == ("20260216", "20260223", "20260301")
    days = [("k", QueryDay("20260222", "tea", searches=2)), ("k", QueryDay("20260223", "tea", searches=5))]
    totals = totals_of(days, "20260223")
    assert (totals["k"].searches, totals["k"].searches_before) == (5, 2)


def test_the_last_search_of_the_window_says_how_many_results() -> None:
    days = [
        ("k", QueryDay("20260224", "tea", results=0, results_time_us=20)),
        ("k", QueryDay("20260223", "tea", results=9, results_time_us=10)),
    ]
    assert totals_of(days, "20260223")["k"].results == 0


def queries(view: QueryView, *totals: QueryTotals) -> list[str]:
    return [insight.totals.query for insight in listed(totals, view)]


def test_top_lists_the_most_searched() -> None:
    assert queries(
        QueryView.TOP,
        QueryTotals("tea", searches=3),
        QueryTotals("milk", searches=9),
        QueryTotals("cola", searches=3),
        QueryTotals("gone", searches=0, searches_before=9),
    ) == ["milk", "cola", "tea"]


def test_rising_weighs_growth_by_how_sure_it_is() -> None:
    assert queries(
        QueryView.RISING,
        QueryTotals("small", searches=9, searches_before=3),
        QueryTotals("large", searches=400, searches_before=300),
        QueryTotals("new", searches=40),
        QueryTotals("once", searches=1),
        QueryTotals("falling", searches=5, searches_before=9),
    ) == ["new", "large", "small"]


def test_empty_lists_what_finds_nothing_now() -> None:
    assert queries(
        QueryView.EMPTY,
        QueryTotals("router", searches=5, empty=5, results=0),
        QueryTotals("stocked", searches=5, empty=4, results=3),
        QueryTotals("tablet", searches=9, empty=9, results=0),
    ) == ["tablet", "router"]


def test_weak_lists_what_is_found_and_hardly_clicked() -> None:
    assert queries(
        QueryView.WEAK,
        QueryTotals("good", searches=100, clicks=60, results=5),
        QueryTotals("weak", searches=100, clicks=1, results=5),
        QueryTotals("rare", searches=2, clicks=0, results=5),
        QueryTotals("empty", searches=100, clicks=0, results=0, empty=100),
    ) == ["weak"]


def test_a_click_rate_is_drawn_to_the_shops_own() -> None:
    once, often = listed(
        [
            QueryTotals("once", searches=1, clicks=1, results=1),
            QueryTotals("often", searches=999, clicks=99, results=1),
        ],
        QueryView.TOP,
    )[::-1]
    assert 0.1 < once.click_rate < 0.3
    assert abs(often.click_rate - 0.1) < 0.01


def test_only_what_several_searched_and_is_nobodys_number_is_suggested() -> None:
    def suggestable(query: str, searchers: str = "abc", results: int = 1) -> bool:
        return is_suggestable(QueryTotals(query, searches=50, results=results, searchers=set(searchers)))

    assert suggestable("牛奶")
    assert suggestable("12 oz")
    assert not suggestable("牛奶", searchers="ab")
    assert not suggestable("牛奶", results=0)
    assert not suggestable("13800138000")
    assert not suggestable("138 0013 8000")
    assert not suggestable("li@example.com")


def test_so_many_searchers_are_remembered_as_make_several_whatever_their_order() -> None:
    def searched(by: str) -> QueryDay:
        day: QueryDay | None = None
        for each in by:
            day = with_act(day, Act("k", "20260105", search=True, searcher=each.strip()))
        assert day is not None
        return day

    assert searched("aaaa   a").searchers == ("a",)
    assert searched("dacb").searchers == searched("abcd").searchers == ("a", "b", "c")
    totals = totals_of([("k", searched("aa")), ("k", replace(searched("bc"), day="20260106"))], "20260105")
    assert totals["k"].searchers == {"a", "b", "c"}


def test_clicks_far_down_are_counted_together() -> None:
    day: QueryDay | None = None
    for position in (1, 1, POSITIONS_SHOWN, POSITIONS_SHOWN + 1, 500, 0):
        day = with_act(day, Act("k", "20260105", click=True, position=position))
    assert day is not None
    counts = clicks_by_position([day, day])
    assert (len(counts), counts[0], counts[POSITIONS_SHOWN - 1], counts[POSITIONS_SHOWN]) == (21, 4, 2, 4)
    assert sum(counts) == 2 * day.positions


def test_a_course_has_every_day_once_with_its_languages_added_up() -> None:
    days = [
        QueryDay("20260301", searches=2, empty=1, clicks=1),
        QueryDay("20260301", searches=3, purchases=1),
        QueryDay("20260227", searches=9),
    ]
    course = course_of(days, date(2026, 3, 1), 3)
    assert [(each.day, each.searches, each.empty, each.clicks, each.purchases) for each in course] == [
        ("20260227", 9, 0, 0, 0),
        ("20260228", 0, 0, 0, 0),
        ("20260301", 5, 1, 1, 1),
    ]
