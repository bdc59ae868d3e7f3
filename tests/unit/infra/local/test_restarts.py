"""A crashed process starts again at once twice, then with a growing pause."""

from infra.local.restarts import LONGEST_PAUSE_OF_READY_S, LONGEST_PAUSE_S, WINDOW_S, CrashHistory


def _after(*times: float, was_ready: bool = False) -> CrashHistory:
    history = CrashHistory()
    for each in times:
        history = history.with_crash(each, was_ready=was_ready)
    return history


def test_the_first_two_crashes_start_again_at_once() -> None:
    assert _after(0.0).pause_s == 0.0
    assert _after(0.0, 1.0).pause_s == 0.0


def test_the_third_crash_within_the_window_waits_and_the_next_ones_longer() -> None:
    assert _after(0.0, 1.0, 2.0).pause_s == 1.0
    assert _after(0.0, 1.0, 2.0, 3.0).pause_s == 2.0


def test_the_pause_is_bounded() -> None:
    assert _after(*[float(i) for i in range(25)]).pause_s == LONGEST_PAUSE_S


def test_crashes_outside_the_window_are_forgotten() -> None:
    assert _after(0.0, 1.0, 2.0, 2.0 + WINDOW_S).pause_s == 0.0


def test_who_served_in_between_waits_half_a_second_at_most() -> None:
    assert _after(0.0, 1.0, was_ready=True).pause_s == 0.0
    assert _after(*[float(each) for each in range(25)], was_ready=True).pause_s == LONGEST_PAUSE_OF_READY_S
    assert _after(0.0, 1.0, 2.0, was_ready=True).with_crash(3.0, was_ready=False).pause_s == 2.0, "it no longer starts"
