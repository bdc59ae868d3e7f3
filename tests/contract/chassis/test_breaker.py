"""A service behind a way that goes silent: the breaker opens, spares its callers the wait, and closes by itself."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from infra.faults.proxy import FaultyProxy, Way
from services.chassis.breaker import FAILURES
from services.chassis.clients import Clients
from services.chassis.errors import ErrorKind
from services.chassis.metrics import Metrics
from services.chassis.settings import ChassisSettings
from services.chassis.status import RemoteError
from tests.contract.chassis.conftest import Echo
from tests.fakes.echo_service import method

TEXT = StringValue(value="牛奶")
LATE_MS = 300
PATIENT_MS = 30_000


class Behind:
    """Calls to the echo service through a proxy."""

    def __init__(self, way: FaultyProxy) -> None:
        self.way, self.metrics = way, Metrics()
        self.clients = Clients(ChassisSettings(search_address=way.address), self.metrics)

    async def call(self, *, timeout_ms: int = PATIENT_MS, waits: bool = True) -> StringValue:
        echo = method("Echo", coalesced=True)
        return await self.clients.call(echo, TEXT, timeout_ms=timeout_ms, waits=waits)

    def is_open(self) -> bool:
        return self.metrics.registry.get_sample_value("zhike_breaker_open", {"upstream": "search"}) == 1

    async def silence(self) -> None:
        """Let calls fail until the breaker opens."""
        self.way.become(Way.SILENT)
        async with asyncio.timeout(30):
            while not self.is_open():
                calls = (self.call(timeout_ms=LATE_MS) for _ in range(FAILURES))
                failures = await asyncio.gather(*calls, return_exceptions=True)
                assert all(isinstance(each, RemoteError) for each in failures)


@pytest.fixture
async def behind(echo: Echo) -> AsyncIterator[Behind]:
    host, _, port = echo.process.address.rpartition(":")
    way = FaultyProxy(host, int(port))
    await way.start()
    opened = Behind(way)
    assert await opened.call() == TEXT
    yield opened
    await opened.clients.close()
    await way.close()


async def test_a_silent_service_is_taken_for_dead_and_whoever_can_do_without_it_is_told_at_once(behind: Behind) -> None:
    await behind.silence()
    with pytest.raises(RemoteError) as refused:
        async with asyncio.timeout(5):  # the call itself would wait for half a minute
            await behind.call(waits=False)
    assert (refused.value.kind, refused.value.reason) == (ErrorKind.UNAVAILABLE, "SERVICE_UNAVAILABLE")


async def test_who_waits_is_answered_as_soon_as_the_way_is_open_again(behind: Behind) -> None:
    await behind.silence()
    waiting = [asyncio.create_task(behind.call()) for _ in range(20)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)
    behind.way.become(Way.OPEN)
    assert await asyncio.gather(*waiting) == [TEXT] * 20
    assert not behind.is_open()
    assert await behind.call(waits=False) == TEXT


async def test_it_closes_without_anybody_calling(behind: Behind) -> None:
    await behind.silence()
    behind.way.become(Way.OPEN)
    async with asyncio.timeout(15):
        while behind.is_open():  # noqa: ASYNC110 - what is seen is a metric
            await asyncio.sleep(0.05)


async def test_a_way_that_breaks_and_is_back_within_the_deadline_opens_nothing(behind: Behind) -> None:
    behind.way.become(Way.CLOSED)
    waiting = [asyncio.create_task(behind.call()) for _ in range(FAILURES * 2)]
    await asyncio.sleep(0.2)
    behind.way.become(Way.OPEN)
    assert await asyncio.gather(*waiting) == [TEXT] * (FAILURES * 2)
    assert not behind.is_open()
    assert behind.metrics.registry.get_sample_value("zhike_breaker_opened_total", {"upstream": "search"}) == 0


async def test_closing_the_clients_ends_the_probing(behind: Behind) -> None:
    await behind.silence()
    await behind.clients.close()
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "probe of search" and not task.done()]
