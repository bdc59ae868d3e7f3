"""Creates that may be sent twice: the first answer is kept and given again (docs/consistency.md rule 16).

The id of the new resource is a hash of who asks, for whom, where and under which Idempotency-Key, so a repeat names the
same resource on every replica and after every crash. A record holds the request's fingerprint from before the creation
(another body under the same key is refused) and the answer from after it.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from services.chassis.canonical import canonical_json, fingerprint
from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.errors import ErrorKind, InvalidArgumentError, ZhikeError

KEY_LIMIT = 255  # characters of an Idempotency-Key
RESOURCE_ID_BYTES = 16
NOT_RESERVED = ""  # the fingerprint of a record whose create was refused
ATTEMPTS_LIMIT = 8  # against others who change the same record

IDEMPOTENT_CREATES = Collection("idempotent-creates")

# After these nothing was created and the same request would fail again: the key may be used for a corrected body.
_REFUSALS = frozenset(
    {
        ErrorKind.INVALID,
        ErrorKind.UNAUTHENTICATED,
        ErrorKind.FORBIDDEN,
        ErrorKind.NOT_FOUND,
        ErrorKind.CONFLICT,
        ErrorKind.PRECONDITION,
        ErrorKind.EXHAUSTED,
        ErrorKind.OUT_OF_RANGE,
        ErrorKind.UNIMPLEMENTED,
    }
)


class IdempotencyKeyReusedError(ZhikeError):
    """The key came with another body before; the gateway answers 422."""

    kind = ErrorKind.INVALID
    reason = "IDEMPOTENCY_KEY_REUSED"


class ResourceDeletedError(ZhikeError):
    """What this key created was deleted; a repeat does not bring it back."""

    kind = ErrorKind.NOT_FOUND
    reason = "RESOURCE_DELETED"


class CreateContendedError(ZhikeError):
    """Others kept changing the same record; try again."""

    kind = ErrorKind.ABORTED
    reason = "CREATE_CONTENDED"


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """Who asks (``owner``: the shop's or key owner's id, ``subject``: shopper or visitor), where, and with what."""

    owner: str
    subject: str
    route: str
    key: str
    body: Mapping[str, Any]

    @property
    def resource_id(self) -> str:
        return resource_id(self.owner, self.subject, self.route, self.key)


@dataclass(frozen=True, slots=True)
class CreateAnswer:
    """The first answer. ``repeated``: it was given before."""

    resource_id: str
    answer: Mapping[str, Any]
    repeated: bool


Create = Callable[[str], Awaitable[Mapping[str, Any]]]


def resource_id(owner: str, subject: str, route: str, key: str) -> str:
    """Return the id (32 hex digits) of what this key creates; raises InvalidArgumentError for a key out of bounds."""
    if not 1 <= len(key) <= KEY_LIMIT:
        raise InvalidArgumentError(
            f"an Idempotency-Key of {len(key)} characters; 1 to {KEY_LIMIT} are allowed", field="Idempotency-Key"
        )
    return blake2b(canonical_json([owner, subject, route, key]), digest_size=RESOURCE_ID_BYTES).hexdigest()


class IdempotentCreates:
    """The records of one service's creates."""

    def __init__(self, documents: DocumentStore, collection: Collection = IDEMPOTENT_CREATES) -> None:
        self._documents, self._collection = documents, collection

    async def open(self) -> None:
        """Declare the collection; before anything else."""
        await self._documents.declare(self._collection)

    async def run(self, request: CreateRequest, create: Create) -> CreateAnswer:
        """Return the kept answer, or ``create`` the resource under its id and keep what it answers.

        ``create`` may run again under the same id, after a crash or beside itself: it inserts by that id and takes a
        KeyTakenError for "done". Raises IdempotencyKeyReusedError, ResourceDeletedError, and what ``create`` raises.
        """
        wanted = fingerprint(request.body)
        record = await self._reserve(request.resource_id, wanted)
        if record.body["answer"] is not None:
            return CreateAnswer(record.key, record.body["answer"], repeated=True)
        try:
            answer = await create(record.key)
        except ZhikeError as error:
            if error.kind in _REFUSALS:
                await self._let_go(record)
            raise
        return await self._keep(record.key, wanted, answer)

    async def forget(self, created_id: str) -> None:
        """Drop the kept answer of a deleted (or erased) resource and leave a tombstone; silent for an unknown id."""
        for _ in range(ATTEMPTS_LIMIT):
            record = await self._documents.get(self._collection, created_id)
            if record is None or record.body["deleted"]:
                return
            body = {**record.body, "answer": None, "deleted": True}
            with contextlib.suppress(RevisionMismatchError):
                await self._documents.replace(self._collection, created_id, body, expected_revision=record.revision)
                return
        raise CreateContendedError("the record of this create keeps changing", id=created_id)

    async def _reserve(self, created_id: str, wanted: str) -> Document:
        """Return the record of this create, new or old; raises when it is for another body or deleted."""
        for _ in range(ATTEMPTS_LIMIT):
            record = await self._documents.get(self._collection, created_id)
            if record is not None and record.body["fingerprint"] != NOT_RESERVED:
                return _checked(record, wanted)
            body = _body(wanted, None)
            with contextlib.suppress(KeyTakenError, RevisionMismatchError):
                if record is None:
                    return await self._documents.insert(self._collection, created_id, body)
                return await self._documents.replace(
                    self._collection, created_id, body, expected_revision=record.revision
                )
        raise CreateContendedError("the record of this create keeps changing", id=created_id)

    async def _keep(self, created_id: str, wanted: str, answer: Mapping[str, Any]) -> CreateAnswer:
        """Save the answer unless another call saved one first; return the saved one."""
        for _ in range(ATTEMPTS_LIMIT):
            record = await self._reserve(created_id, wanted)
            if record.body["answer"] is not None:
                return CreateAnswer(created_id, record.body["answer"], repeated=True)
            with contextlib.suppress(RevisionMismatchError):
                kept = await self._documents.replace(
                    self._collection, created_id, _body(wanted, answer), expected_revision=record.revision
                )
                return CreateAnswer(created_id, kept.body["answer"], repeated=False)
        raise CreateContendedError("the record of this create keeps changing", id=created_id)

    async def _let_go(self, record: Document) -> None:
        # Not deleted: a revision that began again at 1 would let a slow caller save over somebody else's record.
        with contextlib.suppress(RevisionMismatchError):
            await self._documents.replace(
                self._collection, record.key, _body(NOT_RESERVED, None), expected_revision=record.revision
            )


def _body(wanted: str, answer: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"fingerprint": wanted, "answer": answer, "deleted": False}


def _checked(record: Document, wanted: str) -> Document:
    if record.body["fingerprint"] != wanted:
        raise IdempotencyKeyReusedError("this Idempotency-Key came with another body before", id=record.key)
    if record.body["deleted"]:
        raise ResourceDeletedError("what this Idempotency-Key created was deleted", id=record.key)
    return record
