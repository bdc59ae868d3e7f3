"""Computes the classes anew when orders have come in, seldom enough to stay a small part of the work."""

from collections.abc import Callable, Sequence

from services.chassis.clock import Clock
from services.chassis.logs import get_log
from services.knowledge.store.class_basis import ClassStore
from services.knowledge.store.customers import CustomerStore
from services.knowledge.store.resolutions import ResolutionStore
from services.knowledge.usecases.classes import compute_classes

REST_FACTOR = 20  # a computation is followed by twenty times its own duration without one

log = get_log("classes")


class ClassJob:
    """One pass looks whether the basis is behind the orders, and computes it when its rest is over.

    ``read_through``: the last number that was read of each partition of each log that tells of orders.
    """

    def __init__(
        self,
        customers: CustomerStore,
        resolutions: ResolutionStore,
        classes: ClassStore,
        clock: Clock,
        *,
        read_through: Callable[[], Sequence[int]],
        is_behind: Callable[[], bool],
    ) -> None:
        self._customers, self._resolutions, self._classes = customers, resolutions, classes
        self._clock, self._read_through, self._is_behind = clock, read_through, is_behind
        self._next_s = 0.0

    async def run(self) -> None:
        """Do one pass."""
        began = self._clock.monotonic()
        if began < self._next_s or self._is_behind():
            return
        head = self._read_through()
        if not any(head) or tuple(head) == tuple(await self._classes.basis_head()):
            return
        basis = await compute_classes(self._customers, self._resolutions, self._classes, self._clock, head=head)
        took_s = self._clock.monotonic() - began
        self._next_s = self._clock.monotonic() + REST_FACTOR * took_s
        customers = sum(each.customers for each in basis.by_currency.values())
        log.info("classes computed", customers=customers, took_ms=round(took_s * 1_000))
