"""The operator's list of hosts that may be called although they are not public: exact pairs of host and port."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

import httpx
from pydantic import AfterValidator

ENTRIES_LIMIT: Final = 32
ENTRY_LIMIT: Final = 300  # characters
PORT_LIMIT: Final = 65_535
_HOST: Final = re.compile(r"[a-z0-9._-]{1,255}|[0-9a-f:.]{2,45}", re.ASCII)  # a name or an address, of either version
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Pairs of host (as ``host_of`` writes it) and port. What is not named is not allowed: no wildcard, no network."""

    pairs: frozenset[tuple[str, int]] = frozenset()

    def names(self, host: str, port: int) -> bool:
        """Tell whether the operator named this very host and port."""
        return (host, port) in self.pairs


def allowed_hosts(entries: Iterable[str]) -> AllowedHosts:
    """Read ``host:port`` texts, ``[::1]:8443`` for IPv6. Raises ValueError that says which one cannot be read."""
    texts = tuple(entries)
    if len(texts) > ENTRIES_LIMIT:
        raise ValueError(f"names {len(texts)} hosts; at most {ENTRIES_LIMIT} are read")
    return AllowedHosts(frozenset(_pair(text) for text in texts))


def host_of(url: httpx.URL) -> str:
    """Return the host as it is connected to: ASCII, lower case, IPv6 without brackets."""
    return url.raw_host.decode("ascii")


def is_callable(url: httpx.URL) -> bool:
    """Tell whether host and port are such that a connection could be opened to them."""
    return bool(_HOST.fullmatch(host_of(url))) and 0 < port_of(url) <= PORT_LIMIT


def port_of(url: httpx.URL) -> int:
    """Return the port that a URL means."""
    return _DEFAULT_PORTS.get(url.scheme, 0) if url.port is None else url.port


def _pair(text: str) -> tuple[str, int]:
    wrong = ValueError(f"must name hosts as host:port, without scheme or path; {text[:64]!r} does not")
    host, _, port = text.rpartition(":")
    if len(text) > ENTRY_LIMIT or not (port.isascii() and port.isdecimal()):
        raise wrong
    try:
        url = httpx.URL(f"http://{host}:{port}/")
    except httpx.InvalidURL:
        raise wrong from None
    is_bare = not url.userinfo and url.raw_path == b"/" and not url.fragment
    if not (is_bare and is_callable(url)):
        raise wrong
    return host_of(url), port_of(url)


def _are_allowed_hosts(entries: tuple[str, ...]) -> tuple[str, ...]:
    allowed_hosts(entries)
    return entries


HostList = Annotated[tuple[str, ...], AfterValidator(_are_allowed_hosts)]  # the type of a setting
