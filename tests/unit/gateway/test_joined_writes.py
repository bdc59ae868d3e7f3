"""An answer's head and body leave together, in order, and nothing stays behind."""

import asyncio
from typing import Any

import orjson
import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from gateway.joined_writes import HEAD_LIMIT_BYTES, HELD_LIMIT_BYTES, GatewayHttpProtocol, JoinedWrites


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 5)})
        self.sent: list[bytes] = []
        self.calls: list[str] = []
        self.closing = False

    def write(self, data: Any) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closing = True
        self.calls.append("close")

    def abort(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


def connection() -> tuple[Wire, JoinedWrites]:
    wire = Wire()
    return wire, JoinedWrites(wire, asyncio.get_running_loop())


async def turn() -> None:
    await asyncio.sleep(0)


async def test_what_is_written_in_one_turn_is_one_write_in_order() -> None:
    wire, joined = connection()
    for piece in (b"HTTP/1.1 200 OK\r\n\r\n", b"{}", b""):
        joined.write(piece)
    assert wire.sent == []
    await turn()
    assert wire.sent == [b"HTTP/1.1 200 OK\r\n\r\n{}"]
    joined.write(b"next")
    await turn()
    await turn()
    assert wire.sent[1:] == [b"next"]


async def test_a_head_whose_body_comes_later_does_not_wait_for_it() -> None:
    wire, joined = connection()
    joined.write(b"head")
    await turn()
    assert wire.sent == [b"head"]
    joined.write(b"body")
    await turn()
    assert wire.sent == [b"head", b"body"]


async def test_closing_sends_what_is_held_first() -> None:
    wire, joined = connection()
    joined.write(b"last words")
    joined.close()
    assert (wire.sent, wire.calls) == ([b"last words"], ["close"])
    assert joined.is_closing()
    await turn()
    assert wire.sent == [b"last words"]


async def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    wire, joined = connection()
    joined.write(b"late")
    wire.closing = True
    await turn()
    joined.write(b"later")
    joined.abort()
    await turn()
    assert wire.sent == []


async def test_up_to_the_bound_is_held_and_one_byte_more_is_sent_at_once() -> None:
    wire, joined = connection()
    joined.write(b"x" * HELD_LIMIT_BYTES)
    assert wire.sent == []
    joined.write(b"y")
    assert [len(sent) for sent in wire.sent] == [HELD_LIMIT_BYTES + 1]
    joined.write(b"z")
    await turn()
    assert wire.sent[1:] == [b"z"]


async def test_a_buffer_that_changes_after_the_write_is_sent_as_it_was() -> None:
    wire, joined = connection()
    buffer = bytearray(b"one")
    joined.write(buffer)
    buffer[:] = b"two"
    await turn()
    assert wire.sent == [b"one"]


async def test_the_rest_is_the_transports_own() -> None:
    wire, joined = connection()
    assert joined.get_extra_info("peername") == ("127.0.0.1", 5)
    joined.pause_reading()
    joined.resume_reading()
    assert wire.calls == ["pause", "resume"]


async def answer_ok(_: Any, receive: Any, send: Any) -> None:
    """Read the whole body, then answer."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def http_connection() -> tuple[Wire, GatewayHttpProtocol]:
    config = Config(answer_ok, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    protocol = GatewayHttpProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    wire = Wire()
    protocol.connection_made(wire)
    return wire, protocol


async def answered(wire: Wire) -> tuple[bytes, bytes]:
    for _ in range(20):
        await turn()
    head, _, body = b"".join(wire.sent).partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0], body


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"GET /", b"a" * 1_000),
        (b"GET / HTTP/1.1\r\nHost: shop\r\nX-Long: ", b"a" * 1_000),
        (b"GET / HTTP/1.1\r\nHost: shop\r\n", b"x: y\r\n" * 100),
    ],
)
async def test_a_head_past_its_bound_is_refused_before_it_ends(start: bytes, piece: bytes) -> None:
    wire, protocol = http_connection()
    protocol.data_received(start)
    for _ in range((HEAD_LIMIT_BYTES - len(start)) // len(piece)):
        protocol.data_received(piece)
    assert await answered(wire) == (b"", b"")
    protocol.data_received(piece)
    status, body = await answered(wire)
    assert status == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert orjson.loads(body)["reason"] == "HEAD_TOO_LARGE"
    assert wire.closing


async def test_trailers_past_the_bound_end_the_connection() -> None:
    wire, protocol = http_connection()
    protocol.data_received(b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
    for _ in range(HEAD_LIMIT_BYTES // 1_000 + 1):
        assert not wire.closing
        protocol.data_received(b"x: " + b"y" * 995 + b"\r\n")
    assert wire.closing
    protocol.connection_lost(None)


async def test_bodies_and_many_requests_of_a_connection_are_not_counted() -> None:
    wire, protocol = http_connection()
    for _ in range(3):
        protocol.data_received(b"POST / HTTP/1.1\r\nHost: shop\r\n")
        protocol.data_received(b"Content-Length: %d\r\n\r\n" % (3 * HEAD_LIMIT_BYTES))
        for _ in range(3 * HEAD_LIMIT_BYTES // 1_024):
            protocol.data_received(b"b" * 1_024)
        status, _ = await answered(wire)
        assert status == b"HTTP/1.1 200 OK"
        wire.sent.clear()
    for _ in range(HEAD_LIMIT_BYTES // 40):
        protocol.data_received(b"GET / HTTP/1.1\r\n")
        protocol.data_received(b"Host: the-shop-of-all\r\n\r\n")
    assert not wire.closing
    protocol.connection_lost(None)


async def test_what_is_no_http_is_answered_by_a_problem() -> None:
    wire, protocol = http_connection()
    protocol.data_received(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")
    status, body = await answered(wire)
    assert status == b"HTTP/1.1 400 Bad Request"
    assert orjson.loads(body)["reason"] == "INVALID_ARGUMENT"
    assert wire.closing
