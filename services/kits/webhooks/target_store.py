"""Owns targets as documents; each is changed by compare and set."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.eventlog.record import micros_from_time, time_from_micros
from services.kits.webhooks.errors import TargetContendedError, TargetNotFoundError
from services.kits.webhooks.signing_secrets import SigningSecret
from services.kits.webhooks.targets import TARGETS_LIMIT, DisableCause, Target, TargetState

BY_STATE: Final = "state"
TARGETS: Final = Collection("webhook_targets", (Index(BY_STATE, ("state", "create_time_us")),))
ATTEMPTS_LIMIT: Final = 8  # against others who change the same target


class TargetStore:
    """Targets by id. ``declare()`` before use."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(TARGETS)

    async def get(self, target_id: str) -> Target:
        """Return a target that is not deleted. Raises TargetNotFoundError."""
        target = await self.find(target_id)
        if target is None or target.state is TargetState.DELETED:
            raise TargetNotFoundError("there is no such target", resource="webhook target", id=target_id[:64])
        return target

    async def find(self, target_id: str) -> Target | None:
        """Return a target or its tombstone, None where there never was one."""
        document = await self._documents.get(TARGETS, target_id) if target_id else None
        return None if document is None else _target(document)

    async def of_state(self, state: TargetState) -> tuple[Target, ...]:
        """Return the targets of a state, the oldest first."""
        page = await self._documents.find(TARGETS, BY_STATE, {"state": state.value}, limit=TARGETS_LIMIT * 2)
        return tuple(_target(document) for document in page.documents)

    async def insert(self, target: Target) -> bool:
        """Store a new target; False when its id is taken."""
        try:
            await self._documents.insert(TARGETS, target.id, _body(target))
        except KeyTakenError:
            return False
        return True

    async def change(self, target_id: str, change: Callable[[Target], Target]) -> Target:
        """Change a target until no other is faster; a change that returns what it was given saves nothing.

        Raises TargetNotFoundError, TargetContendedError and what ``change`` raises.
        """
        for _ in range(ATTEMPTS_LIMIT):
            target = await self.get(target_id)
            changed = change(target)
            if changed == target:
                return target
            try:
                await self._documents.replace(TARGETS, target_id, _body(changed), expected_revision=target.revision)
            except RevisionMismatchError:
                continue
            return changed
        raise TargetContendedError("this target is being changed by somebody else; try again", id=target_id)


def _body(target: Target) -> dict[str, Any]:
    return {
        "url": target.url,
        "event_types": list(target.event_types),
        "owner": target.owner,
        "state": target.state.value,
        "cause": target.cause.value,
        "secrets": [
            {"text": each.text, "create_time_us": micros_from_time(each.create_time), "end_time_us": _end_us(each)}
            for each in target.secrets
        ],
        "create_time_us": micros_from_time(target.create_time),
        "update_time_us": micros_from_time(target.update_time),
        "create_print": target.create_print,
        "rotation_id": target.rotation_id,
    }


def _target(document: Document) -> Target:
    body = document.body
    return Target(
        id=document.key,
        url=body["url"],
        event_types=tuple(body["event_types"]),
        owner=body["owner"],
        state=TargetState(body["state"]),
        cause=DisableCause(body["cause"]),
        secrets=tuple(
            SigningSecret(each["text"], time_from_micros(each["create_time_us"]), _end_time(each["end_time_us"]))
            for each in body["secrets"]
        ),
        create_time=time_from_micros(body["create_time_us"]),
        update_time=time_from_micros(body["update_time_us"]),
        create_print=body["create_print"],
        rotation_id=body["rotation_id"],
        revision=document.revision,
    )


def _end_us(secret: SigningSecret) -> int | None:
    return None if secret.end_time is None else micros_from_time(secret.end_time)


def _end_time(micros: int | None) -> datetime | None:
    return None if micros is None else time_from_micros(micros)
