"""Rate limits: one token bucket per principal or shopper, in bounded memory.

A bucket is kept as the generic cell rate algorithm keeps it (ITU-T I.371): one number, the time at which it will be
full again. When there is no room for a new bucket, the one that was used longest ago goes; it is the likeliest to be
full, and a full bucket is the same as none.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.errors import RateLimitedError
from services.chassis.clock import Clock

BUCKETS_LIMIT: Final = 100_000


@dataclass(frozen=True, slots=True)
class Rate:
    """``per_s`` requests a second on average, ``burst`` at once; ``per_s`` 0 is no limit."""

    per_s: float
    burst: int
    cost_s: float = field(init=False)  # what one request takes out of the bucket
    window_s: float = field(init=False)  # the whole bucket

    def __post_init__(self) -> None:
        cost_s = 1.0 / self.per_s if self.per_s > 0 else 0.0
        object.__setattr__(self, "cost_s", cost_s)
        object.__setattr__(self, "window_s", self.burst * cost_s)


class Allowance(NamedTuple):
    """What is left of a bucket, for the RateLimit-* headers."""

    limit: int
    remaining: int
    reset_s: int


class RateLimiter:
    """The buckets of this process. With several gateways each has its own, so a limit is per process."""

    def __init__(self, clock: Clock, *, buckets_limit: int = BUCKETS_LIMIT) -> None:
        self._clock, self._buckets_limit = clock, buckets_limit
        self._full_at: dict[str, float] = {}  # oldest use first

    def take(self, name: str, rate: Rate) -> Allowance | None:
        """Count one request; None where there is no limit. Raises RateLimitedError."""
        if rate.per_s <= 0:
            return None
        now = self._clock.monotonic()
        cost_s, window_s, buckets = rate.cost_s, rate.window_s, self._full_at
        full_at = buckets.pop(name, now)
        if full_at < now:
            full_at = now
        if full_at + cost_s - now > window_s + 1e-9:
            buckets[name] = full_at
            wait_s = full_at + cost_s - now - window_s
            raise RateLimitedError(
                f"more than {rate.per_s:g} requests per second",
                retry_after_s=round(wait_s, 3),
                limit=rate.burst,
                remaining=0,
                reset_s=_ceil(full_at - now),
            )
        full_at += cost_s
        if len(buckets) >= self._buckets_limit:
            del buckets[next(iter(buckets))]
        buckets[name] = full_at
        return Allowance(rate.burst, int((window_s - (full_at - now)) * rate.per_s + 1e-6), _ceil(full_at - now))

    def give_back(self, name: str, rate: Rate) -> None:
        """Undo one ``take`` of a request that should not count after all."""
        if rate.per_s > 0 and name in self._full_at:
            self._full_at[name] -= rate.cost_s

    def check(self, name: str, rate: Rate) -> None:
        """Raise RateLimitedError if the bucket is empty, without counting."""
        if rate.per_s > 0 and name in self._full_at:
            now = self._clock.monotonic()
            wait_s = self._full_at[name] + rate.cost_s - now - rate.window_s
            if wait_s > 1e-9:
                raise RateLimitedError("too many wrong credentials", retry_after_s=round(wait_s, 3))

    def __len__(self) -> int:
        return len(self._full_at)


def _ceil(seconds: float) -> int:
    return int(-(-seconds // 1))
