"""Owns alerts and silences as documents; every save is a compare and set.

An alert leaves with its events in its outbox (docs/consistency.md rule 1): one event of the log ``alerts`` for each
entry of its history, carrying the alert as it stood after that save, so that whoever follows the log (webhooks, mails,
streams) needs nothing else. The id of an alert follows from its group and number, so two replicas that raise the same
trouble meet at one key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from services.chassis.documents.port import (
    PAGE_LIMIT,
    Body,
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    Range,
    RevisionMismatchError,
    Scalar,
)
from services.chassis.eventlog.outbox import OUTBOX_INDEX, OutboxEvent, outbox_of, with_outbox
from services.kits.times import micros
from services.reputation.domain.alerts import Alert, AlertState, Entry, GroupKind, entries_since
from services.reputation.domain.silences import Silence
from services.reputation.store.alert_bodies import (
    alert_body,
    alert_from_body,
    entry_body,
    silence_body,
    silence_from_body,
    summary_body,
)

ALERTS_LOG: Final = "alerts"
BY_GROUP: Final = "group"
BY_SHOP: Final = "shop"
BY_STATE: Final = "state"
BY_LIVE: Final = "live"
BY_SHOP_LIVE: Final = "shop_live"
BY_END: Final = "end"
ALERTS: Final = Collection(
    "alerts",
    (
        Index(BY_GROUP, ("at.group", "number")),
        Index(BY_SHOP, ("at.shop", "at.raised_us")),
        Index(BY_STATE, ("at.shop", "at.state", "at.raised_us")),
        Index(BY_LIVE, ("at.live", "at.kind")),
        Index(BY_SHOP_LIVE, ("at.shop", "at.live", "at.raised_us")),
        OUTBOX_INDEX,
    ),
)
SILENCES: Final = Collection("alert_silences", (Index(BY_END, ("ends_us",)),))
CHANNEL: Final = "social"
SCHEMA_VERSION: Final = 1
EVENT_PREFIX: Final = "alert-"
PUBLISHED_EVIDENCE: Final = 5  # in an event; the alert itself keeps all


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert with its place in the store; ``outbox``: what its document keeps of events that have not left."""

    alert: Alert
    revision: int
    outbox: Body = field(default_factory=dict)


class AlertStore:
    """Alerts by id. ``declare()`` before use."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(ALERTS)

    async def get(self, alert_id: str) -> StoredAlert | None:
        """Return the alert or None."""
        document = await self._documents.get(ALERTS, alert_id) if alert_id else None
        return None if document is None else _stored(document)

    async def newest(self, group_key: str) -> StoredAlert | None:
        """Return the latest alert of a group."""
        page = await self._documents.find(ALERTS, BY_GROUP, {"at.group": group_key}, limit=1, descending=True)
        return _stored(page.documents[0]) if page.documents else None

    async def live(self, kind: GroupKind | None = None) -> tuple[StoredAlert, ...]:
        """Return every alert whose trouble goes on, all or of one kind of group."""
        equals: dict[str, Scalar] = {"at.live": 1}
        if kind is not None:
            equals["at.kind"] = kind.value
        found: list[StoredAlert] = []
        after: str | None = None
        while True:
            page = await self._documents.find(ALERTS, BY_LIVE, equals, after=after, limit=PAGE_LIMIT)
            found += map(_stored, page.documents)
            after = page.next_after
            if after is None:
                return tuple(found)

    async def page(
        self, shop: str, state: AlertState | None, *, live: bool = False, after: str | None, limit: int
    ) -> tuple[tuple[Alert, ...], str | None]:
        """Return a shop's alerts, the latest raised first, and where the next page begins.

        ``live``: those whose trouble goes on, instead of a state.
        """
        index, equals = BY_SHOP, dict[str, Scalar]({"at.shop": shop})
        if live:
            index, equals = BY_SHOP_LIVE, {**equals, "at.live": 1}
        elif state is not None:
            index, equals = BY_STATE, {**equals, "at.state": state.value}
        page = await self._documents.find(ALERTS, index, equals, after=after, limit=limit, descending=True)
        return tuple(_stored(document).alert for document in page.documents), page.next_after

    async def insert(self, alert: Alert) -> StoredAlert | None:
        """Store a new alert; None when the group has one of this number already."""
        alert = replace(alert, version=1)
        try:
            document = await self._documents.insert(ALERTS, alert.id, _body(alert, alert.history, {}))
        except KeyTakenError:
            return None
        return _stored(document)

    async def save(self, before: StoredAlert, after: Alert) -> StoredAlert | None:
        """Replace what was read; None when another was faster. Raises OutboxFullError."""
        after = replace(after, version=before.alert.version + 1)
        body = _body(after, entries_since(before.alert, after), before.outbox)
        try:
            document = await self._documents.replace(ALERTS, after.id, body, expected_revision=before.revision)
        except RevisionMismatchError:
            return None
        return _stored(document)

    async def count(self) -> int:
        """Return how many alerts there are."""
        return await self._documents.count(ALERTS)


class SilenceStore:
    """Silences by id. ``declare()`` before use."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(SILENCES)

    async def insert(self, silence: Silence) -> bool:
        """Store a new silence; False when its id is taken."""
        try:
            await self._documents.insert(SILENCES, silence.id, silence_body(silence))
        except KeyTakenError:
            return False
        return True

    async def get(self, silence_id: str) -> tuple[Silence, int] | None:
        """Return a silence with its revision, or None."""
        document = await self._documents.get(SILENCES, silence_id) if silence_id else None
        return None if document is None else (silence_from_body(document.key, document.body), document.revision)

    async def save(self, silence: Silence, revision: int) -> bool:
        """Replace what was read; False when another was faster."""
        try:
            await self._documents.replace(SILENCES, silence.id, silence_body(silence), expected_revision=revision)
        except RevisionMismatchError:
            return False
        return True

    async def ending_after(self, now: datetime, limit: int) -> tuple[Silence, ...]:
        """Return the silences that have not ended, the first to end first."""
        page = await self._documents.find(
            SILENCES, BY_END, {}, range_=Range(at_least=micros(now) + 1), limit=min(limit, PAGE_LIMIT)
        )
        return tuple(silence_from_body(document.key, document.body) for document in page.documents)

    async def page(self, *, after: str | None, limit: int) -> tuple[tuple[Silence, ...], str | None]:
        """Return silences, the last to end first, and where the next page begins."""
        page = await self._documents.find(SILENCES, BY_END, {}, after=after, limit=limit, descending=True)
        return tuple(silence_from_body(document.key, document.body) for document in page.documents), page.next_after


def event_of(alert: Alert, entry: Entry) -> OutboxEvent:
    """Return the event that tells of one entry, with the alert as it stood then."""
    shown = replace(alert, evidence=alert.evidence[:PUBLISHED_EVIDENCE])
    return OutboxEvent(
        type=f"{EVENT_PREFIX}{entry.kind}",
        occurred_time=entry.time,
        shop=alert.group.shop,
        channel=CHANNEL,
        subject=f"alert:{alert.group.key}",
        payload={"alert": summary_body(shown), "entry": entry_body(entry)},
        schema_version=SCHEMA_VERSION,
    )


def _body(alert: Alert, entries: tuple[Entry, ...], outbox: Body) -> dict[str, Any]:
    body: Mapping[str, Any] = {**alert_body(alert), "at": _places(alert), **outbox}
    return with_outbox(body, alert.version, [event_of(alert, entry) for entry in entries])


def _places(alert: Alert) -> dict[str, Any]:
    """Return what an alert is found by."""
    return {
        "group": alert.group.key,
        "shop": alert.group.shop,
        "kind": alert.group.kind.value,
        "state": alert.life.state.value,
        "live": int(alert.life.state.is_live),
        "raised_us": micros(alert.life.raised_time),
    }


def _stored(document: Document) -> StoredAlert:
    return StoredAlert(alert_from_body(document.body), document.revision, outbox_of(document.body))
