"""Writes the ``searches`` log: what was searched and shown. No search waits for it.

Entries wait in a bounded queue; when that is full (the store is away) the newest are counted and lost, for the log of
searches promises nothing to anybody, and a search that waited for it would. Per replica.
"""

import asyncio
from collections import deque
from typing import Final

from prometheus_client import Counter

from services.chassis.erasure.suppression import Suppression
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.eventlog.port import APPEND_LIMIT, EventLog, NewEvent
from services.chassis.logs import get_log
from services.chassis.traces import current_trace
from services.search.jobs.log_mining import NOBODY, SERVED
from services.search.usecases.searching import Served

QUEUE_LIMIT: Final = 10_000
GATHER_S: Final = 0.25  # so that busy seconds write few large batches, and what follows the log reads few
RETRY_S: Final = 1.0
OWNER: Final = "search"

log = get_log("search-log")


class SearchLog:
    """The queue and its writer."""

    def __init__(self, event_log: EventLog, lost: Counter, suppression: Suppression | None = None) -> None:
        self._suppression = suppression
        self._event_log = event_log
        self._lost = lost
        self._queue: deque[tuple[Served, str]] = deque()  # with the trace of the search
        self._filled = asyncio.Event()

    def note(self, served: Served) -> None:
        """Take what was shown; never waits. Of who was erased nothing is kept."""
        if self._suppression is not None and self._suppression.any_erased(served.shopper.identifiers):
            self._suppression.count("searches")
            return
        if len(self._queue) >= QUEUE_LIMIT:
            self._lost.inc()
            return
        self._queue.append((served, current_trace()))
        self._filled.set()

    async def run(self) -> None:
        """Write what comes until cancelled."""
        while True:
            await self._filled.wait()
            await asyncio.sleep(GATHER_S)
            try:
                await self.flush()
            except ZhikeError as error:
                if error.kind not in {ErrorKind.UNAVAILABLE, ErrorKind.ABORTED}:
                    raise
                log.warning("search log waits for its store", reason=error.reason, waiting=len(self._queue))
                await asyncio.sleep(RETRY_S)

    async def flush(self) -> None:
        """Write all that waits; what could not be written stays in the queue."""
        while self._queue:
            batch = [self._queue[place] for place in range(min(APPEND_LIMIT, len(self._queue)))]
            await self._event_log.append([event_of(*each) for each in batch])
            for _ in batch:
                self._queue.popleft()
        self._filled.clear()


def event_of(served: Served, trace: str = "") -> NewEvent:
    """Return the event of one shown page; its id names the search and the page."""
    identifiers = served.shopper.identifiers
    return NewEvent(
        client_event_id=page_id(served.search_id, served.first_position),
        owner=OWNER,
        type=SERVED,
        occurred_time=served.time,
        shop=served.shopper.shop,
        channel=served.shopper.channel,
        subject=identifiers[0] if identifiers else f"{NOBODY}{served.search_id}",
        payload=served.payload,
        trace=trace,
        synthetic=served.synthetic,
    )


def page_id(search_id: str, first_position: int) -> str:
    """Return the id under which the log keeps a page of a search; the first page begins at position 1."""
    return f"{search_id}/{first_position}"
