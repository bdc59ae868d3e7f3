"""google.longrunning.Operations over services.chassis.operations, the same for every service."""

from typing import Any

from google.longrunning import operations_pb2 as pb
from google.longrunning import operations_pb2_grpc
from google.protobuf.empty_pb2 import Empty
from zhike.type.v1 import import_pb2

from services.chassis.errors import InvalidArgumentError
from services.chassis.operation_run import Operation, Progress
from services.chassis.operations import Operations
from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.chassis.status import RemoteError, status_from_error

PAGE_SIZE_DEFAULT, PAGE_SIZE_LIMIT = 50, 200
WAIT_MARGIN_S = 0.1  # of the caller's deadline, kept to carry the answer back
FILTERS = {"": None, "done=true": True, "done=false": False}


class OperationsServicer(operations_pb2_grpc.OperationsServicer):  # type: ignore[misc]  # untyped base
    """Get, List, Wait, Cancel and Delete."""

    def __init__(self, operations: Operations, service: str) -> None:
        self._operations, self._service = operations, service

    async def GetOperation(self, request: pb.GetOperationRequest, context: Any) -> pb.Operation:
        return operation_to_pb(await self._operations.get(request.name), self._service)

    async def WaitOperation(self, request: pb.WaitOperationRequest, context: Any) -> pb.Operation:
        """Answer when it is done, or as it stands shortly before the caller's time is over."""
        timeout_s = max(0.0, context.time_remaining() - WAIT_MARGIN_S)
        if request.HasField("timeout"):
            timeout_s = min(timeout_s, request.timeout.ToMilliseconds() / 1_000)
        return operation_to_pb(await self._operations.wait(request.name, timeout_s=timeout_s), self._service)

    async def ListOperations(self, request: pb.ListOperationsRequest, context: Any) -> pb.ListOperationsResponse:
        """List, latest start first. ``filter`` is empty, done=true or done=false."""
        wanted = request.filter.replace(" ", "")
        if wanted not in FILTERS:
            raise InvalidArgumentError("filter must be empty, done=true or done=false", field="filter")
        query = {"list": "operations", "service": self._service, "filter": wanted}
        operations, position = await self._operations.list_page(
            done=FILTERS[wanted],
            after=decode_page_token(request.page_token, query=query),
            limit=page_size(request.page_size, default=PAGE_SIZE_DEFAULT, maximum=PAGE_SIZE_LIMIT),
        )
        return pb.ListOperationsResponse(
            operations=[operation_to_pb(each, self._service) for each in operations],
            next_page_token="" if position is None else encode_page_token(position, query=query),
        )

    async def CancelOperation(self, request: pb.CancelOperationRequest, context: Any) -> Empty:
        await self._operations.cancel(request.name)
        return Empty()

    async def DeleteOperation(self, request: pb.DeleteOperationRequest, context: Any) -> Empty:
        await self._operations.delete(request.name)
        return Empty()


def operation_to_pb(operation: Operation, service: str) -> pb.Operation:
    """Encode: the counters are the metadata while it runs and the response once it succeeded."""
    message = pb.Operation(name=operation.id, done=operation.done)
    progress = progress_to_pb(operation)
    message.metadata.Pack(progress)
    if operation.failure is not None:
        failure = operation.failure
        error = RemoteError(
            failure.message, kind=failure.kind, reason=failure.reason, service=service, **failure.metadata
        )
        message.error.CopyFrom(status_from_error(error, service=service))
    elif operation.done:
        message.response.Pack(progress)
    return message


def progress_to_pb(operation: Operation) -> import_pb2.ImportProgress:
    """Encode the counters with the operation's times."""
    progress: Progress = operation.progress
    message = import_pb2.ImportProgress(
        rows=progress.rows,
        accepted=progress.accepted,
        duplicate=progress.duplicate,
        rejected=progress.rejected,
        rejected_by_reason=progress.rejected_by_reason,
        accepted_by_kind=progress.accepted_by_kind,
        errors=[
            import_pb2.RowError(row=each.row, reason=each.reason, message=each.message, field=each.field)
            for each in progress.errors
        ],
        error_file=progress.error_file,
        result_file=progress.result_file,
        total_bytes=progress.total_bytes,
        done_bytes=progress.done_bytes,
    )
    message.start_time.FromDatetime(operation.start_time)
    if operation.end_time is not None:
        message.end_time.FromDatetime(operation.end_time)
    return message
