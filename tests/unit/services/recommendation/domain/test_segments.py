"""Segments by what somebody bought."""

import pytest

from services.recommendation.domain.segments import (
    AISLE_LINES,
    AISLE_WITHIN_S,
    DAY_S,
    REGULAR_DAYS,
    REGULAR_WITHIN_S,
    SEGMENT,
    Bought,
    aisle_segment,
    segments_of,
)

NOW_S = 20_000 * DAY_S


def bought(*days_ago: int, aisle: str = "") -> list[Bought]:
    return [Bought(NOW_S - day * DAY_S, aisle) for day in days_ago]


def test_who_never_bought_is_new() -> None:
    assert segments_of([], NOW_S) == ("new",)


def test_who_bought_is_returning_and_often_of_late_regular() -> None:
    assert segments_of(bought(400), NOW_S) == ("returning",)
    assert segments_of(bought(*range(REGULAR_DAYS - 1)), NOW_S) == ("returning",)
    assert segments_of(bought(*range(REGULAR_DAYS)), NOW_S) == ("regular", "returning")
    assert segments_of(bought(*[1] * 9), NOW_S) == ("returning",)
    old = REGULAR_WITHIN_S // DAY_S + 1
    assert segments_of(bought(*range(old, old + 9)), NOW_S) == ("returning",)


def test_favourite_categories_come_first_the_strongest_of_them_first() -> None:
    lines = [*bought(*[1] * AISLE_LINES, aisle="Fresh Produce"), *bought(*[1] * 5, aisle="Bakery")]
    assert segments_of(lines, NOW_S) == ("buys:bakery", "buys:fresh-produce", "returning")
    few = bought(*[1] * (AISLE_LINES - 1), aisle="Bakery")
    assert segments_of(few, NOW_S) == ("returning",)
    old = bought(*[AISLE_WITHIN_S // DAY_S + 1] * 9, aisle="Bakery")
    assert segments_of(old, NOW_S) == ("returning",)
    many = [line for aisle in "abcde" for line in bought(*[1] * 4, aisle=aisle)]
    assert segments_of(many, NOW_S) == ("buys:a", "buys:b", "buys:c", "returning")


@pytest.mark.parametrize("aisle", ["Fresh Produce", "Café & Tea", "x" * 200, "Dairy > Milk"])
def test_a_category_gives_a_name_that_scenes_may_use(aisle: str) -> None:
    assert SEGMENT.fullmatch(aisle_segment(aisle))


def test_a_category_without_latin_letters_gives_none() -> None:
    assert aisle_segment("生鲜") == ""
