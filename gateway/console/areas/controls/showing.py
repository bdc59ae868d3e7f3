"""One Control: what it does and when, what contradicts it, what may be done to it, who changed what."""

from typing import Any, Final, Literal

import orjson
from zhike.controls.v1 import control_service_pb2 as pb

from gateway.console.areas.controls.saying import (
    HERE,
    READERS,
    WRITERS,
    action_text,
    condition_text,
    control_form,
    listed,
    record_change,
    service_in,
    state_chip,
)
from gateway.console.pages import Flash, Form, FormModel, Page, Redirect, View
from gateway.console.visit import Visit
from gateway.control_clients import GET_CONTROL, STEP_CONTROL
from gateway.public_form import public_form
from gateway.routers.controls import step_number

VALUE_LIMIT: Final = 120  # characters of a value in the history


class StepForm(FormModel):
    """A button. ``insist``: also where it contradicts others, which the page shows."""

    step: Literal["schedule", "launch", "pause", "archive"]
    version: int = 0
    insist: bool = False


async def show(visit: Visit) -> View:
    """Show a Control."""
    service, words = service_in(visit), visit.words
    saved = await visit.ask(GET_CONTROL[service], pb.GetControlRequest(id=visit.path["id"]))
    control = control_form(saved.control)
    content = control["content"]
    visit.form("step", {})
    return {
        "service": service,
        "control": control,
        "content": content,
        "state": state_chip(words, control["state"]),
        "does": action_text(words, content["action"]),
        "when": condition_text(words, content["condition"]),
        "conflicts": [conflict_line(visit, service, public_form(each)) for each in saved.conflicts],
        "history": [_line(visit, each) for each in saved.history],
        "may_write": visit.may(*WRITERS),
    }


async def step(visit: Visit, form: StepForm) -> Redirect:
    """Take a step."""
    service = service_in(visit)
    request = pb.StepControlRequest(
        id=visit.path["id"],
        step=step_number(form.step),
        actor=visit.staff.name,
        expected_version=form.version,
        despite_conflicts=form.insist,
    )
    saved = await visit.ask(STEP_CONTROL[service], request)
    await record_change(visit, f"control.{form.step}", saved)
    return Redirect(f"{HERE}/{service}/{saved.control.id}", Flash(f"control_did.{form.step}"))


def conflict_line(visit: Visit, service: str, conflict: dict[str, Any]) -> dict[str, str]:
    """Return a contradiction as a sentence with the address of the other Control."""
    what, position = listed(conflict["product_ids"]), conflict["position"]
    text = visit.words(f"control_conflict.{conflict['kind']}", title=conflict["title"], what=what, position=position)
    return {"text": text, "href": f"{HERE}/{service}/{conflict['control_id']}" if conflict["control_id"] else ""}


def _line(visit: Visit, change: pb.ControlChange) -> tuple[Any, str, str, str]:
    before, after = orjson.loads(change.before_json or b"{}"), orjson.loads(change.after_json or b"{}")
    parts = [
        f"{name}: {_value(before.get(name))} → {_value(value)}" if before else f"{name}: {_value(value)}"
        for name, value in after.items()
    ]
    text = visit.words(f"control_step.{change.step}", who=change.actor or "–", version=change.version)
    tone = {"launch": "good", "pause": "warn", "archive": "bad"}.get(change.step, "")
    return change.time, text, "; ".join(parts), tone


def _value(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(" → ".join(map(str, each)) if isinstance(each, list) else str(each) for each in value)
    text = str(value if value not in (None, "") else "–")
    return text if len(text) <= VALUE_LIMIT else text[:VALUE_LIMIT] + "…"


PAGE: Final = Page(
    path="/controls/{service}/{id}",
    roles=READERS,
    title="controls.one",
    template="controls/show.html",
    show=show,
    forms=(Form("step", StepForm, step, WRITERS),),
)
