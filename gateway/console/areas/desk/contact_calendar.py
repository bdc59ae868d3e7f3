"""The calendar of contacts: each day's, what is overdue, planning a class; and one contact with what came of it."""

from datetime import date, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field
from zhike.knowledge.v1 import contact_pb2
from zhike.knowledge.v1 import contact_service_pb2 as pb

from gateway.console.areas.desk.wording import (
    DESK,
    OUTCOMES,
    contact_state,
    customer_link,
    facts_of,
    options,
    person,
    way_of,
)
from gateway.console.cells import Chip, Column, Link, Moment, Table
from gateway.console.pages import Flash, Form, FormModel, Page, Redirect, View
from gateway.console.visit import Visit
from gateway.desk_clients import (
    CANCEL_CONTACT,
    COMPLETE_CONTACT,
    COUNT_CONTACT_DAYS,
    GET_CONTACT,
    LIST_CONTACTS,
    MOVE_CONTACT,
    PLAN_CONTACTS,
)

DAYS_BACK: Final = 28
DAYS_SHOWN: Final = 84
STRIP_DAYS: Final = 14
OVERDUE: Final = "overdue"
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class PlanForm(FormModel):
    """A class to plan for."""

    abc_class: Literal["A", "B", "C"]


class CompleteForm(FormModel):
    """What came of it."""

    outcome: Literal["reached", "not-reached", "declined"]
    note: Annotated[str, Field(max_length=2_000)] = ""


class MoveForm(FormModel):
    """Another day or other hands."""

    day: Day
    owner: Annotated[str, Field(max_length=128)] = ""


class CancelForm(FormModel):
    """Why it is taken off."""

    note: Annotated[str, Field(max_length=2_000)] = ""


def contact_columns(visit: Visit, *, with_customer: bool = True) -> tuple[Column, ...]:
    """Return the columns of a table of contacts."""

    def link(contact: contact_pb2.Contact) -> Link:
        way = visit.words(f"contacts.way.{way_of(contact)}")
        return Link(way, visit.link("/contacts/{id}", id=contact.id), contact.note[:80])

    columns = (
        Column("contacts.contact", link, wide=True),
        Column("contacts.day", lambda contact: date.fromisoformat(contact.day)),
        Column("contacts.state_is", lambda contact: contact_state(visit, contact)),
        Column("contacts.owner", lambda contact: person(visit, contact.done_by or contact.owner) or None),
        Column("contacts.class", lambda contact: Chip(contact.abc_class) if contact.abc_class else None),
    )
    customer = Column("contacts.customer", lambda contact: customer_link(visit, contact.customer))
    return (columns[0], customer, *columns[1:]) if with_customer else columns


async def show(visit: Visit) -> View:
    """Show the calendar and one day of it."""
    today = visit.formats.local(visit.parts.clock.now()).date()
    first = today - timedelta(days=today.weekday() + DAYS_BACK)
    days = pb.CountContactDaysRequest(first_day=first.isoformat(), days=DAYS_SHOWN)
    counted = await visit.once("days", lambda: visit.ask(COUNT_CONTACT_DAYS, days))
    today = date.fromisoformat(counted.today)
    chosen = visit.text("day", 10) or today.isoformat()
    is_overdue = chosen == OVERDUE
    listed = await visit.ask(
        LIST_CONTACTS,
        pb.ListContactsRequest(
            day="" if is_overdue else chosen,
            page_size=visit.page_size("contacts"),
            page_token=visit.cursor("contacts"),
        ),
    )
    ahead = [day for day in counted.days if day.day >= counted.today][:STRIP_DAYS]
    by_day = {day.day: day for day in counted.days}
    here = by_day.get(chosen)
    visit.form("plan", {"abc_class": "A"})
    return {
        "first": first,
        "values": [day.planned + day.done for day in counted.days],
        "tabs": [
            (OVERDUE, visit.words("contacts.overdue"), counted.overdue),
            *(
                (day.day, visit.formats.short_day(date.fromisoformat(day.day)), day.planned or None)
                for day in ahead
                if day.workday or day.planned or day.day == counted.today
            ),
        ],
        "chosen": chosen,
        "title": visit.words("contacts.overdue") if is_overdue else visit.formats.day(date.fromisoformat(chosen)),
        "day": here,
        "figures": [
            (
                visit.words("contacts.today"),
                visit.formats.number(by_day[counted.today].planned if counted.today in by_day else 0),
                "",
            ),
            (
                visit.words("contacts.overdue"),
                visit.formats.number(counted.overdue),
                "",
                "bad" if counted.overdue else "",
            ),
            (visit.words("contacts.week"), visit.formats.number(sum(day.planned for day in ahead[:7])), ""),
            (
                visit.words("contacts.done"),
                visit.formats.number(sum(day.done for day in counted.days)),
                visit.words("contacts.done_hint"),
            ),
        ],
        "contacts": Table(
            "contacts", contact_columns(visit), listed.contacts, listed.next_page_token, empty="contacts.none_day"
        ),
    }


async def plan(visit: Visit, form: PlanForm) -> Redirect:
    """Plan contacts for a class."""
    request = pb.PlanContactsRequest(abc_class=form.abc_class, shop=visit.shop, actor=visit.staff.actor)
    planned = await visit.ask(PLAN_CONTACTS, request)
    await visit.record("contact.plan_class", "class", form.abc_class, after={"planned": planned.planned})
    values = {"count": planned.planned, "had": planned.had_one, "no": planned.not_consented + planned.not_reachable}
    return Redirect(visit.link("/contacts"), Flash("contacts.class_planned", values))


async def show_one(visit: Visit) -> View:
    """Show one contact."""
    contact = await visit.ask(GET_CONTACT, pb.GetContactRequest(id=visit.path["id"]))
    visit.form("complete", {"outcome": "declined" if contact.blocked else "reached"}, version=contact.version)
    visit.form("move", {"day": contact.day, "owner": contact.owner.removeprefix("staff:")}, version=contact.version)
    visit.form("cancel", version=contact.version)
    words = visit.words
    facts: list[tuple[str, object]] = [
        (words("contacts.customer"), customer_link(visit, contact.customer)),
        (words("contacts.day"), date.fromisoformat(contact.day)),
        (words("contacts.owner"), person(visit, contact.owner) or words("cases.nobody")),
        (words("contacts.planned_by"), person(visit, contact.planned_by)),
        (words("contacts.planned_at"), Moment(contact.planned_time, relative=False)),
    ]
    if contact.done_by:
        facts += [
            (words("contacts.done_by"), person(visit, contact.done_by)),
            (words("contacts.done_at"), Moment(contact.done_time, relative=False)),
        ]
    return {
        "contact": contact,
        "way": words(f"contacts.way.{way_of(contact)}"),
        "state": contact_state(visit, contact),
        "is_planned": contact.state == contact_pb2.CONTACT_STATE_PLANNED,
        "outcomes": options(visit, "contacts.outcome", ("declined",) if contact.blocked else OUTCOMES),
        "facts": facts,
    }


async def complete(visit: Visit, form: CompleteForm) -> Redirect:
    """Keep what came of it."""
    outcome = f"CONTACT_OUTCOME_{form.outcome.upper().replace('-', '_')}"
    request = pb.CompleteContactRequest(
        deed=_deed(visit), outcome=contact_pb2.ContactOutcome.Value(outcome), note=form.note
    )
    answer = await visit.ask(COMPLETE_CONTACT, request)
    before, after = {"state": "planned"}, {"state": "done", "outcome": form.outcome}
    await visit.record("contact.complete", "contact", answer.contact.id, before=before, after=after)
    if answer.HasField("next"):
        day = visit.formats.day(date.fromisoformat(answer.next.day))
        return _back(visit, Flash("contacts.completed_next", {"day": day}))
    return _back(visit, Flash("contacts.completed"))


async def move(visit: Visit, form: MoveForm) -> Redirect:
    """Give it another day or other hands."""
    owner = f"staff:{form.owner.removeprefix('staff:')}" if form.owner else "-"
    request = pb.MoveContactRequest(deed=_deed(visit), day=form.day, owner=owner)
    was = await visit.ask(GET_CONTACT, pb.GetContactRequest(id=visit.path["id"]))
    contact = await visit.ask(MOVE_CONTACT, request)
    before, after = (facts_of(day=each.day, owner=each.owner) for each in (was, contact))
    await visit.record("contact.move", "contact", contact.id, before=before, after=after)
    return _back(visit, Flash("contacts.moved"))


async def cancel(visit: Visit, form: CancelForm) -> Redirect:
    """Take it off the calendar."""
    contact = await visit.ask(CANCEL_CONTACT, pb.CancelContactRequest(deed=_deed(visit), note=form.note))
    before, after = {"state": "planned"}, {"state": "cancelled"}
    await visit.record("contact.cancel", "contact", contact.id, before=before, after=after)
    return _back(visit, Flash("contacts.cancelled"))


def _deed(visit: Visit) -> pb.ContactDeed:
    return pb.ContactDeed(id=visit.path["id"], actor=visit.staff.actor, expected_version=visit.expected_version)


def _back(visit: Visit, flash: Flash) -> Redirect:
    return Redirect(visit.link("/contacts/{id}", id=visit.path["id"]), flash)


PAGE: Final = Page(
    path="/contacts",
    roles=DESK,
    title="contacts.page",
    help="contacts.help",
    template="desk/contacts.html",
    show=show,
    nav="calendar",
    forms=(Form("plan", PlanForm, plan),),
)
ONE_PAGE: Final = Page(
    path="/contacts/{id}",
    roles=DESK,
    title="contacts.one",
    help="contacts.one_help",
    template="desk/contact.html",
    show=show_one,
    forms=(Form("complete", CompleteForm, complete), Form("move", MoveForm, move), Form("cancel", CancelForm, cancel)),
)
