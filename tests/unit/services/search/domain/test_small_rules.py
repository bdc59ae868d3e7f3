"""Popularity fades, price bounds are round, relaxation asks for half."""

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.search.domain.popularity import HALF_LIFE_S, Faded, added, is_nothing, value_at
from services.search.domain.price_bounds import MIN_PRICES, SHARES, price_bounds
from services.search.domain.relevance import words_required


def test_popularity_does_not_depend_on_the_order_of_acts() -> None:
    acts = [(1.0, 0.0), (0.3, HALF_LIFE_S), (0.05, 3 * HALF_LIFE_S)]
    values = []
    for order in permutations(acts):
        sum_: Faded | None = None
        for weight, time_s in order:
            sum_ = added(sum_, weight, time_s)
        assert sum_ is not None
        values.append(value_at(sum_, 4 * HALF_LIFE_S))
    assert all(math.isclose(value, values[0]) for value in values)


def test_what_is_taken_back_leaves_what_others_did_and_nothing_where_nobody_did_anything() -> None:
    both = added(added(None, 1.0, 0.0), 1.0, HALF_LIFE_S)
    assert value_at(added(both, -1.0, HALF_LIFE_S), HALF_LIFE_S) == pytest.approx(0.5)
    for times in ((100.0, 100.0), (100.0, HALF_LIFE_S * 40), (HALF_LIFE_S * 40, 100.0)):
        sum_ = None
        for time_s in times:
            sum_ = added(sum_, 0.7, time_s)
        for time_s in times:
            sum_ = added(sum_, -0.7, time_s)
        assert sum_ is not None
        assert is_nothing(sum_)
    assert is_nothing(added(added(None, -1.0, 5.0), 1.0, 5.0)), "taken back before it was added"
    assert not is_nothing(added(None, 0.05, 5.0))


def test_popularity_halves_in_its_half_life() -> None:
    assert math.isclose(value_at(Faded(8.0, 0.0), HALF_LIFE_S), 4.0)
    assert value_at(Faded(8.0, 100.0), 0.0) == 8.0


def test_bounds_are_round_and_part_prices_about_equally() -> None:
    assert price_bounds([100 * number for number in range(1, 101)]) == (2_000, 5_000, 10_000)
    assert price_bounds([199] * 100) == ()
    assert price_bounds([1] * (MIN_PRICES - 1)) == ()


@given(st.lists(st.integers(0, 10**9), max_size=200))
def test_bounds_ascend_within_the_prices(prices: list[int]) -> None:
    bounds = price_bounds(prices)
    assert len(bounds) < SHARES
    assert list(bounds) == sorted(set(bounds))
    assert not bounds or min(price for price in prices if price > 0) < bounds[0] <= bounds[-1] <= max(prices)


@pytest.mark.parametrize(("words", "required"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (16, 8)])
def test_half_of_the_words_are_enough(words: int, required: int) -> None:
    assert words_required(words) == required
