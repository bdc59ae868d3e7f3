"""Fetches feeds: conditionally, within bounds of size and time, and never from where only we can reach.

``Fetch`` is what the poller asks; ``GuardedFetch`` is the real one. The body is unpacked here step by step, because a
client that unpacks by itself would hold a bomb before anybody could count it.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, Protocol

import httpx

from services.chassis.errors import InvalidArgumentError
from services.kits.outbound.guard import OutboundGuard
from services.kits.outbound.transport import GuardedTransport
from services.reputation.domain.errors import FeedRefusedError
from services.reputation.domain.feed_text import MAX_FEED_BYTES
from services.reputation.domain.sources import HTTP_GONE

FETCH_LIMIT_S: Final = 30.0  # for all of it, redirects included
READ_TIMEOUT_S: Final = 10.0
REDIRECTS_LIMIT: Final = 5
CONNECTIONS_LIMIT: Final = 8
HEADER_CHARACTERS: Final = 512  # of an ETag or a Last-Modified that is repeated
USER_AGENT: Final = "Zhike-Reputation/1 (feed reader)"
ACCEPT: Final = "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
_GZIP_OR_ZLIB: Final = 47
_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the other side answered. ``is_news`` False: it has nothing that we do not have."""

    is_news: bool
    body: bytes = b""
    content_type: str = ""
    etag: str = ""
    modified: str = ""


class FetchFailedError(FeedRefusedError):
    """A fetch that brought nothing; ``reason`` says why. ``wanted_pause``: when the other side wants to be asked."""

    def __init__(self, reason: str, message: str, wanted_pause: timedelta | None = None) -> None:
        super().__init__(reason, message)
        self.wanted_pause = wanted_pause


class Fetch(Protocol):
    """How a feed is fetched."""

    async def __call__(self, url: str, *, etag: str, modified: str, now: datetime) -> Fetched:
        """Fetch unless nothing changed since ``etag`` and ``modified``. Raises FetchFailedError."""


class GuardedFetch:
    """Fetches over the network, each address and each hop of a redirect checked by the guard."""

    def __init__(self, guard: OutboundGuard, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(
            transport=transport or GuardedTransport(guard, connections_limit=CONNECTIONS_LIMIT),
            timeout=READ_TIMEOUT_S,
            follow_redirects=True,
            max_redirects=REDIRECTS_LIMIT,
            headers={"user-agent": USER_AGENT, "accept": ACCEPT, "accept-encoding": "gzip"},
            trust_env=False,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def __call__(self, url: str, *, etag: str, modified: str, now: datetime) -> Fetched:
        """As Fetch."""
        headers = {"if-none-match": etag} if etag else {}
        headers |= {"if-modified-since": modified} if modified else {}
        try:
            async with asyncio.timeout(FETCH_LIMIT_S), self._client.stream("GET", url, headers=headers) as answer:
                return await _fetched(answer, now)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise FetchFailedError("FEED_TIMEOUT", "the feed did not come in time") from error
        except httpx.TooManyRedirects as error:
            raise FetchFailedError("FEED_REDIRECTS", f"more than {REDIRECTS_LIMIT} redirects") from error
        except InvalidArgumentError as error:  # the guard: it says why in its own words
            raise FetchFailedError(error.reason, error.message) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchFailedError("FEED_UNREACHABLE", f"the feed cannot be fetched: {type(error).__name__}") from error


async def _fetched(answer: httpx.Response, now: datetime) -> Fetched:
    etag, modified = (answer.headers.get(name, "")[:HEADER_CHARACTERS] for name in ("etag", "last-modified"))
    if answer.status_code == HTTPStatus.NOT_MODIFIED:
        return Fetched(is_news=False, etag=etag, modified=modified)
    if answer.status_code == HTTPStatus.GONE:
        raise FetchFailedError(HTTP_GONE, "the feed is gone for good")
    if answer.status_code != HTTPStatus.OK:
        pause = wanted_pause(answer.headers.get("retry-after", ""), now)
        raise FetchFailedError("FEED_STATUS", f"the feed's server answers {answer.status_code}", pause)
    body = await unpacked(answer.aiter_raw(), answer.headers.get("content-encoding", ""))
    return Fetched(True, body, answer.headers.get("content-type", "")[:HEADER_CHARACTERS], etag, modified)


async def unpacked(chunks: AsyncIterator[bytes], encoding: str) -> bytes:
    """Return a body unpacked, never holding more of it than MAX_FEED_BYTES. Raises FetchFailedError."""
    encoding = encoding.strip().lower()
    if encoding not in {"", "identity", *_PACKED}:
        raise FetchFailedError("FEED_ENCODING", "the feed is packed in a way that was not asked for")
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding in _PACKED else None
    parts: list[bytes] = []
    held = 0
    async for chunk in chunks:
        if unpacker is not None:
            try:
                chunk = unpacker.decompress(chunk, MAX_FEED_BYTES + 1 - held)
            except zlib.error as error:
                raise FetchFailedError("FEED_ENCODING", "the feed cannot be unpacked") from error
        held += len(chunk)
        if held > MAX_FEED_BYTES:
            raise FetchFailedError("FEED_TOO_LARGE", f"a feed has at most {MAX_FEED_BYTES:,} bytes")
        parts.append(chunk)
    return b"".join(parts)


def wanted_pause(retry_after: str, now: datetime) -> timedelta | None:
    """Return what Retry-After asks for, in seconds or as a date; None when it asks for nothing readable."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return timedelta(seconds=min(int(text[:9]), 10**8))
    try:
        time = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(timedelta(0), (time if time.tzinfo else time.replace(tzinfo=UTC)) - now)
