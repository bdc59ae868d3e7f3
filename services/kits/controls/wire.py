"""Controls, previews and contradictions on the wire."""

from datetime import UTC, datetime
from typing import Any, Final

import orjson
from google.protobuf.timestamp_pb2 import Timestamp
from zhike.controls.v1 import control_service_pb2 as pb

from services.chassis.errors import InvalidArgumentError
from services.chassis.paging import page_size
from services.kits.controls.arranging import Origin
from services.kits.controls.conflicts import Conflict, ConflictKind
from services.kits.controls.control import (
    Action,
    ActionType,
    CapPer,
    Change,
    Condition,
    Content,
    Control,
    ControlState,
    Pin,
    Step,
    Target,
    possible_steps,
)
from services.kits.controls.controlling import Listed, Saved, Wanted
from services.kits.controls.errors import ControlActionUnknownError, ControlInvalidError
from services.kits.controls.form import CONDITION_FIELDS, TARGET_FIELDS
from services.kits.controls.previewing import Look, Preview, Side

IDENTIFIERS_LIMIT: Final = 8
PREVIEW_DEFAULT, PREVIEW_LIMIT = 12, 50
REPEATED_LIMIT: Final = 200  # values in any field that comes in; what is allowed is less

_STATES: Final = {each: pb.ControlState.Value(f"CONTROL_STATE_{each.name}") for each in ControlState}
_TYPES: Final = {each: pb.ActionType.Value(f"ACTION_TYPE_{each.name}") for each in ActionType}
_STEPS: Final = {each: pb.ControlStep.Value(f"CONTROL_STEP_{each.name}") for each in Step}
_KINDS: Final = {each: pb.ConflictKind.Value(f"CONFLICT_KIND_{each.name}") for each in ConflictKind}
_ORIGINS: Final = {each: pb.SlotOrigin.Value(f"SLOT_ORIGIN_{each.name}") for each in Origin}
_PER: Final = {
    CapPer.TARGET: pb.CAP_PER_UNSPECIFIED,
    CapPer.BRAND: pb.CAP_PER_BRAND,
    CapPer.CATEGORY: pb.CAP_PER_CATEGORY,
}
_STATES_FROM_PB: Final[dict[int, ControlState]] = {number: each for each, number in _STATES.items()}
_TYPES_FROM_PB: Final[dict[int, ActionType]] = {number: each for each, number in _TYPES.items()}
_STEPS_FROM_PB: Final[dict[int, Step]] = {number: each for each, number in _STEPS.items()}
_PER_FROM_PB: Final[dict[int, CapPer]] = {number: each for each, number in _PER.items()}


def content_from_pb(message: pb.ControlContent) -> Content:
    """Decode what a person wrote. Raises ControlInvalidError, ControlActionUnknownError."""
    action = message.action
    kind = _TYPES_FROM_PB.get(action.type)
    if kind is None:
        known = ", ".join(ActionType)
        raise ControlActionUnknownError("say what the Control does", field="action.type", known=known)
    if action.per not in _PER_FROM_PB:
        raise ControlInvalidError("a cap counts per brand or per category", field="action.per")
    return Content(
        title=message.title,
        note=message.note,
        condition=Condition(**{name: _texts(message.condition, name) for name in CONDITION_FIELDS}),
        action=Action(
            type=kind,
            target=Target(**{name: _texts(action.target, name) for name in TARGET_FIELDS}),
            strength=action.strength,
            pins=tuple(Pin(pin.product_id, pin.position) for pin in action.pins[:REPEATED_LIMIT]),
            maximum=action.maximum,
            per=_PER_FROM_PB[action.per],
            words=_texts(action, "words"),
            url=action.url,
        ),
        start_time=_time(message, "start_time"),
        end_time=_time(message, "end_time"),
    )


def content_to_pb(content: Content) -> pb.ControlContent:
    """Encode what a person wrote."""
    action = content.action
    message = pb.ControlContent(
        title=content.title,
        note=content.note,
        condition=pb.ControlCondition(**{name: getattr(content.condition, name) for name in CONDITION_FIELDS}),
        action=pb.ControlAction(
            type=_TYPES[action.type],
            target=pb.ControlTarget(**{name: getattr(action.target, name) for name in TARGET_FIELDS}),
            strength=action.strength,
            pins=[pb.ControlPin(product_id=pin.product_id, position=pin.position) for pin in action.pins],
            maximum=action.maximum,
            per=_PER[action.per],
            words=action.words,
            url=action.url,
        ),
    )
    for name, time in (("start_time", content.start_time), ("end_time", content.end_time)):
        if time is not None:
            getattr(message, name).FromDatetime(time)
    return message


def control_to_pb(control: Control, now: datetime) -> pb.Control:
    """Encode a Control as it stands by the clock."""
    return pb.Control(
        id=control.id,
        version=control.version,
        state=_STATES[control.state_at(now)],
        content=content_to_pb(control.content),
        create_time=_timestamp(control.create_time),
        update_time=_timestamp(control.update_time),
        author=control.author,
        steps=[_STEPS[step] for step in possible_steps(control, now)],
    )


def saved_to_pb(saved: Saved, now: datetime) -> pb.SavedControl:
    """Encode a Control with its contradictions and its history, the latest first."""
    return pb.SavedControl(
        control=control_to_pb(saved.control, now),
        conflicts=[conflict_to_pb(each) for each in saved.conflicts],
        history=[_change_to_pb(each) for each in reversed(saved.control.history)],
    )


def conflict_to_pb(conflict: Conflict) -> pb.ControlConflict:
    """Encode a contradiction."""
    return pb.ControlConflict(
        kind=_KINDS[conflict.kind],
        control_id=conflict.control_id,
        title=conflict.title,
        product_ids=conflict.product_ids,
        position=conflict.position,
    )


def wanted_from_pb(request: pb.ListControlsRequest) -> Wanted:
    """Decode which Controls to list. Raises InvalidArgumentError."""
    states = request.states[: len(_STATES) + 1]
    if any(each not in _STATES_FROM_PB for each in states) or len(states) > len(_STATES):
        raise InvalidArgumentError("there is no such state", field="states")
    if request.action and request.action not in _TYPES_FROM_PB:
        raise InvalidArgumentError("there is no such action", field="action")
    found = frozenset(_STATES_FROM_PB[each] for each in states)
    return Wanted(found, _TYPES_FROM_PB.get(request.action), request.placement[:64], request.text[:200])


def listed_to_pb(listed: Listed, now: datetime, *, next_page_token: str) -> pb.ListControlsResponse:
    """Encode a page."""
    return pb.ListControlsResponse(
        controls=[control_to_pb(each, now) for each in listed.controls],
        next_page_token=next_page_token,
        counts=[pb.StateCount(state=_STATES[state], count=count) for state, count in listed.counts.items()],
    )


def step_from_pb(number: int) -> Step:
    """Decode a step. Raises InvalidArgumentError."""
    if number not in _STEPS_FROM_PB:
        raise InvalidArgumentError("there is no such step", field="step")
    return _STEPS_FROM_PB[number]


def actions_to_pb(actions: frozenset[ActionType]) -> list[Any]:
    """Encode what a service does, in the order of the proto."""
    return [_TYPES[each] for each in ActionType if each in actions]


def look_from_pb(request: pb.PreviewControlRequest) -> Look:
    """Decode a request to be looked at. Raises InvalidArgumentError."""
    if len(request.identifiers) > IDENTIFIERS_LIMIT:
        raise InvalidArgumentError(f"at most {IDENTIFIERS_LIMIT} identifiers", field="identifiers")
    return Look(
        identifiers=tuple(request.identifiers),
        placement=request.placement,
        query=request.query,
        product_ids=tuple(request.product_ids[:REPEATED_LIMIT]),
        language=request.language or "zh",
        page_size=page_size(request.page_size, default=PREVIEW_DEFAULT, maximum=PREVIEW_LIMIT),
        shop=request.shop,
        channel=request.channel,
    )


def preview_to_pb(preview: Preview) -> pb.PreviewControlResponse:
    """Encode both sides."""
    return pb.PreviewControlResponse(
        before=_side_to_pb(preview.before), after=_side_to_pb(preview.after), applies=preview.applies
    )


def _side_to_pb(side: Side) -> pb.PreviewSide:
    return pb.PreviewSide(
        slots=[
            pb.PreviewSlot(
                product_id=slot.product_id,
                product_json=slot.card,
                reason=slot.reason,
                trace=pb.SlotTrace(
                    source=slot.source,
                    model=slot.model,
                    score=slot.score,
                    rank=slot.rank,
                    origin=_ORIGINS[slot.origin],
                    position=slot.position,
                    effects=[
                        pb.SlotEffect(control_id=each.control_id, title=each.title, action=_TYPES[each.action])
                        for each in slot.effects
                    ],
                ),
            )
            for slot in side.slots
        ],
        redirect=side.redirect,
        synonyms=side.synonyms,
        fallback_reason=side.fallback_reason,
        total_size=side.total_size,
    )


def _change_to_pb(change: Change) -> pb.ControlChange:
    return pb.ControlChange(
        time=_timestamp(change.time),
        actor=change.actor,
        step=change.step,
        version=change.version,
        before_json=orjson.dumps(change.before),
        after_json=orjson.dumps(change.after),
    )


def _texts(message: Any, field: str) -> tuple[str, ...]:
    """Return a repeated field; a flood of values is cut where it is refused anyway."""
    return tuple(getattr(message, field)[:REPEATED_LIMIT])


def _time(message: Any, field: str) -> datetime | None:
    if not message.HasField(field):
        return None
    try:
        found: datetime = getattr(message, field).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ControlInvalidError("this is no time", field=field) from None
    return found


def _timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message
