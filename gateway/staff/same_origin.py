"""Refuses writes to the console that do not come from the console: cross-site forms, other ports, missing headers.

SameSite=Lax keeps the cookie off cross-site posts, yet another port of the same host is the same site. Browsers say
where a request comes from: Sec-Fetch-Site on HTTPS and this machine, else Origin, held against the public address.
"""

from collections.abc import Awaitable, Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.middleware.record import headers_of
from gateway.staff.errors import CrossSiteRequestError

CONSOLE: Final = "/console"
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PORTS: Final = {"http": 80, "https": 443}


class SameOriginMiddleware:
    """Stands before the pages; what the API serves is asked with keys and never reads a cookie."""

    def __init__(self, app: ASGIApp, *, public_url: str = "") -> None:
        self._app, self._public = app, _origin(public_url)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Return the application's own awaitable. Raises CrossSiteRequestError."""
        if scope["type"] == "http" and scope["method"] not in _READS and _is_console(scope["path"]):
            check_same_origin(headers_of(scope), public=self._public)
        return self._app(scope, receive, send)


def check_same_origin(headers: Mapping[bytes, bytes], *, public: tuple[str, int] | None) -> None:
    """Raise CrossSiteRequestError unless the request was made by a page of this origin."""
    fetch_site = headers.get(b"sec-fetch-site", b"").decode("latin-1")
    origin = headers.get(b"origin", b"").decode("latin-1")
    if fetch_site and fetch_site != "same-origin":
        raise CrossSiteRequestError("this request came from another site", fetch_site=fetch_site[:20])
    if fetch_site:
        return
    said = _origin(origin)
    if said is None:
        raise CrossSiteRequestError("this request does not say which page it came from")
    host = headers.get(b"host", b"").decode("latin-1")
    # Behind a proxy without a public address the scheme that the browser saw is not known here: Origin says it.
    own = public or _origin(f"{urlsplit(origin).scheme}://{host}")
    if said != own:
        raise CrossSiteRequestError("this request came from another host or port; see ZHIKE_GATEWAY_CONSOLE_URL")


def _origin(address: str) -> tuple[str, int] | None:
    """Return host and port of an http(s) address; None for anything else ("null", "")."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname.lower(), port) if parts.hostname and port and parts.scheme in _PORTS else None


def _is_console(path: str) -> bool:
    return path == CONSOLE or path.startswith(f"{CONSOLE}/")
