"""A receiver of webhooks on this machine: takes every POST, answers 204, and keeps what came as it came.

The tour's own end of a webhook. It understands as much of HTTP as a webhook needs, and bounds all of it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

HEAD_LIMIT: Final = 32 * 1024
BODY_LIMIT: Final = 512 * 1024
CALLS_LIMIT: Final = 1_000
READ_LIMIT_S: Final = 10.0
_TAKEN: Final = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
_REFUSED: Final = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Received:
    """A call. ``headers`` by lower-case name."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """Listens at ``address`` (host:port) between ``__aenter__`` and ``__aexit__``; ``calls`` are what came so far."""

    address: str
    calls: list[Received] = field(default_factory=list)
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Return where calls go."""
        return f"http://{self.address}/tour"

    async def __aenter__(self) -> Self:
        host, _, port = self.address.rpartition(":")
        self._server = await asyncio.start_server(self._take, host, int(port), limit=HEAD_LIMIT)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_LIMIT_S):
                received = await _read(reader)
            if received is not None and len(self.calls) < CALLS_LIMIT:
                self.calls.append(received)
            writer.write(_TAKEN if received is not None else _REFUSED)
            await writer.drain()
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a caller that left or never ended
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    """Return a POST with its body; None for anything else."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, _, rest = head[0].partition(" ")
    headers = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        if name:
            headers[name.strip().lower()] = value.strip()
    length = headers.get("content-length", "")
    if method != "POST" or not length.isdecimal() or int(length) > BODY_LIMIT:
        return None
    return Received(rest.partition(" ")[0], headers, await reader.readexactly(int(length)))
