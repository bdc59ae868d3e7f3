"""An upload starts an operation, or nothing at all."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from zhike.type.v1 import import_pb2

from services.chassis.errors import ZhikeError
from services.chassis.operation_run import Operation, OperationState, Progress
from services.kits.imports import servicer
from services.kits.imports.errors import ImportConfigError, ImportTooLargeError
from services.kits.imports.plan import ImportPlan, check_options
from services.kits.imports.servicer import MAX_CHUNK_BYTES, Uploads
from tests.fakes.clock import ManualClock
from tests.fakes.memory_artifacts import MemoryArtifacts

ORDERS = "orders"


class StartedOperations:
    """Notes what was started."""

    def __init__(self) -> None:
        self.started: list[tuple[str, Mapping[str, Any], str, str]] = []

    async def start(
        self, kind: str, arguments: Mapping[str, Any], *, request_id: str = "", owner: str = ""
    ) -> Operation:
        self.started.append((kind, arguments, request_id, owner))
        return Operation("orders.1", kind, OperationState.RUNNING, arguments, Progress(), ManualClock().now())


@pytest.fixture
def operations() -> StartedOperations:
    return StartedOperations()


@pytest.fixture
def uploads(operations: StartedOperations) -> Uploads:
    def check(kind: str, plan: ImportPlan) -> None:
        check_options(kind, plan, {"cancelled_prefix"})

    return Uploads("orders", MemoryArtifacts(), operations, check)  # type: ignore[arg-type]


def config(**fields: Any) -> import_pb2.ImportRequest:
    given = {"format": import_pb2.IMPORT_FORMAT_CSV, "owner": "key", "request_id": "r1", **fields}
    return import_pb2.ImportRequest(config=import_pb2.ImportConfig(**given))


def chunk(content: bytes) -> import_pb2.ImportRequest:
    return import_pb2.ImportRequest(chunk=content)


async def stream(*requests: import_pb2.ImportRequest) -> AsyncIterator[import_pb2.ImportRequest]:
    for request in requests:
        yield request


async def test_an_upload_starts_an_operation(uploads: Uploads, operations: StartedOperations) -> None:
    operation = await uploads.start(ORDERS, stream(config(), chunk(b"order_number"), chunk(b",card\n")))
    assert (operation.name, operation.done) == ("orders.1", False)
    (kind, arguments, request_id, owner), = operations.started  # fmt: skip
    assert (kind, request_id, owner, arguments["total_bytes"]) == ("import-orders", "r1", "key", 18)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ((), ImportConfigError),
        ((chunk(b"x"),), ImportConfigError),
        ((config(format=0),), ImportConfigError),
        ((config(options={"canceled_prefix": "C"}),), ImportConfigError),
        ((config(), config()), ImportConfigError),
        ((config(), chunk(b"x" * (MAX_CHUNK_BYTES + 1))), ImportTooLargeError),
    ],
)
async def test_an_upload_of_another_shape_starts_nothing(
    uploads: Uploads,
    operations: StartedOperations,
    requests: tuple[import_pb2.ImportRequest, ...],
    expected: type[ZhikeError],
) -> None:
    with pytest.raises(expected):
        await uploads.start(ORDERS, stream(*requests))
    assert operations.started == []


async def test_an_upload_past_its_bound_is_refused(
    uploads: Uploads, operations: StartedOperations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servicer, "MAX_UPLOAD_BYTES", 10)
    with pytest.raises(ImportTooLargeError):
        await uploads.start(ORDERS, stream(config(), chunk(b"x" * 6), chunk(b"x" * 6)))
    assert operations.started == []
