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
from services.chassis.eventlog.port import EventLog, NewEvent, VerdictStatus
from services.chassis.eventlog.record import micros_from_time, time_from_micros
from services.chassis.logs import get_log
from services.chassis.metrics import Metrics

OUTBOX = "outbox"  # reserved fields of a document with an outbox
PENDING = "outbox_pending"
OUTBOX_INDEX = Index("outbox", (PENDING,))  # a collection with outboxes declares it

ENTRIES_LIMIT = 200  # in one document; more means that nobody relays
RELAY_PAGE = 100  # documents relayed at once, so that their appends ride together

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


class OutboxRelay:
    """Relays the outboxes of one collection to one log. ``relay_all`` is a job's pass; any number may run at once."""

    def __init__(self, documents: DocumentStore, collection: Collection, target: EventLog, *, metrics: Metrics) -> None:
        collection.index(OUTBOX_INDEX.name)
        self._documents = documents
        self._collection = collection
        self._target = target
        self._relayed = metrics.counter("zhike_outbox_relayed_events_total").labels(collection=collection.name)
        self._conflicts = metrics.counter("zhike_outbox_conflicts_total").labels(collection=collection.name)

    async def relay(self, key: str) -> int:
        """Relay one document, as a use case does right after its save; return how many events were new to the log."""
        document = await self._documents.get(self._collection, key)
        return 0 if document is None else await self._relay(document)

    async def relay_all(self) -> None:
        """Relay every document whose outbox is not empty."""
        after: str | None = None
        while True:
            page = await self._documents.find(
                self._collection, OUTBOX_INDEX.name, {PENDING: 1}, after=after, limit=RELAY_PAGE
            )
            await asyncio.gather(*(self._relay(document) for document in page.documents))
            if page.next_after is None:
                return
            after = page.next_after

    async def _relay(self, document: Document) -> int:
        entries = document.body.get(OUTBOX, ())
        if not entries:
            return 0
        owner = _owner(self._collection, document.key)
        verdicts = await self._target.append([_event(owner, entry) for entry in entries])
        gone, stored = set(), 0
        for entry, verdict in zip(entries, verdicts, strict=True):
            if verdict.status is VerdictStatus.REUSED:
                self._conflicts.inc()
                log.error("outbox entry refused: its id belongs to another event", key=verdict.key)
                continue
            gone.add(entry["id"])
            stored += verdict.status is VerdictStatus.STORED
        await self._trim(document, gone)
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
        "trace": event.trace,
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


def _owner(collection: Collection, key: str) -> str:
    place = f"{len(collection.name)}:{collection.name}{key}"
    return f"outbox:{blake2b(place.encode(), digest_size=16).hexdigest()}"
