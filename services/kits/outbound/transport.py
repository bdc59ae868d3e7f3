"""An httpx transport that calls nothing but what the guard allows, at the addresses that it checked.

Every request passes the guard, so a client that follows redirects has each hop checked; every connection is opened to
an address that was resolved and checked for that connection, while TLS and the Host header go on naming the host. A
kept connection is reused for its own host and port alone. Proxies of the environment are not used: through one, the
address would be the proxy's to choose.
"""

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Final

import httpcore
import httpx

from services.kits.outbound.guard import OutboundGuard

CONNECTIONS_LIMIT: Final = 100
KEPT_LIMIT: Final = 20  # idle connections
KEPT_S: Final = 15.0
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
        self._guard = guard
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or httpx.create_ssl_context(trust_env=False),
            max_connections=connections_limit,
            max_keepalive_connections=KEPT_LIMIT,
            keepalive_expiry=KEPT_S,
            network_backend=_CheckedConnections(guard, backend or httpcore.AnyIOBackend()),
        )

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
        try:
            answer = await self._pool.handle_async_request(asked)
        except _HTTPCORE_ERRORS as error:
            raise _as_httpx(error, request) from error
        assert isinstance(answer.stream, AsyncIterable)
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_AnswerStream(answer, request),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _AnswerStream(httpx.AsyncByteStream):
    """The body of an answer, with httpx's errors in place of httpcore's."""

    def __init__(self, answer: httpcore.Response, request: httpx.Request) -> None:
        self._answer, self._request = answer, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._answer.aiter_stream():
                yield part
        except _HTTPCORE_ERRORS as error:
            raise _as_httpx(error, self._request) from error

    async def aclose(self) -> None:
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
