"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

START_TIME = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class ManualClock:
    """Keeps services.chassis.clock.Clock: ``advance`` moves both clocks, ``step_wall`` only what people read."""

    def __init__(self, now: datetime = START_TIME, monotonic: float = 0.0) -> None:
        self._now = now
        self._monotonic = monotonic

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        if seconds < 0:
            raise ValueError("time passes forward; step_wall moves the wall clock back")
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def step_wall(self, seconds: float) -> None:
        """Correct the wall clock, as NTP or an operator does; no time passes."""
        self._now += timedelta(seconds=seconds)
