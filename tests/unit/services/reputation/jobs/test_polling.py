"""Polling feeds: what is new is heard once, failures make pauses, hosts are spared, and a crash repeats nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.chassis.metrics import Metrics
from services.reputation.domain.errors import FeedRefusedError
from services.reputation.domain.feeds import Feed, FeedItem, read_feed
from services.reputation.domain.sources import LONGEST_INTERVAL, USUAL_INTERVAL, Source, SourceKind, Standing
from services.reputation.jobs.fetching import Fetched, FetchFailedError
from services.reputation.jobs.polling import HOST_BURST, HOST_PAUSE, POLLING_METRICS, Poller
from services.reputation.store.collections import SOURCES
from services.reputation.usecases.sources import create_source, delete_source, get_source, poll_source, update_source
from tests.unit.services.reputation.hearing_world import SHOP, World

URL = "https://news.example/rss"


@dataclass
class Web:
    """The other side: what each address answers, and what it was asked."""

    answers: dict[str, Fetched | FetchFailedError] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    async def __call__(self, url: str, *, etag: str, modified: str, now: datetime) -> Fetched:
        self.asked.append((url, etag, modified))
        answer = self.answers[url]
        if isinstance(answer, FetchFailedError):
            raise answer
        if etag and etag == answer.etag:
            return Fetched(is_news=False, etag=etag)
        return answer

    def says(self, *titles: str, url: str = URL, etag: str = "") -> None:
        items = "".join(f"<item><guid>{each}</guid><title>知客 {each}</title></item>" for each in titles)
        body = f'<rss version="2.0"><channel>{items}</channel></rss>'.encode()
        self.answers[url] = Fetched(True, body, etag=etag, modified="then")


class Reader:
    """Reads feeds in this process."""

    async def read(self, body: bytes, content_type: str) -> Feed:
        return read_feed(body, content_type)


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def poller(hearing: World, web: Web) -> Poller:
    return poller_of(hearing, web)


def poller_of(hearing: World, web: Web, reader: Any = None) -> Poller:
    metrics = Metrics((POLLING_METRICS,))
    return Poller(
        hearing.sources, hearing.log, fetch=web, reader=reader or Reader(), clock=hearing.clock, metrics=metrics
    )


async def watch(hearing: World, source_id: str = "city-news", **fields: Any) -> Source:
    given: Mapping[str, Any] = {"id": source_id, "kind": SourceKind.FEED, "shop": SHOP, "url": URL, **fields}
    return (await create_source(hearing.watching, Source(**given))).source


async def standing_of(hearing: World, source_id: str = "city-news") -> Standing:
    standing = (await get_source(hearing.watching, source_id)).standing
    assert standing is not None
    return standing


async def titles(hearing: World) -> list[str]:
    return [event.payload["title"] for event in await hearing.events()]


async def test_a_new_feed_is_fetched_at_once_and_again_at_its_interval(
    hearing: World, web: Web, poller: Poller
) -> None:
    web.says("a", "b")
    await watch(hearing)
    await poller.poll()
    await poller.poll()
    assert await titles(hearing) == ["知客 a", "知客 b"]
    assert len(web.asked) == 1
    standing = await standing_of(hearing)
    assert (standing.new_items, standing.failures, standing.next_time) == (2, 0, hearing.clock.now() + USUAL_INTERVAL)
    hearing.clock.advance(USUAL_INTERVAL.total_seconds())
    await poller.poll()
    assert len(web.asked) == 2


async def test_only_what_is_new_is_written(hearing: World, web: Web, poller: Poller) -> None:
    web.says("a", "b")
    await watch(hearing)
    await poller.poll()
    web.says("c", "b", "a")
    hearing.clock.advance(USUAL_INTERVAL.total_seconds())
    await poller.poll()
    assert await titles(hearing) == ["知客 a", "知客 b", "知客 c"]
    assert (await standing_of(hearing)).new_items == 3


async def test_the_other_side_is_asked_only_for_news(hearing: World, web: Web, poller: Poller) -> None:
    web.says("a", etag='"1"')
    await watch(hearing)
    for _ in range(3):
        await poller.poll()
        hearing.clock.advance(USUAL_INTERVAL.total_seconds())
    assert web.asked == [(URL, "", ""), (URL, '"1"', "then"), (URL, '"1"', "then")]
    assert await titles(hearing) == ["知客 a"]


async def test_a_failing_feed_is_asked_with_growing_pauses_and_heals(hearing: World, web: Web, poller: Poller) -> None:
    web.answers[URL] = FetchFailedError("FEED_STATUS", "500")
    await watch(hearing)
    await poller.poll()
    hearing.clock.advance(USUAL_INTERVAL.total_seconds())
    await poller.poll()
    standing = await standing_of(hearing)
    assert (standing.failures, standing.error) == (2, "FEED_STATUS")
    assert standing.next_time == hearing.clock.now() + 2 * USUAL_INTERVAL
    web.says("a")
    hearing.clock.advance(2 * USUAL_INTERVAL.total_seconds())
    await poller.poll()
    assert (await standing_of(hearing)).failures == 0
    assert await titles(hearing) == ["知客 a"]


async def test_a_wanted_pause_is_kept(hearing: World, web: Web, poller: Poller) -> None:
    web.answers[URL] = FetchFailedError("FEED_STATUS", "429", timedelta(hours=3))
    await watch(hearing)
    await poller.poll()
    assert (await standing_of(hearing)).next_time == hearing.clock.now() + timedelta(hours=3)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>log in</html>", "FEED_UNREADABLE"),
        (b'<!DOCTYPE r [<!ENTITY a "b">]><rss version="2.0"/>', "FEED_ENTITIES"),
    ],
)
async def test_a_feed_that_is_none_or_hostile_fails_by_name(
    hearing: World, web: Web, poller: Poller, body: bytes, reason: str
) -> None:
    web.answers[URL] = Fetched(True, body)
    await watch(hearing)
    await poller.poll()
    assert (await standing_of(hearing)).error == reason
    assert await hearing.events() == []


async def test_one_bad_feed_harms_no_other(hearing: World, web: Web, poller: Poller) -> None:
    web.answers["https://bad.example/rss"] = Fetched(True, b"nothing")
    web.says("a")
    await watch(hearing, "bad", url="https://bad.example/rss")
    await watch(hearing)
    await poller.poll()
    assert await titles(hearing) == ["知客 a"]


async def test_a_host_is_asked_within_its_budget_and_the_rest_waits(hearing: World, web: Web, poller: Poller) -> None:
    for number in range(HOST_BURST + 2):
        url = f"https://news.example/{number}"
        web.says(str(number), url=url)
        await watch(hearing, f"news-{number}", url=url)
    web.says("x", url="https://other.example/rss")
    await watch(hearing, "other", url="https://other.example/rss")
    await poller.poll()
    assert len(web.asked) == HOST_BURST + 1
    hearing.clock.advance(HOST_PAUSE.total_seconds())
    await poller.poll()
    assert len(web.asked) == HOST_BURST + 2
    hearing.clock.advance(HOST_PAUSE.total_seconds())
    await poller.poll()
    assert len(await titles(hearing)) == HOST_BURST + 3


async def test_a_source_that_is_disabled_is_not_fetched_until_it_is_enabled(
    hearing: World, web: Web, poller: Poller
) -> None:
    web.says("a")
    source = await watch(hearing, enabled=False)
    await poller.poll()
    assert web.asked == []
    assert (await standing_of(hearing)).next_time == hearing.clock.now() + LONGEST_INTERVAL
    await update_source(hearing.watching, replace(source, enabled=True), ["disabled"], expected_version=0)
    await poller.poll()
    assert await titles(hearing) == ["知客 a"]


async def test_a_source_that_moves_is_asked_anew(hearing: World, web: Web, poller: Poller) -> None:
    web.says("a", etag='"1"')
    source = await watch(hearing)
    await poller.poll()
    web.says("b", url="https://moved.example/rss", etag='"1"')
    moved = replace(source, url="https://moved.example/rss")
    await update_source(hearing.watching, moved, ["url"], expected_version=0)
    await poller.poll()
    assert web.asked[-1] == ("https://moved.example/rss", "", "")
    assert await titles(hearing) == ["知客 a", "知客 b"]


async def test_somebody_may_ask_for_a_feed_at_once(hearing: World, web: Web, poller: Poller) -> None:
    web.says("a")
    await watch(hearing)
    await poller.poll()
    await poll_source(hearing.watching, "city-news")
    await poller.poll()
    assert len(web.asked) == 2


async def test_a_source_that_was_removed_meanwhile_is_forgotten(hearing: World, web: Web, poller: Poller) -> None:
    await watch(hearing)
    await hearing.documents.delete(SOURCES, "city-news")  # a crash between the two deletes
    await poller.poll()
    assert web.asked == []
    assert await hearing.sources.standings(["city-news"]) == {}


async def test_a_source_that_is_removed_while_it_is_fetched_stays_removed(hearing: World, web: Web) -> None:
    class Removing:
        async def read(self, body: bytes, content_type: str) -> Feed:
            await delete_source(hearing.watching, "city-news", expected_version=0)
            return read_feed(body, content_type)

    web.says("a")
    await watch(hearing)
    await poller_of(hearing, web, Removing()).poll()
    assert await hearing.sources.standings(["city-news"]) == {}


async def test_items_that_cannot_be_kept_are_counted(hearing: World, web: Web) -> None:
    old = hearing.clock.now() - timedelta(days=4_000)
    items = (
        FeedItem("1", "", "too old", "", "", old, ""),
        FeedItem("2", "", "fine", "", "", None, ""),
        FeedItem("2", "", "named twice", "", "", None, ""),
    )

    class Listed:
        async def read(self, body: bytes, content_type: str) -> Feed:
            return Feed("", items, skipped=3)

    web.says("x")
    await watch(hearing)
    await poller_of(hearing, web, Listed()).poll()
    assert await titles(hearing) == ["fine"]
    assert (await standing_of(hearing)).skipped_items == 4


async def test_a_push_source_is_not_fetched(hearing: World, web: Web, poller: Poller) -> None:
    await create_source(hearing.watching, Source("weibo", SourceKind.PUSH, SHOP))
    await poller.poll()
    assert web.asked == []


async def test_what_was_written_before_a_crash_is_recognised(hearing: World, web: Web, poller: Poller) -> None:
    """The mentions are in the log, the standing was never saved."""
    web.says("a")
    await watch(hearing)
    await poller.poll()
    await hearing.sources.wake("city-news", hearing.clock.now(), anew=True)
    hearing.clock.advance(60)
    await poller.poll()
    assert await titles(hearing) == ["知客 a"]


async def test_a_read_that_fails_leaves_the_marks_of_the_last_good_answer(hearing: World, web: Web) -> None:
    class Refusing:
        async def read(self, body: bytes, content_type: str) -> Feed:
            raise FeedRefusedError("FEED_TOO_SLOW", "slow")

    web.says("a", etag='"1"')
    await watch(hearing)
    await poller_of(hearing, web, Refusing()).poll()
    standing = await standing_of(hearing)
    assert (standing.etag, standing.error) == ("", "FEED_TOO_SLOW")
