"""Takes the stream of an import's upload into the artifacts and starts its operation."""

from collections.abc import AsyncIterator, Callable

from google.longrunning import operations_pb2
from zhike.type.v1 import import_pb2

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.operations import Operations
from services.chassis.operations_servicer import operation_to_pb
from services.kits.imports.errors import ImportConfigError, ImportTooLargeError
from services.kits.imports.plan import ImportPlan
from services.kits.imports.wire import arguments_of, plan_from_pb

MAX_UPLOAD_BYTES = 2 * 1024 * 1024 * 1024 - 1
MAX_CHUNK_BYTES = 1024 * 1024

CheckPlan = Callable[[str, ImportPlan], None]  # by kind; raises ImportConfigError


class Uploads:
    """What the import servicers of a service share."""

    def __init__(self, service: str, artifacts: ArtifactStore, operations: Operations, check: CheckPlan) -> None:
        self._service, self._artifacts, self._operations, self._check = service, artifacts, operations, check

    async def start(self, kind: str, requests: AsyncIterator[import_pb2.ImportRequest]) -> operations_pb2.Operation:
        """Read the configuration, keep the file, start the import. Raises ImportConfigError, ImportTooLargeError."""
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("part") != "config":
            raise ImportConfigError("the first message of an upload is its configuration", field="config")
        plan = plan_from_pb(first.config)
        self._check(kind, plan)
        blob = await self._artifacts.put(_chunks(requests))
        operation = await self._operations.start(
            f"import-{kind}",
            arguments_of(plan, blob.digest, blob.size_bytes),
            request_id=first.config.request_id,
            owner=plan.owner,
        )
        return operation_to_pb(operation, self._service)


async def _chunks(requests: AsyncIterator[import_pb2.ImportRequest]) -> AsyncIterator[bytes]:
    total = 0
    async for request in requests:
        if request.WhichOneof("part") != "chunk":
            raise ImportConfigError("after the configuration come chunks of the file", field="chunk")
        if len(request.chunk) > MAX_CHUNK_BYTES:
            raise ImportTooLargeError(f"a chunk has at most {MAX_CHUNK_BYTES} bytes", field="chunk")
        total += len(request.chunk)
        if total > MAX_UPLOAD_BYTES:
            raise ImportTooLargeError(f"a file has at most {MAX_UPLOAD_BYTES} bytes", field="chunk")
        yield request.chunk
