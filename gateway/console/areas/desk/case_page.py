"""One case: what was said, the clock, whose it is; replying, noting, handing over, closing, opening again."""

from typing import Annotated, Final, Literal

from pydantic import Field
from zhike.knowledge.v1 import case_pb2
from zhike.knowledge.v1 import case_service_pb2 as pb

from gateway.console.areas.desk.wording import (
    CAUSES,
    DESK,
    clock_chip,
    customer_link,
    facts_of,
    kind_chip,
    kind_of,
    options,
    person,
    short_id,
    state_chip,
)
from gateway.console.cells import Link, Moment
from gateway.console.pages import Flash, Form, FormModel, Page, Redirect, View
from gateway.console.visit import Visit
from gateway.desk_clients import (
    ASSIGN_CASE,
    CLOSE_CASE,
    GET_CASE,
    NOTE_CASE,
    REOPEN_CASE,
    REPLY_CASE,
    WRITE_CASE,
)
from gateway.public_form import enum_word
from gateway.routers.cases import cause_number

TONES: Final = {"replied": "good", "warned": "warn", "breached": "bad", "wrote": "info"}


class WordsForm(FormModel):
    """Something to say."""

    text: Annotated[str, Field(min_length=1, max_length=8_000)]


class AssignForm(FormModel):
    """Whose it is from now on."""

    owner: Annotated[str, Field(max_length=128)] = ""


class CloseForm(FormModel):
    """How it ends."""

    cause: Literal["expectation-gap", "product-quality", "staff-service"] | None = None
    text: Annotated[str, Field(max_length=8_000)] = ""


class ReopenForm(FormModel):
    """Why it begins again."""

    text: Annotated[str, Field(max_length=8_000)] = ""


async def show(visit: Visit) -> View:
    """Show a case."""
    case = await visit.ask(GET_CASE, pb.GetCaseRequest(id=visit.path["id"]))
    cause = enum_word(case_pb2.CaseCause.DESCRIPTOR, case.cause)
    for name in ("reply", "assign", "close", "reopen"):
        visit.form(name, {"cause": cause, "owner": ""}, version=case.version)
    visit.form("note")
    visit.form("write")
    visit.form("take", version=case.version)
    return {
        "case": case,
        "short_id": short_id(case.id),
        "is_complaint": kind_of(case) == "complaint",
        "chips": [kind_chip(visit, case), state_chip(visit, case), clock_chip(visit, case)],
        "is_open": case.state == case_pb2.CASE_STATE_OPEN,
        "is_closed": case.state == case_pb2.CASE_STATE_CLOSED,
        "is_mine": case.owner == visit.staff.actor,
        "causes": [("", visit.words("cases.cause_choose")), *options(visit, "cases.cause", CAUSES)],
        "entries": [_entry(visit, case, entry) for entry in case.history],
        "facts": _facts(visit, case, cause),
    }


def _entry(visit: Visit, case: case_pb2.Case, entry: case_pb2.CaseEntry) -> dict[str, object]:
    text = case.text if entry.kind == "opened" else entry.text
    detail = ""
    if entry.kind == "assigned":
        detail = person(visit, entry.owner) or visit.words("cases.nobody")
    if entry.kind == "closed" and entry.cause:
        detail = visit.words(f"cases.cause.{enum_word(case_pb2.CaseCause.DESCRIPTOR, entry.cause)}")
    return {
        "time": entry.time,
        "what": visit.words(f"cases.entry.{entry.kind}"),
        "who": person(visit, entry.actor),
        "text": text,
        "detail": detail,
        "tone": TONES.get(entry.kind, ""),
        "is_note": entry.kind == "noted",
    }


def _facts(visit: Visit, case: case_pb2.Case, cause: str) -> list[tuple[str, object]]:
    words = visit.words
    pairs: list[tuple[str, object]] = [
        (words("cases.customer"), customer_link(visit, case.customer)),
        (words("cases.owner"), person(visit, case.owner) or words("cases.nobody")),
        (words("cases.opened"), Moment(case.opened_time, relative=False)),
        (words("cases.due_at"), Moment(case.due_time, relative=False)),
        (
            words("cases.channel_is"),
            words(f"cases.channel.{case.channel}") if words.has(f"cases.channel.{case.channel}") else case.channel,
        ),
        (words("cases.shop"), case.shop),
    ]
    if case.HasField("answered_time"):
        pairs.append((words("cases.answered_at"), Moment(case.answered_time, relative=False)))
    if case.order_number:
        href = visit.link("/orders/{id}", id=case.order_number)
        pairs.append((words("cases.order"), Link(case.order_number, href) if href else case.order_number))
    if case.product_id:
        href = visit.link("/products/{id}", id=case.product_id)
        pairs.append((words("cases.product"), Link(case.product_id, href) if href else case.product_id))
    if cause:
        pairs.append((words("cases.cause_is"), words(f"cases.cause.{cause}")))
    return pairs


async def reply(visit: Visit, form: WordsForm) -> Redirect:
    """Answer the customer."""
    await visit.ask(REPLY_CASE, pb.SayCaseRequest(deed=_deed(visit), text=form.text))
    return await _done(visit, "reply")


async def note(visit: Visit, form: WordsForm) -> Redirect:
    """Keep a note."""
    await visit.ask(NOTE_CASE, pb.SayCaseRequest(deed=_deed(visit), text=form.text))
    return await _done(visit, "note")


async def write(visit: Visit, form: WordsForm) -> Redirect:
    """Take down what the customer says further."""
    deed = _deed(visit)
    deed.actor = "customer"
    await visit.ask(WRITE_CASE, pb.SayCaseRequest(deed=deed, text=form.text))
    return await _done(visit, "write")


async def take(visit: Visit, _form: FormModel) -> Redirect:
    """Take it into one's own hands."""
    return await _assign(visit, visit.staff.actor)


async def assign(visit: Visit, form: AssignForm) -> Redirect:
    """Give it into somebody's hands."""
    owner = f"staff:{form.owner.removeprefix('staff:')}" if form.owner else ""
    return await _assign(visit, owner)


async def close(visit: Visit, form: CloseForm) -> Redirect:
    """End it."""
    request = pb.CloseCaseRequest(deed=_deed(visit), cause=cause_number(form.cause), text=form.text)
    before = await _state(visit)
    await visit.ask(CLOSE_CASE, request)
    return await _done(visit, "close", before, state="closed", cause=form.cause)


async def reopen(visit: Visit, form: ReopenForm) -> Redirect:
    """Begin a new life."""
    before = await _state(visit)
    await visit.ask(REOPEN_CASE, pb.SayCaseRequest(deed=_deed(visit), text=form.text))
    return await _done(visit, "reopen", before, state="open")


def _deed(visit: Visit) -> pb.CaseDeed:
    return pb.CaseDeed(
        id=visit.path["id"],
        actor=visit.staff.actor,
        expected_version=visit.expected_version,
        request_id=f"{visit.staff.actor}/{visit.submit_id}",
    )


async def _assign(visit: Visit, owner: str) -> Redirect:
    case = await visit.ask(GET_CASE, pb.GetCaseRequest(id=visit.path["id"]))
    await visit.ask(ASSIGN_CASE, pb.AssignCaseRequest(deed=_deed(visit), owner=owner))
    return await _done(visit, "assign", {"owner": case.owner or "-"}, owner=owner or "-")


async def _state(visit: Visit) -> dict[str, object]:
    case = await visit.ask(GET_CASE, pb.GetCaseRequest(id=visit.path["id"]))
    return {"state": enum_word(case_pb2.CaseState.DESCRIPTOR, case.state)}


async def _done(visit: Visit, what: str, before: dict[str, object] | None = None, **facts: object) -> Redirect:
    case_id = visit.path["id"]
    await visit.record(f"case.{what}", "case", case_id, before=before, after=facts_of(**facts))
    return Redirect(visit.link("/cases/{id}", id=case_id), Flash(f"cases.did.{what}"))


class Nothing(FormModel):
    """A button."""


PAGE: Final = Page(
    path="/cases/{id}",
    roles=DESK,
    title="cases.one",
    help="cases.one_help",
    template="desk/case.html",
    show=show,
    forms=(
        Form("reply", WordsForm, reply),
        Form("note", WordsForm, note),
        Form("write", WordsForm, write),
        Form("take", Nothing, take),
        Form("assign", AssignForm, assign),
        Form("close", CloseForm, close),
        Form("reopen", ReopenForm, reopen),
    ),
    topics=("cases",),
)
