"""How the console says what a Control is: its states, its action, its condition."""

from collections.abc import Sequence
from typing import Any, Final

import orjson
from zhike.controls.v1 import control_service_pb2 as pb

from gateway.console.cells import Chip
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.console.words import Words
from gateway.control_clients import CONTROL_SERVICES
from gateway.public_form import public_form
from services.chassis.errors import NotFoundError

WRITERS: Final = frozenset({StaffRole.MERCHANDISER})
READERS: Final = frozenset({StaffRole.MERCHANDISER, StaffRole.ANALYST})
HERE: Final = "/console/controls"
STATES: Final = ("draft", "scheduled", "live", "paused", "ended", "archived")
ACTIONS: Final = ("boost", "bury", "pin", "exclude", "filter", "cap", "synonyms", "redirect")
CONDITIONS: Final = ("queries", "terms", "placements", "segments", "product_ids", "categories", "channels", "shops")
TARGETS: Final = ("product_ids", "categories", "brands", "tags")
SERVICES: Final = ("recommendation", "search")
_TONES: Final = {"draft": "plain", "scheduled": "info", "live": "good", "paused": "warn", "ended": "plain"}
SHOWN_VALUES: Final = 6


def service_in(visit: Visit) -> str:
    """Return the service that the address names. Raises NotFoundError."""
    service = visit.path["service"]
    if service not in CONTROL_SERVICES:
        raise NotFoundError("there are no such Controls", resource="service")
    return service


def control_form(control: pb.Control) -> dict[str, Any]:
    """Return a Control as plain values."""
    form: dict[str, Any] = public_form(control)
    return form


def state_chip(words: Words, state: str) -> Chip:
    """Return a state as a chip."""
    return Chip(words(f"control_state.{state}"), _TONES.get(state, "plain"))


def action_text(words: Words, action: dict[str, Any]) -> str:
    """Say in one line what an action does."""
    kind, target = action["type"], action["target"] or {}
    what = "; ".join(listed(target.get(name, ())) for name in TARGETS if target.get(name))
    match kind:
        case "boost" | "bury":
            return words(f"control_does.{kind}", what=what, strength=action["strength"])
        case "pin":
            pins = ", ".join(f"{pin['product_id']} → {pin['position']}" for pin in action["pins"][:SHOWN_VALUES])
            return words("control_does.pin", what=pins)
        case "cap":
            per = words(f"control_per.{action['per'] or 'target'}")
            return words("control_does.cap", what=what or per, maximum=action["maximum"], per=per)
        case "synonyms":
            return words("control_does.synonyms", what=listed(action["words"]))
        case "redirect":
            return words("control_does.redirect", what=action["url"])
        case _:
            return words(f"control_does.{kind}", what=what)


def condition_text(words: Words, condition: dict[str, Any] | None) -> str:
    """Say in one line when a Control applies."""
    parts = [
        words(f"control_when.{name}", what=listed([_named(words, name, each) for each in condition[name]]))
        for name in CONDITIONS
        if condition and condition.get(name)
    ]
    return " · ".join(parts) or words("control_when.always")


def _named(words: Words, condition: str, value: str) -> str:
    """Return a value of a condition in words, where it has any."""
    key = f"control_{condition.removesuffix('s')}.{value}"
    return words(key) if words.has(key) else value


def listed(values: Sequence[str]) -> str:
    """Return the first values, and that there are more."""
    more = " …" if len(values) > SHOWN_VALUES else ""
    return ", ".join(values[:SHOWN_VALUES]) + more


async def record_change(visit: Visit, action: str, saved: pb.SavedControl) -> None:
    """Keep in the trail which fields changed, as the Control's own history has it."""
    change = saved.history[0] if saved.history else pb.ControlChange()
    before, after = orjson.loads(change.before_json or b"{}"), orjson.loads(change.after_json or b"{}")
    await visit.record(action, "control", saved.control.id, before=before, after=after)
