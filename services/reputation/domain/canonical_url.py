"""Owns the one written form of a web address, so that a page that two sources link to is one page.

RFC 3986, section 6.2 (case, percent-encoding, dot segments, default ports), hosts as IDNA 2008 writes them, and what
marketing adds taken away: parameters that only say how somebody came there. What may name another page stays: the
scheme, "www.", a slash at the end, the order of repeated parameters, and a fragment that is a route ("#!/", "#/").
Applying it twice changes nothing.
"""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import SplitResult, urlsplit

import idna

from services.reputation.domain.errors import UrlInvalidError

MAX_URL_CHARACTERS: Final = 2_048
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# Names of parameters that say how a reader came, of the analytics of search engines, mail, shops and social networks.
TRACKING: Final = frozenset(
    {
        "_ga",
        "_gl",
        "_hsenc",
        "_hsmi",
        "dclid",
        "fbclid",
        "gbraid",
        "gclid",
        "gclsrc",
        "igsh",
        "igshid",
        "li_fat_id",
        "mc_cid",
        "mc_eid",
        "mkt_tok",
        "msclkid",
        "s_kwcid",
        "scm",
        "share_from",
        "share_medium",
        "share_plat",
        "share_session_id",
        "share_source",
        "share_tag",
        "share_token",
        "sharer_shareid",
        "sharer_shareinfo",
        "spm",
        "spm_id_from",
        "ttclid",
        "twclid",
        "vd_source",
        "vero_id",
        "wbraid",
        "wfr",
        "xhsshare",
        "yclid",
    }
)
TRACKING_PREFIXES: Final = ("utm_", "hmsr", "hmpl", "hmcu", "hmkw", "hmci", "pk_", "mtm_", "matomo_")

_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff\\]")
_ESCAPE: Final = re.compile(r"%(?P<hex>[0-9A-Fa-f]{2})?")
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH_KEPT: Final = "!$&'()*+,;=:@/"
_QUERY_KEPT: Final = "!$&'()*+,;=:@/?"
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*", re.ASCII)
_ROUTES: Final = ("!", "/")
_MAX_HOST_CHARACTERS: Final = 253


def canonical_url(text: str) -> str:
    """Return the one form of an http or https address. Raises UrlInvalidError."""
    text = text.strip(" \t\r\n")
    if not 0 < len(text) <= MAX_URL_CHARACTERS:
        raise UrlInvalidError(f"an address has 1 to {MAX_URL_CHARACTERS} characters", field="url")
    if _FORBIDDEN.search(text):
        raise UrlInvalidError("an address holds no blanks, controls or backslashes", field="url")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UrlInvalidError("the address cannot be taken apart", field="url") from error
    if parts.scheme not in DEFAULT_PORTS or not host:
        raise UrlInvalidError("an address begins with http:// or https:// and names a host", field="url")
    place = _host(host)
    if port is not None and port != DEFAULT_PORTS[parts.scheme]:
        place = f"{place}:{port}"
    url = f"{parts.scheme}://{place}{_path(parts.path)}{_query(parts.query)}{_fragment(parts)}"
    if len(url) > MAX_URL_CHARACTERS:
        raise UrlInvalidError(f"percent-encoded, an address has at most {MAX_URL_CHARACTERS} characters", field="url")
    return url


def host_of(url: str) -> str:
    """Return the host of a canonical address, without its port."""
    return urlsplit(url).hostname or ""


def _host(host: str) -> str:
    """Return a host in lower case, an international one in its ASCII form. Raises UrlInvalidError."""
    if ":" in host:
        try:
            return f"[{IPv6Address(host.partition('%')[0])}]"  # a zone means something on one machine only
        except AddressValueError as error:
            raise UrlInvalidError("the address names no host", field="url") from error
    name = host.rstrip(".") if host.isascii() else _ascii_host(host)
    if len(name) > _MAX_HOST_CHARACTERS or not _HOST.fullmatch(name):
        raise UrlInvalidError("the address names no host", field="url")
    return name


def _ascii_host(host: str) -> str:
    try:
        return idna.encode(host, uts46=True).decode("ascii").rstrip(".").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise UrlInvalidError("the address names no host", field="url") from error


def _path(path: str) -> str:
    return _without_dots(_encoded(path, _PATH_KEPT)) or "/"


def _query(query: str) -> str:
    pairs = [pair for pair in _encoded(query, _QUERY_KEPT).split("&") if pair and not _is_tracking(pair)]
    pairs.sort(key=lambda pair: pair.partition("=")[0])  # stable: the order of one name's values is kept
    return f"?{'&'.join(pairs)}" if pairs else ""


def _fragment(parts: SplitResult) -> str:
    return f"#{_encoded(parts.fragment, _QUERY_KEPT)}" if parts.fragment.startswith(_ROUTES) else ""


def _is_tracking(pair: str) -> bool:
    name = pair.partition("=")[0].lower()
    return name in TRACKING or name.startswith(TRACKING_PREFIXES)


def _encoded(text: str, kept: str) -> str:
    """Return text with one spelling of each character: escapes in capitals, and none where none is needed."""
    if text.isascii() and "%" not in text and not set(text) - _PLAIN[kept]:
        return text
    pieces: list[str] = []
    position = 0
    for match in _ESCAPE.finditer(text):
        pieces.append(_escaped(text[position : match.start()], kept))
        position = match.end()
        code = match["hex"]
        if code is None:
            pieces.append("%25")
        else:
            byte = int(code, 16)
            pieces.append(chr(byte) if byte in _UNRESERVED else f"%{code.upper()}")
    pieces.append(_escaped(text[position:], kept))
    return "".join(pieces)


def _escaped(text: str, kept: str) -> str:
    plain = _PLAIN[kept]
    return "".join([char if char in plain else "".join([f"%{byte:02X}" for byte in char.encode()]) for char in text])


def _without_dots(path: str) -> str:
    """Return a path without "." and ".." (RFC 3986, section 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for place, segment in enumerate(segments):
        last = place == len(segments) - 1
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
        if last and segment in {".", ".."}:
            kept.append("")
    return "/".join(kept)


_PLAIN: Final = {kept: frozenset(kept) | {chr(byte) for byte in _UNRESERVED} for kept in (_PATH_KEPT, _QUERY_KEPT)}
