"""Leases: they spare replicas double work and make nothing right (docs/consistency.md rule 5).

A lease is a document that its holder rewrites every RENEW_INTERVAL_S. An observer takes it over when it has seen no
change for TTL_S on its own monotonic clock; wall clocks, which may lie minutes apart, are never compared. Two holders
at once (a process that was paused) are possible, and harmless, because every save is a compare and set.

Where the process holds its store's lock (embedded), any other holder is dead: its leases are taken at once and nothing
needs renewing. A process that is one of several may be told its place (``replica``): who starts it there knows that the
one before it in that place has ended, so what that one held is taken at once as well. Were it not so, there would be
two holders: harmless, as above.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from services.chassis.clock import Clock
from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    KeyTakenError,
    RevisionMismatchError,
    StoreUnavailableError,
)
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.logs import get_log
from services.chassis.metrics import Metrics
from services.chassis.standing import LEASES as LEASES_PART
from services.chassis.standing import Standings

TTL_S = 3.0
RENEW_INTERVAL_S = 1.0
ASK_INTERVAL_S = 1.0  # between two attempts at a lease that another holds
NOBODY = ""

LEASES = Collection("leases")

log = get_log("leases")


class LeaseLostError(ZhikeError):
    """Another process took the lease while its holder worked, or the holder could not renew it in time."""

    kind = ErrorKind.ABORTED
    reason = "LEASE_LOST"


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as it was taken. ``term`` grows with each holder."""

    name: str
    holder_id: str
    term: int


@dataclass(slots=True)
class _Sighting:
    """A revision of somebody's lease and when this process first saw it (monotonic seconds)."""

    revision: int
    first_seen_s: float


class Leases:
    """The leases of one process. ``holder_id`` is new with each start, ``replica`` the place that it took, "" for none.

    ``exclusive``: it holds its store's lock.
    """

    def __init__(
        self,
        documents: DocumentStore,
        clock: Clock,
        holder_id: str,
        *,
        replica: str = "",
        exclusive: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        metrics: Metrics | None = None,
        standings: Standings | None = None,
    ) -> None:
        self._documents, self._clock, self._holder_id, self._replica = documents, clock, holder_id, replica
        self._metrics, self._standings = metrics, standings or Standings()
        self._exclusive, self._sleep = exclusive, sleep
        self._sightings: dict[str, _Sighting] = {}
        self._held: dict[str, Lease] = {}

    async def open(self) -> None:
        """Declare the collection; before anything else."""
        await self._documents.declare(LEASES)

    async def acquire(self, name: str) -> Lease | None:
        """Take the lease if it is free, or seen unchanged for TTL_S; None: another holds it, ask again later."""
        if name in self._held:
            return None
        document = await self._documents.get(LEASES, name)
        if document is None:
            return await self._create(name)
        if document.body["holder_id"] not in {NOBODY, self._holder_id} and not self._is_dead(document):
            return None
        return await self._take(document)

    async def renew(self, lease: Lease) -> bool:
        """Show that the holder lives; False when another took the lease. Raises StoreUnavailableError: try again."""
        if self._exclusive:
            return self._held.get(lease.name) == lease
        document = await self._documents.get(LEASES, lease.name)
        if document is not None and _is_of(document, lease):
            with contextlib.suppress(RevisionMismatchError):  # only who takes it over writes beside its holder
                await self._documents.replace(LEASES, lease.name, document.body, expected_revision=document.revision)
                return True
        self._held.pop(lease.name, None)
        return False

    async def release(self, lease: Lease) -> None:
        """Let others take it at once; silent when it is lost. The document stays, so that its revision only grows."""
        self._held.pop(lease.name, None)
        document = await self._documents.get(LEASES, lease.name)
        if document is not None and _is_of(document, lease):
            body = {**document.body, "holder_id": NOBODY}
            with contextlib.suppress(RevisionMismatchError):
                await self._documents.replace(LEASES, lease.name, body, expected_revision=document.revision)

    @contextlib.asynccontextmanager
    async def while_held(self, name: str) -> AsyncIterator[None]:
        """Wait for the lease, hold it for the body; when it is lost the body is cancelled and LeaseLostError raised."""
        lease = await self._wait_for(name)
        body = asyncio.current_task()
        assert body is not None  # a coroutine always runs in a task
        cancels_before = body.cancelling()
        keeper = asyncio.create_task(self._keep(lease, body), name=f"lease {name}")
        try:
            yield
        except asyncio.CancelledError:
            lost = keeper.done() and not keeper.cancelled()
            if lost and body.uncancel() <= cancels_before:
                raise LeaseLostError(f"the lease {name} was lost", lease=name) from None
            raise
        finally:
            keeper.cancel()
            with contextlib.suppress(StoreUnavailableError):  # it runs out by itself
                await self.release(lease)

    async def _wait_for(self, name: str) -> Lease:
        while True:
            try:
                lease = await self.acquire(name)
            except StoreUnavailableError:
                lease = None
            else:
                self._standings.works(LEASES_PART)  # it waits in the queue again, or holds: either is as it should be
            if lease is not None:
                log.info("lease taken", lease=name, term=lease.term)
                return lease
            await self._sleep(ASK_INTERVAL_S)

    async def _keep(self, lease: Lease, body: asyncio.Task[object]) -> None:
        """Renew until it fails for TTL_S or another holds the lease; then cancel the body."""
        shown_s = self._clock.monotonic()
        while True:
            await self._sleep(RENEW_INTERVAL_S)
            asked_s = self._clock.monotonic()
            try:
                async with asyncio.timeout(TTL_S):
                    renewed = await self.renew(lease)
            except (StoreUnavailableError, TimeoutError):
                renewed = self._clock.monotonic() - shown_s < TTL_S
                asked_s = shown_s
            if not renewed:
                self._lost(lease)
                body.cancel()
                return
            shown_s = asked_s

    def _lost(self, lease: Lease) -> None:
        """Tell of it: the process was paused, or its store away; its work is cancelled and goes on elsewhere."""
        self._standings.failed(LEASES_PART, f"lost {lease.name} (term {lease.term})")
        if self._metrics is not None:
            self._metrics.counter("zhike_lease_lost_total").labels(lease.name).inc()
        self._held.pop(lease.name, None)

    async def _create(self, name: str) -> Lease | None:
        lease = Lease(name, self._holder_id, 1)
        try:
            await self._documents.insert(LEASES, name, self._body(lease))
        except KeyTakenError:
            return None
        self._held[name] = lease
        return lease

    async def _take(self, document: Document) -> Lease | None:
        lease = Lease(document.key, self._holder_id, document.body["term"] + 1)
        try:
            await self._documents.replace(LEASES, lease.name, self._body(lease), expected_revision=document.revision)
        except RevisionMismatchError:
            return None
        self._held[lease.name] = lease
        return lease

    def _body(self, lease: Lease) -> dict[str, str | int]:
        return {"holder_id": lease.holder_id, "term": lease.term, "replica": self._replica}

    def _is_dead(self, document: Document) -> bool:
        if self._exclusive or (self._replica and document.body.get("replica") == self._replica):
            return True
        sighting = self._sightings.get(document.key)
        if sighting is None or sighting.revision != document.revision:
            self._sightings[document.key] = _Sighting(document.revision, self._clock.monotonic())
            return False
        return self._clock.monotonic() - sighting.first_seen_s >= TTL_S


def _is_of(document: Document, lease: Lease) -> bool:
    return bool(document.body["holder_id"] == lease.holder_id and document.body["term"] == lease.term)
