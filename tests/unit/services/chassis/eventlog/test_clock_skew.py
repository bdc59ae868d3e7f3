"""Clocks far apart are told of; a mark that was long on its way is not."""

from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.eventlog.clock_skew import SKEW_LIMIT_S, WINDOW_MARKS, ClockSkew

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def judged(late_s: list[float]) -> ClockSkew:
    """Return the skew after one window of marks that lay so far behind this process's clock."""
    skew = ClockSkew()
    for place, late in enumerate(late_s):
        told = skew.receive(NOW - timedelta(seconds=late), NOW)
        assert told == (place == WINDOW_MARKS - 1)
    return skew


@pytest.mark.parametrize(("late_s", "wrong"), [(300.0, True), (-300.0, True), (SKEW_LIMIT_S, False), (0.1, False)])
def test_five_minutes_are_wrong_either_way_and_the_limit_is_not(late_s: float, wrong: bool) -> None:
    assert judged([late_s] * WINDOW_MARKS).is_wrong is wrong


def test_marks_that_piled_up_in_a_paused_process_make_no_clock_wrong() -> None:
    piled_up = [300.0 - 5 * place for place in range(WINDOW_MARKS - 1)]
    assert not judged([*piled_up, 0.2]).is_wrong


def test_a_window_forgets_the_one_before() -> None:
    skew = judged([300.0] * WINDOW_MARKS)
    for _ in range(WINDOW_MARKS):
        skew.receive(NOW, NOW)
    assert not skew.is_wrong
