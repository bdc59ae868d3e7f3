"""An answer that goes on: its head, its end, a client that leaves, what it holds let go."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from gateway.event_stream import EventStream, message, opening


class Client:
    """What uvicorn is to an answer."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self.got_some = asyncio.Event()
        self.scope: dict[str, Any] = {"type": "http", "method": "GET", "headers": []}

    async def send(self, sent: Any) -> None:
        self.sent.append(sent)
        if sent.get("body"):
            self.got_some.set()

    async def receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}

    @property
    def body(self) -> bytes:
        return b"".join(each.get("body", b"") for each in self.sent)


class Held:
    """What a stream holds."""

    def __init__(self) -> None:
        self.released = 0
        self.closed = False

    def release(self) -> None:
        self.released += 1


async def chunks(held: Held, *texts: bytes, then_wait: bool = False) -> AsyncGenerator[bytes, None]:
    try:
        for text in texts:
            yield text
        if then_wait:
            await asyncio.Event().wait()
    finally:
        held.closed = True


async def test_what_is_streamed_is_sent_as_it_comes_and_ended() -> None:
    client, held = Client(), Held()
    await EventStream(chunks(held, b"a", b"b"), release=held.release)(client.scope, client.receive, client.send)
    head, *bodies = client.sent
    assert dict(head["headers"])[b"content-type"] == b"text/event-stream"
    assert dict(head["headers"])[b"cache-control"] == b"no-store"
    assert [(each["body"], each.get("more_body", False)) for each in bodies] == [
        (b"a", True),
        (b"b", True),
        (b"", False),
    ]
    assert (held.closed, held.released) == (True, 1)


async def test_a_client_that_leaves_ends_it() -> None:
    client, held = Client(), Held()
    stream = EventStream(chunks(held, b"a", then_wait=True), release=held.release)
    running = asyncio.ensure_future(stream(client.scope, client.receive, client.send))
    await client.got_some.wait()
    client.left.set()
    await asyncio.wait_for(running, 1)
    assert (held.closed, held.released) == (True, 1)


async def test_what_fails_lets_go_too() -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"a"
        raise ValueError("a defect")

    client, held = Client(), Held()
    with pytest.raises(ValueError, match="a defect"):
        await EventStream(broken(), release=held.release)(client.scope, client.receive, client.send)
    assert held.released == 1


async def test_a_head_request_opens_no_stream() -> None:
    client, held = Client(), Held()
    client.scope["method"] = "HEAD"
    await EventStream(chunks(held, then_wait=True), release=held.release)(client.scope, client.receive, client.send)
    assert client.body == b""
    assert held.released == 1


def test_events_are_written_as_browsers_read_them() -> None:
    assert message("fact", b'{"a":1}', id_="7") == b'event: fact\ndata: {"a":1}\nid: 7\n\n'
    assert opening() == b"retry: 2000\n\n"
