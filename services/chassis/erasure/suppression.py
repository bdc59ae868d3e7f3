"""The names that a service refuses for good, because their persons were erased.

Kept as keyed hashes, in memory as well, so that every door and every reader asks it for each event. One set for each
document store; a replica sees what another one added within REFRESH_INTERVAL_S.
"""

import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

from services.chassis.clock import Clock
from services.chassis.documents.port import (
    BATCH_LIMIT,
    PAGE_LIMIT,
    Collection,
    DocumentStore,
    KeyTakenError,
)
from services.chassis.erasure.subjects import KEY_BYTES, REFUSED_AS_ERASED, Subjects, keyed_hash
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.record import micros_from_time
from services.chassis.eventlog.tombstones import leaves_no_trace
from services.chassis.metrics import Metrics

SUPPRESSED: Final = Collection("erased_names")
ERASURE_KEYS: Final = Collection("erasure_keys")
CURRENT: Final = "current"
REFRESH_INTERVAL_S: Final = 1.0
ERASED_MESSAGE: Final = "this person's data was erased at their request; nothing more is kept of them"
IDENTIFIERS: Final = "identifiers"  # the field of a payload that lists who did what it tells


class SubjectErasedError(ZhikeError):
    """The person asked to be erased: nothing of them is taken in any more."""

    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    reason = REFUSED_AS_ERASED

    def __init__(self) -> None:
        super().__init__(ERASED_MESSAGE)


class Suppression:
    """The set. ``await open()`` before the first question."""

    def __init__(self, documents: DocumentStore, clock: Clock, metrics: Metrics) -> None:
        self._documents, self._clock = documents, clock
        self._key = b""
        self._names: set[str] = set()
        self._refused = metrics.counter("zhike_erasure_refused_total")
        _ON[documents] = self

    def __len__(self) -> int:
        return len(self._names)

    async def open(self) -> None:
        """Declare the collections, make the key if there is none, and learn the names."""
        await self._documents.declare(SUPPRESSED, ERASURE_KEYS)
        with suppress(KeyTakenError):  # it was made before, by this or another replica
            if await self._documents.get(ERASURE_KEYS, CURRENT) is None:
                await self._documents.insert(ERASURE_KEYS, CURRENT, {"key": secrets.token_hex(KEY_BYTES)})
        document = await self._documents.get(ERASURE_KEYS, CURRENT)
        assert document is not None
        self._key = bytes.fromhex(document.body["key"])
        await self.refresh()

    async def refresh(self) -> None:
        """Learn what another replica added: a pass of a job of every replica."""
        if await self._documents.count(SUPPRESSED) == len(self._names):
            return
        names: set[str] = set()
        after: str | None = None
        while True:
            page = await self._documents.scan(SUPPRESSED, after=after, limit=PAGE_LIMIT)
            names.update(document.key for document in page.documents)
            after = page.next_after
            if after is None:
                break
        self._names |= names

    def digest(self, text: str) -> str:
        """Return the keyed hash of a text."""
        return keyed_hash(self._key, text)

    async def add(self, subjects: Subjects) -> None:
        """Refuse these from now on; known ones stay."""
        now_us = micros_from_time(self._clock.now())
        items: list[tuple[str, Mapping[str, Any]]] = [
            (self.digest(name), {"erasure": erasure_id, "time_us": now_us})
            for name, erasure_id in subjects.erasures.items()
        ]
        while items:
            batch = items[:BATCH_LIMIT]
            done = len(batch)
            try:
                await self._documents.insert_many(SUPPRESSED, batch)
            except KeyTakenError as taken:
                done = taken.position + 1
            self._names.update(key for key, _ in batch[:done])
            items = items[done:]

    def is_erased(self, name: str) -> bool:
        """Tell whether the name belongs to an erased person."""
        return bool(self._names) and self.digest(name) in self._names

    async def erasure_of(self, name: str) -> str:
        """Return the id of the receipt by which the name was erased, "" for one that was not."""
        if not self.is_erased(name):
            return ""
        document = await self._documents.get(SUPPRESSED, self.digest(name))
        return "" if document is None else str(document.body["erasure"])

    def any_erased(self, names: Iterable[str]) -> bool:
        """Tell whether one of them does."""
        return bool(self._names) and any(self.digest(name) in self._names for name in names)

    def check(self, names: Iterable[str], *, where: str) -> None:
        """Raise SubjectErasedError, counted, when one of the names is erased. ``where``: the door, for the count."""
        if self.any_erased(names):
            self.count(where)
            raise SubjectErasedError

    def count(self, where: str, refused: int = 1) -> None:
        """Count what a door refused."""
        self._refused.labels(where).inc(refused)

    def seen(self, event: Event) -> Event | None:
        """Return an event as a reader may see it: None for an erased one, else without the erased beside others."""
        if leaves_no_trace(event.type):
            return None
        if not self._names:
            return event
        if self.is_erased(event.subject):
            return None
        listed = event.payload.get(IDENTIFIERS)
        if not isinstance(listed, list) or not self.any_erased(each for each in listed if isinstance(each, str)):
            return event
        kept = [each for each in listed if not (isinstance(each, str) and self.is_erased(each))]
        return replace(event, payload={**event.payload, IDENTIFIERS: kept})


_ON: "WeakKeyDictionary[DocumentStore, Suppression]" = WeakKeyDictionary()


def suppression_on(documents: DocumentStore) -> Suppression | None:
    """Return the set of a store, None where nobody keeps one (a reader in a test)."""
    return _ON.get(documents)
