"""What the tour's receiver takes from a stream of bytes, and what it does not; sockets are the journeys'."""

import asyncio

import pytest

from infra.tour.receiver import BODY_LIMIT, Received, _read

CALL = b"POST /tour HTTP/1.1\r\nHost: x\r\nWebhook-Id: msg_1\r\nContent-Length: 2\r\n\r\n{}"


async def _received(content: bytes) -> Received | None:
    reader = asyncio.StreamReader()
    reader.feed_data(content)
    reader.feed_eof()
    return await _read(reader)


async def test_a_call_is_kept_as_it_came() -> None:
    call = await _received(CALL)
    assert call == Received("/tour", {"host": "x", "webhook-id": "msg_1", "content-length": "2"}, b"{}")


@pytest.mark.parametrize(
    "content",
    [
        CALL.replace(b"POST", b"GET"),
        CALL.replace(b"Content-Length: 2", b"Content-Length: two"),
        CALL.replace(b"Content-Length: 2\r\n", b""),
        CALL.replace(b"Content-Length: 2", b"Content-Length: %d" % (BODY_LIMIT + 1)),
    ],
)
async def test_what_is_no_webhook_is_not_taken(content: bytes) -> None:
    assert await _received(content) is None


async def test_a_body_that_ends_early_is_no_call() -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        await _received(CALL[:-1])
