"""Popularity fades, price bounds are round, relaxation asks for half."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.search.domain.popularity import HALF_LIFE_S, ORIGIN_S, WEIGHTS, shares_of, value_at
from services.search.domain.price_bounds import MIN_PRICES, SHARES, price_bounds
from services.search.domain.relevance import words_required

NOW_S = 1_764_500_000.0
times_s = st.floats(min_value=ORIGIN_S, max_value=ORIGIN_S + 40 * 365 * 86_400)
acts = st.lists(st.tuples(st.sampled_from(sorted(set(WEIGHTS.values()))), times_s), max_size=20)


@given(acts, st.randoms(use_true_random=False))
def test_a_sum_is_the_same_number_whatever_the_order_and_nothing_once_all_is_taken_back(
    done: list[tuple[float, float]], chance: Random
) -> None:
    shuffled = list(done)
    chance.shuffle(shuffled)
    sum_ = sum(shares_of(weight, time_s) for weight, time_s in done)
    assert sum_ == sum(shares_of(weight, time_s) for weight, time_s in shuffled)
    assert sum_ + sum(shares_of(-weight, time_s) for weight, time_s in shuffled) == 0


@given(acts, times_s)
def test_a_sum_is_worth_what_its_acts_are_worth_faded(done: list[tuple[float, float]], now_s: float) -> None:
    faded = sum(weight * 2.0 ** ((time_s - now_s) / HALF_LIFE_S) for weight, time_s in done)
    worth = value_at(sum(shares_of(weight, time_s) for weight, time_s in done), now_s)
    assert worth == pytest.approx(faded, rel=1e-3, abs=1e-9)


def test_popularity_halves_in_its_half_life() -> None:
    shares = shares_of(8.0, NOW_S)
    assert math.isclose(value_at(shares, NOW_S), 8.0, rel_tol=1e-4)
    assert math.isclose(value_at(shares, NOW_S + HALF_LIFE_S), 4.0, rel_tol=1e-4)


def test_long_before_the_origin_nothing_is_left_and_long_after_it_nothing_overflows() -> None:
    assert shares_of(1.0, ORIGIN_S - 42 * HALF_LIFE_S) == 0
    late_s = ORIGIN_S + 100 * 365.25 * 86_400
    assert math.isclose(value_at(shares_of(1.0, late_s), late_s), 1.0, rel_tol=1e-4)


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
