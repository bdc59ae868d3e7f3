"""Whether this process calls itself SERVING: what it needs is caught up, its document store answers, it does not drain.

A process whose store is away goes on answering what it can from memory and refuses the rest; readiness tells whoever
chooses among replicas, and the log names the cause once.
"""

import asyncio
from typing import Any

from grpc_health.v1 import health_pb2

from services.chassis.documents.port import DocumentStore, StoreUnavailableError
from services.chassis.logs import get_log
from services.chassis.metrics import Metrics

PING_INTERVAL_S = 2.0
PING_LIMIT_S = 5.0  # a store that answers more slowly is away
PINGS_MISSED = 2  # before a process says so: one may be lost in an election or a moment's load

log = get_log("readiness")


class Readiness:
    """The health of one process as gRPC and /metrics show it."""

    def __init__(self, health: Any, metrics: Metrics) -> None:
        self._health, self._gauge = health, metrics.gauge("zhike_ready")
        self._ready = self._draining = False
        self._missed = 0

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
        serving = self._ready and not self._draining and self._missed < PINGS_MISSED
        self._gauge.set(serving)
        states = health_pb2.HealthCheckResponse
        await self._health.set("", states.SERVING if serving else states.NOT_SERVING)

    async def watch(self, documents: DocumentStore) -> None:
        """Ask the store again and again, until cancelled."""
        while True:
            await asyncio.sleep(PING_INTERVAL_S)
            await self.look(documents)

    async def look(self, documents: DocumentStore) -> None:
        """Ask the store once."""
        try:
            async with asyncio.timeout(PING_LIMIT_S):
                await documents.ping()
        except (StoreUnavailableError, TimeoutError) as error:
            self._missed += 1
            if self._missed == PINGS_MISSED:
                cause = error.metadata.get("cause", "") if isinstance(error, StoreUnavailableError) else "no answer"
                log.warning("not ready: the document store does not answer", cause=cause)
                await self.show()
            return
        was_away, self._missed = self._missed >= PINGS_MISSED, 0
        if was_away:
            log.info("ready again: the document store answers")
            await self.show()
