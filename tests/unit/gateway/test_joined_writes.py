"""An answer's head and body leave together, in order, and nothing stays behind."""

import asyncio
from typing import Any

from gateway.joined_writes import HELD_LIMIT_BYTES, JoinedWrites


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
