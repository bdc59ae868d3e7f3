"""The trail of what staff did: filtered by person, thing and day, written as CSV."""

from typing import Final
from urllib.parse import quote

import orjson

from gateway.console.cells import Cell, Column, Link, Moment, Table
from gateway.console.pages import ROOT, Page, View
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.staff.audit import OPERATOR, AuditEntry, AuditFilter

HERE: Final = f"{ROOT}/audit"
VALUE_LIMIT: Final = 80  # characters of one value on the page
THING_LIMIT: Final = 200


async def show(visit: Visit) -> View:
    """Show the latest entries that the filters leave."""
    staff = visit.parts.staff
    token, size = visit.cursor("trail"), visit.page_size("trail")
    found = await staff.audit.page(_filter(visit), size=size, token=token)
    members = await staff.members.list()
    people = [(OPERATOR, visit.words("audit.operator")), *((each.actor, each.name) for each in members)]
    return {"trail": Table("trail", entry_columns(visit), found.entries, found.next_page_token), "people": people}


def entry_columns(visit: Visit) -> tuple[Column, ...]:
    """Return the columns of entries, for the trail and for a person's page."""

    def what(entry: AuditEntry) -> str:
        key = f"audit.action.{entry.action}"
        return visit.words(key) if visit.words.has(key) else entry.action

    def thing(entry: AuditEntry) -> Cell:
        return Link(entry.thing, f"{HERE}?thing={quote(entry.thing, safe='')}")

    return (
        Column("audit.time", lambda each: Moment(each.time, relative=False)),
        Column("audit.actor", lambda each: Link(each.actor, f"{HERE}?who={quote(each.actor, safe='')}")),
        Column("audit.what", what),
        Column("audit.thing", thing),
        Column("audit.changes", changes_of, wide=True),
    )


def changes_of(entry: AuditEntry) -> str:
    """Return what differs between before and after: "name: Li → Li Na"."""
    before, after = entry.before or {}, entry.after or {}
    said = []
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was != now:
            said.append(f"{name}: {_value(was)} → {_value(now)}" if name in before else f"{name}: {_value(now)}")
    return "; ".join(said)


def _value(value: object) -> str:
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        text = ", ".join(value)
    else:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= VALUE_LIMIT else f"{text[:VALUE_LIMIT]}…"


def _filter(visit: Visit) -> AuditFilter:
    thing = visit.text("thing", THING_LIMIT)
    named = ":" in thing
    return AuditFilter(
        actor=visit.text("who", THING_LIMIT),
        thing=thing if named else "",
        kind="" if named else thing,
        start=visit.day("from"),
        end=visit.day("to", 1),
    )


PAGE: Final = Page(
    path="/audit",
    roles=frozenset({StaffRole.ADMIN}),
    title="audit.title",
    help="audit.help",
    template="staff/audit.html",
    show=show,
    nav="audit",
)
