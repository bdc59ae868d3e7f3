"""What was measured: every answer by route and second, and how quickly the platform was itself again after a peak."""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

SAMPLES_LIMIT: Final = 20_000_000  # of one run: four hours at a thousand a second are 14.4 million


class Outcome(StrEnum):
    """What became of a request. ``SHED``: 429 or 503 that says in Retry-After when to come back."""

    OK = "ok"
    FAILED = "failed"
    SHED = "shed"


@dataclass
class Second:
    """The answers that came within one second of the run."""

    latencies_ms: "array[float]" = field(default_factory=lambda: array("f"))
    outcomes: Counter[Outcome] = field(default_factory=Counter)


class Measurements:
    """All answers of a run."""

    def __init__(self, *, limit: int = SAMPLES_LIMIT) -> None:
        self.requests = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.by_route: dict[str, Counter[Outcome]] = {}
        self.reasons: Counter[str] = Counter()
        self.seconds: dict[int, Second] = {}
        self._latencies_ms: dict[str, array[float]] = {}
        self._limit = limit

    def add(self, route: str, second: float, latency_ms: float, outcome: Outcome, reason: str = "") -> None:
        """Count an answer that came ``second`` seconds into the run. Only good answers count for latencies.

        Raises OverflowError beyond the limit.
        """
        if self.requests >= self._limit:
            raise OverflowError(f"a run has at most {self._limit:,} requests")
        self.requests += 1
        self.outcomes[outcome] += 1
        self.by_route.setdefault(route, Counter())[outcome] += 1
        here = self.seconds.setdefault(int(second), Second())
        here.outcomes[outcome] += 1
        if outcome is Outcome.OK:
            here.latencies_ms.append(latency_ms)
            self._latencies_ms.setdefault(route, array("f")).append(latency_ms)
        else:
            self.reasons[f"{route}: {reason}"] += 1

    def latencies_ms(self, route: str) -> Sequence[float]:
        """Return the latencies of the good answers of a route."""
        return self._latencies_ms.get(route, array("f"))

    def since(self, second: int) -> Second:
        """Return everything from ``second`` on as one."""
        whole = Second()
        for number, each in self.seconds.items():
            if number >= second:
                whole.latencies_ms.extend(each.latencies_ms)
                whole.outcomes.update(each.outcomes)
        return whole


def percentile(values: Iterable[float], share: float) -> float:
    """Return the nearest-rank percentile; NaN of nothing, which no gate holds."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    rank = max(1, -(-len(ordered) * round(share * 1_000) // 1_000))
    return ordered[min(rank, len(ordered)) - 1]


def recovery_s(measured: Measurements, *, peak_end_s: float, end_s: float, p95_ms: float) -> float:
    """Return the seconds after the peak until every later second is good: nothing shed or failed, p95 within bounds.

    Infinite where the run ended before, or where a second had no answer at all.
    """
    recovered = float(int(end_s))
    for number in range(int(end_s) - 1, int(peak_end_s) - 1, -1):
        second = measured.seconds.get(number)
        if second is None or second.outcomes[Outcome.FAILED] or second.outcomes[Outcome.SHED]:
            break
        if not percentile(second.latencies_ms, 0.95) <= p95_ms:
            break
        recovered = float(number)
    return max(0.0, recovered - peak_end_s) if recovered < int(end_s) else float("inf")
