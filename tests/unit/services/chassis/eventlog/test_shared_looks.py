"""Subscriptions that stand at the same place read the log once for all of them."""

import asyncio
from collections.abc import AsyncGenerator
from random import Random
from typing import Any

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import Batch
from tests.fakes.clock import ManualClock
from tests.fakes.events import new_event

SUBSCRIPTIONS = 10


class CountingDocuments(MemoryDocuments):
    """Counts the searches of the log."""

    def __init__(self) -> None:
        super().__init__()
        self.finds = 0
        self.fails = False

    async def find(self, *arguments: Any, **named: Any) -> Any:
        self.finds += 1
        if self.fails:
            raise OSError("the store is away")
        return await super().find(*arguments, **named)


@pytest.fixture
async def documents() -> CountingDocuments:
    return CountingDocuments()


async def opened(documents: CountingDocuments, *, poll_interval_s: float = 0.02) -> DocumentsLog:
    log = DocumentsLog(documents, "user-events", 1, ManualClock(), Random(1), poll_interval_s=poll_interval_s)
    await log.open()
    return log


async def until(source: AsyncGenerator[Batch, None], seq: int) -> None:
    async for batch in source:
        if batch.events and batch.events[-1].seq >= seq:
            return


async def test_an_append_is_read_once_for_all_who_stand_at_the_head(documents: CountingDocuments) -> None:
    log = await opened(documents, poll_interval_s=60.0)
    sources = [log.subscribe(generation="", after={}) for _ in range(SUBSCRIPTIONS)]
    for each in sources:
        await anext(each)  # the first mark: everyone stands at the head
    readers = [asyncio.ensure_future(until(each, 1)) for each in sources]
    await asyncio.sleep(0.01)
    before = documents.finds
    await log.append([new_event(1)])
    async with asyncio.timeout(30):
        await asyncio.gather(*readers)
    # The writer looks for itself; the subscriptions share theirs.
    assert documents.finds - before < SUBSCRIPTIONS / 2


async def test_another_replicas_append_is_seen_all_the_same(documents: CountingDocuments) -> None:
    log, other = await opened(documents), await opened(documents)
    readers = [asyncio.ensure_future(until(log.subscribe(generation="", after={}), 1)) for _ in range(SUBSCRIPTIONS)]
    await asyncio.sleep(0.01)
    await other.append([new_event(1)])
    async with asyncio.timeout(30):
        await asyncio.gather(*readers)


async def test_who_goes_away_takes_the_reading_from_nobody(documents: CountingDocuments) -> None:
    log = await opened(documents)
    first, second = (log.subscribe(generation="", after={}) for _ in range(2))
    leaving, staying = asyncio.ensure_future(until(first, 1)), asyncio.ensure_future(until(second, 1))
    await asyncio.sleep(0.005)
    leaving.cancel()
    await log.append([new_event(1)])
    async with asyncio.timeout(30):
        await staying


async def test_a_reading_that_failed_is_nobody_elses(documents: CountingDocuments) -> None:
    log = await opened(documents)
    documents.fails = True
    with pytest.raises(OSError, match="away"):
        await log._next_batch(0, 0)
    documents.fails = False
    assert (await log._next_batch(0, 0)).events == ()
