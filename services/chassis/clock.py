"""Time as an argument: wall time for facts, monotonic time for durations. Tests pass a clock that they move by hand."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the code asks of time."""

    def now(self) -> datetime:
        """Return the present as aware UTC."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never steps back; only differences mean anything."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
