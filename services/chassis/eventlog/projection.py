"""Folds events into documents so that each event counts once, whatever is repeated or raced (rule 8).

Every document carries the watermark ``{log/partition: last number}`` and is saved by compare and set together with its
change. What an event writes into a document depends on that event and that document alone. A fold over several logs
must not depend on their order to one another, for no two replays interleave them alike.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from services.chassis.documents.port import (
    BATCH_LIMIT,
    Body,
    Collection,
    Document,
    DocumentStore,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.eventlog.errors import ProjectionContendedError
from services.chassis.eventlog.port import Event

WATERMARK = "watermark"  # reserved fields of a projected document
DELETED = "deleted"
ATTEMPT_LIMIT = 20  # rounds against another writer of the same documents


class Deletion(Enum):
    """What a fold returns to remove its document."""

    DELETE = "delete"


DELETE: Final = Deletion.DELETE

Keys = Callable[[Event], Sequence[str]]
Fold = Callable[[str, dict[str, Any] | None, Event], Body | Deletion | None]


def live_body(document: Document | None) -> dict[str, Any] | None:
    """Return what a fold made of the document: no watermark, and None for a tombstone."""
    return None if document is None else _said(document.body)


def _said(body: Body) -> dict[str, Any] | None:
    return None if DELETED in body else {name: value for name, value in body.items() if name != WATERMARK}


class KeyedProjection:
    """Keeps services.chassis.eventlog.applier.Projection over one collection.

    ``keys`` names the documents that an event touches (none: it is of no interest). ``fold`` returns the new body,
    DELETE, or None where the event changes nothing; it may change the body that it is given, which is None for a
    document that does not exist. Both are pure.
    """

    def __init__(self, documents: DocumentStore, collection: Collection, *, name: str, keys: Keys, fold: Fold) -> None:
        self.name = name
        self.collection = collection
        self._documents = documents
        self._keys = keys
        self._fold = fold

    async def apply(self, events: Sequence[Event]) -> None:
        await self.apply_and_read(events)

    async def apply_and_read(self, events: Sequence[Event]) -> dict[str, dict[str, Any]]:
        """Apply, and return what each document that the events touch says then, by key; one that is not is left out.

        For who decides over several documents before the first save of the next (rule 8).
        """
        left: dict[str, dict[str, Any]] = {}
        pending: dict[str, list[Event]] = {}
        for event in events:
            for key in dict.fromkeys(self._keys(event)):
                pending.setdefault(key, []).append(event)
        for _ in range(ATTEMPT_LIMIT):
            if not pending:
                return left
            lost = await self._apply_once(pending, left)
            pending = {key: pending[key] for key in lost}
        raise ProjectionContendedError(
            f"{self.name}: another writer keeps changing its documents", projection=self.name
        )

    async def _apply_once(self, pending: Mapping[str, Sequence[Event]], left: dict[str, dict[str, Any]]) -> list[str]:
        """Fold and save; return the keys of documents that another writer changed meanwhile.

        ``left`` takes what documents say after that, those that will be looked at again among them.
        """
        stored = await self._get_all(list(pending))
        fresh: list[tuple[str, Body]] = []
        changed: list[tuple[Document, Body]] = []
        for key, events in pending.items():
            document = stored.get(key)
            body = self._folded(key, document, events)
            said = live_body(document) if body is None else _said(body)
            if said is not None:
                left[key] = said
            else:
                left.pop(key, None)
            if body is None:
                continue
            if document is None:
                fresh.append((key, body))
            else:
                changed.append((document, body))
        results = await asyncio.gather(
            self._insert_all(fresh), *(self._replace(*pair) for pair in changed), return_exceptions=True
        )
        lost: list[str] = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            lost.extend(result)
        return lost

    def _folded(self, key: str, document: Document | None, events: Sequence[Event]) -> Body | None:
        """Return the body to save, None where nothing changes."""
        body = None if document is None else dict(document.body)
        watermark: dict[str, int] = dict(body.pop(WATERMARK, {})) if body else {}
        if body is not None and body.pop(DELETED, False):
            body = None
        touched = False
        for event in events:
            place = f"{event.log}/{event.partition}"
            if event.seq <= watermark.get(place, 0):
                continue
            outcome = self._fold(key, body, event)
            if outcome is None:
                continue
            touched = True
            watermark[place] = event.seq
            body = None if isinstance(outcome, Deletion) else dict(outcome)
        if not touched:
            return None
        return {DELETED: True, WATERMARK: watermark} if body is None else {**body, WATERMARK: watermark}

    async def _get_all(self, keys: Sequence[str]) -> dict[str, Document]:
        chunks = [keys[start : start + BATCH_LIMIT] for start in range(0, len(keys), BATCH_LIMIT)]
        found = await asyncio.gather(*(self._documents.get_many(self.collection, chunk) for chunk in chunks))
        return {key: document for chunk in found for key, document in chunk.items()}

    async def _insert_all(self, items: Sequence[tuple[str, Body]]) -> list[str]:
        lost: list[str] = []
        remaining = list(items)
        while remaining:
            try:
                await self._documents.insert_many(self.collection, remaining[:BATCH_LIMIT])
            except KeyTakenError as taken:
                if taken.index != "key":
                    raise
                lost.append(taken.key)
                remaining = remaining[taken.position + 1 :]
            else:
                remaining = remaining[BATCH_LIMIT:]
        return lost

    async def _replace(self, document: Document, body: Body) -> list[str]:
        try:
            await self._documents.replace(self.collection, document.key, body, expected_revision=document.revision)
        except RevisionMismatchError:
            return [document.key]
        return []
