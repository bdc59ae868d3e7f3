"""What an operator does with targets and deliveries."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from services.chassis.canonical import fingerprint
from services.chassis.clock import Clock
from services.chassis.errors import InvalidArgumentError
from services.kits.outbound.guard import OutboundGuard
from services.kits.webhooks.deliveries import ENDED, Delivery, DeliveryState
from services.kits.webhooks.delivery_store import DeliveryStore
from services.kits.webhooks.errors import (
    DeliveryNotFoundError,
    TargetDisabledError,
    TargetLimitError,
    TargetNotFoundError,
    WebhookRequestReusedError,
)
from services.kits.webhooks.messages import TEST_EVENT, delivery_id, message
from services.kits.webhooks.publishing import Publisher
from services.kits.webhooks.signing_secrets import OVERLAP_LIMIT, SigningSecret, new_secret
from services.kits.webhooks.target_store import TargetStore
from services.kits.webhooks.targets import (
    TARGETS_LIMIT,
    DisableCause,
    Target,
    TargetState,
    checked_event_types,
    checked_owner,
    target_id,
)

REPLAY_LIMIT: Final = 500  # deliveries in one request
CANCEL_PAGE: Final = 200
ID_BYTES: Final = 16  # of a request that came without an id


@dataclass(frozen=True, slots=True)
class TargetEdit:
    """New values; None leaves what is."""

    url: str | None = None
    event_types: tuple[str, ...] | None = None
    owner: str | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many deliveries began anew. ``more``: as many again may wait for the next request."""

    replayed: int
    more: bool


class Targeting:
    """The use cases. ``event_types``: what this service sends. ``random_bytes``: what secrets are made of."""

    def __init__(
        self,
        targets: TargetStore,
        deliveries: DeliveryStore,
        publisher: Publisher,
        guard: OutboundGuard,
        *,
        clock: Clock,
        event_types: Collection[str],
        random_bytes: Callable[[int], bytes],
        announce: Callable[[], None],
    ) -> None:
        self._targets, self._deliveries, self._publisher, self._guard = targets, deliveries, publisher, guard
        self._clock, self.event_types, self._random_bytes = clock, tuple(sorted(event_types)), random_bytes
        self._announce = announce

    async def create(self, url: str, event_types: Sequence[str], *, owner: str, request_id: str) -> tuple[Target, str]:
        """Make a target; return it with its secret. The same request again answers the same target and secret.

        Raises what OutboundGuard.check raises, EventTypeUnknownError, TargetLimitError, WebhookRequestReusedError.
        """
        checked_url = str(await self._guard.check(url))
        types, owner = checked_event_types(event_types, self.event_types), checked_owner(owner)
        now = self._clock.now()
        wanted = Target(
            id=target_id(request_id or self._random_bytes(ID_BYTES).hex()),
            url=checked_url,
            event_types=types,
            owner=owner,
            state=TargetState.ENABLED,
            cause=DisableCause.NONE,
            secrets=(SigningSecret(new_secret(self._random_bytes), now),),
            create_time=now,
            update_time=now,
            create_print=fingerprint([checked_url, list(types), owner]),
        )
        known = await self._targets.find(wanted.id)
        if known is None:
            await self._check_room()
            if await self._targets.insert(wanted):
                return wanted, wanted.secrets[0].text
            known = await self._targets.find(wanted.id)
        if known is None or known.state is TargetState.DELETED:
            raise TargetNotFoundError("what this request created was deleted", resource="webhook target", id=wanted.id)
        if known.create_print != wanted.create_print:
            raise WebhookRequestReusedError("this request id created another target", id=known.id)
        return known, known.secrets[0].text

    async def get(self, target: str) -> Target:
        """Return a target. Raises TargetNotFoundError."""
        return await self._targets.get(target)

    async def list(self) -> tuple[Target, ...]:
        """Return every target that is not deleted, the oldest first."""
        enabled = await self._targets.of_state(TargetState.ENABLED)
        disabled = await self._targets.of_state(TargetState.DISABLED)
        return tuple(sorted((*enabled, *disabled), key=lambda each: (each.create_time, each.id)))

    async def edit(self, target: str, edit: TargetEdit) -> Target:
        """Change a target. Raises as ``create`` does, TargetNotFoundError."""
        url = None if edit.url is None else str(await self._guard.check(edit.url))
        types = None if edit.event_types is None else checked_event_types(edit.event_types, self.event_types)
        owner = None if edit.owner is None else checked_owner(edit.owner)
        now = self._clock.now()

        def edited(known: Target) -> Target:
            changed = replace(
                known,
                url=known.url if url is None else url,
                event_types=known.event_types if types is None else types,
                owner=known.owner if owner is None else owner,
            )
            if edit.enabled is not None:
                changed = changed.enabled(now) if edit.enabled else changed.disabled(DisableCause.OPERATOR, now)
            return known if changed == known else replace(changed, update_time=now)

        changed = await self._targets.change(target, edited)
        self._announce()
        return changed

    async def delete(self, target: str) -> None:
        """Delete a target and cancel what waits for it. Raises TargetNotFoundError."""
        now = self._clock.now()
        await self._targets.change(target, lambda known: known.deleted(now))
        while waiting := await self._deliveries.oldest(target, DeliveryState.WAITING, CANCEL_PAGE):
            for each in waiting:
                await self._deliveries.save(each.cancelled(now))

    async def rotate_secret(self, target: str, *, overlap: timedelta, request_id: str) -> tuple[Target, str]:
        """Give a target a new secret; the one before it signs too until ``overlap`` has passed.

        The same request again answers the same secret. Raises TargetNotFoundError, SecretLimitError.
        """
        if not timedelta(0) <= overlap <= OVERLAP_LIMIT:
            raise InvalidArgumentError(
                f"an overlap is at most {OVERLAP_LIMIT.days} days", field="overlap", limit=OVERLAP_LIMIT
            )
        fresh, now = new_secret(self._random_bytes), self._clock.now()
        changed = await self._targets.change(
            target, lambda known: known.with_fresh_secret(fresh, request_id, now, overlap=overlap)
        )
        return changed, changed.secrets[0].text

    async def send_test(self, target: str, *, request_id: str) -> Delivery:
        """Begin the delivery of a test event. Raises TargetNotFoundError, TargetDisabledError."""
        known = _sending(await self._targets.get(target))
        key = f"test/{request_id or self._random_bytes(ID_BYTES).hex()}"
        told = message(key, TEST_EVENT, self._clock.now(), {"target": known.id})
        await self._publisher.publish_to(known, told)
        return await self._delivery(target, delivery_id(target, key))

    async def deliveries(
        self, target: str, state: DeliveryState | None, *, after: str | None, limit: int
    ) -> tuple[tuple[Delivery, ...], str | None]:
        """Return a page of a target's deliveries, the latest first, and where the next begins."""
        await self._targets.get(target)
        return await self._deliveries.of_target(target, state, after=after, limit=limit)

    async def replay(self, target: str, ids: Sequence[str], *, request_id: str) -> Replayed:
        """Begin deliveries anew under their ids: those named, or else the target's dead ones, the longest dead first.

        What is on its way already, or was begun by this request before, is left as it is. Raises TargetNotFoundError,
        TargetDisabledError, DeliveryNotFoundError.
        """
        _sending(await self._targets.get(target))
        if len(ids) > REPLAY_LIMIT:
            raise InvalidArgumentError(f"at most {REPLAY_LIMIT} deliveries are replayed at once", field="ids")
        if ids:
            wanted: Sequence[Delivery] = [await self._delivery(target, each) for each in dict.fromkeys(ids)]
        else:
            wanted = await self._deliveries.oldest(target, DeliveryState.DEAD, REPLAY_LIMIT)
        now, replayed = self._clock.now(), 0
        for each in wanted:
            if each.state in ENDED and each.replay_id != request_id:
                replayed += await self._deliveries.save(each.replayed(request_id, now)) is not None
        if replayed:
            self._announce()
        return Replayed(replayed, more=not ids and len(wanted) == REPLAY_LIMIT)

    async def _check_room(self) -> None:
        if len(await self.list()) >= TARGETS_LIMIT:
            raise TargetLimitError(f"there are {TARGETS_LIMIT} targets; delete one first", limit=TARGETS_LIMIT)

    async def _delivery(self, target: str, wanted: str) -> Delivery:
        delivery = await self._deliveries.get(wanted)
        if delivery is None or delivery.target_id != target:
            raise DeliveryNotFoundError("the target has no such delivery", resource="webhook delivery", id=wanted[:64])
        return delivery


def _sending(target: Target) -> Target:
    if not target.is_enabled:
        raise TargetDisabledError("this target is disabled; enable it first", id=target.id, cause=target.cause.value)
    return target
