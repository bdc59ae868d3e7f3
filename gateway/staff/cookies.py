"""The session's cookie: ``__Host-`` over HTTPS, so that no neighbour host and no plain page can set or read it.

Browsers keep such a cookie only from HTTPS. On this machine itself (http://localhost) it has a plain name instead.
"""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

SECURE_NAME: Final = "__Host-zhike-staff"
LOOPBACK_NAME: Final = "zhike-staff"
COOKIE_LIMIT: Final = 8_192  # bytes of the header that are read
_SESSION_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def session_id_of(header: bytes) -> str:
    """Return the session id in a Cookie header, "" without one. Of both names the secure one is believed."""
    found = {LOOPBACK_NAME: "", SECURE_NAME: ""}
    for part in header[:COOKIE_LIMIT].decode("latin-1").split(";"):
        name, _, value = part.strip().partition("=")
        if name in found and not found[name] and _SESSION_ID.fullmatch(value):
            found[name] = value
    return found[SECURE_NAME] or found[LOOPBACK_NAME]


def session_cookie(session_id: str, *, host: str) -> tuple[bytes, bytes]:
    """Return Set-Cookie for a session. It has no end of its own: the browser's end, or the server's, ends it."""
    return _set_cookie(host, session_id)


def ended_cookies(host: str) -> tuple[tuple[bytes, bytes], ...]:
    """Return what takes the cookie away."""
    return (_set_cookie(host, "", "; Max-Age=0"),)


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine, which browsers trust without HTTPS."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or name.endswith(".localhost") or ip_address(name).is_loopback
    except ValueError:
        return False


def _set_cookie(host: str, value: str, end: str = "") -> tuple[bytes, bytes]:
    plain = is_loopback(host)
    name, secure = (LOOPBACK_NAME, "") if plain else (SECURE_NAME, "; Secure")
    return b"set-cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{end}".encode("latin-1")
