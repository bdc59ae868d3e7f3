"""What is promised and told: every version kept with its cause, a slip told once and before the promise breaks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.orders.domain.promise import LEAST_LEFT, Confidence, Estimate, Reason
from services.orders.domain.promised import (
    LONGEST_LOOK,
    MAX_VERSIONS,
    NOTICE_AHEAD,
    SHORTEST_LOOK,
    Cause,
    DelayNotice,
    Promised,
    PromiseVersion,
    delay_due,
    next_look_time,
    next_version,
    promised_of,
)

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
DAY = timedelta(days=1)
PLACED = Cause("order-placed", "event-1")


def day_end(time: datetime) -> datetime:
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == time else midnight + DAY


def estimated(likely: datetime, spread: timedelta = timedelta(hours=6)) -> Estimate:
    late = likely + spread
    return Estimate(likely - spread / 2, likely, late, day_end(late), Confidence.HIGH, (Reason.USUAL,), 200)


def promised(likely: datetime = NOW + 2 * DAY) -> Promised:
    version = next_version(Promised(), estimated(likely), PLACED, now=NOW)
    assert version is not None
    return promised_of([version], [])


def test_the_first_estimate_is_the_promise() -> None:
    first = next_version(Promised(), estimated(NOW + 2 * DAY), PLACED, now=NOW)
    assert first == PromiseVersion(1, NOW, estimated(NOW + 2 * DAY), PLACED)
    assert promised().held_time == datetime(2026, 12, 3, tzinfo=UTC)
    assert promised_of([], []) == Promised()


def test_an_estimate_that_says_the_same_is_no_version() -> None:
    held = promised()
    assert next_version(held, estimated(NOW + 2 * DAY + timedelta(minutes=29)), PLACED, now=NOW) is None
    assert next_version(held, estimated(NOW + 2 * DAY + timedelta(hours=4)), PLACED, now=NOW) is None


def test_an_estimate_that_moves_or_is_trusted_otherwise_is_a_version_with_its_cause() -> None:
    held, cause = promised(), Cause("stage-entered", "event-2")
    same = estimated(NOW + 2 * DAY)
    for changed in (
        estimated(NOW + 2 * DAY + timedelta(hours=6)),
        estimated(NOW + 3 * DAY),
        replace(same, confidence=Confidence.LOW),
        replace(same, reasons=(Reason.REWORK,)),
    ):
        version = next_version(held, changed, cause, now=NOW)
        assert version is not None
        assert (version.number, version.cause) == (2, cause)


def test_versions_are_bounded() -> None:
    full = replace(promised(), versions=MAX_VERSIONS)
    assert next_version(full, estimated(NOW + 9 * DAY), PLACED, now=NOW) is None
    last = replace(promised(), versions=MAX_VERSIONS - 1)
    assert next_version(last, estimated(NOW + 9 * DAY), PLACED, now=NOW) is not None
    assert delay_due(full, estimated(NOW + 9 * DAY), now=NOW) is not None


def test_an_earlier_estimate_moves_no_promise() -> None:
    held = promised()
    second = next_version(held, estimated(NOW + DAY), PLACED, now=NOW)
    assert held.latest is not None
    assert second is not None
    assert promised_of([second, held.latest], []).held_time == held.held_time


def test_a_promise_that_is_likely_kept_is_not_told_as_delayed() -> None:
    held = promised()
    assert held.held_time is not None
    assert delay_due(held, estimated(held.held_time), now=NOW) is None
    assert delay_due(Promised(), estimated(NOW + 9 * DAY), now=NOW) is None


def test_a_slip_that_is_not_sure_is_told_a_day_ahead() -> None:
    held = promised()
    assert held.held_time is not None
    may_be = estimated(held.held_time + timedelta(hours=1))
    assert may_be.p10 < held.held_time < may_be.p50
    assert delay_due(held, may_be, now=held.held_time - NOTICE_AHEAD - timedelta(seconds=1)) is None
    assert delay_due(held, may_be, now=held.held_time - NOTICE_AHEAD) is not None
    sure = estimated(held.held_time + timedelta(hours=4))
    assert delay_due(held, sure, now=NOW) is not None


def test_a_slip_is_told_once_and_a_further_one_again() -> None:
    held = promised()
    late = estimated(NOW + 4 * DAY)
    notice = delay_due(held, late, now=NOW)
    assert notice == DelayNotice(1, 1, datetime(2026, 12, 3, tzinfo=UTC), datetime(2026, 12, 5, tzinfo=UTC))
    assert held.latest is not None
    after = promised_of([held.latest], [notice])
    assert delay_due(after, late, now=NOW + timedelta(hours=1)) is None
    further = delay_due(after, estimated(NOW + 7 * DAY), now=NOW + DAY)
    assert further is not None
    assert (further.slip, further.broken_time) == (2, notice.promised_time)


def test_a_slip_that_could_not_be_seen_before_is_told_as_late() -> None:
    held = promised()
    assert held.held_time is not None
    notice = delay_due(held, estimated(held.held_time + DAY), now=held.held_time + timedelta(hours=1))
    assert notice is not None
    assert notice.is_late


def test_notices_are_folded_in_any_order() -> None:
    version = promised().latest
    assert version is not None
    one = DelayNotice(1, 1, NOW + DAY, NOW + 4 * DAY)
    two = DelayNotice(2, 1, NOW + 4 * DAY, NOW + 6 * DAY)
    assert promised_of([version], [two, one]) == promised_of([version], [one, two])
    assert promised_of([version], [two, one]).slips == 2


def test_one_looks_again_before_the_last_moment() -> None:
    held = promised()
    assert held.held_time is not None
    last = held.held_time - LEAST_LEFT / 2
    assert next_look_time(held, now=last - timedelta(hours=2)) == last - timedelta(hours=1)
    assert next_look_time(held, now=last - SHORTEST_LOOK / 2) == last
    assert next_look_time(held, now=last) == last + SHORTEST_LOOK
    assert next_look_time(held, now=NOW) == NOW + LONGEST_LOOK
    ahead = held.held_time - NOTICE_AHEAD
    assert next_look_time(held, now=ahead - timedelta(hours=3)) == ahead
    assert next_look_time(held, now=ahead) > ahead
    assert next_look_time(Promised(), now=NOW) == NOW + SHORTEST_LOOK


def run(likely_at: Callable[[datetime], datetime], facts: list[datetime], end: datetime) -> list[DelayNotice]:
    """Run a job that looks at every fact and whenever ``next_look_time`` says, until the goods are there.

    A notice is given strictly before the promise that it breaks.
    """
    versions: list[PromiseVersion] = []
    notices: list[DelayNotice] = []
    now, waiting = NOW, sorted(facts)
    while now < end:
        state = promised_of(versions, notices)
        likely = max(likely_at(now), now + LEAST_LEFT)
        found = estimated(likely, timedelta(hours=1))
        version = next_version(state, found, Cause(), now=now)
        versions += [version] if version else []
        state = promised_of(versions, notices)
        notice = delay_due(state, found, now=now)
        if notice is not None:
            assert now < notice.broken_time
            notices.append(notice)
        look = next_look_time(promised_of(versions, notices), now=now)
        now = min([look, *(fact for fact in waiting if fact > now)])
    return notices


HOURS = st.floats(0.1, 200.0).map(lambda hours: timedelta(hours=hours))


@settings(deadline=None)
@given(st.lists(st.tuples(HOURS, HOURS), min_size=1, max_size=8), st.lists(HOURS, max_size=8), HOURS)
def test_a_slip_is_never_told_twice_and_never_after_the_break(
    beliefs: list[tuple[timedelta, timedelta]], facts: list[timedelta], arrival: timedelta
) -> None:
    """Whatever is believed when, whenever facts come, and whenever the goods arrive: a promise that breaks was told
    as broken before, and once."""

    def likely_at(now: datetime) -> datetime:
        known = [NOW + left for since, left in sorted(beliefs) if NOW + since <= now]
        return known[-1] if known else NOW + beliefs[0][1]

    end = NOW + arrival
    notices = run(likely_at, [NOW + fact for fact in facts], end)
    broken = [notice.broken_time for notice in notices]
    assert len(set(broken)) == len(broken)
    assert [notice.slip for notice in notices] == list(range(1, len(notices) + 1))
    assert not any(notice.is_late for notice in notices)
    assert all(notice.promised_time > notice.broken_time for notice in notices)
    first = estimated(max(likely_at(NOW), NOW + LEAST_LEFT), timedelta(hours=1)).promise_time
    held = max([first, *(notice.promised_time for notice in notices)])
    assert end <= held + LEAST_LEFT  # what the goods missed, they missed after it was told
