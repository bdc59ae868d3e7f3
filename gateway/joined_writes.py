"""HTTP connections whose answers leave in one system call.

uvicorn writes the head and the body of an answer each by itself, and uvloop makes a system call of each write: the
second costs as much as the rest of the sending, and the client wakes up twice. Here what is written in one turn of the
event loop goes out together.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HELD_LIMIT_BYTES: Final = 64 * 1024  # more is sent at once: joining would copy much and hide it from flow control


class JoinedWrites(asyncio.Transport):
    """A transport that holds what is written until the event loop's next turn. Offers what uvicorn asks for."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport, self._loop = transport, loop
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """Send before anything else happens on this loop that takes time, and in order."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(bytes(data))
        self._held_bytes += len(data)
        if self._held_bytes > HELD_LIMIT_BYTES:
            self._flush()

    def close(self) -> None:
        """Send what is held, then close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what is held is lost, as what the system holds is."""
        self._held.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def _flush(self) -> None:
        held, self._held, self._held_bytes = self._held, [], 0
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))


class GatewayHttpProtocol(HttpToolsProtocol):
    """uvicorn's own protocol over such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn types it
        super().connection_made(JoinedWrites(transport, self.loop))
