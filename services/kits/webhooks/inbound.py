"""Inbound calls: verified, and each processed once.

An id is kept when what the call says is saved, not before: a process that dies in between takes the sender's repeat.
What is kept is id and signed time, so two things can be told apart: the very same call again (a replay, refused), and
the sender's own repeat, signed anew because our answer was lost (a duplicate: answered as a success, not processed).
"""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Final

from services.chassis.clock import Clock
from services.chassis.documents.port import (
    Collection,
    DocumentStore,
    Index,
    KeyTakenError,
    Range,
    RevisionMismatchError,
)
from services.chassis.errors import ZhikeError
from services.chassis.eventlog.record import micros_from_time, time_from_micros
from services.chassis.metrics import Metrics
from services.kits.webhooks.errors import WebhookReplayedError
from services.kits.webhooks.signing import TOLERANCE, Signed, verified

BY_TIME: Final = "time"
RECEIVED: Final = Collection("webhook_received", (Index(BY_TIME, ("time_us",)),))
KEPT: Final = timedelta(days=4)  # as long as a sender of the specification's schedule repeats
KEPT_LIMIT: Final = 1_000_000  # ids; of more, the oldest are let go, but none that could still be replayed
REPLAYABLE: Final = 2 * TOLERANCE  # a call signed ahead of our clock may come again that long
TIDY_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Inbound:
    """A verified call. ``duplicate``: it was processed before; answer it as a success and do nothing."""

    id: str
    duplicate: bool


class InboundWebhooks:
    """Verifies calls and keeps their ids. ``declare()`` before use."""

    def __init__(
        self, documents: DocumentStore, clock: Clock, *, metrics: Metrics, kept_limit: int = KEPT_LIMIT
    ) -> None:
        self._documents, self._clock, self._kept_limit = documents, clock, kept_limit
        self._received = metrics.counter("zhike_webhook_received_total")

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(RECEIVED)

    @asynccontextmanager
    async def admitted(
        self, source: str, secrets: Sequence[str], headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[Inbound]:
        """Verify a call of ``source`` under its one or two live secrets; the block processes it.

        When the block ends well, the id is kept; when it raises, the sender may come again. ``headers`` by lower-case
        name. The block must bear two equal calls at once, as all writing under stable ids does. Raises
        WebhookUnsignedError, WebhookTamperedError, WebhookStaleError, WebhookReplayedError.
        """
        try:
            signed = verified(headers, body, secrets, self._clock.now())
            inbound = await self._admit(source, signed)
        except ZhikeError as error:
            self._received.labels(error.reason.removeprefix("WEBHOOK_").lower()).inc()
            raise
        yield inbound
        await self._keep(source, signed)
        self._received.labels("duplicate" if inbound.duplicate else "taken").inc()

    async def tidy(self) -> None:
        """Let go of ids past their time, and of the oldest past KEPT_LIMIT; a pass of a job."""
        now = self._clock.now()
        await self._delete_until(micros_from_time(now - KEPT))
        surplus = await self._documents.count(RECEIVED) - self._kept_limit
        if surplus > 0:
            await self._delete_until(micros_from_time(now - REPLAYABLE), at_most=surplus)

    async def _admit(self, source: str, signed: Signed) -> Inbound:
        known = await self._documents.get(RECEIVED, _key(source, signed.id))
        if known is None:
            return Inbound(signed.id, duplicate=False)
        if signed.time <= time_from_micros(known.body["signed_time_us"]):
            raise WebhookReplayedError("this very call was taken before", id=signed.id)
        return Inbound(signed.id, duplicate=True)

    async def _keep(self, source: str, signed: Signed) -> None:
        key, now_us = _key(source, signed.id), micros_from_time(self._clock.now())
        body = {"source": source, "signed_time_us": micros_from_time(signed.time), "time_us": now_us}
        try:
            await self._documents.insert(RECEIVED, key, body)
        except KeyTakenError:  # a duplicate, or its twin that ran beside it
            known = await self._documents.get(RECEIVED, key)
            if known is not None and known.body["signed_time_us"] < body["signed_time_us"]:
                with contextlib.suppress(RevisionMismatchError):
                    await self._documents.replace(RECEIVED, key, body, expected_revision=known.revision)

    async def _delete_until(self, until_us: int, *, at_most: int | None = None) -> None:
        left = at_most
        while left is None or left > 0:
            limit = TIDY_PAGE if left is None else min(TIDY_PAGE, left)
            page = await self._documents.find(RECEIVED, BY_TIME, {}, range_=Range(below=until_us), limit=limit)
            for document in page.documents:
                await self._documents.delete(RECEIVED, document.key)
            if len(page.documents) < limit:
                return
            left = None if left is None else left - limit


def _key(source: str, message_id: str) -> str:
    return blake2b(f"{len(source)}:{source}{message_id}".encode(), digest_size=16).hexdigest()
