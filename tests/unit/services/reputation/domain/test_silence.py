"""A source is missed by its own rhythm: never at night or on its day of rest, soon where it always speaks."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reputation.domain.silence import (
    EXPECTED,
    HISTORY,
    HOUR,
    LEARNED_AFTER,
    LEARNED_FROM,
    Silence,
    SilenceKind,
    SourceRhythm,
    silent_sources,
)

MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
END = MONDAY + timedelta(days=28)


def rhythm(shape: Callable[[datetime], int], until: datetime = END, start: datetime = MONDAY) -> SourceRhythm:
    hours = int((until - start) / HOUR)
    arrivals = {start + n * HOUR: shape(start + n * HOUR) for n in range(hours)}
    return SourceRhythm("daily-news", "main", arrivals)


def first_missed(shape: Callable[[datetime], int], stops: datetime) -> timedelta | None:
    """Return how long after it stopped the source is missed."""
    stopped = rhythm(shape, until=stops)
    return next((n * HOUR for n in range(24 * 30) if silent_sources([stopped], stops + n * HOUR)), None)


def by_day(time: datetime) -> int:
    return 6 if 1 <= time.hour < 14 else 0


def on_weekdays(time: datetime) -> int:
    return by_day(time) if time.weekday() < 5 else 0


def once_a_day(time: datetime) -> int:
    return int(time.hour == 2)


@pytest.mark.parametrize("shape", [by_day, on_weekdays, once_a_day, lambda time: 9])
def test_nobody_is_missed_at_his_usual_rest(shape: Callable[[datetime], int]) -> None:
    for hour in range(1, 24 * 14):
        now = MONDAY + timedelta(days=14) + hour * HOUR
        assert silent_sources([rhythm(shape, until=now)], now) == ()


@pytest.mark.parametrize(
    ("shape", "at_least", "at_most"),
    [
        (lambda time: 9, timedelta(hours=1), timedelta(hours=1)),
        (by_day, timedelta(hours=1), timedelta(hours=16)),
        (on_weekdays, timedelta(hours=1), timedelta(days=4)),
        (once_a_day, timedelta(days=5), timedelta(days=7)),
    ],
)
def test_who_falls_silent_is_missed(shape: Callable[[datetime], int], at_least: timedelta, at_most: timedelta) -> None:
    for hour in (0, 9, 20):
        after = first_missed(shape, END + hour * HOUR)
        assert after is not None
        assert at_least <= after <= at_most + timedelta(hours=20)


def test_who_is_silent_for_long_is_still_missed() -> None:
    (missed,) = silent_sources([rhythm(by_day)], END + 10 * HISTORY)
    assert missed.kind is SilenceKind.SILENT
    assert missed.since == END - timedelta(hours=10)
    assert missed.due > 100 * EXPECTED


def test_a_source_is_learned_before_it_is_missed() -> None:
    young = rhythm(lambda time: 9, until=MONDAY + LEARNED_AFTER)
    assert silent_sources([young], END) == ()
    old_enough = rhythm(lambda time: 9, until=MONDAY + LEARNED_AFTER + HOUR)
    assert len(silent_sources([old_enough], END)) == 1
    few = {MONDAY + timedelta(days=n): 1 for n in range(LEARNED_FROM - 1)}
    assert silent_sources([SourceRhythm("s", "main", few)], END + timedelta(days=90)) == ()
    assert silent_sources([SourceRhythm("s", "main", {})], END) == ()


def test_what_was_long_before_the_silence_is_no_rhythm_any_more() -> None:
    busy_once = {MONDAY + n * HOUR: 50 for n in range(24)}
    slow = {MONDAY + timedelta(days=20 + n): 1 for n in range(LEARNED_FROM + 1)}
    end = max(slow)
    assert silent_sources([SourceRhythm("s", "main", busy_once | slow)], end + timedelta(days=3)) == ()


def test_mentions_dated_in_the_future_say_nothing_yet() -> None:
    known = rhythm(by_day)
    later = dict(known.arrivals) | {END + timedelta(days=30): 5}
    assert len(silent_sources([SourceRhythm("s", "main", later)], END + timedelta(days=5))) == 1


def test_a_source_that_cannot_be_read_is_dead_whatever_its_rhythm() -> None:
    failing = SourceRhythm("s", "main", {}, failing_since=MONDAY, error="FEED_STATUS")
    assert silent_sources([failing, rhythm(by_day)], END) == (
        Silence("s", "main", SilenceKind.DEAD, MONDAY, error="FEED_STATUS"),
    )


def test_both_languages_say_why() -> None:
    (dead,) = silent_sources([SourceRhythm("s", "main", failing_since=MONDAY, error="FEED_STATUS")], END)
    (silent,) = silent_sources([rhythm(by_day)], END + timedelta(days=5))
    for missed in (dead, silent):
        assert set(missed.words) == {"zh", "en"}
    assert "FEED_STATUS" in dead.words["zh"]
    assert f"{silent.due:.0f}" in silent.words["en"]


@given(
    st.dictionaries(st.integers(0, 24 * 40), st.integers(0, 50), max_size=60),
    st.integers(0, 24 * 60),
    st.timedeltas(timedelta(0), HOUR),
)
def test_silence_only_grows_while_nothing_comes(arrivals: dict[int, int], hours: int, more: timedelta) -> None:
    known = SourceRhythm("s", "main", {MONDAY + n * HOUR: count for n, count in arrivals.items()})
    now = MONDAY + timedelta(days=41) + hours * HOUR
    earlier, later = silent_sources([known], now), silent_sources([known], now + more)
    if earlier:
        assert later
        assert later[0].due >= earlier[0].due
