"""The result of a dry run of a Control: read from its operation, and nothing but a dry run's."""

from typing import Any, Final

import orjson
from google.longrunning import operations_pb2
from zhike.chassis.v1 import system_service_pb2

from gateway.clients import DOWNLOAD_TIMEOUT_MS, GET_OPERATION, READ_ARTIFACT, READ_TIMEOUT_MS, Caller
from gateway.operation_form import progress_of
from services.chassis.errors import NotFoundError
from services.chassis.status import error_from_status

RESULT_LIMIT_BYTES: Final = 256 * 1024
_OF_A_DRY_RUN: Final = frozenset({"unit", "looked_at", "slots_changed", "gained", "lost"})


async def dry_run_result(caller: Caller, service: str, operation_id: str) -> dict[str, Any] | None:
    """Return what a dry run measured, None while it runs. Raises NotFoundError, and what it failed with."""
    if not operation_id.startswith(f"{service}."):
        raise NotFoundError("there is no such dry run", resource="dry run", id=operation_id[:80])
    request = operations_pb2.GetOperationRequest(name=operation_id)
    operation = await caller.call(GET_OPERATION[service], request, timeout_ms=READ_TIMEOUT_MS)
    if not operation.done:
        return None
    if operation.HasField("error"):
        raise error_from_status(operation.error, service=service)
    digest, content = str(getattr(progress_of(operation), "result_file", "")), bytearray()
    if digest:
        wanted = system_service_pb2.ReadArtifactRequest(digest=digest)
        async for part in caller.stream(READ_ARTIFACT[service], wanted, timeout_ms=DOWNLOAD_TIMEOUT_MS):
            content += part.chunk
            if len(content) > RESULT_LIMIT_BYTES:
                break
    try:
        result = orjson.loads(content)
    except orjson.JSONDecodeError:
        result = None
    if not isinstance(result, dict) or not result.keys() >= _OF_A_DRY_RUN:
        raise NotFoundError("this operation is no dry run", resource="dry run", id=operation_id[:80])
    return result
