"""A projection that can be rebuilt while it is read (rule 10): what a service runs for each copy that it keeps.

A rebuild reads the logs from their start into a new generation of the projection's collections, with cursors of its
own; when it stands at the heads it is promoted, and the old generation is removed a little later. Until then every read
goes to the old one. A log that was restored (another generation of its own) leads here by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Protocol

from services.chassis.clock import Clock
from services.chassis.eventlog.applier import Projection
from services.chassis.eventlog.cursors import DocumentCursors
from services.chassis.eventlog.dead_letters import DeadLetters, LetterBox
from services.chassis.eventlog.generations import Generations, Resolve
from services.chassis.eventlog.port import EventSource, GenerationMismatchError
from services.chassis.eventlog.reader import Reader, ReaderTiming
from services.chassis.eventlog.reader_spans import Links
from services.chassis.eventlog.running import all_of, first_end, running, set_of
from services.chassis.logs import get_log
from services.chassis.metrics import Metrics
from services.chassis.operation_run import OperationRun

REFRESH_INTERVAL_S = 1.0  # how soon another replica's promotion is seen
RETIRE_AFTER_S = 10.0  # how long a replaced generation stays for those who still read it
PROGRESS_INTERVAL_S = 0.5

log = get_log("rebuild")

Build = Callable[[str, Resolve], Projection]


class RebuildableProjection:
    """One projection over one or more logs. ``run`` is a job; ``rebuild`` may be called while it runs.

    ``build(name, resolve)`` returns the projection of a generation: it takes its own name from ``name`` and each of its
    collections from ``resolve(COLLECTION)``. Stores read from ``generations.resolve(COLLECTION)``, asked anew for every
    read.
    """

    def __init__(
        self,
        generations: Generations,
        sources: Sequence[EventSource],
        build: Build,
        clock: Clock,
        *,
        rng: Random,
        metrics: Metrics,
        timing: ReaderTiming | None = None,
        links: Links | None = None,
        retire_after_s: float = RETIRE_AFTER_S,
    ) -> None:
        self.name = generations.projection
        self.logs = tuple(FollowedLog(self, place) for place in range(len(sources)))
        self._generations = generations
        self.sources = tuple(sources)
        self._build = build
        self._clock = clock
        self._rng = rng
        self._metrics = metrics
        self._timing = timing
        self._links = links
        self._retire_after_s = retire_after_s
        self._opened = False
        self._rebuilding = asyncio.Lock()
        self._switched = asyncio.Event()
        self.readers = self._make_readers(generations.active)

    @property
    def generation(self) -> int:
        """The generation in force."""
        return self._generations.active

    async def open(self) -> None:
        """Declare the collections in force; before the first read. Again costs nothing."""
        if not self._opened:
            await self._generations.open()
            self._switch()
            self._opened = True

    async def refresh(self) -> None:
        """See what another replica did: a promotion, and how far the one that holds the job has read.

        A pass of a job of every replica, every REFRESH_INTERVAL_S.
        """
        await self.open()
        before = self.generation
        if await self._generations.refresh() != before:
            self._switch()
        await asyncio.gather(*(reader.look() for reader in self.readers))

    async def run(self) -> None:
        """Follow the logs until cancelled, with the readers of whichever generation is in force."""
        await self.open()
        while True:
            switched = self._switched
            try:
                async with running([*(reader.run() for reader in self.readers), self._watch(switched)]) as tasks:
                    await first_end(tasks)
            except GenerationMismatchError as error:
                log.warning("the log began anew, rebuilding", projection=self.name, reason=error.message)
                await self._replace(None)

    async def caught_up(self) -> None:
        """Return when the generation in force stands where the logs stand now, whichever replica brought it there."""
        while True:
            switched = self._switched
            reached = all_of(reader.caught_up_anywhere() for reader in self.readers)
            async with running([reached, set_of(switched)]) as tasks:
                await first_end(tasks)
                if not switched.is_set():
                    return

    def staleness_s(self) -> float:
        """Return the staleness of the log that is worst off."""
        return max(reader.staleness_s() for reader in self.readers)

    def lag_events(self) -> int:
        """Return how many events are not applied, over all logs."""
        return sum(reader.lag_events() for reader in self.readers)

    async def rebuild(
        self, run: OperationRun | None = None, *, then: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Build a new generation, promote it, do what is to be done ``then``, remove the old.

        A rebuild that died is taken up where it stood.
        """
        await self.open()
        await self._replace(run)
        done = () if then is None else (then(),)
        await asyncio.gather(asyncio.sleep(self._retire_after_s), *done)
        await self._remove_retired()

    async def _replace(self, run: OperationRun | None) -> None:
        async with self._rebuilding:
            while True:
                generation = await self._generations.begin()
                try:
                    await self._fill(generation, run)
                except GenerationMismatchError:  # the log began anew while this generation was being built
                    await self._generations.abandon(generation)
                    continue
                await self._generations.promote(generation)
                break
            self._switch()
            log.info("projection rebuilt", projection=self.name, generation=generation)

    async def _fill(self, generation: int, run: OperationRun | None) -> None:
        await self._generations.declare(generation)
        readers = self._make_readers(generation)
        following = [reader.run() for reader in readers]
        async with running([*following, self._reach_heads(readers), _report(readers, run)]) as tasks:
            await first_end(tasks)
        if run is not None:
            _count(readers, run)

    async def _reach_heads(self, readers: Sequence[Reader]) -> None:
        for _ in range(2):  # the second round is short: what came while the first ran
            await asyncio.gather(*(reader.caught_up() for reader in readers))

    def _make_readers(self, generation: int) -> tuple[Reader, ...]:
        projection = self._build(self._generations.projection_name(generation), self._generations.resolver(generation))
        return tuple(
            Reader(
                source,
                projection,
                self._generations.documents,
                self._clock,
                rng=self._rng,
                metrics=self._metrics,
                timing=self._timing,
                links=self._links,
            )
            for source in self.sources
        )

    async def _watch(self, switched: asyncio.Event) -> None:
        """Return when another generation is in force than at the start; remove what retired before that."""
        began = self._clock.monotonic()
        removed = False
        while not switched.is_set():
            try:
                async with asyncio.timeout(REFRESH_INTERVAL_S):
                    await switched.wait()
            except TimeoutError:
                await self.refresh()
                if not removed and self._clock.monotonic() - began >= self._retire_after_s:
                    await self._remove_retired()
                    removed = True

    def _switch(self) -> None:
        self.readers = self._make_readers(self._generations.active)
        switched, self._switched = self._switched, asyncio.Event()
        switched.set()

    async def _remove_retired(self) -> None:
        documents = self._generations.documents
        for generation in await self._generations.retiring():
            name = self._generations.projection_name(generation)
            await self._generations.drop(generation)
            cursors = DocumentCursors(documents, name)
            await cursors.declare()
            for source in self.sources:
                await cursors.forget(source.name)
            letters = DeadLetters(documents, self._clock)
            await letters.declare()
            await letters.forget(name)
            await self._generations.retired(generation)


class Following(Protocol):
    """What has a reader for each of its logs: others after a rebuild, in the same order."""

    @property
    def name(self) -> str:
        """The projection's name, whichever generation is in force."""

    @property
    def readers(self) -> Sequence[Reader]:
        """The readers of the generation in force."""


class FollowedLog:
    """One log of a projection, as an operator's page shows it, whichever generation is in force."""

    def __init__(self, projection: Following, place: int) -> None:
        self._projection = projection
        self._place = place

    @property
    def projection_name(self) -> str:
        return self._projection.name

    @property
    def log_name(self) -> str:
        return self._reader.log_name

    @property
    def applied(self) -> int:
        return self._reader.applied

    def lag_events(self) -> int:
        return self._reader.lag_events()

    def staleness_s(self) -> float:
        return self._reader.staleness_s()

    @property
    def letters(self) -> LetterBox:
        return self._reader.letters

    @property
    def _reader(self) -> Reader:
        return self._projection.readers[self._place]


async def _report(readers: Sequence[Reader], run: OperationRun | None) -> None:
    while True:
        await asyncio.sleep(PROGRESS_INTERVAL_S)
        if run is not None:
            _count(readers, run)
            await run.report()


def _count(readers: Sequence[Reader], run: OperationRun) -> None:
    run.progress.accepted = sum(reader.applied for reader in readers)
    run.progress.rows = run.progress.accepted + sum(reader.lag_events() for reader in readers)
