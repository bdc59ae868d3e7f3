"""Targets and deliveries on the wire."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from zhike.webhooks.v1 import webhook_service_pb2 as pb

from services.chassis.errors import InvalidArgumentError
from services.kits.webhooks.deliveries import ENDED, Attempt, Delivery, DeliveryState, Outcome
from services.kits.webhooks.signing_secrets import live_secrets
from services.kits.webhooks.targeting import TargetEdit
from services.kits.webhooks.targets import DisableCause, Target, TargetState

_TARGET_STATES: Final = {
    TargetState.ENABLED: pb.TARGET_STATE_ENABLED,
    TargetState.DISABLED: pb.TARGET_STATE_DISABLED,
}
_CAUSES: Final = {
    DisableCause.NONE: pb.DISABLE_CAUSE_UNSPECIFIED,
    DisableCause.OPERATOR: pb.DISABLE_CAUSE_OPERATOR,
    DisableCause.GONE: pb.DISABLE_CAUSE_GONE,
    DisableCause.BACKLOG: pb.DISABLE_CAUSE_BACKLOG,
}
_DELIVERY_STATES: Final = {each: pb.DeliveryState.Value(f"DELIVERY_STATE_{each.name}") for each in DeliveryState}
_STATES_FROM_PB: Final[dict[int, DeliveryState]] = {number: state for state, number in _DELIVERY_STATES.items()}
_OUTCOMES: Final = {each: pb.AttemptOutcome.Value(f"ATTEMPT_OUTCOME_{each.name}") for each in Outcome}


def target_to_pb(target: Target, now: datetime) -> pb.Target:
    """Encode a target, its secrets without their text."""
    message = pb.Target(
        id=target.id,
        url=target.url,
        event_types=target.event_types,
        owner=target.owner,
        state=_TARGET_STATES[target.state],
        disable_cause=_CAUSES[target.cause],
        create_time=_timestamp(target.create_time),
        update_time=_timestamp(target.update_time),
    )
    for each in live_secrets(target.secrets, now):
        secret = message.secrets.add(create_time=_timestamp(each.create_time))
        if each.end_time is not None:
            secret.end_time.CopyFrom(_timestamp(each.end_time))
    return message


def delivery_to_pb(delivery: Delivery, *, with_body: bool = False) -> pb.Delivery:
    """Encode a delivery with its log."""
    message = pb.Delivery(
        id=delivery.id,
        event_type=delivery.event_type,
        state=_DELIVERY_STATES[delivery.state],
        tries=delivery.tries,
        replays=delivery.round - 1,
        create_time=_timestamp(delivery.create_time),
        attempts=[_attempt_to_pb(each) for each in delivery.attempts],
        body_json=delivery.body.encode() if with_body else b"",
    )
    if delivery.state is DeliveryState.WAITING:
        message.next_try_time.CopyFrom(_timestamp(delivery.time))
    elif delivery.state in ENDED:
        message.end_time.CopyFrom(_timestamp(delivery.time))
    return message


def edit_from_pb(request: pb.UpdateTargetRequest) -> TargetEdit:
    """Decode an edit. Raises InvalidArgumentError for a mask that names nothing, or what cannot be changed."""
    values: dict[str, Any] = {}
    for path in request.update_mask.paths:
        reader = _EDITS.get(path)
        if reader is None:
            raise InvalidArgumentError(f"an update changes {', '.join(sorted(_EDITS))}", field="update_mask")
        values |= reader(request.target)
    if not values:
        raise InvalidArgumentError("name at least one field to change", field="update_mask")
    return TargetEdit(**values)


def state_from_pb(number: int) -> DeliveryState | None:
    """Decode the state to list, None for all. Raises InvalidArgumentError."""
    if number == pb.DELIVERY_STATE_UNSPECIFIED:
        return None
    if number not in _STATES_FROM_PB:
        raise InvalidArgumentError("there is no such state", field="state")
    return _STATES_FROM_PB[number]


def _attempt_to_pb(attempt: Attempt) -> pb.Attempt:
    return pb.Attempt(
        start_time=_timestamp(attempt.start_time),
        duration_ms=attempt.duration_ms,
        outcome=_OUTCOMES[attempt.outcome],
        status=attempt.status,
        response=attempt.response,
    )


def _enabled(target: pb.Target) -> dict[str, bool]:
    if target.state not in _TARGET_STATES.values():
        raise InvalidArgumentError("a target is enabled or disabled", field="state")
    return {"enabled": target.state == pb.TARGET_STATE_ENABLED}


_EDITS: Final[dict[str, Callable[[pb.Target], dict[str, Any]]]] = {
    "url": lambda target: {"url": target.url},
    "event_types": lambda target: {"event_types": tuple(target.event_types)},
    "owner": lambda target: {"owner": target.owner},
    "state": _enabled,
}


def _timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message
