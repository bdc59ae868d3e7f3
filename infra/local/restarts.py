"""When a crashed process starts again: at once twice, then with a growing pause.

One that had become ready serves in between, so whatever ends it again and again is waited for half a second at most.
"""

from dataclasses import dataclass

WINDOW_S = 30.0
FREE_RESTARTS = 2
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
LONGEST_PAUSE_OF_READY_S = 0.5


@dataclass(frozen=True, slots=True)
class CrashHistory:
    """Monotonic times of recent crashes, oldest first. ``was_ready``: the process had become ready before the last."""

    crashes: tuple[float, ...] = ()
    was_ready: bool = False

    def with_crash(self, at: float, *, was_ready: bool) -> "CrashHistory":
        """Add a crash and forget those outside the window."""
        return CrashHistory((*(each for each in self.crashes if at - each < WINDOW_S), at), was_ready)

    @property
    def pause_s(self) -> float:
        """Seconds before the next start: 0 for the first two crashes in 30 s, then 1, 2, 4 … at most 30, or 0.5."""
        beyond = len(self.crashes) - FREE_RESTARTS
        if beyond <= 0:
            return 0.0
        longest_s = LONGEST_PAUSE_OF_READY_S if self.was_ready else LONGEST_PAUSE_S
        return min(longest_s, FIRST_PAUSE_S * 2.0 ** (beyond - 1))
