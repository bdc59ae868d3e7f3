"""The process that reads feeds: kept while there is work, ended when it is late, replaced when it dies."""

import asyncio

import pytest

from services.reputation.domain.errors import FeedRefusedError
from services.reputation.domain.feed_text import MAX_FEED_BYTES
from services.reputation.jobs.feed_reader import FeedReader

FEED = '<rss version="2.0"><channel><title>新闻</title><item><title>一 &amp; 二</title></item></channel></rss>'.encode()
SLEEPS = ("-c", "import time; time.sleep(60)")
DIES = ("-c", "raise SystemExit(1)")
BABBLES = ("-c", "import sys; sys.stdin.readline(); print('no number', flush=True)")
BOASTS = ("-c", "import sys; sys.stdin.readline(); print(10**12, flush=True)")


async def test_feeds_are_read_one_after_the_other_by_one_process() -> None:
    reader = FeedReader()
    feeds = await asyncio.gather(*(reader.read(FEED, "text/xml") for _ in range(3)))
    assert {feed.items[0].title for feed in feeds} == {"一 & 二"}
    process = reader._process
    with pytest.raises(FeedRefusedError) as refused:
        await reader.read(b"no feed", "")
    assert refused.value.reason == "FEED_UNREADABLE"
    assert reader._process is process
    await reader.close()
    await reader.close()


async def test_a_process_that_takes_too_long_is_ended_and_the_next_feed_is_read() -> None:
    reader = FeedReader(program=SLEEPS, read_limit_s=-29.5)  # the start's allowance is 30 s
    with pytest.raises(FeedRefusedError) as refused:
        await reader.read(FEED, "")
    assert refused.value.reason == "FEED_TOO_SLOW"
    reader._program, reader._read_limit_s = FeedReader()._program, 15.0
    assert (await reader.read(FEED, "")).title == "新闻"
    await reader.close()


@pytest.mark.parametrize("program", [DIES, BABBLES, BOASTS])
async def test_a_process_that_dies_or_talks_nonsense_costs_one_feed(program: tuple[str, ...]) -> None:
    reader = FeedReader(program=program)
    with pytest.raises(FeedRefusedError) as refused:
        await reader.read(FEED, "")
    assert refused.value.reason == "FEED_UNREADABLE"
    assert reader._process is None


async def test_a_read_that_is_cancelled_leaves_no_half_answer_behind() -> None:
    reader = FeedReader(program=SLEEPS)
    reading = asyncio.ensure_future(reader.read(FEED, ""))
    await asyncio.sleep(0.2)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert reader._process is None


async def test_an_idle_process_goes_by_itself() -> None:
    reader = FeedReader(idle_s=0.05)
    await reader.read(FEED, "")
    process = reader._process
    assert process is not None
    async with asyncio.timeout(10):
        assert await process.wait() == 0
    assert reader._process is None
    assert (await reader.read(FEED, "")).title == "新闻"
    await reader.close()


async def test_a_feed_past_its_bound_is_not_even_sent() -> None:
    reader = FeedReader(program=SLEEPS)
    with pytest.raises(FeedRefusedError) as refused:
        await reader.read(b"x" * (MAX_FEED_BYTES + 1), "")
    assert refused.value.reason == "FEED_TOO_LARGE"
    assert reader._process is None
