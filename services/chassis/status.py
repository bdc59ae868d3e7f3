"""ZhikeError ⇄ google.rpc.Status, mapped once each way.

Every status carries ErrorInfo{reason, domain "<service>.zhike", metadata}; a wrong field also BadRequest, a wait also
RetryInfo, an internal error RequestInfo instead of any detail.
"""

from collections.abc import Iterable, Mapping
from typing import cast

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from services.chassis.errors import ErrorKind, ZhikeError

DOMAIN_SUFFIX = ".zhike"
STATUS_METADATA = "grpc-status-details-bin"
# Status travels in trailing metadata, which gRPC bounds to 8 KiB; a character may cost nine bytes there.
MESSAGE_LIMIT = 300
METADATA_LIMIT = 16
METADATA_VALUE_LIMIT = 100
RETRY_AFTER_S = 1  # a restart takes no longer

CODES: Mapping[ErrorKind, grpc.StatusCode] = {
    ErrorKind.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorKind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    ErrorKind.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    ErrorKind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorKind.CONFLICT: grpc.StatusCode.ALREADY_EXISTS,
    ErrorKind.PRECONDITION: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorKind.ABORTED: grpc.StatusCode.ABORTED,
    ErrorKind.EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorKind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    ErrorKind.DEADLINE: grpc.StatusCode.DEADLINE_EXCEEDED,
    ErrorKind.OUT_OF_RANGE: grpc.StatusCode.OUT_OF_RANGE,
    ErrorKind.UNIMPLEMENTED: grpc.StatusCode.UNIMPLEMENTED,
    ErrorKind.DATA_LOSS: grpc.StatusCode.DATA_LOSS,
    ErrorKind.INTERNAL: grpc.StatusCode.INTERNAL,
}
KINDS: Mapping[grpc.StatusCode, ErrorKind] = {code: kind for kind, code in CODES.items()}
_CODE_BY_NUMBER: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


class RemoteError(ZhikeError):
    """An error that another service answered: its kind, reason and metadata, and in ``service`` who said so."""

    def __init__(
        self,
        message: str,
        /,
        *,
        kind: ErrorKind,
        reason: str,
        service: str,
        **metadata: object,
    ) -> None:
        super().__init__(message, **metadata)
        # Kind and reason are class facts of an error raised here, but facts of the answer for one that came by wire.
        self.__dict__.update(kind=kind, reason=reason)
        self.service = service


def unreachable(service: str) -> RemoteError:
    """Return what a caller is told of a service that nobody answers for; it may be back in a second."""
    return RemoteError(
        f"{service} cannot be reached",
        kind=ErrorKind.UNAVAILABLE,
        reason="SERVICE_UNAVAILABLE",
        service=service,
        retry_after_s=RETRY_AFTER_S,
    )


def status_from_error(error: ZhikeError, *, service: str, request_id: str = "") -> Status:
    """Encode an error. INTERNAL ones keep their reason and lose message and metadata: those are for the log."""
    status = Status(code=_number(CODES[error.kind]), message=error.message[:MESSAGE_LIMIT])
    info = ErrorInfo(reason=error.reason, domain=service_domain(error, service))
    if error.kind is ErrorKind.INTERNAL:
        status.message = "internal error"
    else:
        for name, value in list(error.metadata.items())[:METADATA_LIMIT]:
            info.metadata[name] = value[:METADATA_VALUE_LIMIT]
    _pack(status, info)
    if error.kind is ErrorKind.INVALID and "field" in info.metadata:
        violation = BadRequest.FieldViolation(field=info.metadata["field"], description=status.message)
        _pack(status, BadRequest(field_violations=[violation]))
    if "retry_after_s" in info.metadata:
        _pack(status, RetryInfo(retry_delay=_duration(info.metadata["retry_after_s"])))
    if request_id:
        _pack(status, RequestInfo(request_id=request_id))
    return status


def error_from_status(status: Status, *, service: str) -> RemoteError:
    """Decode a status. One without ErrorInfo (from gRPC itself, a proxy) gets its code's name as reason."""
    code = code_of(status)
    info = ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            break
    return RemoteError(
        status.message,
        kind=KINDS.get(code, ErrorKind.INTERNAL),
        reason=info.reason or code.name,
        service=info.domain.removesuffix(DOMAIN_SUFFIX) or service,
        **dict(info.metadata),
    )


def code_of(status: Status) -> grpc.StatusCode:
    """Return the code of a status; UNKNOWN for a number that gRPC does not have."""
    return _CODE_BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)


def grpc_status(error: ZhikeError, *, service: str, request_id: str = "") -> grpc.Status:
    """Encode an error as what ``abort_with_status`` takes."""
    return rpc_status.to_status(status_from_error(error, service=service, request_id=request_id))


def error_from_rpc(error: grpc.aio.AioRpcError, *, service: str) -> RemoteError:
    """Decode what a failed call raised."""
    # The stubs know only the synchronous client's metadata; grpc.aio yields plain pairs.
    pairs = cast("Iterable[tuple[str, str | bytes]]", error.trailing_metadata() or ())
    for name, value in pairs:
        if name == STATUS_METADATA and isinstance(value, bytes):
            return error_from_status(Status.FromString(value), service=service)
    return error_from_status(
        Status(code=_number(error.code()), message=error.details() or ""),
        service=service,
    )


def service_domain(error: ZhikeError, service: str) -> str:
    """Return who owns the reason: the service that first said it, through however many hands it went."""
    return (error.service if isinstance(error, RemoteError) else service) + DOMAIN_SUFFIX


def _number(code: grpc.StatusCode) -> int:
    return int(code.value[0])


def _pack(status: Status, detail: ErrorInfo | BadRequest | RetryInfo | RequestInfo) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status.details.append(packed)


def _duration(seconds: str) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(round(float(seconds) * 1_000))
    return duration
