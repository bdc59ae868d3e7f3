"""How far the clock of a log's owner lies from this process's.

Nothing rests on it (docs/consistency.md rules 5 and 12 trust no other process's clock), but times that people read do:
when something was recorded, how long ago. So it is measured and told of.
"""

from datetime import datetime

SKEW_LIMIT_S = 60.0
WINDOW_MARKS = 60  # about half a minute of marks


class ClockSkew:
    """Compares the marks of one owner with this process's wall clock.

    A mark may have waited on its way, so of a window the quickest counts: how far it lies behind is the skew at most,
    how far it lies ahead is the skew at least.
    """

    def __init__(self) -> None:
        self._least_s = float("inf")
        self._marks = 0
        self.skew_s = 0.0

    def receive(self, marked_time: datetime, now: datetime) -> bool:
        """Take a mark in; True when a window ended, and ``skew_s`` (own clock less the owner's) is judged anew."""
        self._least_s = min(self._least_s, (now - marked_time).total_seconds())
        self._marks += 1
        if self._marks < WINDOW_MARKS:
            return False
        self.skew_s, self._least_s, self._marks = self._least_s, float("inf"), 0
        return True

    @property
    def is_wrong(self) -> bool:
        """Whether the two clocks lie too far apart for times that people compare."""
        return abs(self.skew_s) > SKEW_LIMIT_S
