"""Everybody who can sign in, and making another account."""

from typing import Annotated, Final, Literal

from pydantic import Field

from gateway.console.cells import Cell, Chip, Column, Link, Moment, Table
from gateway.console.pages import ROOT, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.staff.accounts import NewAccount
from gateway.staff.members import NAME_LIMIT, StaffMember, in_order

HERE: Final = f"{ROOT}/staff"
ADMINS: Final = frozenset({StaffRole.ADMIN})
RoleWords = Annotated[tuple[StaffRole, ...], Field(min_length=1, max_length=len(StaffRole))]


class NewForm(FormModel):
    """What an account is made of; it has no field for a password."""

    id: Annotated[str, Field(min_length=1, max_length=40)]
    name: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]
    roles: RoleWords
    language: Literal["zh", "en"] | None = None


async def show(visit: Visit) -> View:
    """Show all accounts."""
    members = await visit.parts.staff.members.list()
    wanted = visit.choice("role", {role.value: role for role in StaffRole})
    shown = [each for each in members if not wanted or wanted in each.roles]
    visit.form("new", {"roles": ()})
    return {
        "people": Table("people", _columns(visit), shown, total=len(shown)),
        "roles": role_options(visit),
        "live_admins": sum(each.is_live_admin for each in members),
    }


async def create(visit: Visit, form: NewForm) -> Redirect:
    """Make an account and say its one-time password this once."""
    wanted = NewAccount(form.id, form.name, tuple(form.roles), form.language or "")
    member, text = await visit.parts.staff.accounts.create(visit.staff, wanted)
    return Redirect(f"{HERE}/{member.id}", Flash("people.made", {"name": member.name, "password": text}, "info"))


def role_options(visit: Visit) -> list[tuple[str, str]]:
    """Return the roles as a form offers them."""
    return [(role.value, visit.words(f"role.{role.value}")) for role in StaffRole]


def state_chip(visit: Visit, member: StaffMember) -> Chip:
    """Return an account's state in one word."""
    if member.disabled:
        return Chip(visit.words("people.disabled"), "bad")
    if member.must_change:
        return Chip(visit.words("people.one_time"), "warn")
    return Chip(visit.words("people.active"), "good")


def _columns(visit: Visit) -> tuple[Column, ...]:
    def roles(member: StaffMember) -> Cell:
        return [Chip(visit.words(f"role.{role.value}")) for role in in_order(member.roles)]

    return (
        Column("people.name", lambda each: Link(each.name, f"{HERE}/{each.id}", each.id), wide=True),
        Column("people.roles", roles),
        Column("people.state", lambda each: state_chip(visit, each)),
        Column("people.signed_in", lambda each: Moment(each.sign_in_time)),
        Column("people.since", lambda each: Moment(each.create_time)),
    )


PAGE: Final = Page(
    path="/staff",
    roles=ADMINS,
    title="people.title",
    help="people.help",
    template="staff/people.html",
    show=show,
    nav="staff",
    forms=(Form("new", NewForm, create),),
)
