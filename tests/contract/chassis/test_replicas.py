"""Two processes of one service on one MongoDB: same logs, same blobs, one holder of each singleton."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import grpc
import pymongo
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.documents.lock import StoreInUseError
from services.chassis.documents.mongo import database_name
from services.chassis.documents.port import Collection, KeyTakenError, StoreUnavailableError
from services.chassis.jobs import Job, JobKind
from services.chassis.leases import ASK_INTERVAL_S
from services.chassis.server import Running, Runtime, Service, running
from services.chassis.settings import ChassisSettings
from tests.fakes.events import new_event, stored_events
from tests.fakes.wire_server import WireServer

pytestmark = pytest.mark.real

NAME = "knowledge"
LOG = "user-events"
MARKS = Collection("marks")


@pytest.fixture
def address(mongodb_here: str, tmp_path: Path) -> Iterator[str]:
    address = f"{mongodb_here.rstrip('/')}/r-{tmp_path.parent.name}-{tmp_path.name}"[:90]
    yield address
    with pymongo.MongoClient(address) as client:
        client.drop_database(database_name(address, NAME))


class Work:
    """A singleton job that shows whether it runs here."""

    def __init__(self) -> None:
        self.running = asyncio.Event()

    async def build(self, runtime: Runtime[ChassisSettings]) -> Service:
        runtime.event_log(LOG)
        await runtime.documents.declare(MARKS)

        async def work() -> None:
            self.running.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.running.clear()

        return Service(servicers=[], jobs=[Job("work", work, JobKind.SINGLETON)])


@asynccontextmanager
async def replica(folder: Path, address: str, work: Work, seed: int) -> AsyncIterator[Running[ChassisSettings]]:
    settings = ChassisSettings(data=folder, documents=address, artifacts="gridfs", drain_ms=0)
    async with running(NAME, settings, work.build, chance=Random(seed)) as process:
        await process.become_ready()
        yield process


async def test_two_replicas_append_to_one_log_and_share_what_they_store(address: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(replica(tmp_path / str(seed), address, Work(), seed)) for seed in (1, 2)
        ]
        logs = [each.runtime.event_log(LOG) for each in (one, other)]
        assert [log.partitions for log in logs] == [8, 8]
        batches = [[new_event(number) for number in range(first, first + 30)] for first in range(0, 300, 15)]
        await asyncio.gather(*(log.append(batch) for batch in batches for log in logs))
        assert sorted(event.payload["quantity"] for event in await stored_events(logs[1])) == list(range(315))
        blob = await one.runtime.artifacts.put(b"a model")
        await one.runtime.manifests.promote("model", {"weights": blob.digest}, expected_version=0)
        manifest = await other.runtime.manifests.current("model")
        assert manifest is not None
        assert await other.runtime.artifacts.read(manifest.blobs["weights"]) == b"a model"
        await one.runtime.documents.insert(MARKS, "once", {"by": 1})
        with pytest.raises(KeyTakenError):
            await other.runtime.documents.insert(MARKS, "once", {"by": 2})


@pytest.mark.slow
async def test_a_singleton_runs_in_one_replica_and_goes_on_in_the_other_when_that_one_stops(
    address: str, tmp_path: Path
) -> None:
    first, second = Work(), Work()
    async with AsyncExitStack() as staying:
        async with replica(tmp_path / "1", address, first, 1):
            async with asyncio.timeout(10):
                await first.running.wait()
            await staying.enter_async_context(replica(tmp_path / "2", address, second, 2))
            await asyncio.sleep(2 * ASK_INTERVAL_S)
            assert (first.running.is_set(), second.running.is_set()) == (True, False)
        async with asyncio.timeout(10):
            await second.running.wait()
        assert not first.running.is_set()


async def health_of(process: Running[ChassisSettings]) -> str:
    async with grpc.aio.insecure_channel(process.address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


async def becomes(process: Running[ChassisSettings], state: str) -> None:
    async with asyncio.timeout(60):
        while await health_of(process) != state:  # noqa: ASYNC110 - nothing tells us
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_a_process_whose_store_goes_away_says_so_and_goes_on_by_itself_when_it_is_back(tmp_path: Path) -> None:
    server = WireServer(tmp_path)
    server.start()
    options = "serverSelectionTimeoutMS=3000&heartbeatFrequencyMS=500&socketTimeoutMS=5000&connectTimeoutMS=3000"
    try:
        async with replica(tmp_path / "1", f"{server.address}/?{options}", Work(), 1) as process:
            log = process.runtime.event_log(LOG)
            await log.append([new_event(number) for number in range(20)])
            assert await health_of(process) == "SERVING"
            server.kill()
            await becomes(process, "NOT_SERVING")
            with pytest.raises(StoreUnavailableError):
                await log.append([new_event(20)])
            server.start()
            await becomes(process, "SERVING")
            await log.append([new_event(number) for number in range(10, 40)])
            assert len(await stored_events(log)) == 40
    finally:
        server.kill()


async def test_the_lock_guards_the_folder_and_not_the_database(address: str, tmp_path: Path) -> None:
    async with replica(tmp_path / "1", address, Work(), 1):
        with pytest.raises(StoreInUseError):
            async with replica(tmp_path / "1", address, Work(), 2):
                pass
        async with replica(tmp_path / "2", address, Work(), 3):
            pass
