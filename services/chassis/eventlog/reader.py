"""Runs a projection over a log: in order, without holes, each event once (rules 7, 8, 9), and says how far it is (12).

The cursor follows the projection's saves and never leads them; what a crash makes it apply again, the watermarks inside
the projection's documents recognise.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from random import Random

import structlog

from services.chassis.clock import Clock
from services.chassis.documents.port import DocumentStore
from services.chassis.erasure.suppression import suppression_on
from services.chassis.errors import ZhikeError
from services.chassis.eventlog.applier import Applier, Patience, Projection
from services.chassis.eventlog.backoff import is_passing
from services.chassis.eventlog.cursors import Cursors, DocumentCursors
from services.chassis.eventlog.dead_letters import DeadLetters, LetterBox
from services.chassis.eventlog.errors import LogHoleError
from services.chassis.eventlog.freshness import Freshness
from services.chassis.eventlog.port import Batch, Event, EventSource, GenerationMismatchError, Head
from services.chassis.eventlog.reader_spans import Links
from services.chassis.eventlog.running import first_end, running
from services.chassis.eventlog.saved_standing import SavedStanding
from services.chassis.metrics import Metrics

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReaderTiming:
    """The waits and bounds of a reader."""

    patience: Patience = field(default_factory=Patience)
    hole_wait_s: float = 5.0  # before a hole is looked at again
    cursor_interval_s: float = 0.25  # a crash repeats at most so much
    late_mark_s: float = 5.0  # a mark that was on its way for longer: subscribe anew


class Reader:
    """One projection over one log. ``run`` follows until cancelled; the other methods may be called meanwhile.

    A replica that does not hold the job never runs it: ``look`` every second or so tells it how far the holder is.
    """

    def __init__(
        self,
        source: EventSource,
        projection: Projection,
        documents: DocumentStore,
        clock: Clock,
        *,
        rng: Random,
        metrics: Metrics,
        cursors: Cursors | None = None,
        timing: ReaderTiming | None = None,
        links: Links | None = None,
    ) -> None:
        self.projection_name = projection.name
        self.log_name = source.name
        self.applied = 0  # events since this process started
        self.follows = False  # whether ``run`` runs, here and not in another replica
        self._source = source
        self._clock = clock
        self._rng = rng
        self._timing = timing or ReaderTiming()
        suppression = suppression_on(documents)
        self._own_cursors = DocumentCursors(documents, projection.name)
        self._cursors = cursors or self._own_cursors
        self._dead_letters = DeadLetters(documents, clock)
        self._applier = Applier(
            projection,
            self._dead_letters,
            log_name=source.name,
            rng=rng,
            metrics=metrics,
            patience=self._timing.patience,
            links=links,
            seen=None if suppression is None else suppression.seen,
        )
        self._freshness = Freshness(clock)
        self._standing = SavedStanding(source, self._cursors, clock)
        self._generation = ""
        self._positions: dict[int, int] = {}
        self._heads: dict[int, int] = {}
        self._saved_at: dict[int, float] = {}
        self._unsaved: set[int] = set()
        self._moved = asyncio.Event()
        labels = {"projection": projection.name, "log": source.name}
        self._applied_total = metrics.counter("zhike_reader_applied_events_total").labels(**labels)
        self._resubscriptions = metrics.counter("zhike_reader_resubscriptions_total").labels(**labels)
        self._hole = metrics.gauge("zhike_reader_hole").labels(**labels)
        self._lag_events = metrics.gauge("zhike_reader_lag_events").labels(**labels)
        self._lag_seconds = metrics.gauge("zhike_reader_lag_seconds").labels(**labels)
        self._staleness = metrics.gauge("zhike_reader_staleness_seconds")
        self._log = log.bind(projection=projection.name, log=source.name)

    @property
    def positions(self) -> Mapping[int, int]:
        """The last applied number by partition."""
        return dict(self._positions)

    @property
    def letters(self) -> LetterBox:
        """The events that were set aside."""
        return LetterBox(self._dead_letters, self.projection_name, self._source)

    @property
    def generation(self) -> str:
        """The log's generation that the positions belong to; "" before first contact."""
        return self._generation

    async def run(self) -> None:
        """Follow the log until cancelled. Raises GenerationMismatchError: the projection must be rebuilt (rule 7)."""
        labels = (self.projection_name, self.log_name)
        self._staleness.labels(*labels).set_function(self.staleness_s)
        self.follows = True
        try:
            await self._run()
        finally:
            self.follows = False
            with contextlib.suppress(KeyError):
                self._staleness.remove(*labels)  # who no longer reads grows no staler

    async def _run(self) -> None:
        await self._applier.ask_until_there(self._load)
        attempt = 0
        while True:
            reached = dict(self._positions)
            wait_s = self._timing.patience.away.first_s
            try:
                await self._follow()
            except LogHoleError as error:
                self._hole.set(1)
                self._log.error("hole in the log, the reader stands still", **error.metadata)
                wait_s = self._timing.hole_wait_s
            except ZhikeError as error:
                if not is_passing(error):
                    raise
                attempt = 0 if reached != self._positions else attempt + 1
                wait_s = self._timing.patience.away.wait_s(attempt, self._rng)
                self._log.warning("log or store away, subscribing again", reason=error.reason, attempt=attempt)
            await asyncio.sleep(wait_s)
            self._resubscriptions.inc()

    async def look(self) -> None:
        """See how far the replica that holds the job has read: a pass of a job of every replica."""
        if not self.follows:
            await self._own_cursors.declare()
            await self._standing.look()

    def lag_events(self) -> int:
        """Return how many events of the last known heads are not applied."""
        elsewhere = None if self.follows else self._standing.lag_events()
        if elsewhere is not None:
            return elsewhere
        return sum(max(0, head - self._positions.get(partition, 0)) for partition, head in self._heads.items())

    def staleness_s(self) -> float:
        """Return the age of the latest head at which this reader or another replica's stood; infinite before one."""
        return min(self._freshness.staleness_s(), self._standing.staleness_s())

    async def caught_up(self, head: Head | None = None) -> None:
        """Return when the reader has applied all up to ``head``; without one, up to where the log stands now.

        A log whose owner is away is asked again until it is there.
        """
        target: Head = await self._applier.ask_until_there(self._source.head) if head is None else head
        while not self._has_reached(target):
            await self._moved.wait()

    async def caught_up_anywhere(self) -> None:
        """Return when all up to where the log stands now is applied, by whichever replica holds the job."""
        await self._own_cursors.declare()
        target = await self._applier.ask_until_there(self._source.head)
        async with running([self.caught_up(target), self._standing.reach(target)]) as tasks:
            await first_end(tasks)

    def _has_reached(self, head: Head) -> bool:
        return self._generation == head.generation and all(
            self._positions.get(partition, 0) >= seq for partition, seq in enumerate(head.seqs)
        )

    async def _load(self) -> None:
        await self._own_cursors.declare()
        await self._dead_letters.declare()
        cursor = await self._cursors.load(self._source.name)
        self._generation = cursor.generation
        self._positions = dict(cursor.seqs)
        self._applier.begin()

    async def _follow(self) -> None:
        head = await self._source.head()
        if self._generation not in ("", head.generation):
            raise GenerationMismatchError(f"log {self._source.name} has begun anew", log=self._source.name)
        self._generation = head.generation
        partitions = range(len(head.seqs))
        self._heads = dict(enumerate(head.seqs))
        self._freshness.begin(partitions)
        after = {partition: self._positions.setdefault(partition, 0) for partition in partitions}
        self._announce()
        async with aclosing(self._source.subscribe(generation=self._generation, after=after)) as batches:
            async for batch in batches:
                made_at = self._freshness.receive(batch.marked_time)
                await self._take(batch)
                if self._heads[batch.partition] > self._positions[batch.partition]:
                    continue
                self._freshness.caught_up(batch.partition, made_at)
                if not batch.events and self._clock.monotonic() - made_at > self._timing.late_mark_s:
                    self._log.warning("marks come late, subscribing again")
                    return

    async def _take(self, batch: Batch) -> None:
        position = self._positions[batch.partition]
        events = [event for event in batch.events if event.seq > position]
        if events:
            self._check_contiguous(events, position)
            await self._applier.apply(events)
            self._positions[batch.partition] = events[-1].seq
            self._unsaved.add(batch.partition)
            self.applied += len(events)
            self._applied_total.inc(len(events))
        self._hole.set(0)
        self._heads[batch.partition] = batch.head_seq
        self._show_lag(batch)
        await self._save_cursors()
        self._announce()

    def _check_contiguous(self, events: Sequence[Event], position: int) -> None:
        for expected, event in enumerate(events, position + 1):
            if event.seq != expected:
                raise LogHoleError(
                    f"log {self._source.name}: {expected} is missing", partition=event.partition, missing=expected
                )

    async def _save_cursors(self) -> None:
        now = self._clock.monotonic()
        for partition in sorted(self._unsaved):
            if now - self._saved_at.get(partition, float("-inf")) < self._timing.cursor_interval_s:
                continue
            await self._cursors.save(
                self._source.name, partition, generation=self._generation, seq=self._positions[partition]
            )
            self._saved_at[partition] = now
            self._unsaved.discard(partition)

    def _show_lag(self, batch: Batch) -> None:
        self._lag_events.set(self.lag_events())
        behind = batch.events and batch.head_seq > batch.events[-1].seq
        age_s = (batch.marked_time - batch.events[-1].recorded_time).total_seconds() if behind else 0.0
        self._lag_seconds.set(max(0.0, age_s))

    def _announce(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
