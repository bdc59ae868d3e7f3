"""Gives the events of one partition their numbers: group commit, duplicates, and other writers (rules 2, 3, 4).

At most one insert is in flight per partition and process; appends that arrive meanwhile ride in the next one. Numbers
are given in the order of the insert, and the insert stops at the first taken key, so whatever happens to it leaves a
prefix: no gap, no double.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from services.chassis.documents.port import BATCH_LIMIT, DocumentStore, KeyTakenError, Scalar
from services.chassis.eventlog.errors import LogBusyError, LogContendedError
from services.chassis.eventlog.port import VerdictStatus
from services.chassis.eventlog.record import EVENTS, PLACE

BACKLOG_LIMIT = 20_000  # events waiting for one partition
ATTEMPT_LIMIT = (
    100  # inserts of one batch before LOG_CONTENDED; each attempt that another writer defeats is his progress
)
CONTENTION_WAIT_S = 0.005  # times 1..8, drawn at random


class Entry:
    """One event on its way: what to store, and what became of it. Mutable; lives for one append."""

    __slots__ = ("body", "fingerprint", "key", "seq", "status", "stored_fingerprint")

    def __init__(self, key: str, fingerprint: str, body: dict[str, Any]) -> None:
        self.key = key
        self.fingerprint = fingerprint
        self.stored_fingerprint = fingerprint  # of the event that holds the key, in the end
        self.body = body
        self.status = VerdictStatus.STORED
        self.seq = 0

    def settle_as_known(self, fingerprint: str, seq: int) -> None:
        """Take the verdict from the event that has this key. An erased one has no fingerprint: any body repeats it."""
        same = fingerprint in ("", self.fingerprint)
        self.status = VerdictStatus.DUPLICATE if same else VerdictStatus.REUSED
        self.stored_fingerprint = fingerprint
        self.seq = seq


class _Job:
    __slots__ = ("done", "entries")

    def __init__(self, entries: list[Entry], done: asyncio.Future[None]) -> None:
        self.entries = entries
        self.done = done


class PartitionWriter:
    """The one way into a partition from this process."""

    def __init__(
        self, documents: DocumentStore, log: str, partition: int, *, rng: Random, on_stored: Callable[[], None]
    ) -> None:
        self._documents = documents
        self._log = log
        self._partition = partition
        self._rng = rng
        self._on_stored = on_stored
        self._jobs: deque[_Job] = deque()
        self._backlog = 0
        self._draining: asyncio.Task[None] | None = None
        self._tail: int | None = None  # None: unknown, read it before the next insert

    def check_room(self, count: int) -> None:
        """Raise LogBusyError when ``count`` more events find no place in the queue."""
        if self._backlog + count > BACKLOG_LIMIT:
            raise LogBusyError(f"{self._log}: too many events wait", log=self._log, limit=BACKLOG_LIMIT)

    def submit(self, entries: list[Entry]) -> asyncio.Future[None]:
        """Take the entries in; the future is done when every one is settled and what was stored is durable."""
        self.check_room(len(entries))
        job = _Job(entries, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._backlog += len(entries)
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        return job.done

    async def drain(self) -> None:
        """Return when nothing waits any more."""
        while self._draining is not None:
            await asyncio.wait({self._draining})

    async def read_tail(self) -> int:
        """Return the last number in the store."""
        place: dict[str, Scalar] = {"log": self._log, "partition": self._partition}
        page = await self._documents.find(EVENTS, PLACE, place, limit=1, descending=True)
        return int(page.documents[0].body["seq"]) if page.documents else 0

    async def _drain(self) -> None:
        while self._jobs:
            jobs = self._take()
            entries = [entry for job in jobs for entry in job.entries] if len(jobs) > 1 else jobs[0].entries
            storing = asyncio.ensure_future(self._store(entries))
            await asyncio.wait({storing})
            self._answer(jobs, storing)
        self._draining = None

    def _take(self) -> list[_Job]:
        jobs = [self._jobs.popleft()]
        room = BATCH_LIMIT - len(jobs[0].entries)
        while self._jobs and len(self._jobs[0].entries) <= room:
            jobs.append(self._jobs.popleft())
            room -= len(jobs[-1].entries)
        return jobs

    def _answer(self, jobs: list[_Job], storing: asyncio.Future[None]) -> None:
        error = storing.exception()
        for job in jobs:
            self._backlog -= len(job.entries)
            if job.done.done():  # the caller left; what he sent is stored all the same
                continue
            if error is None:
                job.done.set_result(None)
            else:
                job.done.set_exception(error)

    async def _store(self, entries: list[Entry]) -> None:
        leaders: dict[str, Entry] = {}
        followers = [entry for entry in entries if leaders.setdefault(entry.key, entry) is not entry]
        await self._insert(list(leaders.values()))
        for follower in followers:
            leader = leaders[follower.key]
            follower.settle_as_known(leader.stored_fingerprint, leader.seq)

    async def _insert(self, remaining: list[Entry]) -> None:
        for _ in range(ATTEMPT_LIMIT):
            tail = self._tail if self._tail is not None else await self.read_tail()
            for seq, entry in enumerate(remaining, tail + 1):
                entry.body["seq"] = entry.seq = seq
            self._tail = None  # whatever interrupts the insert, the next one asks the store where it stands
            try:
                await self._documents.insert_many(EVENTS, [(entry.key, entry.body) for entry in remaining])
            except KeyTakenError as taken:
                if taken.position:
                    self._on_stored()
                unsettled = await self._without_known(remaining[taken.position :])
                if len(unsettled) < len(remaining) and taken.index != PLACE:
                    self._tail = tail + taken.position  # a duplicate stopped us, nobody took the number
                else:
                    await asyncio.sleep(CONTENTION_WAIT_S * self._rng.uniform(1, 8))
                remaining = unsettled
            else:
                self._tail = tail + len(remaining)
                self._on_stored()
                return
            if not remaining:
                return
        raise LogContendedError(f"{self._log}: no number was free in {ATTEMPT_LIMIT} tries", log=self._log)

    async def _without_known(self, entries: list[Entry]) -> list[Entry]:
        known = await self._documents.get_many(EVENTS, [entry.key for entry in entries])
        unsettled = []
        for entry in entries:
            document = known.get(entry.key)
            if document is None:
                unsettled.append(entry)
            else:
                entry.settle_as_known(document.body["fingerprint"], document.body["seq"])
        return unsettled
