"""Events that a projection could not apply after five tries: kept by place, never in the way, redriven by a person.

A redrive appends the event again under a new number with ``redrive_of``. It reaches every reader of the log, so each
asks here first: an event counts once, either where it first stood or where its redrive stands (rule 9).

A letter's life: open → (a redrive is appended) → claimed by the redrive's place → applied, or open again after five
more tries. Each opening is a round; a redrive is named after projection and round, so however often and by whomever one
round is asked for, the log gets one event.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.chassis.clock import Clock
from services.chassis.documents.port import (
    PAGE_LIMIT,
    Body,
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.errors import ZhikeError
from services.chassis.eventlog.port import Event, EventSource, Verdict
from services.chassis.eventlog.record import micros_from_time, time_from_micros

BY_PROJECTION = "projection"
DEAD_LETTERS = Collection("dead_letters", (Index(BY_PROJECTION, ("projection", "claimed_by")),))

MESSAGE_LIMIT = 500  # characters of the failure that are kept
OPEN = ""  # claimed_by while no redrive has been applied


class LetterState(StrEnum):
    """Where a letter stands."""

    OPEN = "open"  # waits for a redrive, or for the redrive that is on its way
    CLAIMED = "claimed"  # its redrive is being applied
    APPLIED = "applied"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event that one projection set aside. ``key``: the identity of the event, also after redrives.

    ``round`` counts how often it was set aside, ``tries`` how often it was tried in all. ``message`` may hold personal
    data. ``asked_by`` and ``asked_round``: the last operation that asked for a redrive, and of which round.
    """

    projection: str
    log: str
    partition: int
    seq: int
    key: str
    type: str
    reason: str
    message: str
    failed_time: datetime
    state: LetterState
    tries: int
    round: int
    asked_by: str
    asked_round: int


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

    async def record(self, projection: str, event: Event, error: Exception, *, tries: int) -> None:
        """Set the event aside; again is the same letter. A redrive that fails opens its letter again."""
        key = _key(projection, event.redrive_of or event.key)
        failure = {
            "reason": error.reason if isinstance(error, ZhikeError) else type(error).__name__,
            "message": str(error)[:MESSAGE_LIMIT],
            "failed_time_us": micros_from_time(self._clock.now()),
            "claimed_by": OPEN,
            "applied": False,
        }
        body = {
            "projection": projection,
            "log": event.log,
            "partition": event.partition,
            "seq": event.seq,
            "key": event.key,
            "type": event.type,
            "tries": tries,
            "round": 1,
            **failure,
        }
        try:
            await self._documents.insert(DEAD_LETTERS, key, body)
        except KeyTakenError:
            place = _place(event)
            await self._change(
                key,
                lambda known: (
                    None
                    if not event.redrive_of or known["claimed_by"] != place
                    else {**known, **failure, "tries": _tries(known) + tries, "round": _round(known) + 1}
                ),
            )

    async def claim(self, projection: str, event: Event) -> bool:
        """Tell whether this redrive is to be applied: its first was set aside here and no other redrive came before."""
        place = _place(event)
        body = await self._change(
            _key(projection, event.redrive_of),
            lambda known: None if known["claimed_by"] != OPEN else {**known, "claimed_by": place, "applied": False},
        )
        return body is not None and body["claimed_by"] == place

    async def settle(self, projection: str, event: Event) -> None:
        """Note that a claimed redrive is applied; one that failed and opened its letter again is not."""
        place = _place(event)
        await self._change(
            _key(projection, event.redrive_of),
            lambda known: None if known["claimed_by"] != place or known.get("applied") else {**known, "applied": True},
        )

    async def get(self, projection: str, event_key: str) -> DeadLetter | None:
        """Return a letter, whatever became of it; None for an event that the projection never set aside."""
        document = await self._documents.get(DEAD_LETTERS, _key(projection, event_key))
        return None if document is None else _letter(document)

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

    async def count_open(self, projection: str, log: str) -> int:
        """Return how many letters of the projection out of this log wait for a redrive."""
        equals = {"projection": projection, "claimed_by": OPEN}
        if not await self._documents.count(DEAD_LETTERS, BY_PROJECTION, equals):
            return 0
        count = 0
        after: str | None = None
        while True:
            letters, after = await self.open_letters(projection, after=after, limit=PAGE_LIMIT)
            count += sum(letter.log == log for letter in letters)
            if after is None:
                return count

    async def ask(self, letter: DeadLetter, asker: str) -> DeadLetter | None:
        """Note who wants the letter redriven in its present round, once for each asker; None when it is gone."""
        body = await self._change(
            _key(letter.projection, letter.key),
            lambda known: (
                None
                if known.get("asked_by") == asker or known["claimed_by"] != OPEN
                else {**known, "asked_by": asker, "asked_round": _round(known)}
            ),
        )
        return None if body is None else await self.get(letter.projection, letter.key)

    async def forget(self, projection: str) -> None:
        """Remove the letters of a projection that retires."""
        while True:
            page = await self._documents.find(DEAD_LETTERS, BY_PROJECTION, {"projection": projection}, limit=PAGE_LIMIT)
            for document in page.documents:
                await self._documents.delete(DEAD_LETTERS, document.key)
            if page.next_after is None:
                return

    async def _change(self, key: str, change: Callable[[Body], Body | None]) -> Mapping[str, Any] | None:
        """Compare and set until it holds; return the body that stands then, None where there is no letter."""
        while True:
            document = await self._documents.get(DEAD_LETTERS, key)
            if document is None:
                return None
            changed = change(document.body)
            if changed is None:
                return document.body
            try:
                await self._documents.replace(DEAD_LETTERS, key, changed, expected_revision=document.revision)
            except RevisionMismatchError:
                continue
            return changed


@dataclass(frozen=True, slots=True)
class LetterBox:
    """The dead letters of one projection out of one log, and the way to that log. ``projection``: as they are kept."""

    letters: DeadLetters
    projection: str
    source: EventSource

    async def count(self) -> int:
        """Return how many events wait for a redrive."""
        await self.letters.declare()
        return await self.letters.count_open(self.projection, self.source.name)

    async def redrive(self, letter: DeadLetter) -> Verdict:
        """Have the log's owner append the event again; of one round there is one redrive, however often it is asked.

        Raises NotFoundError when the log has no such event any more.
        """
        return await self.source.redrive(
            letter.partition, letter.seq, key=letter.key, attempt=f"{letter.projection}/{letter.round}"
        )

    async def get(self, event_key: str) -> DeadLetter | None:
        """Return a letter, whatever became of it; None for an event that was never set aside here."""
        await self.letters.declare()
        letter = await self.letters.get(self.projection, event_key)
        return letter if letter is not None and letter.log == self.source.name else None


def in_log_order(letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    """Return letters as their events stand in the logs."""
    return sorted(letters, key=lambda letter: (letter.log, letter.partition, letter.seq))


def _key(projection: str, event_key: str) -> str:
    return f"{projection}/{event_key}"


def _place(event: Event) -> str:
    return f"{event.partition}/{event.seq}"


def _tries(body: Body) -> int:
    return int(body.get("tries", 0))  # letters of before they were counted


def _round(body: Body) -> int:
    return int(body.get("round", 1))


def _letter(document: Document) -> DeadLetter:
    body = document.body
    state = LetterState.OPEN
    if body["claimed_by"] != OPEN:
        state = LetterState.APPLIED if body.get("applied", True) else LetterState.CLAIMED
    return DeadLetter(
        projection=body["projection"],
        log=body["log"],
        partition=body["partition"],
        seq=body["seq"],
        key=body["key"],
        type=body["type"],
        reason=body["reason"],
        message=body["message"],
        failed_time=time_from_micros(body["failed_time_us"]),
        state=state,
        tries=_tries(body),
        round=_round(body),
        asked_by=body.get("asked_by", ""),
        asked_round=int(body.get("asked_round", 0)),
    )
