"""Fetching: conditional, bounded in size however it is packed, and never inside."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.kits.outbound.allowed_hosts import AllowedHosts
from services.kits.outbound.guard import OutboundGuard
from services.reputation.domain.feed_text import MAX_FEED_BYTES
from services.reputation.jobs import fetching
from services.reputation.jobs.fetching import (
    HEADER_CHARACTERS,
    REDIRECTS_LIMIT,
    Fetched,
    FetchFailedError,
    GuardedFetch,
    unpacked,
    wanted_pause,
)

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
URL = "https://news.example/rss"
Answering = Callable[[httpx.Request], httpx.Response]


async def nowhere(host: str, port: int) -> Sequence[str]:
    return {"inner.example": ["127.0.0.1"], "lan.example": ["10.0.0.8"]}.get(host, [])


async def chunks(body: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def fetch(answering: Answering, url: str = URL, *, etag: str = "", modified: str = "") -> Fetched:
    guard = OutboundGuard(AllowedHosts(), nowhere, reads_http=True)
    fetcher = GuardedFetch(guard, transport=httpx.MockTransport(answering))
    try:
        return await fetcher(url, etag=etag, modified=modified, now=NOW)
    finally:
        await fetcher.close()


async def reason_of(answering: Answering) -> str:
    with pytest.raises(FetchFailedError) as failed:
        await fetch(answering)
    return failed.value.reason


async def test_news_come_with_their_marks() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert "if-none-match" not in request.headers
        assert request.headers["accept-encoding"] == "gzip"
        return httpx.Response(
            200, headers={"ETag": '"1"', "Last-Modified": "then", "Content-Type": "x"}, content=chunks(b"y")
        )

    assert await fetch(answer) == Fetched(True, b"y", "x", '"1"', "then")


async def test_marks_are_repeated_and_no_news_is_no_news() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["if-none-match"] == '"1"'
        assert request.headers["if-modified-since"] == "then"
        return httpx.Response(304)

    assert await fetch(answer, etag='"1"', modified="then") == Fetched(False)


async def test_endless_marks_are_cut() -> None:
    fetched = await fetch(lambda _: httpx.Response(200, headers={"ETag": "e" * 10_000}, content=chunks(b"y")))
    assert len(fetched.etag) == HEADER_CHARACTERS


@pytest.mark.parametrize(
    ("status", "reason"), [(404, "FEED_STATUS"), (500, "FEED_STATUS"), (204, "FEED_STATUS"), (410, "FEED_GONE")]
)
async def test_other_answers_are_failures(status: int, reason: str) -> None:
    assert await reason_of(lambda _: httpx.Response(status)) == reason


async def test_a_wish_to_be_asked_later_is_heard() -> None:
    with pytest.raises(FetchFailedError) as failed:
        await fetch(lambda _: httpx.Response(503, headers={"Retry-After": "120"}))
    assert failed.value.wanted_pause == timedelta(seconds=120)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", timedelta(seconds=120)),
        ("Mon, 23 Nov 2026 05:00:00 GMT", timedelta(hours=1)),
        ("Mon, 23 Nov 2026 03:00:00 GMT", timedelta(0)),
        ("9" * 400, timedelta(seconds=10**8)),
        ("", None),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, expected: timedelta | None) -> None:
    assert wanted_pause(text, NOW) == expected


async def test_redirects_are_followed_and_end() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        place = int(request.url.params.get("n", "0"))
        if place < REDIRECTS_LIMIT:
            return httpx.Response(302, headers={"Location": f"{URL}?n={place + 1}"})
        return httpx.Response(200, content=chunks(b"y"))

    assert (await fetch(answer)).body == b"y"
    assert await reason_of(lambda _: httpx.Response(302, headers={"Location": URL})) == "FEED_REDIRECTS"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://inner.example/rss", "ADDRESS_REFUSED"),
        ("https://lan.example/rss", "ADDRESS_REFUSED"),
        ("http://169.254.169.254/latest/meta-data", "ADDRESS_REFUSED"),
        ("http://[::1]:9000/", "ADDRESS_REFUSED"),
        ("https://nobody.example/rss", "HOST_UNKNOWN"),
        ("file:///etc/passwd", "FEED_UNREACHABLE"),
    ],
)
async def test_nothing_inside_is_fetched(url: str, reason: str) -> None:
    guard = OutboundGuard(AllowedHosts(), nowhere, reads_http=True)
    fetcher = GuardedFetch(guard)
    with pytest.raises(FetchFailedError) as failed:
        await fetcher(url, etag="", modified="", now=NOW)
    await fetcher.close()
    assert failed.value.reason in (reason, "URL_SCHEME_REFUSED")


@pytest.mark.parametrize("error", [httpx.ReadTimeout, httpx.ConnectError, httpx.RemoteProtocolError])
async def test_what_goes_wrong_on_the_way_is_named(error: type[httpx.TransportError]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("x", request=request)

    expected = "FEED_TIMEOUT" if error is httpx.ReadTimeout else "FEED_UNREACHABLE"
    assert await reason_of(answer) == expected


async def test_a_feed_that_trickles_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    monkeypatch.setattr(fetching, "FETCH_LIMIT_S", 0.05)
    assert await reason_of(lambda _: httpx.Response(200, content=trickle())) == "FEED_TIMEOUT"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"y" * 1_000, ""),
        (gzip.compress(b"y" * 1_000, mtime=0), "gzip"),
        (gzip.compress(b"y" * 1_000, mtime=0), " GZIP "),
        (zlib.compress(b"y" * 1_000), "deflate"),
    ],
)
async def test_a_packed_body_is_unpacked(body: bytes, encoding: str) -> None:
    assert await unpacked(chunks(body, 7), encoding) == b"y" * 1_000


async def test_a_body_has_so_many_bytes_and_no_more_packed_or_not() -> None:
    whole = b"\x00" * MAX_FEED_BYTES
    for body, encoding in ((whole, ""), (gzip.compress(whole, mtime=0), "gzip")):
        assert len(await unpacked(chunks(body), encoding)) == MAX_FEED_BYTES
    for body, encoding in ((whole + b"x", ""), (gzip.compress(whole + b"x", mtime=0), "gzip")):
        with pytest.raises(FetchFailedError) as failed:
            await unpacked(chunks(body), encoding)
        assert failed.value.reason == "FEED_TOO_LARGE"


async def test_a_bomb_is_never_held() -> None:
    bomb = gzip.compress(b"\x00" * (64 * MAX_FEED_BYTES))
    with pytest.raises(FetchFailedError) as failed:
        await unpacked(chunks(bomb, len(bomb)), "gzip")
    assert failed.value.reason == "FEED_TOO_LARGE"


@pytest.mark.parametrize(("body", "encoding"), [(b"not packed", "gzip"), (b"x", "br"), (b"x", "gzip, gzip")])
async def test_what_cannot_be_unpacked_is_named(body: bytes, encoding: str) -> None:
    with pytest.raises(FetchFailedError) as failed:
        await unpacked(chunks(body), encoding)
    assert failed.value.reason == "FEED_ENCODING"
