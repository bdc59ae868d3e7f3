"""State that lives in memory, one copy per replica (rule 11): the latest snapshot with its numbers, and the log's tail.

A snapshot is one blob, promoted under the state's name; its manifest says which numbers of which logs are in it. A
replica loads it, applies what follows, and is ready when it stands at the heads. Two replicas that save at once spoil
nothing: each snapshot is whole, and the later promotion counts.
"""

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Protocol

from services.chassis.artifacts.manifest import ManifestConflictError, Manifests
from services.chassis.artifacts.port import ArtifactStore, BlobCorruptError, BlobMissingError
from services.chassis.clock import Clock
from services.chassis.documents.port import DocumentStore
from services.chassis.errors import ZhikeError
from services.chassis.eventlog.cursors import Cursor, MemoryCursors
from services.chassis.eventlog.port import Event, EventSource, GenerationMismatchError
from services.chassis.eventlog.reader import Reader, ReaderTiming
from services.chassis.eventlog.running import all_of, first_end, running, set_of
from services.chassis.logs import get_log
from services.chassis.metrics import Metrics

BLOB_ROLE = "state"
SAVE_INTERVAL_S = 300.0  # between snapshots; what is younger is read from the log again
# A tail that is long beside what the snapshot holds is not left to the clock: a process that dies again and again would
# never save, and read more at each start. The share keeps what all snapshots cost together linear in the log's length.
LONG_TAIL_EVENTS = 10_000
LONG_TAIL_SHARE = 0.1
TAIL_LOOK_INTERVAL_S = 1.0
FAILED_PAUSE_S = 30.0

Positions = dict[str, Cursor]

log = get_log("snapshots")


class State(Protocol):
    """What is kept in memory. Every method is synchronous, so that no snapshot falls into the middle of an event."""

    @property
    def name(self) -> str:
        """The name of the snapshot, and of the projection in metrics and dead letters."""

    @property
    def form(self) -> str:
        """The form of ``dump``; a snapshot of another form is not loaded."""

    def apply(self, event: Event) -> None:
        """Apply one event, or raise before anything is changed."""

    def dump(self) -> bytes:
        """Return the whole state."""

    def load(self, content: bytes) -> None:
        """Take over a dumped state."""

    def clear(self) -> None:
        """Begin anew, empty."""


class ReplicaState:
    """Loads, follows and saves one state. ``await open()``, then ``run`` is a job of every replica."""

    def __init__(
        self,
        state: State,
        sources: Sequence[EventSource],
        documents: DocumentStore,
        artifacts: ArtifactStore,
        clock: Clock,
        *,
        rng: Random,
        metrics: Metrics,
        timing: ReaderTiming | None = None,
        save_interval_s: float = SAVE_INTERVAL_S,
    ) -> None:
        self.readers: tuple[Reader, ...] = ()
        self._state = state
        self._sources = tuple(sources)
        self._documents = documents
        self._artifacts = artifacts
        self._manifests = Manifests(documents, artifacts, clock)
        self._clock = clock
        self._rng = rng
        self._metrics = metrics
        self._timing = timing
        self._save_interval_s = save_interval_s
        self._once = _Once(state)
        self._saved: Positions = {}
        self._began_anew = asyncio.Event()
        self._begin({})

    async def open(self) -> None:
        """Load the latest snapshot that can be loaded; none is a beginning at the logs' start."""
        await self._manifests.open()
        for manifest in await self._manifests.history(self._state.name):
            if manifest.metadata.get("form") != self._state.form:
                continue
            try:
                content = await self._artifacts.read(manifest.blobs[BLOB_ROLE])
            except (BlobMissingError, BlobCorruptError) as error:
                log.error("snapshot unusable, trying the one before", state=self._state.name, reason=error.reason)
                continue
            self._state.load(content)
            self._begin(_positions_from_json(manifest.metadata["positions"]))
            return

    async def run(self) -> None:
        """Follow the logs until cancelled and save from time to time."""
        while True:
            try:
                async with running([*(reader.run() for reader in self.readers), self._save_at_times()]) as tasks:
                    await first_end(tasks)
            except GenerationMismatchError as error:
                log.warning("the log began anew, so does the state", state=self._state.name, reason=error.message)
                self._state.clear()
                self._begin({})

    async def caught_up(self) -> None:
        """Return when the state holds all that the logs hold now: what readiness waits for."""
        while True:
            began_anew = self._began_anew
            reached = all_of(reader.caught_up() for reader in self.readers)
            async with running([reached, set_of(began_anew)]) as tasks:
                await first_end(tasks)
                if not began_anew.is_set():
                    return

    def positions(self) -> Positions:
        """Return exactly what is in the state: by log, its generation and the last number of each partition."""
        return {
            reader.log_name: Cursor(reader.generation, self._once.numbers(reader.log_name)) for reader in self.readers
        }

    async def save(self) -> bool:
        """Store the state with its numbers; False when another replica's snapshot was promoted meanwhile."""
        positions, content = self.positions(), self._state.dump()  # nothing happens between the two
        manifest = await self._manifests.current(self._state.name)
        blob = await self._artifacts.put(content)
        metadata = {"form": self._state.form, "positions": _json_from_positions(positions)}
        try:
            await self._manifests.promote(
                self._state.name,
                {BLOB_ROLE: blob.digest},
                expected_version=manifest.version if manifest else 0,
                metadata=metadata,
            )
        except ManifestConflictError:
            return False
        self._saved = positions
        return True

    async def _save_at_times(self) -> None:
        due_s = self._next_save_s()
        while True:
            await asyncio.sleep(min(TAIL_LOOK_INTERVAL_S, self._save_interval_s))
            positions = self.positions()
            if positions == self._saved or not (self._clock.monotonic() >= due_s or self._has_long_tail(positions)):
                continue
            try:
                if not await self.save():
                    self._saved = positions  # another replica's is hardly older: not worth one more at once
            except ZhikeError as error:  # the state goes on; a later snapshot or a longer tail makes up for it
                log.error("snapshot not saved", state=self._state.name, reason=error.reason)
                await asyncio.sleep(min(FAILED_PAUSE_S, self._save_interval_s))
            due_s = self._next_save_s()

    def _next_save_s(self) -> float:
        return self._clock.monotonic() + self._save_interval_s * self._rng.uniform(0.9, 1.1)

    def _has_long_tail(self, positions: Positions) -> bool:
        held = _events_in(positions)
        tail = held - _events_in(self._saved)
        return tail >= max(LONG_TAIL_EVENTS, LONG_TAIL_SHARE * held)

    def _begin(self, positions: Positions) -> None:
        self._saved = positions
        self._once.begin(positions)
        self.readers = tuple(
            Reader(
                source,
                self._once,
                self._documents,
                self._clock,
                rng=self._rng,
                metrics=self._metrics,
                cursors=MemoryCursors(positions),
                timing=self._timing,
            )
            for source in self._sources
        )
        began_anew, self._began_anew = self._began_anew, asyncio.Event()
        began_anew.set()


class _Once:
    """Applies events one by one and keeps the number of each in step with the state, whatever fails between them."""

    def __init__(self, state: State) -> None:
        self.name = state.name
        self._state = state
        self._numbers: dict[str, dict[int, int]] = {}

    def begin(self, positions: Positions) -> None:
        self._numbers = {name: dict(cursor.seqs) for name, cursor in positions.items()}

    def numbers(self, log_name: str) -> dict[int, int]:
        return dict(self._numbers.get(log_name, {}))

    async def apply(self, events: Sequence[Event]) -> None:
        for event in events:
            numbers = self._numbers.setdefault(event.log, {})
            if event.seq > numbers.get(event.partition, 0):
                self._state.apply(event)
                numbers[event.partition] = event.seq


def _events_in(positions: Positions) -> int:
    return sum(sum(cursor.seqs.values()) for cursor in positions.values())


def _json_from_positions(positions: Positions) -> dict[str, Any]:
    return {
        name: {"generation": cursor.generation, "seqs": {str(partition): seq for partition, seq in cursor.seqs.items()}}
        for name, cursor in positions.items()
    }


def _positions_from_json(value: Mapping[str, Any]) -> Positions:
    return {
        name: Cursor(each["generation"], {int(partition): seq for partition, seq in each["seqs"].items()})
        for name, each in value.items()
    }
