"""A Control as a form: what is typed, one value a line, and what is kept."""

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from zhike.controls.v1 import control_service_pb2 as pb

from gateway.console.areas.controls.saying import (
    ACTIONS,
    CONDITIONS,
    HERE,
    SERVICES,
    TARGETS,
    WRITERS,
    control_form,
    record_change,
    service_in,
)
from gateway.console.formats import time_of
from gateway.console.pages import Flash, Form, FormModel, Page, Redirect, View
from gateway.console.visit import Visit
from gateway.control_clients import CREATE_CONTROL, GET_CONTROL, LIST_CONTROLS, UPDATE_CONTROL
from gateway.errors import FieldError, FieldsInvalidError
from gateway.routers.controls import action_number

Lines = Annotated[str, Field(max_length=12_000)]
_PIN: Final = re.compile(r"(\S{1,100})\s+(\d{1,3})")
_PER: Final = {"brand": pb.CAP_PER_BRAND, "category": pb.CAP_PER_CATEGORY}


class ControlForm(FormModel):
    """What is written of a Control; lists have one value a line."""

    title: Annotated[str, Field(min_length=1, max_length=120)]
    note: Annotated[str, Field(max_length=2_000)] = ""
    action: Literal["boost", "bury", "pin", "exclude", "filter", "cap", "synonyms", "redirect"]
    strength: Annotated[int, Field(ge=0, le=9)] = 0
    maximum: Annotated[int, Field(ge=0, le=50)] = 0
    per: Literal["brand", "category"] | None = None
    pins: Lines = ""
    words: Lines = ""
    url: Annotated[str, Field(max_length=500)] = ""
    target_product_ids: Lines = ""
    target_categories: Lines = ""
    target_brands: Lines = ""
    target_tags: Lines = ""
    queries: Lines = ""
    terms: Lines = ""
    placements: tuple[str, ...] = ()
    segments: Lines = ""
    product_ids: Lines = ""
    categories: Lines = ""
    channels: tuple[str, ...] = ()
    shops: Lines = ""
    start_time: Annotated[str, Field(max_length=32)] = ""
    end_time: Annotated[str, Field(max_length=32)] = ""


class NewControlForm(ControlForm):
    """A new one says which answers it is about."""

    service: Literal["recommendation", "search"]


async def show_new(visit: Visit) -> View:
    """Show an empty form, or one with a copy of another Control, or for a query that the address names."""
    service, values = visit.choice("service", dict.fromkeys(SERVICES), SERVICES[0]), dict[str, Any]()
    copied = visit.text("copy")
    if copied:
        saved = await visit.ask(GET_CONTROL[service], pb.GetControlRequest(id=copied))
        values = typed(visit, control_form(saved.control)["content"])
    if visit.text("query"):
        values["queries"] = visit.text("query")
    visit.form("write", {"action": "boost", "strength": 2, **values})
    return {**await _options(visit, service), "service": service, "control": None}


async def create(visit: Visit, form: NewControlForm) -> Redirect:
    """Keep a draft."""
    request = pb.CreateControlRequest(
        content=content_of(visit, form), actor=visit.staff.name, request_id=visit.submit_id
    )
    saved = await visit.ask(CREATE_CONTROL[form.service], request)
    await visit.record("control.create", "control", saved.control.id, after={"title": form.title})
    return Redirect(f"{HERE}/{form.service}/{saved.control.id}", _told(saved))


async def show_edit(visit: Visit) -> View:
    """Show the form with what is kept."""
    service = service_in(visit)
    saved = await visit.ask(GET_CONTROL[service], pb.GetControlRequest(id=visit.path["id"]))
    control = control_form(saved.control)
    visit.form("write", typed(visit, control["content"]), version=saved.control.version)
    return {**await _options(visit, service), "service": service, "control": control}


async def save(visit: Visit, form: ControlForm) -> Redirect:
    """Keep the edit, unless somebody else's came between."""
    service = service_in(visit)
    request = pb.UpdateControlRequest(
        id=visit.path["id"],
        content=content_of(visit, form),
        actor=visit.staff.name,
        expected_version=visit.expected_version,
    )
    saved = await visit.ask(UPDATE_CONTROL[service], request)
    await record_change(visit, "control.edit", saved)
    return Redirect(f"{HERE}/{service}/{saved.control.id}", _told(saved))


def content_of(visit: Visit, form: ControlForm) -> pb.ControlContent:
    """Return what was typed as a Control's content; fields that the action does not use are left behind.

    Raises FieldsInvalidError.
    """
    kind = form.action
    action = pb.ControlAction(type=action_number(kind))
    if kind in {"boost", "bury", "exclude", "filter", "cap"}:
        action.target.CopyFrom(pb.ControlTarget(**{name: lines(getattr(form, f"target_{name}")) for name in TARGETS}))
    if kind in {"boost", "bury"}:
        action.strength = form.strength
    if kind == "cap":
        action.maximum, action.per = form.maximum, _PER.get(form.per or "", pb.CAP_PER_UNSPECIFIED)
    if kind == "pin":
        action.pins.extend(_pins(visit, form.pins))
    if kind == "synonyms":
        action.words.extend(lines(form.words.replace(",", "\n").replace("，", "\n").replace("、", "\n")))
    if kind == "redirect":
        action.url = form.url
    given = {name: getattr(form, name) for name in CONDITIONS}
    condition = {name: value if isinstance(value, tuple) else lines(value) for name, value in given.items()}
    content = pb.ControlContent(
        title=form.title, note=form.note, action=action, condition=pb.ControlCondition(**condition)
    )
    for name in ("start_time", "end_time"):
        moment = _moment(visit, name, getattr(form, name))
        if moment is not None:
            getattr(content, name).FromDatetime(moment)
    return content


def typed(visit: Visit, content: dict[str, Any]) -> dict[str, Any]:
    """Return a Control's content as it stands in the form."""
    action, condition = content["action"], content["condition"] or {}
    target = action["target"] or {}
    values: dict[str, Any] = {"title": content["title"], "note": content["note"], "action": action["type"]}
    values |= {name: action[name] for name in ("strength", "maximum", "per", "url")}
    values |= {"words": "\n".join(action["words"])}
    values["pins"] = "\n".join(f"{pin['product_id']} {pin['position']}" for pin in action["pins"])
    values |= {f"target_{name}": "\n".join(target.get(name, ())) for name in TARGETS}
    for name in CONDITIONS:
        found = condition.get(name, ())
        values[name] = tuple(found) if name in {"placements", "channels"} else "\n".join(found)
    for name in ("start_time", "end_time"):
        moment = time_of(content[name]) if content[name] else None
        values[name] = "" if moment is None else visit.formats.local(moment).strftime("%Y-%m-%dT%H:%M")
    return values


def lines(text: str) -> list[str]:
    """Return the lines that say something."""
    return [each.strip() for each in text.splitlines() if each.strip()]


async def _options(visit: Visit, service: str) -> View:
    found = await visit.ask(LIST_CONTROLS[service], pb.ListControlsRequest(page_size=1))
    words = visit.words
    possible = {str(pb.ActionType.Name(each)).removeprefix("ACTION_TYPE_").lower() for each in found.actions}
    return {
        "actions": [(each, words(f"control_action.{each}")) for each in ACTIONS if each in possible],
        "placements": [(each, words(f"control_placement.{each}")) for each in found.placements],
        "channels": [(each, words(f"control_channel.{each}")) for each in ("web", "app", "store", "phone", "social")],
        "segments": list(found.segments),
        "services": [(each, words(f"control_service.{each}")) for each in SERVICES],
        "per": [("", words("control_per.target")), *((each, words(f"control_per.{each}")) for each in _PER)],
    }


def _pins(visit: Visit, text: str) -> list[pb.ControlPin]:
    found = []
    for line in lines(text):
        match = _PIN.fullmatch(line)
        if match is None:
            raise FieldsInvalidError([FieldError("pins", visit.words("control_form.pins_wrong"))])
        found.append(pb.ControlPin(product_id=match[1], position=int(match[2])))
    return found


def _moment(visit: Visit, name: str, text: str) -> datetime | None:
    """Return a typed time of the shop's zone."""
    if not text:
        return None
    try:
        typed_time = datetime.fromisoformat(text)
    except ValueError:
        raise FieldsInvalidError([FieldError(name, visit.words("control_form.time_wrong"))]) from None
    zone = visit.formats.local(visit.parts.clock.now()).tzinfo
    return typed_time.replace(tzinfo=zone) if typed_time.tzinfo is None else typed_time


def _told(saved: pb.SavedControl) -> Flash:
    if saved.conflicts:
        return Flash("controls.saved_conflicts", {"count": len(saved.conflicts)}, "warn")
    return Flash("controls.saved")


NEW_PAGE: Final = Page(
    path="/controls/new",
    roles=WRITERS,
    title="controls.new",
    help="control_form.help",
    template="controls/write.html",
    show=show_new,
    forms=(Form("write", NewControlForm, create),),
)
EDIT_PAGE: Final = Page(
    path="/controls/{service}/{id}/edit",
    roles=WRITERS,
    title="controls.edit",
    help="control_form.help",
    template="controls/write.html",
    show=show_edit,
    forms=(Form("write", ControlForm, save),),
)
