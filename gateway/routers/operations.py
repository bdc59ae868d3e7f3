"""Long-running operations of any service: how far they are, and what they refused."""

from http import HTTPStatus
from typing import Any, Final

from google.longrunning import operations_pb2
from starlette.responses import StreamingResponse

from gateway.artifacts import streamed
from gateway.clients import GET_OPERATION, READ_TIMEOUT_MS
from gateway.endpoints import Answer, Call, Endpoint, json_answer
from gateway.operation_form import operation_form, progress_of, service_of
from gateway.principals import BACKEND_OR_DESK, OPERATOR_ONLY
from gateway.schemas.forms import Operation
from services.chassis.errors import ErrorKind, ZhikeError

NDJSON: Final = "application/x-ndjson"


class OperationRunningError(ZhikeError):
    """What an operation writes is complete when it is done."""

    kind = ErrorKind.CONFLICT
    reason = "OPERATION_RUNNING"


async def get_operation(call: Call) -> Answer:
    """Answer how far it is."""
    return json_answer(operation_form(await _operation(call)))


async def get_operation_errors(call: Call) -> Any:
    """Stream every refused row."""
    return await _artifact(call, "error_file")


async def get_operation_result(call: Call) -> Any:
    """Stream what the operation made."""
    return await _artifact(call, "result_file")


async def _artifact(call: Call, field: str) -> Any:
    operation = await _operation(call)
    if not operation.done:
        raise OperationRunningError("wait until the operation is done", retry_after_s=1)
    digest = str(getattr(progress_of(operation), field, ""))
    if not digest:
        return Answer(b"", media_type=NDJSON.encode())
    pieces = await streamed(call.parts.caller, service_of(operation.name), digest)
    return StreamingResponse(pieces, media_type=NDJSON)


async def _operation(call: Call) -> operations_pb2.Operation:
    operation_id = call.path["id"]
    operation: operations_pb2.Operation = await call.parts.caller.call(
        GET_OPERATION[service_of(operation_id)],
        operations_pb2.GetOperationRequest(name=operation_id),
        timeout_ms=READ_TIMEOUT_MS,
    )
    return operation


ENDPOINTS: Final = (
    Endpoint(
        operation_id="getOperation",
        method="GET",
        path="/v1/operations/{id}",
        tag="operations",
        summary="See how far an operation is",
        roles=BACKEND_OR_DESK,
        handle=get_operation,
        answer=Operation,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="getOperationErrors",
        method="GET",
        path="/v1/operations/{id}/errors",
        tag="operations",
        summary="Download every row that an import refused",
        description="NDJSON: row, reason, message, field and what the row said.",
        roles=BACKEND_OR_DESK,
        handle=get_operation_errors,
        answer_media_type=NDJSON,
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    Endpoint(
        operation_id="getOperationResult",
        method="GET",
        path="/v1/operations/{id}/result",
        tag="operations",
        summary="Download what an operation made",
        description="NDJSON, empty where there is nothing. A scoring: customer_id, identifiers (those that the shop's "
        "own systems know), products (id, score; best first), model_version, source. Kept for 7 days.",
        roles=OPERATOR_ONLY,
        handle=get_operation_result,
        answer_media_type=NDJSON,
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
)
