"""What the pages of sign-in need to know of the browser: where it is, what it keeps, where it may go on to."""

from typing import Final
from urllib.parse import urlsplit

from gateway.console.pages import ROOT, Redirect
from gateway.console.visit import Visit
from gateway.middleware.record import headers_of
from gateway.staff.accounts import Where
from gateway.staff.cookies import session_id_of
from gateway.staff.errors import InsecureConnectionError
from gateway.staff.sessions import StaffSession

NEXT_LIMIT: Final = 2_000


def host_of(visit: Visit) -> str:
    """Return the host that the browser asked."""
    return visit.request.headers.get("host", "")


def where_of(visit: Visit) -> Where:
    """Return where the request came from, for the person to recognise."""
    client = visit.request.client
    return Where(client.host if client is not None else "", visit.request.headers.get("user-agent", ""))


def sent_session_id(visit: Visit) -> str:
    """Return the session id that the browser sent, live or not."""
    return session_id_of(headers_of(visit.request.scope).get(b"cookie", b""))


def session_of(visit: Visit) -> StaffSession:
    """Return the session behind a page that asks for one."""
    session = visit.staff
    assert isinstance(session, StaffSession), "the console's sessions are the gateway's own"
    return session


def way_back(visit: Visit) -> Redirect:
    """Return where the sign-in leads: what ``next`` names inside the console, else the start page."""
    wanted = visit.query.get("next", "")[:NEXT_LIMIT]
    try:
        # A backslash is a slash to browsers, and what is no printable text is nobody's address.
        return Redirect(wanted if wanted.isprintable() and "\\" not in wanted else ROOT)
    except ValueError:
        return Redirect(ROOT)


def refuse_insecure(visit: Visit) -> None:
    """Raise InsecureConnectionError for plain HTTP from another machine: no browser would keep the cookie."""
    scheme = urlsplit(visit.request.headers.get("origin", "")).scheme
    if scheme == "http" and visit.secure:
        raise InsecureConnectionError("sign in over HTTPS: on plain HTTP the password would travel in the clear")
