"""HTTP connections whose answers leave in one system call.

uvicorn writes the head and the body of an answer each by itself, and uvloop makes a system call of each write: the
second costs as much as the rest of the sending, and the client wakes up twice. Here what is written in one turn of the
event loop goes out together.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.errors import HeadTooLargeError, problem_from_error
from services.chassis.errors import InvalidArgumentError, ZhikeError
from services.chassis.logs import new_request_id

HEAD_LIMIT_BYTES: Final = 64 * 1024  # in more than one read; what comes in one is bounded by that
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
    """uvicorn's own protocol over such a transport, with a bound on what a request may hold beside its body.

    The parser keeps names, values and the path of a head until it is whole, the trailers of a body too, however long
    they are: 30 MB of short headers would cost half a gigabyte, and no key was asked for yet.
    """

    _beside_bytes = 0  # of whole reads in which no head ended and no body came
    _is_moving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn types it
        super().connection_made(JoinedWrites(transport, self.loop))

    def data_received(self, data: bytes) -> None:
        self._is_moving = False
        super().data_received(data)
        if self._is_moving:
            self._beside_bytes = 0
            return
        self._beside_bytes += len(data)
        if self._beside_bytes > HEAD_LIMIT_BYTES and not self.transport.is_closing():
            self._end_connection(HeadTooLargeError(f"path and headers may have {HEAD_LIMIT_BYTES} bytes"))

    def on_headers_complete(self) -> None:
        self._is_moving = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._is_moving = True
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, as every other refusal is answered."""
        self._end_connection(InvalidArgumentError(msg))

    def _end_connection(self, error: ZhikeError) -> None:
        """Answer with a problem where no answer is being written; nothing can follow on this connection."""
        if self.cycle is None or self.cycle.response_complete:
            problem = problem_from_error(error, request_id=new_request_id())
            status = problem.status
            head = [b"HTTP/1.1 %d %s" % (status.value, status.phrase.encode()), b"connection: close"]
            headers = [*problem.headers, (b"content-length", b"%d" % len(problem.body))]
            head += [b"%s: %s" % header for header in headers]
            self.transport.write(b"\r\n".join([*head, b"", problem.body]))
        self.transport.close()
