"""Events that a projection could not apply after five tries: kept by place, never in the way, redriven by a person.

A redrive appends the event again under a new number with ``redrive_of``. It reaches every reader of the log, so each
asks here first: an event counts once, either where it first stood or where its redrive stands (rule 9).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.chassis.clock import Clock
from services.chassis.documents.port import (
    PAGE_LIMIT,
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.errors import NotFoundError, ZhikeError
from services.chassis.eventlog.port import Event, Verdict
from services.chassis.eventlog.record import micros_from_time, time_from_micros

BY_PROJECTION = "projection"
DEAD_LETTERS = Collection("dead_letters", (Index(BY_PROJECTION, ("projection", "claimed_by")),))

MESSAGE_LIMIT = 500  # characters of the failure that are kept
OPEN = ""  # claimed_by while no redrive has been applied


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event that one projection set aside. ``claimed_by``: place of the redrive that was applied, "" while open."""

    projection: str
    log: str
    partition: int
    seq: int
    key: str
    type: str
    reason: str
    message: str
    failed_time: datetime
    claimed_by: str


class RedrivableLog(Protocol):
    """A log that can append one of its events again."""

    name: str

    async def redrive(self, partition: int, seq: int, attempt: str) -> Verdict:
        """Append the event at (partition, seq) again with ``redrive_of``; the same attempt is the same event."""


class DeadLetters:
    """The dead letters of every projection of this process. ``declare()`` before use."""

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock
        self._declared = False

    async def declare(self) -> None:
        """Create the collection; again costs nothing."""
        if not self._declared:
            await self._documents.declare(DEAD_LETTERS)
            self._declared = True

    async def record(self, projection: str, event: Event, error: Exception) -> None:
        """Set the event aside; again is the same letter. A redrive that fails opens its letter again."""
        key = _key(projection, event)
        body = {
            "projection": projection,
            "log": event.log,
            "partition": event.partition,
            "seq": event.seq,
            "key": event.key,
            "type": event.type,
            "reason": error.reason if isinstance(error, ZhikeError) else type(error).__name__,
            "message": str(error)[:MESSAGE_LIMIT],
            "failed_time_us": micros_from_time(self._clock.now()),
            "claimed_by": OPEN,
        }
        try:
            await self._documents.insert(DEAD_LETTERS, key, body)
        except KeyTakenError:
            if event.redrive_of:
                await self._reopen(key, event)

    async def claim(self, projection: str, event: Event) -> bool:
        """Tell whether this redrive is to be applied: its first was set aside here and no other redrive came before."""
        while True:
            document = await self._documents.get(DEAD_LETTERS, _key(projection, event))
            if document is None:
                return False
            if document.body["claimed_by"] != OPEN:
                return bool(document.body["claimed_by"] == _place(event))
            claimed = {**document.body, "claimed_by": _place(event)}
            try:
                await self._documents.replace(DEAD_LETTERS, document.key, claimed, expected_revision=document.revision)
            except RevisionMismatchError:
                continue
            return True

    async def open_letters(
        self, projection: str, *, after: str | None = None, limit: int = 100
    ) -> tuple[tuple[DeadLetter, ...], str | None]:
        """Return what waits for a redrive, and where the next page begins."""
        equals = {"projection": projection, "claimed_by": OPEN}
        page = await self._documents.find(DEAD_LETTERS, BY_PROJECTION, equals, after=after, limit=limit)
        return tuple(_letter(document) for document in page.documents), page.next_after

    async def keys(self, projection: str) -> set[str]:
        """Return the keys of all events that the projection ever set aside, redriven since or not."""
        found: set[str] = set()
        after: str | None = None
        while True:
            page = await self._documents.find(
                DEAD_LETTERS, BY_PROJECTION, {"projection": projection}, after=after, limit=PAGE_LIMIT
            )
            found.update(document.body["key"] for document in page.documents)
            if page.next_after is None:
                return found
            after = page.next_after

    async def count_open(self, projection: str) -> int:
        """Return how many letters of the projection wait for a redrive."""
        equals = {"projection": projection, "claimed_by": OPEN}
        return await self._documents.count(DEAD_LETTERS, BY_PROJECTION, equals)

    async def redrive(self, letter: DeadLetter, log: RedrivableLog) -> Verdict:
        """Append the event again. Asked twice before the outcome is known, it is appended once."""
        document = await self._documents.get(DEAD_LETTERS, f"{letter.projection}/{letter.key}")
        if document is None:
            raise NotFoundError("no such dead letter", resource="dead letter", id=letter.key)
        return await log.redrive(letter.partition, letter.seq, f"{letter.projection}/{document.revision}")

    async def forget(self, projection: str) -> None:
        """Remove the letters of a projection that retires."""
        while True:
            page = await self._documents.find(DEAD_LETTERS, BY_PROJECTION, {"projection": projection}, limit=PAGE_LIMIT)
            for document in page.documents:
                await self._documents.delete(DEAD_LETTERS, document.key)
            if page.next_after is None:
                return

    async def _reopen(self, key: str, event: Event) -> None:
        document = await self._documents.get(DEAD_LETTERS, key)
        if document is None or document.body["claimed_by"] != _place(event):
            return
        await self._documents.replace(
            DEAD_LETTERS, key, {**document.body, "claimed_by": OPEN}, expected_revision=document.revision
        )


def _key(projection: str, event: Event) -> str:
    return f"{projection}/{event.redrive_of or event.key}"


def _place(event: Event) -> str:
    return f"{event.partition}/{event.seq}"


def _letter(document: Document) -> DeadLetter:
    body: dict[str, Any] = dict(document.body)
    failed_time = time_from_micros(body.pop("failed_time_us"))
    return DeadLetter(failed_time=failed_time, **body)
