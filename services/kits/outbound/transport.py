"""An httpx transport that calls nothing but what the guard allows, at the addresses that it checked.

Every request passes the guard, so a client that follows redirects has each hop checked; every connection is opened to
an address that was resolved and checked for that connection, while TLS and the Host header go on naming the host. A
kept connection is reused for its own host and port alone. Proxies of the environment are not used: through one, the
address would be the proxy's to choose.

Each origin has a pool of its own: a pool looks at all its connections for every request, and hosts shall neither pay
nor wait for one another.
"""

import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final

import httpcore
import httpx

from services.kits.outbound.allowed_hosts import host_of, port_of
from services.kits.outbound.guard import OutboundGuard

CONNECTIONS_LIMIT: Final = 100  # to one origin
KEPT_LIMIT: Final = 8  # idle connections to one origin
KEPT_S: Final = 15.0
ORIGINS_LIMIT: Final = 256  # with connections; more only while all are in use
CONNECT_TRIES_LIMIT: Final = 3  # addresses of one host that are tried
_ERRORS: Final = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.ReadTimeout, httpx.ReadTimeout),
    (httpcore.WriteTimeout, httpx.WriteTimeout),
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.TimeoutException, httpx.TimeoutException),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.ReadError, httpx.ReadError),
    (httpcore.WriteError, httpx.WriteError),
    (httpcore.NetworkError, httpx.NetworkError),
    (httpcore.RemoteProtocolError, httpx.RemoteProtocolError),
    (httpcore.LocalProtocolError, httpx.LocalProtocolError),
    (httpcore.ProtocolError, httpx.ProtocolError),
)
_HTTPCORE_ERRORS: Final = tuple(raised for raised, _ in _ERRORS)


@dataclass(slots=True)
class _Origin:
    """The connections to one scheme, host and port. ``used_s``: monotonic time of the latest request."""

    pool: httpcore.AsyncConnectionPool
    used_s: float
    under_way: int = 0


class GuardedTransport(httpx.AsyncBaseTransport):
    """For ``httpx.AsyncClient(transport=…)``. ``backend`` opens sockets; tests put one of their own there.

    Requests raise what the guard raises (UrlSchemeError, AddressRefusedError, …) beside httpx's own errors.
    """

    def __init__(
        self,
        guard: OutboundGuard,
        *,
        connections_limit: int = CONNECTIONS_LIMIT,
        ssl_context: ssl.SSLContext | None = None,
        backend: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._guard, self._connections_limit = guard, connections_limit
        self._ssl_context = ssl_context or httpx.create_ssl_context(trust_env=False)
        self._backend = _CheckedConnections(guard, backend or httpcore.AnyIOBackend())
        self._origins: OrderedDict[tuple[str, str, int], _Origin] = OrderedDict()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._guard.check_form(request.url)
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        origin = self._origin_of(url)
        origin.under_way += 1
        try:
            await self._let_go()
            answer = await origin.pool.handle_async_request(asked)
        except _HTTPCORE_ERRORS as error:
            origin.under_way -= 1
            raise _as_httpx(error, request) from error
        except BaseException:
            origin.under_way -= 1
            raise
        assert isinstance(answer.stream, AsyncIterable)
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_AnswerStream(answer, request, origin),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        while self._origins:
            _, origin = self._origins.popitem()
            await origin.pool.aclose()

    def _origin_of(self, url: httpx.URL) -> _Origin:
        key = (url.scheme, host_of(url), port_of(url))
        origin = self._origins.get(key)
        if origin is None:
            pool = httpcore.AsyncConnectionPool(
                ssl_context=self._ssl_context,
                max_connections=self._connections_limit,
                max_keepalive_connections=KEPT_LIMIT,
                keepalive_expiry=KEPT_S,
                network_backend=self._backend,
            )
            origin = self._origins[key] = _Origin(pool, 0.0)
        origin.used_s = time.monotonic()
        self._origins.move_to_end(key)
        return origin

    async def _let_go(self) -> None:
        """Close what nobody used for a while, and the longest unused of too many."""
        now_s = time.monotonic()
        for key, origin in list(self._origins.items()):
            if now_s - origin.used_s < KEPT_S and len(self._origins) <= ORIGINS_LIMIT:
                return
            if not origin.under_way:
                del self._origins[key]
                await origin.pool.aclose()


class _AnswerStream(httpx.AsyncByteStream):
    """The body of an answer, with httpx's errors in place of httpcore's."""

    def __init__(self, answer: httpcore.Response, request: httpx.Request, origin: _Origin) -> None:
        self._answer, self._request, self._origin = answer, request, origin
        self._is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._answer.aiter_stream():
                yield part
        except _HTTPCORE_ERRORS as error:
            raise _as_httpx(error, self._request) from error

    async def aclose(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._origin.under_way -= 1
        await self._answer.aclose()


class _CheckedConnections(httpcore.AsyncNetworkBackend):
    """Opens connections to checked addresses only."""

    def __init__(self, guard: OutboundGuard, inner: httpcore.AsyncNetworkBackend) -> None:
        self._guard, self._inner = guard, inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = (await self._guard.addresses(host, port))[:CONNECT_TRIES_LIMIT]
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return await self._inner.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002 - as the interface has it
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 - as the interface has it
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError(f"no socket of this machine is called: {path}")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def _as_httpx(error: Exception, request: httpx.Request) -> httpx.TransportError:
    kind = next(kind for raised, kind in _ERRORS if isinstance(error, raised))
    return kind(str(error), request=request)
