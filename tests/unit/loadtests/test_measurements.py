"""What was measured, and how long a platform took to be itself again."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.measurements import Measurements, Outcome, percentile, recovery_s


def test_percentiles_are_by_nearest_rank() -> None:
    values = range(1, 101)
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7], 0.95) == 7
    assert math.isnan(percentile([], 0.95))


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_percentiles_are_values_and_grow(values: list[float]) -> None:
    found = [percentile(values, share) for share in (0.0, 0.5, 0.95, 0.99, 1.0)]
    assert all(each in values for each in found)
    assert all(low <= high for low, high in pairwise(found))
    assert found[-1] == max(values)


def test_only_good_answers_count_for_latencies() -> None:
    measured = Measurements()
    measured.add("search", 0.2, 10, Outcome.OK)
    measured.add("search", 0.4, 9_000, Outcome.FAILED, "500")
    measured.add("search", 1.4, 1, Outcome.SHED, "429")
    assert list(measured.latencies_ms("search")) == [10]
    assert measured.requests == 3
    assert measured.outcomes == {Outcome.OK: 1, Outcome.FAILED: 1, Outcome.SHED: 1}
    assert measured.reasons == {"search: 500": 1, "search: 429": 1}
    assert sum(measured.since(1).outcomes.values()) == 1
    assert list(measured.latencies_ms("cart")) == []


def test_a_run_has_a_bound() -> None:
    measured = Measurements(limit=2)
    for _ in range(2):
        measured.add("search", 0, 1, Outcome.OK)
    with pytest.raises(OverflowError):
        measured.add("search", 0, 1, Outcome.OK)


def after_peak(*bad: int, late: tuple[int, ...] = (), silent: tuple[int, ...] = ()) -> Measurements:
    measured = Measurements()
    for second in range(30):
        if second in silent:
            continue
        measured.add("search", second + 0.5, 900 if second in late else 20, Outcome.OK)
        if second in bad:
            measured.add("search", second + 0.6, 1, Outcome.SHED, "429")
    return measured


def recovered(measured: Measurements) -> float:
    return recovery_s(measured, peak_end_s=10, end_s=30, p95_ms=250)


def test_recovery_is_counted_to_the_last_bad_second() -> None:
    assert recovered(after_peak(8, 9)) == 0
    assert recovered(after_peak(9, 10, 11)) == 2
    assert recovered(after_peak(9, 15)) == 6, "a relapse counts"
    assert recovered(after_peak(late=(9, 10, 11, 12))) == 3, "late answers are no recovery"


def test_who_is_not_well_when_the_run_ends_has_not_recovered() -> None:
    assert recovered(after_peak(29)) == math.inf
    assert recovered(after_peak(silent=(29,))) == math.inf, "silence is no health"
    assert recovered(Measurements()) == math.inf


def test_a_failure_after_the_peak_delays_the_recovery() -> None:
    measured = after_peak()
    measured.add("cart", 13.2, 1, Outcome.FAILED, "500")
    assert recovered(measured) == 4
