"""Whether a URL that somebody else chose may be called, and at which addresses (server-side request forgery, SSRF).

Three questions, all answered before a byte is sent: is the URL of a form that we call (https, no name or password in
it); what does its host resolve to; is every one of those addresses public. ``transport.py`` then connects to one of the
very addresses that were checked, so that a second answer of the name server changes nothing.

An operator may name exact pairs of host and port that are exempt: http is spoken to them as well and their addresses
may be any. Nothing else is configurable. What is only read, and secret to nobody (feeds), may come by http from
anywhere public.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Final

import httpx

from services.chassis.errors import InvalidArgumentError
from services.kits.outbound.addresses import refusal_of
from services.kits.outbound.allowed_hosts import AllowedHosts, host_of, is_callable, port_of

URL_LIMIT: Final = 2_048  # characters
ADDRESSES_LIMIT: Final = 32  # of one host; a longer answer is no answer
RESOLVE_TIMEOUT_S: Final = 5.0

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class UrlMalformedError(InvalidArgumentError):
    """A text that is no absolute URL with a host, or one past its bound."""

    reason = "URL_MALFORMED"


class UrlSchemeError(InvalidArgumentError):
    """Neither https, nor http to a host and port that the operator named."""

    reason = "URL_SCHEME_REFUSED"


class UrlUserinfoError(InvalidArgumentError):
    """A name or password inside a URL: they would end in logs, and they hide where a URL leads."""

    reason = "URL_USERINFO_REFUSED"


class AddressRefusedError(InvalidArgumentError):
    """The host lies at an address that is not public; metadata ``host`` and ``block`` say which and why."""

    reason = "ADDRESS_REFUSED"


class HostUnknownError(InvalidArgumentError):
    """The name server knows no address of the host, or did not answer in time."""

    reason = "HOST_UNKNOWN"


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """Return the addresses that the machine's resolver knows, best first; none for an unknown host."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(socket.gaierror, UnicodeError):  # UnicodeError: a label too long for IDNA
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
    return ()


class OutboundGuard:
    """Answers the three questions. ``resolve`` is asked once for each connection; ``reads_http``: see above."""

    def __init__(
        self, allowed: AllowedHosts, resolve: Resolve = resolve_by_system, *, reads_http: bool = False
    ) -> None:
        self._allowed, self._resolve, self._reads_http = allowed, resolve, reads_http

    async def check(self, text: str) -> httpx.URL:
        """Return the URL if it could be called now. Raises what ``read`` and ``addresses`` raise."""
        url = self.read(text)
        await self.addresses(host_of(url), port_of(url))
        return url

    def read(self, text: str) -> httpx.URL:
        """Return the URL if its form allows a call. Raises UrlMalformedError, UrlSchemeError, UrlUserinfoError."""
        malformed = UrlMalformedError(f"a URL is absolute, has a host and at most {URL_LIMIT} characters", field="url")
        if len(text) > URL_LIMIT or "\\" in text:  # browsers read \ as /, other readers do not
            raise malformed
        try:
            url = httpx.URL(text)
        except httpx.InvalidURL:
            raise malformed from None
        if not url.is_absolute_url:
            raise malformed
        self.check_form(url)
        if not is_callable(url):
            raise malformed
        return url

    def check_form(self, url: httpx.URL) -> None:
        """Raise UrlSchemeError or UrlUserinfoError for a URL that is never called; a redirect's target too."""
        if url.userinfo:
            raise UrlUserinfoError("a URL that is called holds no name or password", field="url")
        exempt = url.scheme == "http" and (self._reads_http or self._allowed.names(host_of(url), port_of(url)))
        if url.scheme != "https" and not exempt:
            raise UrlSchemeError("only https is called; http needs the operator's leave for host and port", field="url")

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Resolve the host, once, and return its addresses, all of them checked.

        One address that is not public among public ones refuses them all: no honest name server mixes the two.
        Raises AddressRefusedError, HostUnknownError.
        """
        found = await self._resolved(host, port)
        if not self._allowed.names(host, port):
            for text in found:
                self._check_address(host, text)
        return found

    async def _resolved(self, host: str, port: int) -> Sequence[str]:
        try:
            return (str(ip_address(host)),)
        except ValueError:
            pass
        found: Sequence[str] = ()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESOLVE_TIMEOUT_S):
                found = await self._resolve(host, port)
        if not 0 < len(found) <= ADDRESSES_LIMIT:
            raise HostUnknownError(f"{host} cannot be resolved", field="url", host=host)
        return found

    def _check_address(self, host: str, text: str) -> None:
        try:
            block = refusal_of(ip_address(text))
        except ValueError:
            block = "unreadable"
        if block:
            # The address itself stays unsaid: who asks may be trying to learn our network.
            message = f"{host} lies at an address that is not public ({block})"
            raise AddressRefusedError(message, field="url", host=host, block=block)
