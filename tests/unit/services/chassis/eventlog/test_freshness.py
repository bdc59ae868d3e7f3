"""Staleness is told from differences alone, whatever the clocks say (docs/consistency.md rule 12)."""

from datetime import timedelta

import pytest

from services.chassis.eventlog.freshness import Freshness
from tests.fakes.clock import ManualClock


def test_what_was_never_caught_up_is_infinitely_stale():
    freshness = Freshness(ManualClock())
    assert freshness.staleness_s() == float("inf")
    freshness.begin([0, 1])
    freshness.caught_up(0, 0.0)
    assert freshness.staleness_s() == float("inf")  # partition 1 never was


def test_the_partition_that_is_worst_off_counts():
    clock = ManualClock()
    freshness = Freshness(clock)
    freshness.begin([0, 1])
    freshness.caught_up(0, freshness.receive(clock.now()))
    clock.advance(2)
    freshness.caught_up(1, freshness.receive(clock.now()))
    clock.advance(1)
    assert freshness.staleness_s() == pytest.approx(3, abs=1e-5)


@pytest.mark.parametrize("owner_off_s", [0, 3_600, -3_600])
def test_a_mark_that_was_long_on_its_way_is_as_old_as_it_is(owner_off_s):
    clock = ManualClock()
    freshness = Freshness(clock)
    freshness.begin([0])
    off = timedelta(seconds=owner_off_s)
    freshness.caught_up(0, freshness.receive(clock.now() + off))
    sent = clock.now() + off
    clock.advance(8)
    freshness.caught_up(0, freshness.receive(sent))
    assert freshness.staleness_s() == pytest.approx(8, abs=1e-5)


def test_an_owner_whose_clock_steps_forward_does_not_look_stale():
    clock = ManualClock()
    freshness = Freshness(clock)
    freshness.begin([0])
    freshness.caught_up(0, freshness.receive(clock.now()))
    clock.advance(1)
    freshness.caught_up(0, freshness.receive(clock.now() + timedelta(minutes=10)))
    assert freshness.staleness_s() == pytest.approx(0, abs=1e-5)


def test_an_owner_whose_clock_steps_back_looks_stale_until_the_next_subscription():
    clock = ManualClock()
    freshness = Freshness(clock)
    freshness.begin([0])
    freshness.caught_up(0, freshness.receive(clock.now()))
    clock.advance(1)
    back = timedelta(minutes=10)
    freshness.caught_up(0, freshness.receive(clock.now() - back))
    assert freshness.staleness_s() == pytest.approx(1, abs=1e-5)  # never fresher than is known, never less
    freshness.begin([0])
    freshness.caught_up(0, freshness.receive(clock.now() - back))
    assert freshness.staleness_s() == pytest.approx(0, abs=1e-5)


def test_a_new_subscription_keeps_what_was_known():
    clock = ManualClock()
    freshness = Freshness(clock)
    freshness.begin([0])
    freshness.caught_up(0, freshness.receive(clock.now()))
    clock.advance(4)
    freshness.begin([0])
    assert freshness.staleness_s() == pytest.approx(4, abs=1e-5)


def test_clocks_that_drift_apart_for_days_do_not_make_a_live_owner_look_stale():
    clock, owner = ManualClock(), ManualClock()
    freshness = Freshness(clock)
    freshness.begin([0])
    for _ in range(3 * 86_400 // 10):
        clock.advance(10)
        owner.advance(10 - 0.002)  # 200 parts in a million
        freshness.caught_up(0, freshness.receive(owner.now()))
    assert freshness.staleness_s() < 0.05


def test_a_pause_longer_than_the_window_is_seen_all_the_same():
    clock = ManualClock()
    freshness = Freshness(clock)
    freshness.begin([0])
    freshness.caught_up(0, freshness.receive(clock.now()))
    sent = clock.now() + timedelta(seconds=1)
    clock.advance(500)
    freshness.caught_up(0, freshness.receive(sent))
    assert freshness.staleness_s() == pytest.approx(499, abs=1e-5)
