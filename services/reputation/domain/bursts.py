"""Owns what a burst is: more mentions within a quarter of an hour than this series has known in two weeks.

A series is the count of mentions of one target by bucket of 5 minutes. Judged is the mean of log(1 + count) over the
last three buckets, against a quantile of the same means over the trailing 14 days: a log, because mentions grow by
factors; a mean, because one retweeted post is no burst; a quantile of the series itself, because what is loud for one
brand is a quiet night for another. Nothing is judged before a day of history, and the history grows to 14 days. Buckets
of known sale days are judged but never become history.

The quantile and the ratio were chosen on counted tweets of five companies, each left out in turn and judged by the
choice of the other four (``python -m benchmarks.reputation``); all five choices agree with ``SHIPPED``.

Cost: O(log n) comparisons per bucket and a move of at most 32 kB, whatever the history.
"""

import math
from array import array
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

BUCKET_S: Final = 300
WINDOW_BUCKETS: Final = 3
DAY_BUCKETS: Final = 86_400 // BUCKET_S
HISTORY_NEEDED_BUCKETS: Final = DAY_BUCKETS
HISTORY_LIMIT_BUCKETS: Final = 14 * DAY_BUCKETS
# Late mentions change closed buckets; those of the last hour are judged again, older ones only correct the history:
# a page about what happened yesterday would send people after a crisis that they know.
FRESH_BUCKETS: Final = 12
KEPT_BUCKETS: Final = HISTORY_LIMIT_BUCKETS + FRESH_BUCKETS + WINDOW_BUCKETS
# On a known sale day everything is loud, complaints too; only a worse mood than usual is news.
SALE_DAY_SHARE_RATIO: Final = 1.5


class Verdict(StrEnum):
    """What a bucket was found to be."""

    BURST = "burst"
    USUAL = "usual"
    FEW = "few"  # above its bar, but fewer mentions than anybody should be woken for
    LEARNING = "learning"  # less than a day of history
    SALE_DAY = "sale-day"  # a burst that a known sale day explains


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What makes a burst.

    ``quantile`` of the trailing means and ``ratio``, the factor above it, make the bar; ``minimum_count`` mentions must
    lie in the window; ``hold`` passes before the same group is raised anew.
    """

    quantile: float
    ratio: float
    minimum_count: int
    hold: timedelta

    def __post_init__(self) -> None:
        """Raise ValueError for thresholds that nothing or everything would pass."""
        if not 0.5 <= self.quantile <= 1.0 or self.ratio < 1.0 or self.minimum_count < 1:
            raise ValueError(f"no thresholds of bursts: {self}")


# The data that chose quantile and ratio has no series small enough to speak about the minimum: it is a judgement, the
# fewest mentions in a quarter of an hour that are worth a telephone call at night.
SHIPPED: Final = Thresholds(quantile=0.999, ratio=1.0, minimum_count=10, hold=timedelta(hours=24))


@dataclass(frozen=True, slots=True)
class Judgement:
    """One bucket of one series, with every term of its verdict.

    ``count``: mentions in the window. ``rate``, ``usual_rate``, ``bar_rate``: mentions a bucket as the means of logs
    say them, now, at the history's median and at the bar (0 while learning). ``share``, ``usual_share``: of negative
    mentions among all, for the negative series only.
    """

    verdict: Verdict
    bucket: int
    count: int
    rate: float
    usual_rate: float
    bar_rate: float
    history_buckets: int
    share: float = 0.0
    usual_share: float = 0.0

    @property
    def times_usual(self) -> float:
        """Return how many times the usual it is; counted from 1 mention, so that a silent series has an answer."""
        return (1.0 + self.rate) / (1.0 + self.usual_rate)


def bucket_of(time: datetime) -> int:
    """Return the number of the bucket that holds an aware time."""
    return math.floor(time.timestamp()) // BUCKET_S


def is_held(raised_time: datetime | None, now: datetime, hold: timedelta) -> bool:
    """Tell whether a group that was raised then may not be raised again yet."""
    return raised_time is not None and now - raised_time < hold


class Series:
    """One series in the order of time: ``advance`` closes a bucket, ``rewind`` opens the last ones again."""

    __slots__ = ("_counts", "_head", "_means", "_ordered", "_thresholds", "_total")

    def __init__(self, first_bucket: int, thresholds: Thresholds) -> None:
        self._head = first_bucket - 1
        self._thresholds = thresholds
        self._counts: deque[int] = deque(maxlen=KEPT_BUCKETS)
        self._means: deque[float | None] = deque(maxlen=KEPT_BUCKETS)  # None: not part of the history
        self._ordered = array("d")
        self._total = 0

    @property
    def head(self) -> int:
        """Return the last closed bucket."""
        return self._head

    @property
    def history_total(self) -> int:
        """Return the mentions in the history."""
        return self._total

    @property
    def window_count(self) -> int:
        """Return the mentions in the last closed buckets of one window."""
        return sum(self._last_counts())

    def advance(self, count: int, *, is_history: bool = True) -> Judgement:
        """Close the next bucket with its count and judge it against what came before it."""
        self._counts.append(count)
        self._head += 1
        window = self._last_counts()
        mean = sum(map(math.log1p, window)) / len(window)
        judgement = self._judged(mean, sum(window))
        self._remember(mean if is_history else None)
        return judgement

    def rewind(self, bucket: int) -> None:
        """Forget ``bucket`` and what follows, as if it had never been closed. Raises ValueError past FRESH_BUCKETS."""
        if not self._head - FRESH_BUCKETS < bucket <= self._head + 1:
            raise ValueError(f"bucket {bucket} is not among the last {FRESH_BUCKETS} before {self._head}")
        while self._head >= bucket and self._counts:
            self._put_out(-1)
            self._take_in(-1 - HISTORY_LIMIT_BUCKETS)
            self._counts.pop()
            self._means.pop()
            self._head -= 1

    def _judged(self, mean: float, count: int) -> Judgement:
        ordered, thresholds = self._ordered, self._thresholds
        known, rate = len(ordered), math.expm1(mean)
        if known < HISTORY_NEEDED_BUCKETS:
            return Judgement(Verdict.LEARNING, self._head, count, rate, 0.0, 0.0, known)
        bar = ordered[math.ceil(thresholds.quantile * known) - 1] + math.log(thresholds.ratio)
        verdict = Verdict.USUAL
        if mean > bar:
            verdict = Verdict.BURST if count >= thresholds.minimum_count else Verdict.FEW
        usual = ordered[(known - 1) // 2]
        return Judgement(verdict, self._head, count, rate, math.expm1(usual), math.expm1(bar), known)

    def _remember(self, mean: float | None) -> None:
        self._means.append(mean)
        self._take_in(-1)
        self._put_out(-1 - HISTORY_LIMIT_BUCKETS)

    def _take_in(self, place: int) -> None:
        mean = self._mean_at(place)
        if mean is not None:
            insort(self._ordered, mean)
            self._total += self._counts[place]

    def _put_out(self, place: int) -> None:
        mean = self._mean_at(place)
        if mean is not None:
            self._ordered.pop(bisect_left(self._ordered, mean))
            self._total -= self._counts[place]

    def _mean_at(self, place: int) -> float | None:
        return self._means[place] if -place <= len(self._means) else None

    def _last_counts(self) -> list[int]:
        return [self._counts[place] for place in range(-min(WINDOW_BUCKETS, len(self._counts)), 0)]


@dataclass(frozen=True, slots=True)
class Judgements:
    """One bucket of one target: all its mentions, and the negative ones."""

    volume: Judgement
    negative: Judgement

    @property
    def bursts(self) -> bool:
        """Tell whether either series bursts."""
        return Verdict.BURST in (self.volume.verdict, self.negative.verdict)


class Watch:
    """Both series of one target. Buckets come in the order of time; late changes by ``rewind`` and closing again."""

    __slots__ = ("_negative", "_volume")

    def __init__(self, first_bucket: int, thresholds: Thresholds) -> None:
        self._volume = Series(first_bucket, thresholds)
        self._negative = Series(first_bucket, thresholds)

    @property
    def head(self) -> int:
        """Return the last closed bucket."""
        return self._volume.head

    def close(self, count: int, negative: int, *, sale_day: bool) -> Judgements:
        """Close the next bucket with its mentions and the negative ones among them."""
        usual_share = self._negative.history_total / max(1, self._volume.history_total)
        volume = self._volume.advance(count, is_history=not sale_day)
        judged = self._negative.advance(negative, is_history=not sale_day)
        share = judged.count / max(1, volume.count)
        explained = sale_day and share < SALE_DAY_SHARE_RATIO * usual_share
        return Judgements(
            _excused(volume, sale_day=sale_day, share=0.0, usual_share=0.0),
            _excused(judged, sale_day=explained, share=share, usual_share=usual_share),
        )

    def rewind(self, bucket: int) -> None:
        """Forget ``bucket`` and what follows. Raises ValueError past FRESH_BUCKETS."""
        self._volume.rewind(bucket)
        self._negative.rewind(bucket)


def _excused(judgement: Judgement, *, sale_day: bool, share: float, usual_share: float) -> Judgement:
    excused = sale_day and judgement.verdict is Verdict.BURST
    return Judgement(
        Verdict.SALE_DAY if excused else judgement.verdict,
        judgement.bucket,
        judgement.count,
        judgement.rate,
        judgement.usual_rate,
        judgement.bar_rate,
        judgement.history_buckets,
        share,
        usual_share,
    )
