"""A person's own account: password, language, sessions."""

from collections.abc import Callable
from typing import Annotated, Final, Literal

from pydantic import Field

from gateway.console.areas.staff.browser import host_of, session_of, way_back, where_of
from gateway.console.cells import Act, Cell, Chip, Column, Moment, Stacked, Table
from gateway.console.pages import ROOT, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.preferences import LANGUAGE_COOKIE, YEAR_S, cookie
from gateway.console.staffing import EVERYBODY
from gateway.console.visit import Visit
from gateway.staff.accounts import Edit
from gateway.staff.cookies import ended_cookies, session_cookie
from gateway.staff.errors import PasswordUnfitError, SignInFailedError, SignInRequiredError
from gateway.staff.sessions import StaffSession, StoredSession
from services.chassis.errors import NotFoundError

HERE: Final = f"{ROOT}/account"
Password = Annotated[str, Field(min_length=1, max_length=1_000)]


class LanguageForm(FormModel):
    """The language to sign in to; none follows the browser."""

    language: Literal["zh", "en"] | None = None


class PasswordForm(FormModel):
    """The old password, and the new one twice."""

    old_password: Password
    password: Password
    repeat_password: Password


class SessionForm(FormModel):
    """One session, by its handle."""

    handle: Annotated[str, Field(min_length=1, max_length=64)]


class Nothing(FormModel):
    """A button."""


async def show(visit: Visit) -> View:
    """Show the account and its sessions, the one that looks marked."""
    session = session_of(visit)
    member = await visit.parts.staff.members.read(session.id)
    sessions = await visit.parts.staff.sessions.of(member)
    visit.form("language", {"language": member.language}, version=member.version)
    visit.form("password")
    return {"account": member, "sessions": Table("sessions", _columns(visit, session.handle), sessions)}


def _columns(visit: Visit, own: str) -> tuple[Column, ...]:
    def state(each: StoredSession) -> Cell:
        if each.handle == own:
            return Chip(visit.words("account.this"), "good")
        return Act("end", "account.end", {"handle": each.handle})

    browser: Callable[[StoredSession], Cell] = lambda each: Stacked(each.address or "–", each.agent)  # noqa: E731
    return (
        Column("account.where", browser, wide=True),
        Column("account.since", lambda each: Moment(each.start_time)),
        Column("account.seen", lambda each: Moment(each.seen_time)),
        Column("", state, export=False),
    )


async def keep_language(visit: Visit, form: LanguageForm) -> Redirect:
    """Keep the language with the account, and use it from here on."""
    session = session_of(visit)
    language = form.language or ""
    await visit.parts.staff.accounts.edit(session, session.id, Edit(language=language))
    if language:
        visit.headers.append(cookie(LANGUAGE_COOKIE, language, life_s=YEAR_S, secure=visit.secure))
    return Redirect(HERE, Flash("account.kept"))


async def end_one(visit: Visit, form: SessionForm) -> Redirect:
    """End another of the person's own sessions. Raises NotFoundError for anybody else's."""
    session = session_of(visit)
    member = await visit.parts.staff.members.read(session.id)
    if not await visit.parts.staff.sessions.end_one(member, form.handle):
        raise NotFoundError("this session has ended already", resource="session")
    await visit.parts.staff.audit.record(session, "staff.end-session", "staff", session.id)
    return Redirect(HERE, Flash("account.ended"))


async def end_all(visit: Visit, _form: Nothing) -> Redirect:
    """Sign out in every browser, this one too."""
    session = session_of(visit)
    await visit.parts.staff.accounts.sign_out_everywhere(session, session.id)
    visit.headers.extend(ended_cookies(host_of(visit)))
    return Redirect(f"{ROOT}/sign-in", Flash("sign_in.out_everywhere"))


async def change_password(visit: Visit, form: PasswordForm) -> Redirect:
    """Take a new password; every other session ends, this browser goes on under a fresh id."""
    session = visit.member
    if not isinstance(session, StaffSession):
        raise SignInRequiredError("sign in first")
    if form.password != form.repeat_password:
        raise PasswordUnfitError("the two differ", field="repeat_password", rule="repeat")
    try:
        session_id = await visit.parts.staff.accounts.change_password(
            session, form.old_password, form.password, where_of(visit)
        )
    except SignInFailedError as error:
        raise SignInFailedError(error.message, field="old_password") from None
    visit.headers.append(session_cookie(session_id, host=host_of(visit)))
    return Redirect(way_back(visit).location, Flash("account.changed"))


async def show_password(visit: Visit) -> View | Redirect:
    """Show the form that a one-time password leads to; who is not signed in signs in first."""
    if visit.member is None:
        return Redirect(f"{ROOT}/sign-in?next={ROOT}/password")
    visit.form("password")
    return {}


PAGE: Final = Page(
    path="/account",
    roles=EVERYBODY,
    title="account.title",
    help="account.help",
    template="staff/account.html",
    show=show,
    forms=(
        Form("language", LanguageForm, keep_language),
        Form("end", SessionForm, end_one),
        Form("end_all", Nothing, end_all),
    ),
)
PASSWORD_PAGE: Final = Page(
    path="/password",
    roles=frozenset(),
    title="account.new_password",
    template="staff/password.html",
    show=show_password,
    forms=(Form("password", PasswordForm, change_password),),
)
