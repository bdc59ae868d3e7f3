"""Whether this process calls itself SERVING: what it needs is caught up, its document store answers, it does not drain.

A process whose store is away goes on answering what it can from memory and refuses the rest; readiness tells whoever
chooses among replicas. A store that answers slowly, or takes no writes, leaves the process serving and is named among
the parts that do not work (services/chassis/standing.py).
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from grpc_health.v1 import health_pb2

from services.chassis.clock import Clock
from services.chassis.documents.port import (
    Collection,
    DocumentStore,
    KeyTakenError,
    RevisionMismatchError,
    StoreUnavailableError,
)
from services.chassis.metrics import Metrics
from services.chassis.standing import DOCUMENT_WRITES, DOCUMENTS, Standings

PING_INTERVAL_S = 2.0
PING_LIMIT_S = 5.0  # a store that answers more slowly is away
PING_SLOW_S = 1.0  # one that answers more slowly works badly
PINGS_MISSED = 2  # before a process says so: one may be lost in an election or a moment's load

PROBES = Collection("readiness_probes")
PROBE = "probe"


class Readiness:
    """The health of one process as gRPC (where it has a server) and /metrics show it."""

    def __init__(self, health: Any, metrics: Metrics, standings: Standings, clock: Clock) -> None:
        self._health, self._gauge = health, metrics.gauge("zhike_ready")
        self._standings, self._clock = standings, clock
        self._ready = self._draining = False
        self._missed = self._slow = 0

    @property
    def serving(self) -> bool:
        """Whether callers should come here."""
        return self._ready and not self._draining and self._missed < PINGS_MISSED

    @property
    def degraded(self) -> Mapping[str, str]:
        """Parts that the process leans on and that do not work, each with its cause."""
        return self._standings.degraded

    async def become_ready(self) -> None:
        """What the process waits for at its start is there."""
        self._ready = True
        await self.show()

    async def drain(self) -> None:
        """It stops: callers should look elsewhere."""
        self._draining = True
        await self.show()

    async def show(self) -> None:
        """Tell gRPC health and /metrics how it stands."""
        self._gauge.set(self.serving)
        if self._health is not None:
            states = health_pb2.HealthCheckResponse
            await self._health.set("", states.SERVING if self.serving else states.NOT_SERVING)

    async def watch(self, documents: DocumentStore) -> None:
        """Ask the store again and again, until cancelled."""
        while True:
            await asyncio.sleep(PING_INTERVAL_S)
            await self.look(documents)

    async def look(self, documents: DocumentStore) -> None:
        """Ask the store once; while writes fail, also whether it takes one again, for nobody else may write."""
        asked_s = self._clock.monotonic()
        try:
            async with asyncio.timeout(PING_LIMIT_S):
                await documents.ping()
        except (StoreUnavailableError, TimeoutError) as error:
            await self._note_missed(error.metadata.get("cause", "") if isinstance(error, StoreUnavailableError) else "")
            return
        await self._note_answered(self._clock.monotonic() - asked_s)
        if self._standings.is_failing(DOCUMENT_WRITES):
            with contextlib.suppress(StoreUnavailableError, TimeoutError):
                async with asyncio.timeout(PING_LIMIT_S):
                    await _write_something(documents)

    async def _note_missed(self, cause: str) -> None:
        self._missed += 1
        if self._missed == PINGS_MISSED:
            self._standings.failed(DOCUMENTS, cause or "no answer")
            await self.show()

    async def _note_answered(self, took_s: float) -> None:
        was_away, self._missed = self._missed >= PINGS_MISSED, 0
        self._slow = self._slow + 1 if took_s > PING_SLOW_S else 0
        if self._slow >= PINGS_MISSED:
            self._standings.failed(DOCUMENTS, f"slow: {took_s:.1f} s to answer")
        elif not self._slow:
            self._standings.works(DOCUMENTS)
        if was_away:
            await self.show()


async def _write_something(documents: DocumentStore) -> None:
    """Write one small document; through MeasuredDocuments its success says that writes work again."""
    await documents.declare(PROBES)
    known = await documents.get(PROBES, PROBE)
    with contextlib.suppress(KeyTakenError, RevisionMismatchError):  # another replica probes too
        if known is None:
            await documents.insert(PROBES, PROBE, {})
        else:
            await documents.replace(PROBES, PROBE, {}, expected_revision=known.revision)
