"""Owns deliveries as documents; each is changed by compare and set, so any number of replicas may work on them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from services.chassis.documents.port import (
    BATCH_LIMIT,
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    Range,
    RevisionMismatchError,
)
from services.chassis.eventlog.record import micros_from_time, time_from_micros
from services.kits.webhooks.deliveries import Attempt, Delivery, DeliveryState, Outcome

BY_STATE: Final = "state"
BY_TARGET: Final = "target"
BY_CREATION: Final = "creation"
DELIVERIES: Final = Collection(
    "webhook_deliveries",
    (
        Index(BY_STATE, ("state", "time_us")),
        Index(BY_TARGET, ("target_id", "state", "time_us", "order")),
        Index(BY_CREATION, ("target_id", "create_time_us")),
    ),
)


class DeliveryStore:
    """Deliveries by id. ``declare()`` before use."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(DELIVERIES)

    async def insert(self, deliveries: Sequence[Delivery]) -> int:
        """Store those that are new and leave those that are known as they stand; return how many were new."""
        remaining = [(each.id, _body(each)) for each in deliveries]
        stored = 0
        while remaining:
            batch = remaining[:BATCH_LIMIT]
            try:
                await self._documents.insert_many(DELIVERIES, batch)
            except KeyTakenError as taken:
                stored += taken.position
                remaining = remaining[taken.position + 1 :]
            else:
                stored += len(batch)
                remaining = remaining[BATCH_LIMIT:]
        return stored

    async def get(self, delivery_id: str) -> Delivery | None:
        """Return a delivery or None."""
        document = await self._documents.get(DELIVERIES, delivery_id) if delivery_id else None
        return None if document is None else _delivery(document)

    async def save(self, delivery: Delivery) -> Delivery | None:
        """Replace what has the revision of ``delivery``; return it as saved, None when another was faster."""
        try:
            document = await self._documents.replace(
                DELIVERIES, delivery.id, _body(delivery), expected_revision=delivery.revision
            )
        except RevisionMismatchError:
            return None
        return replace(delivery, revision=document.revision)

    async def delete(self, delivery: Delivery) -> bool:
        """Remove it unless it changed meanwhile."""
        try:
            return await self._documents.delete(DELIVERIES, delivery.id, expected_revision=delivery.revision)
        except RevisionMismatchError:
            return False

    async def due(self, target_id: str, now: datetime, limit: int) -> tuple[Delivery, ...]:
        """Return what waits for a target and is due, the longest due first."""
        equals = {"target_id": target_id, "state": DeliveryState.WAITING.value}
        return await self._find(BY_TARGET, equals, until=now, limit=limit)

    async def waiting(
        self, target_id: str, *, after: str | None = None, limit: int
    ) -> tuple[tuple[Delivery, ...], str | None]:
        """Return what waits for a target, due or not, by due time, and where the next page begins."""
        equals = {"target_id": target_id, "state": DeliveryState.WAITING.value}
        page = await self._documents.find(DELIVERIES, BY_TARGET, equals, after=after, limit=limit)
        return tuple(map(_delivery, page.documents)), page.next_after

    async def of_state(self, state: DeliveryState, *, until: datetime | None, limit: int) -> tuple[Delivery, ...]:
        """Return the deliveries of a state whose time is at most ``until``, the earliest first."""
        return await self._find(BY_STATE, {"state": state.value}, until=until, limit=limit)

    async def of_target(
        self, target_id: str, state: DeliveryState | None, *, after: str | None = None, limit: int
    ) -> tuple[tuple[Delivery, ...], str | None]:
        """Return a target's deliveries, the latest first, and where the next page begins."""
        index, equals = BY_CREATION, {"target_id": target_id}
        if state is not None:
            index, equals = BY_TARGET, {"target_id": target_id, "state": state.value}
        page = await self._documents.find(DELIVERIES, index, equals, after=after, limit=limit, descending=True)
        return tuple(map(_delivery, page.documents)), page.next_after

    async def oldest(self, target_id: str, state: DeliveryState, limit: int) -> tuple[Delivery, ...]:
        """Return a target's deliveries of a state, the earliest first."""
        return await self._find(BY_TARGET, {"target_id": target_id, "state": state.value}, until=None, limit=limit)

    async def count(self, state: DeliveryState, target_id: str = "") -> int:
        """Count the deliveries of a state, all or a target's."""
        if target_id:
            return await self._documents.count(DELIVERIES, BY_TARGET, {"target_id": target_id, "state": state.value})
        return await self._documents.count(DELIVERIES, BY_STATE, {"state": state.value})

    async def _find(
        self, index: str, equals: dict[str, str], *, until: datetime | None, limit: int
    ) -> tuple[Delivery, ...]:
        below = None if until is None else Range(below=micros_from_time(until) + 1)
        page = await self._documents.find(DELIVERIES, index, equals, range_=below, limit=limit)
        return tuple(map(_delivery, page.documents))


def _body(delivery: Delivery) -> dict[str, Any]:
    return {
        "target_id": delivery.target_id,
        "event_key": delivery.event_key,
        "event_type": delivery.event_type,
        "body": delivery.body,
        "state": delivery.state.value,
        "time_us": micros_from_time(delivery.time),
        "due_time_us": micros_from_time(delivery.due_time),
        "create_time_us": micros_from_time(delivery.create_time),
        "order": delivery.order,
        "tries": delivery.tries,
        "failures": delivery.failures,
        "interruptions": delivery.interruptions,
        "round": delivery.round,
        "replay_id": delivery.replay_id,
        "claimed_by": delivery.claimed_by,
        "attempts": [
            [
                micros_from_time(each.start_time),
                each.duration_ms,
                each.outcome.value,
                each.status,
                each.response,
                each.round,
            ]
            for each in delivery.attempts
        ],
    }


def _delivery(document: Document) -> Delivery:
    body = document.body
    return Delivery(
        id=document.key,
        target_id=body["target_id"],
        event_key=body["event_key"],
        event_type=body["event_type"],
        body=body["body"],
        state=DeliveryState(body["state"]),
        time=time_from_micros(body["time_us"]),
        due_time=time_from_micros(body["due_time_us"]),
        create_time=time_from_micros(body["create_time_us"]),
        order=body["order"],
        tries=body["tries"],
        failures=body["failures"],
        interruptions=body["interruptions"],
        round=body["round"],
        replay_id=body["replay_id"],
        claimed_by=body["claimed_by"],
        attempts=tuple(
            Attempt(time_from_micros(start_us), duration_ms, Outcome(outcome), status, response, round_)
            for start_us, duration_ms, outcome, status, response, round_ in body["attempts"]
        ),
        revision=document.revision,
    )
