"""Computes the classes anew when orders have come in, seldom enough to stay a small part of the work."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from services.chassis.clock import Clock
from services.chassis.errors import ZhikeError
from services.chassis.eventlog.backoff import is_passing
from services.chassis.eventlog.port import EventSource
from services.chassis.logs import get_log
from services.knowledge.store.class_basis import ClassStore
from services.knowledge.store.customers import CustomerStore
from services.knowledge.store.resolutions import ResolutionStore
from services.knowledge.usecases.classes import compute_classes

REST_FACTOR = 20  # a computation is followed by twenty times its own duration without one
PATIENCE_S = 5.0  # orders that take longer to be read come from an import; classes of half of them are of no use

log = get_log("classes")


class ClassJob:
    """One pass looks whether the basis is behind the logs that tell of orders, and computes it when its rest is over.

    ``read_back`` returns when all that these logs hold is readable, whichever replica reads it.
    """

    def __init__(
        self,
        customers: CustomerStore,
        resolutions: ResolutionStore,
        classes: ClassStore,
        clock: Clock,
        *,
        sources: Sequence[EventSource],
        read_back: Callable[[], Awaitable[None]],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._customers, self._resolutions, self._classes = customers, resolutions, classes
        self._clock, self._sources = clock, sources
        self._read_back, self._patience_s = read_back, patience_s
        self._next_s = 0.0

    async def run(self) -> None:
        """Do one pass."""
        if self._clock.monotonic() < self._next_s:
            return
        try:
            heads = [(await source.head()).seqs for source in self._sources]
        except ZhikeError as error:
            if not is_passing(error):
                raise
            return
        head = [seq for seqs in heads for seq in seqs]
        if not any(head) or tuple(head) == tuple(await self._classes.basis_head()):
            return
        try:
            async with asyncio.timeout(self._patience_s):
                await self._read_back()
        except TimeoutError:
            return
        began = self._clock.monotonic()
        basis = await compute_classes(self._customers, self._resolutions, self._classes, self._clock, head=head)
        took_s = self._clock.monotonic() - began
        self._next_s = self._clock.monotonic() + REST_FACTOR * took_s
        customers = sum(each.customers for each in basis.by_currency.values())
        log.info("classes computed", customers=customers, took_ms=round(took_s * 1_000))
