"""The cases: which wait for an answer, by their clock, whose they are; and opening one for who calls."""

from typing import Annotated, Final, Literal

from pydantic import Field
from zhike.knowledge.v1 import case_pb2
from zhike.knowledge.v1 import case_service_pb2 as pb

from gateway.console.areas.desk.wording import (
    CHANNELS,
    DESK,
    case_link,
    clock_chip,
    facts_of,
    kind_chip,
    options,
    person,
    state_chip,
)
from gateway.console.cells import Column, Moment, Table
from gateway.console.pages import Flash, Form, FormModel, Page, Redirect, View
from gateway.console.visit import Visit
from gateway.desk_clients import COUNT_CASES, CREATE_CASE, LIST_CASES
from gateway.routers.cases import KINDS, kind_number

NOBODY: Final = "-"
VIEWS: Final = ("open", "unassigned", "mine", "answered", "closed", "all")
_STATES: Final = {
    "open": case_pb2.CASE_STATE_OPEN,
    "unassigned": case_pb2.CASE_STATE_OPEN,
    "mine": case_pb2.CASE_STATE_OPEN,
    "answered": case_pb2.CASE_STATE_ANSWERED,
    "closed": case_pb2.CASE_STATE_CLOSED,
}


class NewCaseForm(FormModel):
    """A case that somebody at the desk takes down."""

    customer: Annotated[str, Field(min_length=3, max_length=260)]
    kind: Literal["complaint", "question", "suggestion"]
    channel: Literal["phone", "web", "app", "store", "social"]
    order_number: Annotated[str, Field(max_length=64)] = ""
    product_id: Annotated[str, Field(max_length=128)] = ""
    title: Annotated[str, Field(max_length=200)] = ""
    text: Annotated[str, Field(min_length=1, max_length=8_000)]


def case_columns(visit: Visit) -> tuple[Column, ...]:
    """Return the columns of a table of cases."""
    return (
        Column("cases.case", lambda case: case_link(visit, case), wide=True),
        Column("cases.kind_is", lambda case: kind_chip(visit, case)),
        Column("cases.clock", lambda case: clock_chip(visit, case)),
        Column("cases.state_is", lambda case: state_chip(visit, case)),
        Column("cases.owner", lambda case: person(visit, case.owner) or None),
        Column("cases.opened", lambda case: Moment(case.opened_time)),
    )


async def show(visit: Visit) -> View:
    """Show one view of the cases."""
    standing = await visit.once("standing", lambda: visit.ask(COUNT_CASES, pb.CountCasesRequest()))
    counts = {
        "open": standing.open,
        "unassigned": standing.unassigned,
        "answered": standing.answered,
        "closed": standing.closed,
    }
    chosen = visit.choice("view", dict.fromkeys(VIEWS), "open")
    kind = visit.choice("kind", dict.fromkeys(KINDS))
    owner = {"mine": visit.staff.actor, "unassigned": NOBODY}.get(chosen, "")
    listed = await visit.ask(
        LIST_CASES,
        pb.ListCasesRequest(
            state=_STATES.get(chosen, case_pb2.CASE_STATE_UNSPECIFIED),
            owner=owner,
            kind=kind_number(kind),
            page_size=visit.page_size("cases"),
            page_token=visit.cursor("cases"),
        ),
    )
    visit.form("new", {"channel": "phone", "kind": "complaint", "customer": visit.text("customer")})
    return {
        "standing": standing,
        # The desk is counted over all kinds: beside cases of one of them the numbers would mislead.
        "tabs": [(view, visit.words(f"cases.view.{view}"), None if kind else counts.get(view)) for view in VIEWS],
        "chosen": chosen,
        "kinds": options(visit, "cases.kind", KINDS),
        "channels": options(visit, "cases.channel", CHANNELS),
        "cases": Table(
            "cases",
            case_columns(visit),
            listed.cases,
            listed.next_page_token,
            empty="cases.none",
            empty_hint="cases.none_hint",
        ),
    }


async def create(visit: Visit, form: NewCaseForm) -> Redirect:
    """Open a case."""
    case = await visit.ask(
        CREATE_CASE,
        pb.CreateCaseRequest(
            kind=kind_number(form.kind),
            customer=form.customer,
            shop=visit.shop,
            channel=form.channel,
            order_number=form.order_number,
            product_id=form.product_id,
            title=form.title,
            text=form.text,
            actor=visit.staff.actor,
            request_id=f"{visit.staff.actor}/{visit.submit_id}",
        ),
    )
    await visit.record("case.open", "case", case.id, after=facts_of(kind=form.kind, channel=form.channel))
    return Redirect(visit.link("/cases/{id}", id=case.id), Flash("cases.created"))


PAGE: Final = Page(
    path="/cases",
    roles=DESK,
    title="cases.page",
    help="cases.help",
    template="desk/cases.html",
    show=show,
    nav="cases",
    forms=(Form("new", NewCaseForm, create),),
    topics=("cases",),
    counts="cases",
)
