"""One account: edited, reset, disabled, signed out everywhere; and what the person did last."""

from typing import Annotated, Final, Literal

from pydantic import Field

from gateway.console.areas.staff.audit import entry_columns
from gateway.console.areas.staff.people import ADMINS, HERE, RoleWords, role_options, state_chip
from gateway.console.cells import Table
from gateway.console.pages import Flash, Form, FormModel, Page, Redirect, View
from gateway.console.visit import Visit
from gateway.staff.accounts import Edit
from gateway.staff.audit import AuditFilter
from gateway.staff.members import NAME_LIMIT, in_order
from services.chassis.errors import InvalidArgumentError

TRAIL_LENGTH: Final = 10


class EditForm(FormModel):
    """What may be changed; the sign-in name and the password may not."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]
    roles: RoleWords
    language: Literal["zh", "en"] | None = None


class Nothing(FormModel):
    """A button."""


async def show(visit: Visit) -> View:
    """Show the account."""
    staff = visit.parts.staff
    member = await staff.members.read(visit.path["id"])
    roles = [role.value for role in in_order(member.roles)]
    visit.form("edit", {"name": member.name, "roles": roles, "language": member.language}, version=member.version)
    sessions = await staff.sessions.of(member)
    trail = await staff.audit.page(AuditFilter(actor=member.actor), size=TRAIL_LENGTH)
    return {
        "person": member,
        "state": state_chip(visit, member),
        "roles": role_options(visit),
        "session_count": len(sessions),
        "own": member.id == visit.staff.id,
        "trail": Table("trail", entry_columns(visit), trail.entries),
    }


async def edit(visit: Visit, form: EditForm) -> Redirect:
    """Save, unless somebody else did meanwhile."""
    changes = Edit(name=form.name, roles=tuple(form.roles), language=form.language or "")
    member = await visit.parts.staff.accounts.edit(
        visit.staff, visit.path["id"], changes, expected_version=visit.expected_version
    )
    return Redirect(f"{HERE}/{member.id}", Flash("people.saved"))


async def reset(visit: Visit, _form: Nothing) -> Redirect:
    """Give a one-time password and say it this once."""
    member, text = await visit.parts.staff.accounts.reset(visit.staff, visit.path["id"])
    return Redirect(f"{HERE}/{member.id}", Flash("people.made", {"name": member.name, "password": text}, "info"))


async def disable(visit: Visit, _form: Nothing) -> Redirect:
    """Take the account away."""
    if visit.path["id"] == visit.staff.id:
        raise InvalidArgumentError("nobody disables their own account")
    member = await visit.parts.staff.accounts.disable(visit.staff, visit.path["id"])
    return Redirect(f"{HERE}/{member.id}", Flash("people.taken_away", {"name": member.name}))


async def enable(visit: Visit, _form: Nothing) -> Redirect:
    """Give it back."""
    member = await visit.parts.staff.accounts.enable(visit.staff, visit.path["id"])
    return Redirect(f"{HERE}/{member.id}", Flash("people.given_back", {"name": member.name}))


async def end_all(visit: Visit, _form: Nothing) -> Redirect:
    """End every session of the account."""
    member = await visit.parts.staff.accounts.sign_out_everywhere(visit.staff, visit.path["id"])
    return Redirect(f"{HERE}/{member.id}", Flash("people.signed_out", {"name": member.name}))


PAGE: Final = Page(
    path="/staff/{id}",
    roles=ADMINS,
    title="people.title",
    template="staff/person.html",
    show=show,
    forms=(
        Form("edit", EditForm, edit),
        Form("reset", Nothing, reset),
        Form("disable", Nothing, disable),
        Form("enable", Nothing, enable),
        Form("end_all", Nothing, end_all),
    ),
    example={"id": "demo-desk"},
)
