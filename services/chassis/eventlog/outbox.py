"""Events that leave with a document (rule 1): saved in its ``outbox`` field by the same write, relayed to a log after.

An entry's identity follows from (document key, version, place), so a relay that dies between its append and its trim
appends the same event again, which the log knows for a duplicate. Versions of one key never start over: a deleted
document stays as a tombstone, with its outbox until it is empty.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from services.chassis.documents.port import (
    Body,
    Collection,
    Document,
    DocumentStore,
    Index,
    RevisionMismatchError,
)
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.eventlog.backoff import is_passing
from services.chassis.eventlog.port import APPEND_LIMIT, EventLog, NewEvent, VerdictStatus
from services.chassis.eventlog.record import micros_from_time, time_from_micros
from services.chassis.logs import get_log
from services.chassis.metrics import Metrics
from services.chassis.traces import current_trace

OUTBOX = "outbox"  # reserved fields of a document with an outbox
PENDING = "pending"
OUTBOX_INDEX = Index("pending", (PENDING,))  # a collection with outboxes declares it, under whatever name

ENTRIES_LIMIT = 200  # in one document; more means that nobody relays
RELAY_PAGE = 250  # documents relayed at once, so that their events ride in the same appends
LOOK_INTERVAL_S = 0.5  # how soon another replica's save is seen; this process's own announce themselves

log = get_log("outbox")


class OutboxFullError(ZhikeError):
    """The document's earlier events have not left yet; try again."""

    kind = ErrorKind.UNAVAILABLE
    reason = "OUTBOX_FULL"


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """An event to publish: a NewEvent without its identity, which follows from where it is kept."""

    type: str
    occurred_time: datetime
    shop: str
    channel: str
    subject: str
    payload: Mapping[str, Any]
    schema_version: int = 1
    trace: str = ""
    synthetic: bool = False


def with_outbox(body: Body, version: int, events: Sequence[OutboxEvent]) -> dict[str, Any]:
    """Return the body that carries these events beside those that have not left yet.

    ``version`` is the resource's own version that this save makes. Raises OutboxFullError.
    """
    entries = [*body.get(OUTBOX, ()), *(_entry(version, place, event) for place, event in enumerate(events))]
    if len(entries) > ENTRIES_LIMIT:
        raise OutboxFullError(f"{len(entries)} events wait to leave this document", limit=ENTRIES_LIMIT)
    return {**body, OUTBOX: entries, PENDING: 1} if entries else dict(body)


def without_outbox(body: Body) -> dict[str, Any]:
    """Return what the document says, without what waits to leave it."""
    return {name: value for name, value in body.items() if name not in (OUTBOX, PENDING)}


def outbox_of(body: Body) -> dict[str, Any]:
    """Return the reserved fields alone: what a store carries from a document that it read to the one that it saves."""
    return {OUTBOX: body[OUTBOX], PENDING: 1} if body.get(OUTBOX) else {}


def waiting_in(body: Body) -> int:
    """Return how many events of this body have not left yet."""
    return len(body.get(OUTBOX, ()))


class OutboxRelay:
    """Relays the outboxes of one collection to one log. Any number may run at once, in any process.

    A use case relays what it just saved (``relay_documents``) or calls ``announce``; ``run`` or a repeated
    ``relay_all`` is the job that takes up what a crash left behind.
    """

    def __init__(self, documents: DocumentStore, collection: Collection, target: EventLog, *, metrics: Metrics) -> None:
        self._index = _outbox_index(collection)
        self._documents = documents
        self._collection = collection
        self._target = target
        self._announced = asyncio.Event()
        self._relayed = metrics.counter("zhike_outbox_relayed_events_total").labels(collection=collection.name)
        self._conflicts = metrics.counter("zhike_outbox_conflicts_total").labels(collection=collection.name)

    def announce(self) -> None:
        """Say that something waits, so that ``run`` looks at once."""
        self._announced.set()

    async def run(self) -> None:
        """Relay what waits, then wait for more, until cancelled."""
        while True:
            self._announced.clear()
            await self.relay_all()
            try:
                async with asyncio.timeout(LOOK_INTERVAL_S):
                    await self._announced.wait()
            except TimeoutError:
                continue

    async def is_waiting(self) -> bool:
        """Tell whether any document's events have not left yet."""
        page = await self._documents.find(self._collection, self._index, {PENDING: 1}, limit=1)
        return bool(page.documents)

    async def relay(self, key: str) -> int:
        """Relay one document; return how many events were new to the log."""
        document = await self._documents.get(self._collection, key)
        return 0 if document is None else await self.relay_documents([document])

    async def relay_all(self) -> None:
        """Relay every document whose outbox is not empty: a job's pass."""
        after: str | None = None
        while True:
            page = await self._documents.find(
                self._collection, self._index, {PENDING: 1}, after=after, limit=RELAY_PAGE
            )
            await self.relay_documents(page.documents)
            if page.next_after is None:
                return
            after = page.next_after

    async def relay_documents(self, documents: Sequence[Document]) -> int:
        """Relay these documents as they were read or saved, many events to an append; return how many were new.

        A document whose events the log refuses holds up no other: each goes alone then, and the refusal is raised
        after the last.
        """
        waiting = [document for document in documents if document.body.get(OUTBOX)]
        try:
            return await self._relay(waiting)
        except ZhikeError as error:
            if is_passing(error) or len(waiting) < 2:
                raise
        stored, refusal = 0, None
        for document in waiting:
            try:
                stored += await self._relay([document])
            except ZhikeError as error:
                if is_passing(error):
                    raise
                log.error("outbox refused by the log", collection=self._collection.name, reason=error.reason)
                refusal = error
        if refusal is not None:
            raise refusal
        return stored

    async def _relay(self, documents: Sequence[Document]) -> int:
        owners = {document.key: _owner(self._collection, document.key) for document in documents}
        entries = [(document.key, entry) for document in documents for entry in document.body[OUTBOX]]
        gone: dict[str, set[str]] = {document.key: set() for document in documents}
        stored = 0
        for start in range(0, len(entries), APPEND_LIMIT):
            chunk = entries[start : start + APPEND_LIMIT]
            verdicts = await self._target.append([_event(owners[key], entry) for key, entry in chunk])
            for (key, entry), verdict in zip(chunk, verdicts, strict=True):
                if verdict.status is VerdictStatus.REUSED:
                    self._conflicts.inc()
                    log.error("outbox entry refused: its id belongs to another event", key=verdict.key)
                    continue
                gone[key].add(entry["id"])
                stored += verdict.status is VerdictStatus.STORED
        await asyncio.gather(*(self._trim(document, gone[document.key]) for document in documents))
        self._relayed.inc(stored)
        return stored

    async def _trim(self, document: Document, gone: set[str]) -> None:
        current: Document | None = document
        while current is not None:
            entries = [entry for entry in current.body.get(OUTBOX, ()) if entry["id"] not in gone]
            if len(entries) == len(current.body.get(OUTBOX, ())):
                return
            rest = without_outbox(current.body)
            body = {**rest, OUTBOX: entries, PENDING: 1} if entries else rest
            try:
                await self._documents.replace(self._collection, current.key, body, expected_revision=current.revision)
            except RevisionMismatchError:  # it was edited, or another relay trimmed it
                current = await self._documents.get(self._collection, document.key)
            else:
                return


def _entry(version: int, place: int, event: OutboxEvent) -> dict[str, Any]:
    return {
        "id": f"{version}/{place}",
        "type": event.type,
        "occurred_time_us": micros_from_time(event.occurred_time),
        "shop": event.shop,
        "channel": event.channel,
        "subject": event.subject,
        "payload": dict(event.payload),
        "schema_version": event.schema_version,
        "trace": event.trace or current_trace(),
        "synthetic": event.synthetic,
    }


def _event(owner: str, entry: Mapping[str, Any]) -> NewEvent:
    return NewEvent(
        client_event_id=entry["id"],
        owner=owner,
        type=entry["type"],
        occurred_time=time_from_micros(entry["occurred_time_us"]),
        shop=entry["shop"],
        channel=entry["channel"],
        subject=entry["subject"],
        payload=entry["payload"],
        schema_version=entry["schema_version"],
        trace=entry["trace"],
        synthetic=entry["synthetic"],
    )


def _outbox_index(collection: Collection) -> str:
    """Return the name of the index that finds waiting documents. Raises UnknownIndexError."""
    named = [index.name for index in collection.indexes if index.fields == OUTBOX_INDEX.fields]
    return named[0] if named else collection.index(OUTBOX_INDEX.name).name


def _owner(collection: Collection, key: str) -> str:
    place = f"{len(collection.name)}:{collection.name}{key}"
    return f"outbox:{blake2b(place.encode(), digest_size=16).hexdigest()}"
