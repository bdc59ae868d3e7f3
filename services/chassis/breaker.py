"""Whether another service is taken for dead, so that calls spare themselves the wait: a breaker for each upstream.

It opens when the other side was mute for a while: several calls in a row got no answer, and the first of them began
long enough ago. A restart passes within the deadlines of those who wait for it and opens nothing, unless it takes long.
A refusal is an answer. While it is open somebody asks at short intervals whether the other side lives; the first answer
of any kind closes it.

An open breaker never shortens the wait of those who have nothing else to say: they wait here instead of on the wire and
go on as soon as it closes. Who has a fallback does not wait at all.
"""

import asyncio
from collections.abc import Callable

from services.chassis.errors import ErrorKind
from services.chassis.metrics import Metrics
from services.chassis.status import RemoteError, unreachable

FAILURES = 5  # calls in a row without an answer ...
MUTE_S = 2.0  # ... the first of which began so long ago
PROBE_PAUSE_S = 0.2
PROBE_TIMEOUT_MS = 1_000
WAITING_LIMIT = 512  # calls that wait for one upstream; one more is refused at once


class Breaker:
    """What is known of one upstream. ``now``: seconds that only grow, the event loop's."""

    __slots__ = (
        "_answer_time",
        "_closed",
        "_failures",
        "_mute_since",
        "_now",
        "_opened",
        "_service",
        "_state",
        "_waiting",
        "is_open",
    )

    def __init__(self, service: str, metrics: Metrics, now: Callable[[], float]) -> None:
        self._service, self._now = service, now
        self._opened = metrics.counter("zhike_breaker_opened_total").labels(service)
        self._state = metrics.gauge("zhike_breaker_open").labels(service)
        self._state.set(0)
        self._closed: asyncio.Event | None = None
        self._failures, self._waiting = 0, 0
        self._answer_time = self._mute_since = now()
        self.is_open = False

    @property
    def waiting(self) -> int:
        """How many calls wait for it to close."""
        return self._waiting

    def answered(self) -> None:
        """Note an answer, were it a refusal."""
        self._failures, self._answer_time = 0, self._now()
        if self._closed is not None:
            self._closed.set()
            self._closed = None
            self.is_open = False
            self._state.set(0)

    def failed(self, begin: float) -> bool:
        """Note a call since ``begin`` that got no answer. Return True when that opens the breaker."""
        if self._failures == 0:
            self._mute_since = max(begin, self._answer_time)
        self._failures += 1
        if self.is_open or self._failures < FAILURES or self._now() - self._mute_since < MUTE_S:
            return False
        self.is_open, self._closed = True, asyncio.Event()
        self._opened.inc()
        self._state.set(1)
        return True

    async def until_closed(self, end: float, *, waits: bool) -> None:
        """Return once it is closed. Raises RemoteError at ``end``, at once for who does not wait or is one too many."""
        closed = self._closed
        if closed is None:
            return
        if not waits or self._waiting >= WAITING_LIMIT:
            raise unreachable(self._service)
        self._waiting += 1
        try:
            async with asyncio.timeout_at(end):
                await closed.wait()
        except TimeoutError:
            raise unreachable(self._service) from None
        finally:
            self._waiting -= 1


def is_mute(error: RemoteError) -> bool:
    """Say whether nobody answered: not reached, or not in time. A refusal, were it UNAVAILABLE, is an answer."""
    return error.kind is ErrorKind.DEADLINE or error.reason == "SERVICE_UNAVAILABLE"
