"""A burst is what a series has not known in two weeks; a handful of posts, learning and a sale day are none."""

import math
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reputation.domain.bursts import (
    DAY_BUCKETS,
    FRESH_BUCKETS,
    HISTORY_LIMIT_BUCKETS,
    HISTORY_NEEDED_BUCKETS,
    SHIPPED,
    WINDOW_BUCKETS,
    Judgement,
    Series,
    Thresholds,
    Verdict,
    Watch,
    bucket_of,
    is_held,
)

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def quiet_series(buckets: int, *, seed: int = 7) -> Series:
    series, chance = Series(0, SHIPPED), Random(seed)
    for _ in range(buckets):
        series.advance(chance.randint(2, 6))
    return series


def judged_by_definition(counts: list[int], thresholds: Thresholds) -> tuple[Verdict, float, int]:
    """Judge the last bucket with sorted lists, as the module's words say it."""

    def mean(end: int) -> float:
        window = counts[max(0, end - WINDOW_BUCKETS + 1) : end + 1]
        return sum(math.log1p(each) for each in window) / len(window)

    last = len(counts) - 1
    history = sorted(mean(place) for place in range(max(0, last - HISTORY_LIMIT_BUCKETS), last))
    if len(history) < HISTORY_NEEDED_BUCKETS:
        return Verdict.LEARNING, 0.0, len(history)
    bar = history[math.ceil(thresholds.quantile * len(history)) - 1] + math.log(thresholds.ratio)
    count = sum(counts[-WINDOW_BUCKETS:])
    verdict = Verdict.USUAL
    if mean(last) > bar:
        verdict = Verdict.BURST if count >= thresholds.minimum_count else Verdict.FEW
    return verdict, math.expm1(bar), len(history)


def test_ten_times_the_usual_is_a_burst_in_its_first_bucket() -> None:
    judgement = quiet_series(3 * DAY_BUCKETS).advance(60)
    assert judgement.verdict is Verdict.BURST
    assert judgement.rate > judgement.bar_rate > judgement.usual_rate > 0
    assert judgement.times_usual > 2
    assert judgement.history_buckets == 3 * DAY_BUCKETS


def test_nothing_is_judged_before_a_day_of_history() -> None:
    series = quiet_series(HISTORY_NEEDED_BUCKETS - 1)
    assert series.advance(500).verdict is Verdict.LEARNING
    assert series.advance(500).verdict is Verdict.BURST


def test_fewer_than_the_minimum_wake_nobody() -> None:
    series = Series(0, SHIPPED)
    for _ in range(2 * DAY_BUCKETS):
        series.advance(0)
    assert series.advance(SHIPPED.minimum_count - 1).verdict is Verdict.FEW
    assert series.advance(1).verdict is Verdict.BURST  # the same window, one mention more


def test_the_history_ends_after_fourteen_days() -> None:
    series = Series(0, SHIPPED)
    for _ in range(20):
        series.advance(1_000)
    for _ in range(HISTORY_LIMIT_BUCKETS - 18):
        series.advance(2)
    assert series.advance(100).verdict is Verdict.USUAL  # the loud morning is still known
    for _ in range(20):
        last = series.advance(2)
    assert last.history_buckets == HISTORY_LIMIT_BUCKETS
    assert series.advance(100).verdict is Verdict.BURST


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, HISTORY_LIMIT_BUCKETS + 40), st.sampled_from((0.9, 0.99, 0.999, 1.0)))
def test_the_sorted_history_judges_as_the_definition_does(seed: int, length: int, quantile: float) -> None:
    chance = Random(seed)
    thresholds = Thresholds(quantile, 1.25, 10, timedelta(hours=24))
    counts = [int(chance.expovariate(0.2)) for _ in range(length)]
    series = Series(0, thresholds)
    judgements = [series.advance(count) for count in counts]
    verdict, bar, known = judged_by_definition(counts, thresholds)
    assert judgements[-1].verdict is verdict
    assert judgements[-1].bar_rate == pytest.approx(bar)
    assert judgements[-1].history_buckets == known


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_late_mentions_are_judged_as_if_they_had_come_in_time(data: st.DataObject) -> None:
    """Rewound and closed again, a series equals one that knew the counts at once: the order of arrival says nothing."""
    chance = Random(data.draw(st.integers(0, 2**32)))
    length = data.draw(st.sampled_from((30, HISTORY_NEEDED_BUCKETS + 5, HISTORY_LIMIT_BUCKETS + 30)))
    counts = [chance.randint(0, 9) for _ in range(length)]
    sale = {place for place in range(length) if chance.random() < 0.1}
    late, timely = Series(0, SHIPPED), Series(0, SHIPPED)
    for place, count in enumerate(counts):
        late.advance(count, is_history=place not in sale)
    for _ in range(data.draw(st.integers(1, 4))):
        back = data.draw(st.integers(1, min(FRESH_BUCKETS, length)))
        late.rewind(length - back)
        for place in range(length - back, length):
            counts[place] += chance.randint(0, 40)
            last = late.advance(counts[place], is_history=place not in sale)
    for place, count in enumerate(counts):
        expected = timely.advance(count, is_history=place not in sale)
    assert last == expected
    assert late.history_total == timely.history_total
    assert late.advance(77) == timely.advance(77)


def test_a_bucket_past_the_fresh_ones_is_not_opened_again() -> None:
    series = quiet_series(100)
    with pytest.raises(ValueError, match="not among the last"):
        series.rewind(series.head - FRESH_BUCKETS)
    with pytest.raises(ValueError, match="not among the last"):
        series.rewind(series.head + 2)
    series.rewind(series.head - FRESH_BUCKETS + 1)
    assert series.head == 99 - FRESH_BUCKETS


def watch_after(days: int, *, negative: int = 1) -> Watch:
    watch = Watch(0, SHIPPED)
    for _ in range(days * DAY_BUCKETS):
        watch.close(10, negative, sale_day=False)
    return watch


def test_negative_mentions_burst_on_their_own() -> None:
    judged = watch_after(3).close(12, 12, sale_day=False)
    assert judged.bursts
    assert judged.negative.verdict is Verdict.BURST
    assert judged.negative.share == pytest.approx(14 / 32)
    assert judged.negative.usual_share == pytest.approx(0.1)


def test_a_known_sale_day_is_no_crisis() -> None:
    judged = watch_after(3).close(400, 40, sale_day=True)
    assert not judged.bursts
    assert judged.volume.verdict is Verdict.SALE_DAY
    assert judged.negative.verdict is Verdict.SALE_DAY


def test_a_worse_mood_is_a_crisis_on_a_sale_day_too() -> None:
    judged = watch_after(3).close(400, 120, sale_day=True)
    assert judged.volume.verdict is Verdict.SALE_DAY
    assert judged.negative.verdict is Verdict.BURST


def test_a_sale_day_does_not_raise_the_bar_of_the_days_after_it() -> None:
    watch = watch_after(3)
    for _ in range(DAY_BUCKETS):
        watch.close(400, 40, sale_day=True)
    for _ in range(WINDOW_BUCKETS - 1):
        watch.close(10, 1, sale_day=True)
    judged = watch.close(10, 1, sale_day=False)
    assert judged.volume.verdict is Verdict.USUAL
    assert judged.volume.history_buckets == 3 * DAY_BUCKETS
    assert watch.close(200, 20, sale_day=False).bursts


def test_a_group_is_held_for_a_day() -> None:
    assert not is_held(None, NOW, SHIPPED.hold)
    assert is_held(NOW, NOW + timedelta(hours=24) - timedelta(microseconds=1), SHIPPED.hold)
    assert not is_held(NOW, NOW + timedelta(hours=24), SHIPPED.hold)


def test_a_bucket_begins_with_its_first_second() -> None:
    assert bucket_of(NOW) == bucket_of(NOW + timedelta(seconds=299, microseconds=999_999))
    assert bucket_of(NOW) + 1 == bucket_of(NOW + timedelta(seconds=300))
    assert bucket_of(datetime(1970, 1, 1, 0, 4, 59, tzinfo=UTC)) == 0


@pytest.mark.parametrize(("quantile", "ratio", "minimum"), [(0.4, 1, 1), (1.1, 1, 1), (0.9, 0.9, 1), (0.9, 1, 0)])
def test_thresholds_that_judge_nothing_are_refused(quantile: float, ratio: float, minimum: int) -> None:
    with pytest.raises(ValueError, match="no thresholds"):
        Thresholds(quantile, ratio, minimum, timedelta(hours=24))


def test_a_silent_series_has_a_ratio() -> None:
    assert Judgement(Verdict.FEW, 1, 9, 3.0, 0.0, 0.0, 500).times_usual == 4.0
