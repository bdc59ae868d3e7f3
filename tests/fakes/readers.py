"""Readers with short waits, run for the length of a block."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from services.chassis.clock import SystemClock
from services.chassis.documents.port import DocumentStore
from services.chassis.eventlog.applier import Patience, Projection
from services.chassis.eventlog.backoff import Backoff
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.port import EventSource
from services.chassis.eventlog.projection import live_body
from services.chassis.eventlog.reader import Reader, ReaderTiming
from services.chassis.metrics import Metrics
from tests.fakes.projections import SUBJECTS, tally_projection

QUICK = ReaderTiming(
    patience=Patience(try_again_s=0.001, away=Backoff(first_s=0.001, limit_s=0.01)),
    hole_wait_s=0.01,
    cursor_interval_s=0.0,
)


def make_reader(
    source: EventSource, documents: DocumentStore, projection: Projection | None = None, **options: Any
) -> Reader:
    options = {"rng": Random(3), "metrics": Metrics([EVENTLOG_METRICS]), "timing": QUICK, **options}
    clock = options.pop("clock", SystemClock())
    return Reader(source, projection or tally_projection(documents), documents, clock, **options)


@asynccontextmanager
async def running(*readers: Any) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(reader.run()) for reader in readers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what tells nobody: a metric, a count."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.001)


async def live_documents(documents: DocumentStore) -> dict[str, dict[str, Any]]:
    """What the tally projection holds, without watermarks and tombstones."""
    page = await documents.scan(SUBJECTS, limit=1_000)
    bodies = {document.key: live_body(document) for document in page.documents}
    return {key: body for key, body in bodies.items() if body is not None}
