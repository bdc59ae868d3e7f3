"""Feeds over real sockets: fetched from where the operator allows, refused inside, heard like any mention."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from zhike.reputation.v1 import source_service_pb2 as pb

from tests.contract.reputation.conftest import TIMEOUT_S, Reputation, reputation_in, soon

FEED = (
    '<rss version="2.0"><channel><item><guid>1</guid><title>知客超市召回牛奶</title></item>'
    "<item><guid>2</guid><title>Zhike opens a shop</title></item></channel></rss>"
).encode()


@dataclass
class Site:
    """A web server of one answer at a time."""

    answer: Callable[[str], tuple[str, dict[str, str], bytes]]
    port: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/feed"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        headers = {}
        while (header := (await reader.readline()).decode().strip()) != "":
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        self.asked.append(headers)
        status, sent, body = self.answer(line.split()[1])
        if headers.get("if-none-match") == sent.get("etag", "-"):
            status, body = "304 Not Modified", b""
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        writer.write(f"HTTP/1.1 {status}\r\n{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode())
        writer.write(body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def site(answer: Callable[[str], tuple[str, dict[str, str], bytes]]) -> AsyncIterator[Site]:
    made = Site(answer)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


async def watch(service: Reputation, url: str) -> None:
    await service.source(id="city-news", kind=pb.SOURCE_KIND_FEED, url=url)


async def standing(service: Reputation) -> pb.SourceStanding:
    request = pb.GetSourceRequest(id="city-news")
    found: pb.SourceStanding = (await service.sources.GetSource(request, timeout=TIMEOUT_S)).standing
    return found


async def test_a_feed_is_fetched_heard_and_asked_only_for_news(tmp_path: Path) -> None:
    async with (
        site(lambda path: ("200 OK", {"etag": '"1"', "content-type": "text/xml"}, FEED)) as news,
        reputation_in(tmp_path, feed_allowed_hosts=(f"127.0.0.1:{news.port}",)) as service,
    ):
        await watch(service, news.url)
        heard = await service.until(2, source="city-news")
        assert {each.title for each in heard} == {"知客超市召回牛奶", "Zhike opens a shop"}
        assert all(list(each.brands) == ["own"] for each in heard)
        await service.sources.PollSource(pb.PollSourceRequest(id="city-news"), timeout=TIMEOUT_S)
        await soon(lambda: _count(news), lambda count: count == 2)
        assert news.asked[-1]["if-none-match"] == '"1"'
        fine = await soon(lambda: standing(service), lambda found: found.new_items == 2)
        assert (fine.state, fine.failures) == (pb.SOURCE_STATE_FINE, 0)


async def _count(news: Site) -> int:
    return len(news.asked)


async def test_a_feed_inside_is_refused_also_behind_a_redirect(tmp_path: Path) -> None:
    async with (
        site(lambda path: ("200 OK", {}, FEED)) as inner,
        site(lambda path: ("302 Found", {"location": inner.url}, b"")) as outer,
        reputation_in(tmp_path, feed_allowed_hosts=(f"127.0.0.1:{outer.port}",)) as service,
    ):
        await watch(service, outer.url)
        failed = await soon(lambda: standing(service), lambda found: found.failures > 0)
        assert (failed.error, failed.state) == ("ADDRESS_REFUSED", pb.SOURCE_STATE_FAILING)
        assert inner.asked == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'<!DOCTYPE r [<!ENTITY a "b">]><rss version="2.0"><channel/></rss>', "FEED_ENTITIES"),
        (b"<rss>" * 2_000, "FEED_MARKUP"),
        (b"x" * (5 * 1024 * 1024), "FEED_TOO_LARGE"),
    ],
)
async def test_a_hostile_feed_is_named_and_the_service_answers_on(tmp_path: Path, body: bytes, reason: str) -> None:
    async with (
        site(lambda path: ("200 OK", {}, body)) as news,
        reputation_in(tmp_path, feed_allowed_hosts=(f"127.0.0.1:{news.port}",)) as service,
    ):
        await watch(service, news.url)
        failed = await soon(lambda: standing(service), lambda found: found.failures > 0)
        assert failed.error == reason
        assert await service.listed() == []


async def test_an_address_that_is_none_is_refused_when_the_source_is_made(reputation: Reputation) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await watch(reputation, "file:///etc/passwd")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
