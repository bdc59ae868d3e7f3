"""A log over the wire answers as the log itself: order, marks, generations, and an owner that comes and goes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import grpc
import pytest
from zhike.chassis.v1 import event_log_service_pb2_grpc

from services.chassis.clients import Clients
from services.chassis.errors import ErrorKind
from services.chassis.eventlog.port import Batch, Event, GenerationMismatchError
from services.chassis.eventlog.subscription import (
    SLICE_LIMIT_BYTES,
    EventLogServicer,
    RemoteSource,
    batch_from_response,
    responses_from_batch,
)
from services.chassis.interceptors import CallInterceptor, Gate
from services.chassis.metrics import Metrics
from services.chassis.settings import ChassisSettings
from services.chassis.status import RemoteError
from tests.fakes.events import new_event, stored_events
from tests.fakes.projections import expected_tally
from tests.fakes.readers import live_documents, make_reader, running


class Owner:
    """The process that owns the logs; it can go and come back on its port."""

    def __init__(self, logs):
        self.logs = logs
        self.port = 0
        self.server = None

    async def come(self):
        interceptor = CallInterceptor("knowledge", Metrics(), Gate())
        self.server = grpc.aio.server(interceptors=(interceptor,), options=[("grpc.so_reuseport", 0)])
        event_log_service_pb2_grpc.add_EventLogServiceServicer_to_server(EventLogServicer(self.logs), self.server)
        self.port = self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self.server.start()

    async def go(self):
        await self.server.stop(None)


@asynccontextmanager
async def remote(owner: Owner, name: str, **options) -> AsyncIterator[RemoteSource]:
    clients = Clients(ChassisSettings(knowledge_address=f"127.0.0.1:{owner.port}"), Metrics())
    try:
        yield RemoteSource(clients, "knowledge", name, **options)
    finally:
        await clients.close()


@pytest.fixture
async def owner(log):
    owner = Owner({log.name: log})
    await owner.come()
    yield owner
    await owner.go()


async def test_events_arrive_over_the_wire_as_they_are_stored(log, owner):
    batch = [new_event(n, trace="00-1-2-01", synthetic=n % 2 == 0, schema_version=2) for n in range(100)]
    await log.append(batch)
    arrived: list[Event] = []
    async with remote(owner, log.name) as source, aclosing(source.subscribe(generation="", after={})) as batches:
        assert await source.head() == await log.head()
        async for each in batches:
            arrived.extend(each.events)
            if len(arrived) == 100:
                break
    by_place = sorted(arrived, key=lambda event: (event.partition, event.seq))
    assert by_place == await stored_events(log)


async def test_a_reader_over_the_wire_equals_one_beside_the_log(log, owner, subjects):
    async with remote(owner, log.name) as source:
        reader = make_reader(source, subjects)
        async with running(reader):
            for first in range(0, 300, 100):
                await log.append([new_event(number) for number in range(first, first + 100)])
            await asyncio.wait_for(reader.caught_up(), 20)
            assert reader.staleness_s() < float("inf")
    assert await live_documents(subjects) == expected_tally(await stored_events(log))


async def test_an_owner_that_goes_and_comes_back_is_followed_on(log, owner, subjects):
    async with remote(owner, log.name) as source:
        reader = make_reader(source, subjects)
        async with running(reader):
            await log.append([new_event(number) for number in range(50)])
            await asyncio.wait_for(reader.caught_up(), 20)
            await owner.go()
            await log.append([new_event(number) for number in range(50, 100)])
            await owner.come()
            await asyncio.wait_for(reader.caught_up(await log.head()), 20)
    assert await live_documents(subjects) == expected_tally(await stored_events(log))


async def test_what_was_yielded_is_not_sent_again_after_an_interruption(log, owner):
    await log.append([new_event(number) for number in range(50)])
    arrived: list[Event] = []

    async def take(batches, count):
        async with asyncio.timeout(20):
            while len(arrived) < count:
                arrived.extend((await anext(batches)).events)

    async with remote(owner, log.name) as source, aclosing(source.subscribe(generation="", after={})) as batches:
        await take(batches, 50)
        await owner.go()
        await log.append([new_event(number) for number in range(50, 80)])
        await owner.come()
        await take(batches, 80)
    assert sorted(arrived, key=lambda event: (event.partition, event.seq)) == await stored_events(log)


async def test_an_owner_that_falls_silent_is_subscribed_to_again(log, owner):
    asked = 0
    subscribe = log.subscribe

    class Mute:
        name = log.name

        async def subscribe(self, *, generation, after):
            nonlocal asked
            asked += 1
            if asked == 1:
                await asyncio.Event().wait()
            async for batch in subscribe(generation=generation, after=after):
                yield batch

    owner.logs[log.name] = Mute()
    await log.append([new_event(1)])
    async with (
        remote(owner, log.name, silence_limit_s=0.3) as source,
        aclosing(source.subscribe(generation="", after={})) as batches,
        asyncio.timeout(20),
    ):
        async for batch in batches:
            if batch.events:
                break
    assert asked >= 2


async def test_a_position_that_the_log_never_had_is_refused_over_the_wire(log, owner):
    async with remote(owner, log.name) as source:
        for position in ({"generation": "another", "after": {}}, {"generation": "", "after": {0: 7}}):
            with pytest.raises(GenerationMismatchError):
                async for _ in source.subscribe(**position):
                    pass


async def test_a_restore_while_subscribed_shows_when_the_owner_is_back(log, owner):
    async with remote(owner, log.name) as source, aclosing(source.subscribe(generation="", after={})) as batches:
        await anext(batches)
        await owner.go()
        await log.start_generation()
        await owner.come()
        with pytest.raises(GenerationMismatchError):
            async with asyncio.timeout(20):
                async for _ in batches:
                    pass


async def test_a_log_that_the_service_does_not_keep_is_not_found(log, owner):
    async with remote(owner, "unknown") as source:
        with pytest.raises(RemoteError) as caught:
            await source.head()
        assert caught.value.kind is ErrorKind.NOT_FOUND
        with pytest.raises(RemoteError):
            await anext(source.subscribe(generation="", after={}))


def test_a_batch_of_large_payloads_is_cut_into_messages_that_the_wire_carries():
    now = datetime(2026, 1, 5, tzinfo=UTC)
    event = Event("log", 3, 1, "k", "t", now, now, "s", "web", "card:1", {"text": "x" * (SLICE_LIMIT_BYTES // 3)})
    events = tuple(replace(event, seq=seq) for seq in range(1, 8))
    batch = Batch(partition=3, events=events, head_seq=9, marked_time=now, generation="g")
    responses = list(responses_from_batch(batch))
    assert [len(response.events) for response in responses] == [2, 2, 2, 1]
    assert max(response.ByteSize() for response in responses) < SLICE_LIMIT_BYTES + 4_096
    decoded = [batch_from_response("log", response) for response in responses]
    assert tuple(event for part in decoded for event in part.events) == events
    assert {(part.partition, part.head_seq, part.marked_time, part.generation) for part in decoded} == {
        (3, 9, now, "g")
    }


def test_a_mark_is_one_empty_message():
    now = datetime(2026, 1, 5, tzinfo=UTC)
    batch = Batch(partition=0, events=(), head_seq=4, marked_time=now, generation="g")
    (response,) = responses_from_batch(batch)
    assert batch_from_response("log", response) == batch
