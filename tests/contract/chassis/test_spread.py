"""Two replicas behind one address share its calls, and one that stops takes none of them with it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from services.chassis.callstream import client as client_end
from services.chassis.clients import Clients, Method
from services.chassis.metrics import Metrics
from services.chassis.server import Running, Runtime, Service, running
from services.chassis.settings import ChassisSettings
from services.chassis.targets import target_of
from tests.contract.chassis.conftest import settings_in
from tests.contract.chassis.test_calls import TEXT, sample
from tests.fakes.echo_service import SERVICE, EchoServicer, add_echo_servicer, method

UNARY, COALESCED = method("Echo", idempotent=True), method("Echo", coalesced=True)
SHAPES = pytest.mark.parametrize("echo", [UNARY, COALESCED], ids=["unary", "coalesced"])
EXCHANGE = "zhike.chassis.v1.CallStreamService/Exchange"


@asynccontextmanager
async def replica(folder: Path, servicer: EchoServicer, port: int = 0) -> AsyncIterator[Running[ChassisSettings]]:
    async def build(_: Runtime[ChassisSettings]) -> Service:
        return Service(servicers=[(add_echo_servicer, servicer)])

    async with running("search", settings_in(folder, port=port), build, chance=Random(1)) as process:
        await process.become_ready()
        yield process


@asynccontextmanager
async def clients_of(address: str) -> AsyncIterator[Clients]:
    clients = Clients(ChassisSettings(search_address=address), Metrics(), chance=Random(1))
    yield clients
    await clients.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace streams as often as others make calls."""
    monkeypatch.setattr(client_end, "RENEW_S", 0.2)


async def called_until(clients: Clients, echo: Method, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            assert await clients.call(echo, TEXT, timeout_ms=10_000) == TEXT
            await asyncio.sleep(0.002)


@SHAPES
@pytest.mark.usefixtures("quick")
async def test_both_replicas_are_called_and_one_that_stops_and_comes_back_too(tmp_path: Path, echo: Method) -> None:
    servicers = (EchoServicer(), EchoServicer())
    async with AsyncExitStack() as staying:
        stays = await staying.enter_async_context(replica(tmp_path / "1", servicers[0]))
        async with replica(tmp_path / "2", servicers[1]) as goes:
            port = goes.port
            clients = await staying.enter_async_context(clients_of(f"{stays.address},{goes.address}"))
            await called_until(clients, echo, lambda: all(each.calls >= 20 for each in servicers))
            stopping = asyncio.create_task(called_until(clients, echo, lambda: False))
        stopping.cancel()
        assert (await asyncio.gather(stopping, return_exceptions=True))[0].__class__ is asyncio.CancelledError
        before = servicers[1].calls
        await called_until(clients, echo, lambda: servicers[0].calls >= 200)
        assert servicers[1].calls == before
        await staying.enter_async_context(replica(tmp_path / "2", servicers[1], port))
        await called_until(clients, echo, lambda: servicers[1].calls >= before + 20)


@pytest.mark.usefixtures("quick")
async def test_a_stream_that_is_replaced_loses_no_answer(tmp_path: Path) -> None:
    servicers = (EchoServicer(), EchoServicer())
    async with (
        replica(tmp_path / "1", servicers[0]) as one,
        replica(tmp_path / "2", servicers[1]) as other,
        clients_of(f"{one.address},{other.address}") as clients,
    ):
        slow = asyncio.create_task(clients.call(method("Wait", coalesced=True), TEXT, timeout_ms=30_000))
        for number in range(40):
            texts = [StringValue(value=f"{number}/{place}") for place in range(50)]
            assert await asyncio.gather(*(clients.call(COALESCED, each, timeout_ms=10_000) for each in texts)) == texts
            await asyncio.sleep(0.02)
        assert not slow.done()
        for servicer in servicers:
            servicer.release.set()
        assert await slow == TEXT
        ended = [
            sample(each.runtime.metrics, "zhike_rpc_calls_total", rpc=EXCHANGE, code="OK") for each in (one, other)
        ]
        assert sum(each or 0 for each in ended) >= 4, "streams are replaced"
        retries = sample(clients._metrics, "zhike_client_retries_total", rpc=f"{SERVICE}/Echo")
        assert not retries, "and none of them breaks"


@SHAPES
async def test_a_name_is_resolved(tmp_path: Path, echo: Method) -> None:
    servicer = EchoServicer()
    async with replica(tmp_path, servicer) as process, clients_of(f"localhost:{process.port}") as clients:
        await called_until(clients, echo, lambda: servicer.calls >= 20)
    assert await target_of("localhost:9000").replicas() in {1, 2}  # with IPv6 and without
    assert await target_of("nobody.invalid:9000").replicas() == 1


async def test_a_single_address_has_one_stream_for_good(tmp_path: Path) -> None:
    async with replica(tmp_path, EchoServicer()) as process, clients_of(process.address) as clients:
        for _ in range(5):
            await clients.call(COALESCED, TEXT, timeout_ms=5_000)
        stream = clients._streams["search"]
        assert len(stream._exchanges) == 1
        assert stream._spreading is None
