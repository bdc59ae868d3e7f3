"""What every service serves besides its own: operations, its standing, its blobs, its logs."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty
from zhike.chassis.v1 import system_service_pb2 as system_pb
from zhike.type.v1 import import_pb2

from services.chassis.clients import Clients, Method, declare_method
from services.chassis.errors import ErrorKind
from services.chassis.eventlog.port import NewEvent
from services.chassis.jobs import Job
from services.chassis.metrics import Metrics
from services.chassis.operation_run import OperationRun, RowError
from services.chassis.server import Running, Runtime, Service, running
from services.chassis.settings import ChassisSettings
from services.chassis.status import RemoteError
from services.chassis.version import software_version
from tests.contract.chassis.conftest import settings_in


def operations_method(name: str, request: type, response: type) -> Method:
    return Method("search", f"/google.longrunning.Operations/{name}", request, response, idempotent=True)


GET = operations_method("GetOperation", operations_pb2.GetOperationRequest, operations_pb2.Operation)
WAIT = operations_method("WaitOperation", operations_pb2.WaitOperationRequest, operations_pb2.Operation)
CANCEL = operations_method("CancelOperation", operations_pb2.CancelOperationRequest, Empty)
DELETE = operations_method("DeleteOperation", operations_pb2.DeleteOperationRequest, Empty)
LIST = operations_method("ListOperations", operations_pb2.ListOperationsRequest, operations_pb2.ListOperationsResponse)
STATUS = declare_method(
    "search",
    system_pb,
    "SystemService/GetSystemStatus",
    system_pb.GetSystemStatusRequest,
    system_pb.SystemStatus,
    idempotent=True,
)
REBUILD = declare_method(
    "search",
    system_pb,
    "SystemService/RebuildProjection",
    system_pb.RebuildProjectionRequest,
    operations_pb2.Operation,
)
READ = declare_method(
    "search",
    system_pb,
    "SystemService/ReadArtifact",
    system_pb.ReadArtifactRequest,
    system_pb.ReadArtifactResponse,
)


@dataclass(frozen=True, slots=True)
class Shop:
    """A started service with work to do, and clients to it."""

    process: Running[ChassisSettings]
    clients: Clients

    async def call(self, method: Method, request: object) -> object:
        return await self.clients.call(method, request, timeout_ms=5_000)

    async def start(self, kind: str) -> str:
        return (await self.process.runtime.operations.start(kind, {})).id


async def import_rows(run: OperationRun) -> None:
    run.progress.rows = 2
    run.progress.accept("goods")
    run.reject(RowError(2, "PRICE_NEGATIVE", "a price is at least 0", "price"), {"price": -1})


async def refuse(run: OperationRun) -> None:
    raise RemoteError("no space", kind=ErrorKind.EXHAUSTED, reason="NO_SPACE", service="search", left="0")


async def for_ever(run: OperationRun) -> None:
    await asyncio.Event().wait()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async def build(runtime: Runtime[ChassisSettings]) -> Service:
        for kind, worker in (("import", import_rows), ("refuse", refuse), ("for-ever", for_ever)):
            runtime.operations.register(kind, worker, repeatable=True)
        runtime.event_log("products")

        async def facts() -> dict[str, object]:
            return {"products": 5_927}

        async def work() -> None:
            await asyncio.Event().wait()

        return Service(servicers=[], jobs=[Job("index", work)], rebuilds={"customers": import_rows}, facts=facts)

    async with running("search", settings_in(tmp_path), build) as process:
        await process.become_ready()
        clients = Clients(ChassisSettings(search_address=process.address), Metrics())
        yield Shop(process, clients)
        await clients.close()


async def test_an_operation_is_waited_for_and_read_over_the_wire(shop: Shop) -> None:
    name = await shop.start("import")
    operation = await shop.call(WAIT, operations_pb2.WaitOperationRequest(name=name))
    assert operation.done and operation == await shop.call(GET, operations_pb2.GetOperationRequest(name=name))
    progress = import_pb2.ImportProgress()
    assert operation.response.Unpack(progress)
    assert (progress.rows, progress.accepted, progress.rejected) == (2, 1, 1)
    assert progress.accepted_by_kind == {"goods": 1} and progress.rejected_by_reason == {"PRICE_NEGATIVE": 1}
    (error,) = progress.errors
    assert (error.row, error.reason, error.field) == (2, "PRICE_NEGATIVE", "price")
    assert progress.end_time.ToDatetime(UTC) >= progress.start_time.ToDatetime(UTC) > datetime(2020, 1, 1, tzinfo=UTC)
    chunks = [
        part.chunk
        async for part in shop.clients.stream(
            READ, system_pb.ReadArtifactRequest(digest=progress.error_file), timeout_ms=5_000
        )
    ]
    assert b'"raw":{"price":-1}' in b"".join(chunks)


async def test_a_failed_operation_carries_the_same_status_as_a_failed_call(shop: Shop) -> None:
    operation = await shop.call(WAIT, operations_pb2.WaitOperationRequest(name=await shop.start("refuse")))
    assert operation.done and not operation.HasField("response")
    assert (operation.error.code, operation.error.message) == (8, "no space")
    assert operation.metadata.Is(import_pb2.ImportProgress.DESCRIPTOR)


async def test_waiting_answers_before_the_callers_time_is_over(shop: Shop) -> None:
    name = await shop.start("for-ever")
    operation = await shop.clients.call(WAIT, operations_pb2.WaitOperationRequest(name=name), timeout_ms=400)
    assert not operation.done
    brief = operations_pb2.WaitOperationRequest(name=name)
    brief.timeout.FromMilliseconds(10)
    assert not (await shop.call(WAIT, brief)).done


async def test_an_operation_is_cancelled_then_deleted(shop: Shop) -> None:
    name = await shop.start("for-ever")
    with pytest.raises(RemoteError) as caught:
        await shop.call(DELETE, operations_pb2.DeleteOperationRequest(name=name))
    assert caught.value.reason == "OPERATION_RUNNING"
    await shop.call(CANCEL, operations_pb2.CancelOperationRequest(name=name))
    operation = await shop.call(WAIT, operations_pb2.WaitOperationRequest(name=name))
    assert operation.error.code == 10
    await shop.call(DELETE, operations_pb2.DeleteOperationRequest(name=name))
    with pytest.raises(RemoteError) as caught:
        await shop.call(GET, operations_pb2.GetOperationRequest(name=name))
    assert caught.value.kind is ErrorKind.NOT_FOUND


async def test_operations_are_listed_with_a_token_that_fits_one_filter_only(shop: Shop) -> None:
    names = {await shop.start("import") for _ in range(3)}
    for name in names:
        await shop.call(WAIT, operations_pb2.WaitOperationRequest(name=name))
    page = await shop.call(LIST, operations_pb2.ListOperationsRequest(filter="done = true", page_size=2))
    rest = await shop.call(
        LIST,
        operations_pb2.ListOperationsRequest(filter="done=true", page_size=2, page_token=page.next_page_token),
    )
    assert {each.name for each in (*page.operations, *rest.operations)} == names
    assert not rest.next_page_token
    for request, reason in (
        (operations_pb2.ListOperationsRequest(page_token=page.next_page_token), "INVALID_PAGE_TOKEN"),
        (operations_pb2.ListOperationsRequest(filter="kind=import"), "INVALID_ARGUMENT"),
    ):
        with pytest.raises(RemoteError) as caught:
            await shop.call(LIST, request)
        assert caught.value.reason == reason


async def test_an_operator_sees_how_the_service_stands(shop: Shop) -> None:
    status = await shop.call(STATUS, system_pb.GetSystemStatusRequest())
    assert status.version == software_version()
    assert (status.service, status.ready, dict(status.facts)) == ("search", True, {"products": "5927"})
    assert {job.name: job.state for job in status.jobs}["index"] == "running"


async def test_a_projection_is_rebuilt_as_an_operation_and_an_unknown_one_is_named(shop: Shop) -> None:
    request = system_pb.RebuildProjectionRequest(projection="customers", request_id="r-1")
    operation = await shop.call(REBUILD, request)
    assert (await shop.call(REBUILD, request)).name == operation.name
    assert (await shop.call(WAIT, operations_pb2.WaitOperationRequest(name=operation.name))).HasField("response")
    with pytest.raises(RemoteError) as caught:
        await shop.call(REBUILD, system_pb.RebuildProjectionRequest(projection="carts"))
    assert caught.value.kind is ErrorKind.NOT_FOUND and "customers" in caught.value.message


async def test_a_large_blob_is_streamed_whole(shop: Shop) -> None:
    content = bytes(range(256)) * 12_345
    blob = await shop.process.runtime.artifacts.put(content)
    request = system_pb.ReadArtifactRequest(digest=blob.digest)
    chunks = [part.chunk async for part in shop.clients.stream(READ, request, timeout_ms=5_000)]
    assert b"".join(chunks) == content and max(map(len, chunks)) == 1024 * 1024


async def test_one_service_follows_anothers_log_even_before_either_is_ready(shop: Shop, tmp_path: Path) -> None:
    event = NewEvent(
        client_event_id="1",
        owner="search",
        type="ProductChanged",
        occurred_time=datetime(2026, 1, 5, tzinfo=UTC),
        shop="main",
        channel="web",
        subject="p-1",
        payload={"id": "p-1", "title": {"zh": "牛奶"}},
    )
    await shop.process.runtime.event_log("products").append([event])

    async def build(_: Runtime[ChassisSettings]) -> Service:
        return Service(servicers=[])

    settings = settings_in(tmp_path, search_address=shop.process.address)
    async with running("recommendation", settings, build) as reader:
        source = reader.runtime.source("products", "search")
        assert (await source.head()).seqs == (1,)
        batches = source.subscribe(generation="", after={})
        batch = await anext(batches)
        assert [each.payload["title"]["zh"] for each in batch.events] == ["牛奶"]
        await batches.aclose()
        assert shop.process.runtime.source("products", "search") is shop.process.runtime.event_log("products")
