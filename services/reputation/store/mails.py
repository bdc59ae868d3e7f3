"""Owns the queue of mails as documents; each is changed by compare and set, so any number of replicas may send."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    Range,
    RevisionMismatchError,
)
from services.kits.times import micros, time_of
from services.reputation.domain.mailing import MailState, QueuedMail

BY_STATE: Final = "state"
MAILS: Final = Collection("alert_mails", (Index(BY_STATE, ("state", "time_us")),))


class MailStore:
    """Mails by id. ``declare()`` before use."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(MAILS)

    async def insert(self, mails: Sequence[QueuedMail]) -> int:
        """Store those that are new and leave those that are known as they stand; return how many were new."""
        stored = 0
        for mail in mails:
            try:
                await self._documents.insert(MAILS, mail.id, _body(mail))
            except KeyTakenError:
                continue
            stored += 1
        return stored

    async def save(self, mail: QueuedMail) -> QueuedMail | None:
        """Replace what has the revision of ``mail``; return it as saved, None when another was faster."""
        try:
            document = await self._documents.replace(MAILS, mail.id, _body(mail), expected_revision=mail.revision)
        except RevisionMismatchError:
            return None
        return replace(mail, revision=document.revision)

    async def delete(self, mail: QueuedMail) -> None:
        """Remove it unless it changed meanwhile."""
        try:
            await self._documents.delete(MAILS, mail.id, expected_revision=mail.revision)
        except RevisionMismatchError:
            return

    async def of_state(self, state: MailState, *, until: datetime, limit: int) -> tuple[QueuedMail, ...]:
        """Return the mails of a state whose time is at most ``until``, the earliest first."""
        page = await self._documents.find(
            MAILS, BY_STATE, {"state": state.value}, range_=Range(below=micros(until) + 1), limit=limit
        )
        return tuple(map(_mail, page.documents))

    async def count(self, state: MailState) -> int:
        """Count the mails of a state."""
        return await self._documents.count(MAILS, BY_STATE, {"state": state.value})


def _body(mail: QueuedMail) -> dict[str, Any]:
    return {
        "recipient": mail.recipient,
        "event": dict(mail.event),
        "create_us": micros(mail.create_time),
        "time_us": micros(mail.time),
        "state": mail.state.value,
        "failures": mail.failures,
        "error": mail.error,
    }


def _mail(document: Document) -> QueuedMail:
    body = document.body
    return QueuedMail(
        id=document.key,
        recipient=body["recipient"],
        event=body["event"],
        create_time=time_of(body["create_us"]),
        time=time_of(body["time_us"]),
        state=MailState(body["state"]),
        failures=body["failures"],
        error=body["error"],
        revision=document.revision,
    )
