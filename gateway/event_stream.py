"""An answer that goes on: server-sent events, from their first byte to a clean end.

Whoever streams yields chunks; here the head is sent, a client that left is noticed, and what the stream holds is let go
whatever ends it. An open stream counts against no request: it is bounded where it is opened.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from fastapi.sse import format_sse_event
from starlette.types import Receive, Scope, Send

from gateway.middleware.record import record_of

MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT_S: Final = 15.0  # below the idle limits of common proxies
RETRY_MS: Final = 2_000  # before a browser connects again
HEARTBEAT: Final = b": \n\n"
_HEAD: Final = [
    (b"content-type", MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


def message(event: str, data: bytes, *, id_: str | None = None) -> bytes:
    """Return one event; ``data`` is JSON without line breaks."""
    return format_sse_event(event=event, data_str=data.decode(), id=id_)


def opening() -> bytes:
    """Return what a stream begins with: when to come again after it broke."""
    return format_sse_event(retry=RETRY_MS)


class EventStream:
    """The answer. ``release`` is called once, when nothing is streamed any more."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], *, release: Callable[[], None]) -> None:
        self._chunks, self._release = chunks, release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        record_of(scope).is_stream = True
        try:
            async with aclosing(self._chunks) as chunks:
                await send({"type": "http.response.start", "status": 200, "headers": list(_HEAD)})
                if scope["method"] != "HEAD":
                    await _send_all(chunks, receive, send)
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._release()


async def _send_all(chunks: AsyncGenerator[bytes, None], receive: Receive, send: Send) -> None:
    """Send chunk after chunk until there are no more or the client has left."""
    left = asyncio.ensure_future(_until_left(receive))
    try:
        while True:
            coming = asyncio.ensure_future(anext(chunks, None))
            await asyncio.wait({coming, left}, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                coming.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await coming
                return
            chunk = coming.result()
            if chunk is None:
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    finally:
        left.cancel()


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
