"""A Control as JSON: how it is stored, how a change is told, how a dry run is given its draft."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.chassis.eventlog.record import micros_from_time, time_from_micros
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
    Target,
)

CONDITION_FIELDS = Condition.__slots__
TARGET_FIELDS = Target.__slots__


def content_to_json(content: Content) -> dict[str, Any]:
    """Return what a person wrote."""
    action = content.action
    return {
        "title": content.title,
        "note": content.note,
        "condition": {name: list(getattr(content.condition, name)) for name in CONDITION_FIELDS},
        "action": {
            "type": action.type.value,
            "target": {name: list(getattr(action.target, name)) for name in TARGET_FIELDS},
            "strength": action.strength,
            "pins": [[pin.product_id, pin.position] for pin in action.pins],
            "maximum": action.maximum,
            "per": action.per.value,
            "words": list(action.words),
            "url": action.url,
        },
        "start_time_us": _micros(content.start_time),
        "end_time_us": _micros(content.end_time),
    }


def content_from_json(body: Mapping[str, Any]) -> Content:
    """Read what ``content_to_json`` wrote."""
    action = body["action"]
    return Content(
        title=body["title"],
        note=body["note"],
        condition=Condition(**{name: tuple(body["condition"][name]) for name in CONDITION_FIELDS}),
        action=Action(
            type=ActionType(action["type"]),
            target=Target(**{name: tuple(action["target"][name]) for name in TARGET_FIELDS}),
            strength=action["strength"],
            pins=tuple(Pin(product_id, position) for product_id, position in action["pins"]),
            maximum=action["maximum"],
            per=CapPer(action["per"]),
            words=tuple(action["words"]),
            url=action["url"],
        ),
        start_time=_time(body["start_time_us"]),
        end_time=_time(body["end_time_us"]),
    )


def control_to_json(control: Control) -> dict[str, Any]:
    """Return all but the id and the revision, which are the store's."""
    return {
        "version": control.version,
        "state": control.state.value,
        "served": int(control.is_served()),
        "content": content_to_json(control.content),
        "create_time_us": micros_from_time(control.create_time),
        "update_time_us": micros_from_time(control.update_time),
        "author": control.author,
        "create_print": control.create_print,
        "history": [
            {
                "time_us": micros_from_time(each.time),
                "actor": each.actor,
                "step": each.step,
                "version": each.version,
                "before": dict(each.before),
                "after": dict(each.after),
            }
            for each in control.history
        ],
    }


def control_from_json(control_id: str, revision: int, body: Mapping[str, Any]) -> Control:
    """Read what ``control_to_json`` wrote."""
    return Control(
        id=control_id,
        version=body["version"],
        state=ControlState(body["state"]),
        content=content_from_json(body["content"]),
        create_time=time_from_micros(body["create_time_us"]),
        update_time=time_from_micros(body["update_time_us"]),
        author=body["author"],
        create_print=body["create_print"],
        history=tuple(
            Change(
                time_from_micros(each["time_us"]),
                each["actor"],
                each["step"],
                each["version"],
                each["before"],
                each["after"],
            )
            for each in body["history"]
        ),
        revision=revision,
    )


def difference(before: Control | None, after: Control) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields that differ, as they were and as they are; a new Control is told whole."""
    old, new = ({} if before is None else _flat(before)), _flat(after)
    names = [name for name in new if old.get(name) != new[name] and not (before is None and not new[name])]
    return {name: old.get(name) for name in names if before is not None}, {name: new[name] for name in names}


def _flat(control: Control) -> dict[str, Any]:
    content = control.content
    action = content_to_json(content)["action"]
    flat = {f"condition.{name}": list(getattr(content.condition, name)) for name in CONDITION_FIELDS}
    flat |= {f"action.{name}": value for name, value in action.items() if name != "target"}
    flat |= {f"action.target.{name}": value for name, value in action["target"].items()}
    times = {"start_time": content.start_time, "end_time": content.end_time}
    written = {name: "" if time is None else time.isoformat().replace("+00:00", "Z") for name, time in times.items()}
    return {"state": control.state.value, "title": content.title, "note": content.note, **flat, **written}


def _micros(time: datetime | None) -> int | None:
    return None if time is None else micros_from_time(time)


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else time_from_micros(micros)
