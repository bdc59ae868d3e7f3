"""How long things take: a duration as fifteen equally likely values, pooled, added and continued.

Fifteen, because then the 10 %, 50 % and 90 % quantiles are values themselves (the 2nd, 8th and 14th stand for the
shares 1/30 + k/15) and two durations make 225 sums, which is cheap. All values are seconds of working time.

- A table's three quantiles become a distribution by two half log-normals that meet in the median.
- Few observations are pooled with a wider group's by averaging quantiles on the log scale (Vincent averaging, Ratcliff
  1979), with weight n / (n + 20): partial pooling as in Gelman and Hill 2007, chapter 12. Little data never hurts.
- Sums take their parts as independent. What parts have in common (a bad day) is not seen, so a sum's band is a little
  too narrow; the benchmark prints how often real parcels stay inside it.
- Beyond the slowest value the tail is exponential: what is overdue stays as overdue as it is.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Final

POINTS: Final = 15
LOW, MEDIAN, HIGH = 1, 7, 13  # places of the 10 %, 50 % and 90 % quantiles
POOLED_AT: Final = 20  # observations at which a group's own quantiles weigh as much as the wider group's
MAX_SAMPLES: Final = 400  # of one group that are kept, the newest
SHORTEST_S: Final = 1.0
LONGEST_S: Final = 366 * 86_400.0

_SHARES: Final = tuple((place + 0.5) / POINTS for place in range(POINTS))
_SCORES: Final = tuple(NormalDist().inv_cdf(share) for share in _SHARES)
_HAZARD: Final = tuple(-math.log1p(-share) for share in _SHARES)


@dataclass(frozen=True, slots=True)
class Durations:
    """A duration: POINTS values in seconds, ascending and above zero. ``samples``: observations behind them."""

    values: tuple[float, ...]
    samples: int = 0

    def __post_init__(self) -> None:
        if (
            len(self.values) != POINTS
            or self.values[0] <= 0
            or any(one > next_ for one, next_ in pairwise(self.values))
        ):
            raise ValueError(f"a duration is {POINTS} ascending values above zero")

    @property
    def median_s(self) -> float:
        """The value that half of all cases do not exceed."""
        return self.values[MEDIAN]

    def longer_by(self, seconds: float) -> "Durations":
        """Return the duration with as much added to every value. ``seconds`` is not negative."""
        return Durations(_ascending([value + seconds for value in self.values]), self.samples)

    def after(self, elapsed_s: float) -> "Durations":
        """Return what is left of it once ``elapsed_s`` have passed and it is not over."""
        if elapsed_s <= 0:
            return self
        if elapsed_s >= self.values[-1]:
            return Durations(_ascending([hazard * self._tail_s() for hazard in _HAZARD]), self.samples)
        begun = self._share_below(elapsed_s)
        left = [self._value_at(begun + (1 - begun) * share) - elapsed_s for share in _SHARES]
        return Durations(_ascending(left), self.samples)

    def _share_below(self, seconds: float) -> float:
        """Return the share of cases that are over by then, before the slowest value."""
        values, place = self.values, bisect_left(self.values, seconds)
        if place == 0:
            return _SHARES[0] * seconds / values[0]
        span = values[place] - values[place - 1]
        part = (seconds - values[place - 1]) / span if span else 1.0
        return _SHARES[place - 1] + part / POINTS

    def _value_at(self, share: float) -> float:
        """Invert ``_share_below``."""
        if share >= _SHARES[-1]:
            return self.values[-1] + (-math.log1p(-share) - _HAZARD[-1]) * self._tail_s()
        if share <= _SHARES[0]:
            return self.values[0] * share / _SHARES[0]
        place = min(int((share - _SHARES[0]) * POINTS), POINTS - 2)
        part = (share - _SHARES[place]) * POINTS
        return self.values[place] + part * (self.values[place + 1] - self.values[place])

    def _tail_s(self) -> float:
        """Return the mean of the exponential tail: as the last two values part, at least a tenth of the median."""
        parted = (self.values[-1] - self.values[-2]) / (_HAZARD[-1] - _HAZARD[-2])
        return max(parted, self.median_s / 10)


def durations_from_quantiles(p10_s: float, p50_s: float, p90_s: float, samples: int = 0) -> Durations:
    """Return the duration with these quantiles, as two half log-normals. Raises ValueError unless they ascend."""
    if not 0 < p10_s <= p50_s <= p90_s <= LONGEST_S:
        raise ValueError("quantiles of a duration ascend, lie above zero and within a year")
    middle, spread = math.log(p50_s), _SCORES[HIGH]
    below, above = (middle - math.log(p10_s)) / spread, (math.log(p90_s) - middle) / spread
    values = [math.exp(middle + score * (below if score < 0 else above)) for score in _SCORES]
    return Durations(_ascending(values), samples)


def durations_from_samples(samples_s: Sequence[float]) -> Durations:
    """Return the duration that the newest MAX_SAMPLES observations show (quantiles by linear interpolation).

    Raises ValueError for none. An observation outside SHORTEST_S to LONGEST_S counts as that bound.
    """
    if not samples_s:
        raise ValueError("no observations")
    ordered = sorted(min(max(each, SHORTEST_S), LONGEST_S) for each in samples_s[-MAX_SAMPLES:])
    last = len(ordered) - 1
    values = []
    for share in _SHARES:
        place = min(max(share * len(ordered) - 0.5, 0.0), last)
        low = int(place)
        high = min(low + 1, last)
        values.append(ordered[low] + (place - low) * (ordered[high] - ordered[low]))
    return Durations(_ascending(values), len(ordered))


def pooled(own: Durations | None, wider: Durations) -> Durations:
    """Return a group's duration, drawn towards the wider group's the more the fewer its own observations are."""
    if own is None or own.samples <= 0:
        return Durations(wider.values, 0)
    weight = own.samples / (own.samples + POOLED_AT)
    values = [
        math.exp(weight * math.log(mine) + (1 - weight) * math.log(theirs))
        for mine, theirs in zip(own.values, wider.values, strict=True)
    ]
    return Durations(_ascending(values), own.samples)


def total(parts: Sequence[Durations]) -> Durations:
    """Return the duration of parts that follow one another, independent; as well known as the least known of them.

    Raises ValueError for none.
    """
    if not parts:
        raise ValueError("a sum has parts")
    made = parts[0]
    for part in parts[1:]:
        sums = sorted(one + other for one in made.values for other in part.values)
        made = Durations(_ascending(middles(sums)), min(made.samples, part.samples))
    return made


def middles(ordered: Sequence[float]) -> tuple[float, ...]:
    """Return the middle of each of POINTS equal slices of ascending values, whose number POINTS divides."""
    size = len(ordered) // POINTS
    return tuple(ordered[slice_ * size + size // 2] for slice_ in range(POINTS))


def _ascending(values: Sequence[float]) -> tuple[float, ...]:
    """Return the values free of the last digits' disorder, none below SHORTEST_S and none beyond LONGEST_S."""
    made: list[float] = []
    least = SHORTEST_S
    for value in values:
        least = max(least, min(value, LONGEST_S))
        made.append(least)
    return tuple(made)
