"""A clock that stands still until a test moves it, and sleepers that wake by it."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

START_TIME = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SETTLE_TURNS = 50  # turns of the loop that let everything that is ready run, where nothing waits for a real socket


class ManualClock:
    """Keeps services.chassis.clock.Clock: ``advance`` moves both clocks, ``step_wall`` only what people read."""

    def __init__(self, now: datetime = START_TIME, monotonic: float = 0.0) -> None:
        self._now = now
        self._monotonic = monotonic
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

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

    async def sleep(self, seconds: float) -> None:
        """Stand in for asyncio.sleep: return once ``run_for`` has passed this many seconds."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._order), woken))
        await woken

    async def run_for(self, seconds: float) -> None:
        """Let time pass, wake each sleeper in its turn and let it run."""
        end = self._monotonic + seconds
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, woken = heapq.heappop(self._sleepers)
            self.advance(max(due - self._monotonic, 0))
            if not woken.done():
                woken.set_result(None)
            await _settle()
        self.advance(max(end - self._monotonic, 0))


async def _settle() -> None:
    for _ in range(SETTLE_TURNS):
        await asyncio.sleep(0)
