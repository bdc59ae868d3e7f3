"""How long to wait before the next try, and which failures another try can mend."""

from dataclasses import dataclass
from random import Random

from services.chassis.errors import ErrorKind, ZhikeError

_PASSING = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.ABORTED, ErrorKind.DEADLINE})


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from ``first_s`` to ``limit_s``, each drawn between half and all of its bound."""

    first_s: float = 0.05
    limit_s: float = 5.0

    def wait_s(self, attempt: int, rng: Random) -> float:
        """Return the wait before try ``attempt`` + 1; attempts count from 0."""
        bound_s = min(self.limit_s, self.first_s * 2.0 ** min(attempt, 30))
        return bound_s * rng.uniform(0.5, 1.0)


def is_passing(error: BaseException) -> bool:
    """Tell whether the failure lies in what is away or in the way now, and not in the event itself (rule 9)."""
    if isinstance(error, ZhikeError):
        return error.kind in _PASSING
    return isinstance(error, (TimeoutError, ConnectionError))
