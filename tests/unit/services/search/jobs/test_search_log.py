"""Searches are written aside, in batches, and a store that is away costs no search."""

import asyncio
from random import Random
from typing import Any

import pytest
from prometheus_client import Counter

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.errors import UnavailableError
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.logs import CallContext, bind_call
from services.search.jobs import search_log
from services.search.jobs.search_log import SearchLog, event_of
from services.search.usecases.searching import Served, Shopper
from tests.fakes.clock import START_TIME, ManualClock
from tests.fakes.events import stored_events
from tests.fakes.spans import collected_spans


def served(number: int = 1, *identifiers: str) -> Served:
    return Served(f"{number:016x}", START_TIME, Shopper(identifiers, "main", "web"), False, 1, {"query": "tea"})


@pytest.fixture
async def event_log() -> DocumentsLog:
    opened = DocumentsLog(MemoryDocuments(), "searches", 1, ManualClock(), Random(1))
    await opened.open()
    return opened


@pytest.fixture
def lost() -> Counter:
    return Counter("lost", "Lost.", registry=None)


async def test_what_waits_is_written_in_order(event_log: DocumentsLog, lost: Counter) -> None:
    log = SearchLog(event_log, lost)
    for number in range(1_201):
        log.note(served(number))
    await log.flush()
    await log.flush()
    events = await stored_events(event_log)
    assert [event.subject for event in events] == [f"search:{number:016x}" for number in range(1_201)]


async def test_past_its_limit_the_newest_are_counted_and_lost(
    event_log: DocumentsLog, lost: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_log, "QUEUE_LIMIT", 2)
    log = SearchLog(event_log, lost)
    for number in range(3):
        log.note(served(number))
    await log.flush()
    assert len(await stored_events(event_log)) == 2
    assert lost._value.get() == 1


async def test_what_could_not_be_written_waits_and_is_written_once(event_log: DocumentsLog, lost: Counter) -> None:
    class Flaky:
        """Writes, and says that it did not."""

        failures = 1

        async def append(self, events: Any) -> Any:
            verdicts = await event_log.append(events)
            if self.failures:
                self.failures -= 1
                raise UnavailableError("the answer was lost")
            return verdicts

    log = SearchLog(Flaky(), lost)  # type: ignore[arg-type]
    log.note(served())
    with pytest.raises(UnavailableError):
        await log.flush()
    await log.flush()
    assert len(await stored_events(event_log)) == 1


async def test_the_running_job_writes_what_comes(event_log: DocumentsLog, lost: Counter) -> None:
    log = SearchLog(event_log, lost)
    job = asyncio.create_task(log.run())
    log.note(served())
    async with asyncio.timeout(5):
        while not await stored_events(event_log):  # noqa: ASYNC110 - the log has nobody to tell
            await asyncio.sleep(0.01)
    job.cancel()


def test_an_event_is_about_the_strongest_identifier() -> None:
    assert event_of(served(1, "card:7", "visitor:v")).subject == "card:7"
    assert event_of(served(1)).subject == "search:0000000000000001"


async def test_a_search_is_written_with_the_trace_in_which_it_was_served(
    event_log: DocumentsLog, lost: Counter
) -> None:
    log = SearchLog(event_log, lost)
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with collected_spans():
        bind_call(CallContext("r-1", traceparent))
        log.note(served(1))
        bind_call(CallContext("r-2"))
        log.note(served(2))
    await log.flush()
    assert [event.trace for event in await stored_events(event_log)] == [traceparent, ""]
