"""Durations of fifteen values: read from tables and observations, pooled, added, continued."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orders.domain.durations import (
    HIGH,
    LONGEST_S,
    LOW,
    MAX_SAMPLES,
    MEDIAN,
    POINTS,
    POOLED_AT,
    SHORTEST_S,
    Durations,
    durations_from_quantiles,
    durations_from_samples,
    middles,
    pooled,
    total,
)

HOURS = 3_600.0
DAY = durations_from_quantiles(12 * HOURS, 24 * HOURS, 72 * HOURS)


def test_a_tables_quantiles_are_values_of_it() -> None:
    assert (DAY.values[LOW], DAY.median_s, DAY.values[HIGH]) == pytest.approx((12 * HOURS, 24 * HOURS, 72 * HOURS))


@pytest.mark.parametrize("quantiles", [(0, 1, 2), (-1, 1, 2), (2, 1, 3), (1, 3, 2), (1, 2, LONGEST_S + 1)])
def test_quantiles_that_cannot_be_are_refused(quantiles: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="quantiles"):
        durations_from_quantiles(*quantiles)


@pytest.mark.parametrize("values", [(1.0,) * 14, (0.0,) * 15, (2.0, 1.0, *(3.0,) * 13)])
def test_values_that_are_no_duration_are_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        Durations(values)


def test_observations_show_their_quantiles() -> None:
    seen = durations_from_samples([float(each) for each in range(1, 301)])
    assert (seen.values[LOW], seen.median_s, seen.values[HIGH]) == pytest.approx((30.5, 150.5, 270.5))
    assert seen.samples == 300
    assert durations_from_samples([5.0]).values == (5.0,) * POINTS


def test_the_newest_observations_count_and_wild_ones_as_the_bound() -> None:
    seen = durations_from_samples([1.0] * 10 + [2.0] * MAX_SAMPLES)
    assert (seen.values[0], seen.samples) == (2.0, MAX_SAMPLES)
    assert durations_from_samples([-5.0, 0.0]).values[0] == SHORTEST_S
    assert durations_from_samples([LONGEST_S * 9]).values[-1] == LONGEST_S
    with pytest.raises(ValueError, match="no observations"):
        durations_from_samples([])


def test_little_data_is_drawn_to_the_wider_group_and_much_is_not() -> None:
    slow = [100 * HOURS] * 4
    few, many = durations_from_samples(slow), durations_from_samples(slow * 100)
    assert DAY.median_s < pooled(few, DAY).median_s < 34 * HOURS
    assert pooled(many, DAY).median_s > 90 * HOURS
    assert pooled(None, DAY).values == DAY.values
    half = pooled(durations_from_samples(slow * (POOLED_AT // 4)), DAY)
    assert half.median_s == pytest.approx((24 * 100) ** 0.5 * HOURS)
    assert half.samples == POOLED_AT


def test_a_sum_is_as_wide_as_chance_makes_it() -> None:
    chance = random.Random(7)
    drawn = sorted(chance.choice(DAY.values) + chance.choice(DAY.values) for _ in range(40_000))
    made = total([DAY, DAY])
    for place, share in ((LOW, 0.1), (MEDIAN, 0.5), (HIGH, 0.9)):
        assert made.values[place] == pytest.approx(drawn[int(share * len(drawn))], rel=0.06)
    assert made.values[HIGH] < 2 * DAY.values[HIGH]
    with pytest.raises(ValueError, match="parts"):
        total([])


def test_a_sum_is_as_well_known_as_its_least_known_part() -> None:
    known, unknown = Durations(DAY.values, 50), Durations(DAY.values, 3)
    assert total([known, unknown, known]).samples == 3


def test_what_has_passed_is_taken_off() -> None:
    assert DAY.after(0.0) is DAY
    assert DAY.after(HOURS).median_s < DAY.median_s
    assert DAY.after(24 * HOURS).values[0] < 6 * HOURS


def test_what_is_overdue_stays_as_overdue_as_it_is() -> None:
    assert DAY.after(DAY.values[-1] * 2).values == DAY.after(DAY.values[-1] * 20).values
    assert DAY.after(DAY.values[-1] * 2).median_s > 2 * HOURS


def test_the_middles_of_slices() -> None:
    assert middles(list(range(15 * 3))) == tuple(range(1, 45, 3))


DURATIONS = st.lists(st.floats(SHORTEST_S, 1e6), min_size=3, max_size=3).map(
    lambda three: durations_from_quantiles(*sorted(three))
)


@given(DURATIONS, st.floats(0, 1e7))
def test_what_is_left_is_a_duration_and_ends_later_the_longer_it_was_waited(
    durations: Durations, passed: float
) -> None:
    left = durations.after(passed)
    assert left.values[0] >= SHORTEST_S
    ends, sooner = left.values[MEDIAN] + passed, durations.after(passed / 2).values[MEDIAN] + passed / 2
    assert ends >= sooner - 1e-6 * ends - 1


@given(DURATIONS, DURATIONS, st.integers(1, 500))
def test_pooling_lies_between(own: Durations, wider: Durations, samples: int) -> None:
    made = pooled(Durations(own.values, samples), wider)
    for mine, theirs, value in zip(own.values, wider.values, made.values, strict=True):
        assert min(mine, theirs) * 0.999 - 1 <= value <= max(mine, theirs) * 1.001 + 1


@given(st.lists(DURATIONS, min_size=1, max_size=5))
def test_a_sum_is_longer_than_any_part(parts: list[Durations]) -> None:
    made = total(parts)
    assert made.values[0] >= max(part.values[0] for part in parts)
    assert made.median_s >= max(part.median_s for part in parts) * 0.999


@given(st.lists(st.floats(-10, 1e9), min_size=1, max_size=50))
def test_any_observations_are_a_duration(samples: list[float]) -> None:
    seen = durations_from_samples(samples)
    assert seen.samples == len(samples)
    assert min(max(min(samples), SHORTEST_S), LONGEST_S) <= seen.median_s <= LONGEST_S
