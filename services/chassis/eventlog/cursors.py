"""How far a projection has read a log: one document per projection, log and partition, moved by compare and set."""

from dataclasses import dataclass, field
from typing import Protocol

from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.eventlog.errors import CursorSupersededError
from services.chassis.eventlog.port import Head
from services.chassis.eventlog.record import PARTITION_LIMIT

READER = "reader"
CURSORS = Collection("cursors", (Index(READER, ("projection", "log", "partition")),))

MIXED = "mixed"  # a generation that no log has: cursors that disagree lead to a rebuild


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a projection stands in a log. ``generation`` "" and no numbers: it never read it."""

    generation: str = ""
    seqs: dict[int, int] = field(default_factory=dict)

    def has_reached(self, head: Head) -> bool:
        """Tell whether all up to ``head`` was read. A log without events has nothing to read, and so no cursors."""
        return self.lag_events(head) == 0

    def lag_events(self, head: Head) -> int:
        """Return how many events up to ``head`` were not read: all of them where the log began anew."""
        seqs = self.seqs if self.generation == head.generation else {}
        return sum(max(0, seq - seqs.get(partition, 0)) for partition, seq in enumerate(head.seqs))


class Cursors(Protocol):
    """Where the cursors of one projection are kept."""

    async def load(self, log: str) -> Cursor:
        """Return the saved position in the log."""

    async def save(self, log: str, partition: int, *, generation: str, seq: int) -> None:
        """Move forward; a position at or behind the saved one changes nothing."""


class DocumentCursors:
    """Cursors of one projection as documents. ``declare()`` before use."""

    def __init__(self, documents: DocumentStore, projection: str) -> None:
        self._documents = documents
        self._projection = projection
        self._known: dict[str, Document] = {}

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(CURSORS)

    async def load(self, log: str) -> Cursor:
        self._known.clear()  # another holder may have moved or forgotten them
        documents = await self._stored(log)
        generations = {document.body["generation"] for document in documents}
        if not generations:
            return Cursor()
        seqs = {document.body["partition"]: document.body["seq"] for document in documents}
        return Cursor(generations.pop() if len(generations) == 1 else MIXED, seqs)

    async def save(self, log: str, partition: int, *, generation: str, seq: int) -> None:
        key = f"{self._projection}/{log}/{partition}"
        body = {
            "projection": self._projection,
            "log": log,
            "partition": partition,
            "generation": generation,
            "seq": seq,
        }
        known = self._known.get(key) or await self._documents.get(CURSORS, key)
        while True:
            if known is not None and known.body["generation"] != generation:
                raise CursorSupersededError(f"{key} was begun anew by another holder", projection=self._projection)
            if known is not None and known.body["seq"] >= seq:
                self._known[key] = known
                return
            try:
                if known is None:
                    self._known[key] = await self._documents.insert(CURSORS, key, body)
                else:
                    self._known[key] = await self._documents.replace(
                        CURSORS, key, body, expected_revision=known.revision
                    )
            except (KeyTakenError, RevisionMismatchError):  # a second holder moved it; the further one counts
                known = await self._documents.get(CURSORS, key)
            else:
                return

    async def forget(self, log: str) -> None:
        """Remove the cursors of a projection that retires."""
        for document in await self._stored(log):
            await self._documents.delete(CURSORS, document.key)
        self._known.clear()

    async def _stored(self, log: str) -> tuple[Document, ...]:
        reader = {"projection": self._projection, "log": log}
        return (await self._documents.find(CURSORS, READER, reader, limit=PARTITION_LIMIT)).documents


class MemoryCursors:
    """Positions of a state that lives in this process (rule 11): they begin at its snapshot and are saved with it."""

    def __init__(self, start: dict[str, Cursor] | None = None) -> None:
        self._cursors = dict(start or {})

    async def load(self, log: str) -> Cursor:
        return self._cursors.get(log, Cursor())

    async def save(self, log: str, partition: int, *, generation: str, seq: int) -> None:
        cursor = self._cursors.get(log, Cursor())
        self._cursors[log] = Cursor(generation, {**cursor.seqs, partition: seq})
