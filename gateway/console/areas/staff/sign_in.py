"""Signing in and out. The pages are for everybody; the session's cookie is set and taken away here alone."""

from typing import Annotated, Final

from pydantic import Field

from gateway.console.areas.staff.browser import host_of, refuse_insecure, sent_session_id, way_back, where_of
from gateway.console.pages import ROOT, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.preferences import LANGUAGE_COOKIE, YEAR_S, cookie
from gateway.console.visit import Visit
from gateway.staff.cookies import ended_cookies, session_cookie
from gateway.staff.sessions import StaffSession


class SignIn(FormModel):
    """Who, and the proof."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    password: Annotated[str, Field(min_length=1, max_length=1_000)]


class Nothing(FormModel):
    """A button."""


async def show(visit: Visit) -> View | Redirect:
    """Show the form; who is signed in goes on."""
    if visit.member is not None:
        return way_back(visit)
    visit.form("sign_in")
    return {}


async def sign_in(visit: Visit, form: SignIn) -> Redirect:
    """Begin a session under a fresh id, in the language of the account."""
    refuse_insecure(visit)
    staff = visit.parts.staff
    session_id = await staff.accounts.sign_in(
        form.name, form.password, where_of(visit), former_session=sent_session_id(visit)
    )
    visit.headers.append(session_cookie(session_id, host=host_of(visit)))
    member = await staff.members.get(form.name.strip().lower())
    if member is not None and member.language:
        visit.headers.append(cookie(LANGUAGE_COOKIE, member.language, life_s=YEAR_S, secure=visit.secure))
    return way_back(visit)


async def show_sign_out(_visit: Visit) -> Redirect:
    """A link signs nobody out."""
    return Redirect(ROOT)


async def sign_out(visit: Visit, _form: Nothing) -> Redirect:
    """End this session."""
    if isinstance(visit.member, StaffSession):
        await visit.parts.staff.accounts.sign_out(visit.member, sent_session_id(visit))
    visit.headers.extend(ended_cookies(host_of(visit)))
    return Redirect(f"{ROOT}/sign-in", Flash("sign_in.out"))


PAGE: Final = Page(
    path="/sign-in",
    roles=frozenset(),
    title="sign_in.title",
    template="staff/sign-in.html",
    show=show,
    forms=(Form("sign_in", SignIn, sign_in),),
)
SIGN_OUT_PAGE: Final = Page(
    path="/sign-out",
    roles=frozenset(),
    title="frame.sign_out",
    template="staff/sign-in.html",
    show=show_sign_out,
    forms=(Form("sign_out", Nothing, sign_out),),
)
