"""What was last published of each identifier, and what waits to be (docs/consistency.md rule 1).

A resolution is saved by compare and set together with the event that tells of it; the chassis's relay appends the event
and takes it out of the outbox. A crash anywhere in between repeats, never loses.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.chassis.documents.port import (
    BATCH_LIMIT,
    PAGE_LIMIT,
    Document,
    DocumentStore,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.eventlog.outbox import OutboxEvent, OutboxRelay, outbox_of, with_outbox
from services.chassis.eventlog.port import EventLog
from services.chassis.metrics import Metrics
from services.knowledge.domain.identifiers import own_customer_id
from services.knowledge.store.collections import ANNOUNCED_RULES, RESOLUTIONS

IDENTITY_RESOLVED = "IdentityResolved"
CURRENT = "current"


@dataclass(frozen=True, slots=True)
class Published:
    """What was last said of an identifier. ``version`` 0: nothing yet. ``document``: where it is stored."""

    identifier: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    version: int = 0
    document: Document | None = None


class ResolutionStore:
    """The resolutions and their outbox."""

    def __init__(self, documents: DocumentStore, log: EventLog, *, metrics: Metrics) -> None:
        self._documents = documents
        self._relay = OutboxRelay(documents, RESOLUTIONS, log, metrics=metrics)

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(RESOLUTIONS, ANNOUNCED_RULES)

    async def rules(self) -> str:
        """Return the fingerprint of the rules by which everyone was last told apart."""
        document = await self._documents.get(ANNOUNCED_RULES, CURRENT)
        return "" if document is None else str(document.body["rules"])

    async def note_rules(self, rules: str) -> None:
        """Note that everyone was announced by these rules."""
        document = await self._documents.get(ANNOUNCED_RULES, CURRENT)
        with suppress(KeyTakenError, RevisionMismatchError):  # another replica has noted the same
            if document is None:
                await self._documents.insert(ANNOUNCED_RULES, CURRENT, {"rules": rules})
            else:
                await self._documents.replace(
                    ANNOUNCED_RULES, CURRENT, {"rules": rules}, expected_revision=document.revision
                )

    async def published(self, identifiers: Sequence[str]) -> dict[str, Published]:
        """Return what was last said of each identifier."""
        keys = {own_customer_id(identifier): identifier for identifier in identifiers}
        listed = list(keys)
        found: dict[str, Document] = {}
        for start in range(0, len(listed), BATCH_LIMIT):
            found.update(await self._documents.get_many(RESOLUTIONS, listed[start : start + BATCH_LIMIT]))
        return {
            identifier: _published(found[key]) if key in found else Published(identifier)
            for key, identifier in keys.items()
        }

    async def publish(self, changes: Iterable[tuple[Published, Mapping[str, Any]]], now: datetime) -> None:
        """Save and announce; one that another writer changed meanwhile is left for the next look."""
        fresh: list[tuple[str, dict[str, Any]]] = []
        stored: list[tuple[Document, dict[str, Any]]] = []
        for known, payload in changes:
            version = known.version + 1
            said = {**payload, "version": version}
            earlier = {} if known.document is None else outbox_of(known.document.body)
            body = with_outbox(
                {"identifier": known.identifier, "payload": dict(payload), "version": version, **earlier},
                version,
                [_resolved(known.identifier, said, now)],
            )
            if known.document is None:
                fresh.append((own_customer_id(known.identifier), body))
            else:
                stored.append((known.document, body))
        saved = await self._insert(fresh)
        for document in await asyncio.gather(*(self._replace(each, body) for each, body in stored)):
            if document is not None:
                saved.append(document)
        await self._relay.relay_documents(saved)

    async def relay_pending(self) -> None:
        """Announce what a crash, or a log that was away, left in outboxes."""
        await self._relay.relay_all()

    async def members_by_customer(self) -> AsyncIterator[tuple[str, str]]:
        """Yield (identifier, customer id) of every identifier that shares its customer with others."""
        after: str | None = None
        while True:
            page = await self._documents.scan(RESOLUTIONS, after=after, limit=PAGE_LIMIT)
            for document in page.documents:
                payload = document.body["payload"]
                if len(payload["members"]) > 1:
                    yield document.body["identifier"], payload["customer_id"]
            after = page.next_after
            if after is None:
                return

    async def _insert(self, items: list[tuple[str, dict[str, Any]]]) -> list[Document]:
        saved: list[Document] = []
        left = items
        while left:
            batch = left[:BATCH_LIMIT]
            done = len(batch)
            try:
                await self._documents.insert_many(RESOLUTIONS, batch)
            except KeyTakenError as taken:
                saved.extend(Document(key, body, 1) for key, body in batch[: taken.position])
                done = taken.position + 1
            else:
                saved.extend(Document(key, body, 1) for key, body in batch)
            left = left[done:]
        return saved

    async def _replace(self, document: Document, body: Mapping[str, Any]) -> Document | None:
        with suppress(RevisionMismatchError):
            return await self._documents.replace(RESOLUTIONS, document.key, body, expected_revision=document.revision)
        return None


def _published(document: Document) -> Published:
    body = document.body
    return Published(body["identifier"], body["payload"], body["version"], document)


def _resolved(identifier: str, said: Mapping[str, Any], now: datetime) -> OutboxEvent:
    return OutboxEvent(type=IDENTITY_RESOLVED, occurred_time=now, shop="", channel="", subject=identifier, payload=said)
