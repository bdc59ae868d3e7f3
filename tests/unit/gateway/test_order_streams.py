"""Who watches an order is told of it: one subscription for all, nothing missed through breaks, everything bounded."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack
from random import Random

import pytest
from zhike.orders.v1 import order_pb2

from gateway import order_streams
from gateway.errors import StreamsFullError
from gateway.metrics import GATEWAY_METRICS
from gateway.order_streams import OrderStreams, Watcher, live_order
from services.chassis.eventlog.backoff import Backoff
from services.chassis.metrics import CHASSIS_METRICS, Metrics
from tests.fakes.gateway_services import ORDER_ID, FakeServices

OTHER_ID = "o-2"


class Followed:
    """Streams over fakes, followed while the block lasts."""

    def __init__(self) -> None:
        self.services = FakeServices()
        self.services.order_versions[OTHER_ID] = 1
        self.metrics = Metrics((CHASSIS_METRICS, GATEWAY_METRICS))
        self.streams = OrderStreams(self.services.order_log, self.services, self.metrics, rng=Random(3))

    async def moves(self, order_id: str = ORDER_ID) -> int:
        """Have a fact of an order told, and applied."""
        seq = self.services.order_log.append(order_id)
        self.services.order_versions[order_id] = seq
        return seq


@pytest.fixture
async def followed(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Followed]:
    monkeypatch.setattr(order_streams, "AGAIN", Backoff(first_s=0.001, limit_s=0.002))
    made = Followed()
    running = asyncio.ensure_future(made.streams.run())
    await asyncio.sleep(0)
    yield made
    running.cancel()
    await asyncio.wait({running})


async def until(holds: Callable[[], bool]) -> None:
    """Return when it holds."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)


async def told(watcher: Watcher, version: int) -> None:
    """Return when the watcher was told of a version."""
    async with asyncio.timeout(30):
        while watcher.newest is None or watcher.newest.version < version:
            watcher.woken.clear()
            if watcher.newest is None or watcher.newest.version < version:
                await watcher.woken.wait()


async def test_who_watches_is_told_and_others_are_not(followed: Followed) -> None:
    with followed.streams.watching(ORDER_ID) as mine, followed.streams.watching(OTHER_ID) as other:
        await asyncio.sleep(0.01)
        await followed.moves(OTHER_ID)
        seq = await followed.moves()
        await told(mine, seq)
        assert mine.newest is not None
        assert [place for place, _ in mine.newest.after(0)] == [1, 2]
        await told(other, 1)
    assert followed.services.order_log.subscriptions == 1


async def test_one_subscription_and_one_reading_serve_all_who_watch_an_order(followed: Followed) -> None:
    with ExitStack() as stack:
        watchers = [stack.enter_context(followed.streams.watching(ORDER_ID)) for _ in range(20)]
        await asyncio.sleep(0.01)
        before = followed.services.count("BatchGetOrders")
        seq = await followed.moves()
        await asyncio.gather(*(told(each, seq) for each in watchers))
        assert followed.services.count("BatchGetOrders") - before == 1
        assert len({id(each.newest) for each in watchers}) == 1, "written once"


async def test_orders_that_nobody_watches_are_not_read(followed: Followed) -> None:
    await asyncio.sleep(0.01)
    await followed.moves()
    await asyncio.sleep(0.01)
    assert followed.services.count("BatchGetOrders") == 0


async def test_what_was_told_a_moment_before_watching_is_told(followed: Followed) -> None:
    await asyncio.sleep(0.01)
    seq = await followed.moves()
    await asyncio.sleep(0.01)
    with followed.streams.watching(ORDER_ID) as watcher:
        await told(watcher, seq)


async def test_an_order_that_does_not_hold_the_fact_yet_is_asked_again(followed: Followed) -> None:
    with followed.streams.watching(ORDER_ID) as watcher:
        await asyncio.sleep(0.01)
        followed.services.order_log.append(OTHER_ID)
        seq = followed.services.order_log.append(ORDER_ID)
        await asyncio.sleep(0.005)
        followed.services.order_versions[ORDER_ID] = seq
        await told(watcher, seq)
        assert followed.services.last("BatchGetOrders").at_least[ORDER_ID] == seq


async def test_a_fact_that_never_comes_is_not_asked_for_for_ever(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_streams, "TRIES_LIMIT", 3)
    with followed.streams.watching(ORDER_ID):
        await asyncio.sleep(0.01)
        before = followed.services.count("BatchGetOrders")
        followed.services.order_log.append(OTHER_ID)
        followed.services.order_log.append(ORDER_ID)
        for _ in range(2_000):
            if followed.services.count("BatchGetOrders") - before >= 4:
                break
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert followed.services.count("BatchGetOrders") - before == 4


async def test_an_order_that_is_late_holds_up_no_other(followed: Followed) -> None:
    with followed.streams.watching(ORDER_ID), followed.streams.watching(OTHER_ID) as other:
        await asyncio.sleep(0.01)
        followed.services.order_log.append(ORDER_ID)
        followed.services.order_log.append(ORDER_ID)  # not applied for as long as the test lasts
        seq = await followed.moves(OTHER_ID)
        await told(other, seq)


async def test_a_reading_that_takes_long_holds_up_no_other(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request waits for its order's fact while the next order is read and told; no more than four at once."""
    goes_on, waiting = asyncio.Event(), 0
    read = followed.streams._read

    async def slow(wishes: Mapping[str, order_streams.Wish]) -> Sequence[order_pb2.Order]:
        nonlocal waiting
        if OTHER_ID not in wishes:
            waiting += 1
            await goes_on.wait()
        return await read(wishes)

    monkeypatch.setattr(followed.streams, "_read", slow)
    with followed.streams.watching(ORDER_ID), followed.streams.watching(OTHER_ID) as other:
        await asyncio.sleep(0.01)
        await followed.moves(ORDER_ID)
        await asyncio.sleep(0.01)
        seq = await followed.moves(OTHER_ID)
        await told(other, seq)
        for _ in range(order_streams.READINGS_AT_ONCE):
            held = waiting
            await followed.moves(ORDER_ID)
            await until(lambda held=held: waiting > held or waiting == order_streams.READINGS_AT_ONCE)
        for _ in range(10):
            await followed.moves(ORDER_ID)
            await asyncio.sleep(0.001)
        assert waiting == order_streams.READINGS_AT_ONCE
        goes_on.set()


async def test_a_redrive_is_waited_for_by_nobody(followed: Followed) -> None:
    with followed.streams.watching(ORDER_ID):
        await asyncio.sleep(0.01)
        before = followed.services.count("BatchGetOrders")
        followed.services.order_log.append(ORDER_ID, redrive_of="k1")
        await until(lambda: followed.services.count("BatchGetOrders") > before)
        await asyncio.sleep(0.02)
        assert followed.services.count("BatchGetOrders") - before == 1


async def test_while_orders_is_away_wishes_wait(followed: Followed) -> None:
    with followed.streams.watching(ORDER_ID) as watcher:
        await asyncio.sleep(0.01)
        followed.services.down.add("orders")
        seq = await followed.moves()
        await asyncio.sleep(0.02)
        followed.services.down.clear()
        await told(watcher, seq)


async def test_what_happened_while_the_line_was_broken_is_told(followed: Followed) -> None:
    log = followed.services.order_log
    with followed.streams.watching(ORDER_ID) as watcher:
        await asyncio.sleep(0.01)
        log.break_off()
        await asyncio.sleep(0.005)
        seq = await followed.moves()
        log.come_back()
        await told(watcher, seq)


async def test_a_log_that_began_anew_is_followed_anew(followed: Followed) -> None:
    log = followed.services.order_log
    with followed.streams.watching(ORDER_ID) as watcher:
        await asyncio.sleep(0.01)
        log.begin_anew()
        await asyncio.sleep(0.01)
        seq = await followed.moves()
        await told(watcher, seq)
    assert log.subscriptions > 1


async def test_streams_are_bounded_for_the_process_and_for_an_order(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_streams, "WATCHERS_LIMIT", 3)
    monkeypatch.setattr(order_streams, "ORDER_WATCHERS_LIMIT", 2)
    streams = followed.streams
    with streams.watching(ORDER_ID), streams.watching(ORDER_ID):
        with pytest.raises(StreamsFullError), streams.watching(ORDER_ID):
            pass
        with streams.watching(OTHER_ID), pytest.raises(StreamsFullError), streams.watching("o-3"):
            pass
    with streams.watching(ORDER_ID):
        assert followed.metrics.registry.get_sample_value("zhike_order_streams") == 1
    assert followed.metrics.registry.get_sample_value("zhike_order_streams") == 0


async def test_memory_of_what_moved_is_bounded(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_streams, "RECENT_LIMIT", 2)
    await asyncio.sleep(0.01)
    for number in range(5):
        followed.services.order_log.append(f"o-{number}")
    await until(lambda: "o-4" in followed.streams._recent)
    assert list(followed.streams._recent) == ["o-3", "o-4"]


async def test_a_watcher_holds_the_newest_order_alone() -> None:
    services = FakeServices()
    watcher = Watcher(ORDER_ID)
    for version in (5, 3, 4):
        services.order_versions[ORDER_ID] = version
        watcher.tell(live_order(services.order()))
    assert watcher.newest is not None and watcher.newest.version == 5


async def test_closing_ends_every_stream_and_takes_no_more(followed: Followed) -> None:
    with followed.streams.watching(ORDER_ID) as one, followed.streams.watching(OTHER_ID) as two:
        followed.streams.close_order(ORDER_ID)
        assert (one.closing, two.closing) == (True, False)
        followed.streams.close()
        assert two.closing
        with pytest.raises(StreamsFullError), followed.streams.watching("o-3"):
            pass
