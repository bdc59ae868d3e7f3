"""How stale a reader is: the time since the owner last told a head at which the reader stood too (rule 12).

Only differences are trusted, never the owner's wall clock: the quickest mark of a subscription tells how the two clocks
lie to one another, and a mark that came later than that was on its way for so long. A reader that was paused therefore
does not take the marks that piled up meanwhile for news.
"""

from collections.abc import Iterable
from datetime import datetime

from services.chassis.clock import Clock

NEVER = float("inf")
WINDOW_S = 30.0  # clocks drift; what the quickest mark told is forgotten after one to two of these


class Freshness:
    """Marks of one subscription after the other, on this process's monotonic clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Own monotonic time less the owner's time, of the quickest mark in this window and in the one before.
        self._offset_s = self._offset_before_s = NEVER
        self._window_began = -NEVER
        self._caught_up: dict[int, float] = {}

    def begin(self, partitions: Iterable[int]) -> None:
        """Start a subscription to these partitions; what was known stays, the clocks are compared anew."""
        self._offset_s = self._offset_before_s = NEVER
        self._window_began = self._clock.monotonic()
        self._caught_up = {partition: self._caught_up.get(partition, -NEVER) for partition in partitions}

    def receive(self, marked_time: datetime) -> float:
        """Return when the mark was made, on this process's monotonic clock."""
        now = self._clock.monotonic()
        if now - self._window_began > WINDOW_S:
            self._offset_before_s, self._offset_s, self._window_began = self._offset_s, NEVER, now
        self._offset_s = min(self._offset_s, now - marked_time.timestamp())
        return marked_time.timestamp() + min(self._offset_s, self._offset_before_s)

    def caught_up(self, partition: int, made_at: float) -> None:
        """Note that the reader stood at the head that was told at ``made_at``."""
        self._caught_up[partition] = max(self._caught_up.get(partition, -NEVER), made_at)

    def staleness_s(self) -> float:
        """Return the staleness of the partition that is worst off; infinite until each was caught up once."""
        if not self._caught_up:
            return NEVER
        return max(0.0, self._clock.monotonic() - min(self._caught_up.values()))
