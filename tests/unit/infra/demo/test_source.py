"""Cleaning: what stays, what is left out and why, and that both account for every line."""

from itertools import pairwise
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from infra.demo.source import DROP_REASONS, ShopYear, choose_households, read_shop_year
from tests.unit.infra.demo.conftest import LINES


def test_every_line_stays_or_is_counted_by_its_reason(tiny_year: ShopYear) -> None:
    assert tiny_year.dropped == {
        "product unknown": 1,
        "fuel": 2,
        "not merchandise": 1,
        "zero quantity": 1,
        "zero value": 1,
        "after the year's end": 1,
    }
    assert set(tiny_year.dropped) == set(DROP_REASONS)
    assert tiny_year.lines.height + sum(tiny_year.dropped.values()) == len(LINES)


def test_fuel_is_left_out_by_its_type_wherever_it_sits(tiny_year: ShopYear) -> None:
    assert not set(tiny_year.lines["item"]) & {60, 61}


def test_rows_that_no_name_tells_apart_are_one_item_named_by_the_smallest_id(tiny_year: ShopYear) -> None:
    assert 10 in tiny_year.items["item"]
    assert 11 not in tiny_year.items["item"]
    assert tiny_year.lines.filter(tiny_year.lines["basket"] == 1001)["item"].to_list() == [10, 10, 30]


def test_money_is_whole_cents_and_a_matched_coupon_is_a_discount_of_the_shop(tiny_year: ShopYear) -> None:
    line = tiny_year.lines.filter(tiny_year.lines["coupon_cents"] > 0).row(0, named=True)
    assert (line["sales_cents"], line["shelf_discount_cents"], line["coupon_cents"]) == (150, 50, 200)


def test_times_are_aware_utc_and_in_order(tiny_year: ShopYear) -> None:
    assert tiny_year.lines["time"].dtype.time_zone == "UTC"  # type: ignore[attr-defined]
    assert tiny_year.lines["time"].is_sorted()


def test_the_main_maker_of_an_item_is_the_one_of_most_lines(tiny_year: ShopYear) -> None:
    drink = tiny_year.items.filter(tiny_year.items["item"] == 20).row(0, named=True)
    assert drink["maker_number"] == 103
    assert drink["maker_share"] == pytest.approx(3 / 4)
    assert (drink["households"], drink["lines"]) == (2, 4)


def test_households_without_a_line_that_stays_are_still_households(tiny_year: ShopYear) -> None:
    assert tiny_year.households == (1, 2, 3, 4)
    assert 4 not in tiny_year.lines["household"]


def test_reading_twice_gives_the_same(tiny_folder: Path, tiny_year: ShopYear) -> None:
    again = read_shop_year(tiny_folder)
    assert_frame_equal(again.lines, tiny_year.lines)
    assert_frame_equal(again.items, tiny_year.items)


def test_a_larger_choice_of_households_contains_the_smaller(tiny_year: ShopYear) -> None:
    choices = [set(choose_households(tiny_year, count, seed=7)) for count in (1, 2, 3, 4)]
    assert all(small < large for small, large in pairwise(choices))
    assert choose_households(tiny_year, None, seed=7) == tiny_year.households
    assert choose_households(tiny_year, 2, seed=7) == choose_households(tiny_year, 2, seed=7)


@pytest.mark.parametrize("count", [0, -1, 5])
def test_a_choice_out_of_range_is_refused(tiny_year: ShopYear, count: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 4"):
        choose_households(tiny_year, count, seed=7)
