"""When a crashed process starts again: at once twice, then with a growing pause."""

from dataclasses import dataclass

WINDOW_S = 30.0
FREE_RESTARTS = 2
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True)
class CrashHistory:
    """Monotonic times of recent crashes, oldest first."""

    crashes: tuple[float, ...] = ()

    def with_crash(self, at: float) -> "CrashHistory":
        """Add a crash and forget those outside the window."""
        return CrashHistory((*(each for each in self.crashes if at - each < WINDOW_S), at))

    @property
    def pause_s(self) -> float:
        """Seconds to wait before the next start: 0 for the first two crashes in 30 s, then 1, 2, 4 … at most 30."""
        beyond = len(self.crashes) - FREE_RESTARTS
        if beyond <= 0:
            return 0.0
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (beyond - 1))
