"""The gateway's own failures, and the one place where an error becomes an HTTP status and a problem (RFC 9457)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException

from services.chassis.errors import ErrorKind, InvalidArgumentError, UnavailableError, ZhikeError
from services.chassis.status import service_domain

SERVICE: Final = "gateway"
PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 1
FIELD_ERRORS_LIMIT: Final = 20
INTERNAL_DETAIL: Final = "internal error"

STATUSES: Final[Mapping[ErrorKind, HTTPStatus]] = {
    ErrorKind.INVALID: HTTPStatus.BAD_REQUEST,
    ErrorKind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    ErrorKind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    ErrorKind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorKind.CONFLICT: HTTPStatus.CONFLICT,
    ErrorKind.PRECONDITION: HTTPStatus.PRECONDITION_FAILED,
    ErrorKind.ABORTED: HTTPStatus.CONFLICT,
    ErrorKind.EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    ErrorKind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorKind.DEADLINE: HTTPStatus.GATEWAY_TIMEOUT,
    ErrorKind.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    ErrorKind.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    ErrorKind.DATA_LOSS: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorKind.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}
# HTTP has a status of its own for these, whoever says them.
STATUSES_BY_REASON: Final[Mapping[str, HTTPStatus]] = {
    "BODY_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "PICTURE_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "HEAD_TOO_LARGE": HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "UNSUPPORTED_MEDIA_TYPE": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "METHOD_NOT_ALLOWED": HTTPStatus.METHOD_NOT_ALLOWED,
    "REQUEST_ID_REUSED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "IDEMPOTENCY_KEY_REUSED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "OPERATIONS_FULL": HTTPStatus.SERVICE_UNAVAILABLE,
}
_TITLES: Final = {
    HTTPStatus.BAD_REQUEST: "The request is malformed",
    HTTPStatus.UNAUTHORIZED: "Who asks is not known",
    HTTPStatus.FORBIDDEN: "Not allowed",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.METHOD_NOT_ALLOWED: "The method is not allowed here",
    HTTPStatus.CONFLICT: "In conflict with the present state",
    HTTPStatus.PRECONDITION_FAILED: "A precondition does not hold",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "Path and headers are too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The media type is not understood",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The same key came with another request",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something broke here",
    HTTPStatus.NOT_IMPLEMENTED: "Not available",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not available at the moment",
    HTTPStatus.GATEWAY_TIMEOUT: "No answer in time",
}


class CredentialsMissingError(ZhikeError):
    """A route that needs a key or token, asked without one."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "CREDENTIALS_MISSING"


class KeyUnknownError(ZhikeError):
    """A key that was never made here, or is misspelt."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "KEY_UNKNOWN"


class KeyRevokedError(ZhikeError):
    """A key that was taken back."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "KEY_REVOKED"


class KeyMisplacedError(ZhikeError):
    """A key in the wrong header."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "KEY_MISPLACED"


class TokenInvalidError(ZhikeError):
    """A shopper token that is malformed or not signed by us."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_INVALID"


class TokenExpiredError(ZhikeError):
    """A shopper token past its hour, or an order's access token past its day."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_EXPIRED"


class TokenRevokedError(ZhikeError):
    """An order's access token that was taken back."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_REVOKED"


class ScopeMissingError(ZhikeError):
    """The principal is known and may not do this."""

    kind = ErrorKind.FORBIDDEN
    reason = "SCOPE_MISSING"


class IdentifierNotAllowedError(ZhikeError):
    """A shopper's principal asked for somebody else."""

    kind = ErrorKind.FORBIDDEN
    reason = "IDENTIFIER_NOT_ALLOWED"


class TokenForAnotherOrderError(ZhikeError):
    """An access token shows one order, and another was asked for."""

    kind = ErrorKind.FORBIDDEN
    reason = "TOKEN_FOR_ANOTHER_ORDER"


class OriginNotAllowedError(ZhikeError):
    """A browser page whose origin the settings do not name."""

    kind = ErrorKind.FORBIDDEN
    reason = "ORIGIN_NOT_ALLOWED"


class VisitorIdMissingError(InvalidArgumentError):
    """A publishable key acts only for a visitor, and none was named."""

    reason = "VISITOR_ID_MISSING"


class VisitorIdMalformedError(InvalidArgumentError):
    """X-Visitor-Id that no client of ours makes."""

    reason = "VISITOR_ID_MALFORMED"


class ParameterUnknownError(InvalidArgumentError):
    """A query parameter that the route does not have; ignoring it would answer another question."""

    reason = "PARAMETER_UNKNOWN"


class MalformedJsonError(InvalidArgumentError):
    """A body that is no JSON."""

    reason = "MALFORMED_JSON"


class BodyTooLargeError(InvalidArgumentError):
    """A body past its bound."""

    reason = "BODY_TOO_LARGE"


class HeadTooLargeError(InvalidArgumentError):
    """A path or headers past their bound."""

    reason = "HEAD_TOO_LARGE"


class MediaTypeError(InvalidArgumentError):
    """A Content-Type that the route does not read."""

    reason = "UNSUPPORTED_MEDIA_TYPE"


class IdempotencyKeyError(InvalidArgumentError):
    """An Idempotency-Key that cannot be kept."""

    reason = "IDEMPOTENCY_KEY_MALFORMED"


class RouteNotFoundError(ZhikeError):
    """No route has this path."""

    kind = ErrorKind.NOT_FOUND
    reason = "ROUTE_NOT_FOUND"


class MethodNotAllowedError(ZhikeError):
    """The path exists, the method does not; ``allow`` lists those that do."""

    kind = ErrorKind.INVALID
    reason = "METHOD_NOT_ALLOWED"

    def __init__(self, allow: Sequence[str]) -> None:
        super().__init__(f"use {' or '.join(allow)}", allow=", ".join(allow))


class RateLimitedError(ZhikeError):
    """More requests than the principal's rate."""

    kind = ErrorKind.EXHAUSTED
    reason = "RATE_LIMITED"


class KeyLimitError(ZhikeError):
    """A third live key of one name, or a name that is in use otherwise."""

    kind = ErrorKind.CONFLICT
    reason = "KEY_LIMIT"


class KeyNameTakenError(ZhikeError):
    """The name belongs to keys of another kind, scope, shop or owner."""

    kind = ErrorKind.CONFLICT
    reason = "KEY_NAME_TAKEN"


class PartsMissingError(UnavailableError):
    """Some services are not ready; ``missing`` names them."""

    reason = "PARTS_MISSING"


class OverloadedError(UnavailableError):
    """More requests at once than this process answers in good time."""

    reason = "OVERLOADED"


class StreamsFullError(UnavailableError):
    """More open streams than this process, or one order, has."""

    reason = "STREAMS_FULL"


class FieldsInvalidError(InvalidArgumentError):
    """Fields of a body that do not hold what they must; ``errors`` has one entry for each."""

    reason = "INVALID_ARGUMENT"

    def __init__(self, errors: Sequence["FieldError"]) -> None:
        first = errors[0]
        super().__init__(f"{first.field}: {first.message}" if first.field else first.message, field=first.field)
        self.errors = tuple(errors[:FIELD_ERRORS_LIMIT])


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal, ready to be written."""

    status: HTTPStatus
    reason: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())


def problem_from_error(error: ZhikeError, *, request_id: str) -> Problem:
    """Write an error as RFC 9457. An INTERNAL one says only its request id: the rest is for the log."""
    status = STATUSES_BY_REASON.get(error.reason) or STATUSES[error.kind]
    internal = error.kind is ErrorKind.INTERNAL
    document: dict[str, Any] = {
        "type": f"urn:zhike:problem:{error.reason.lower().replace('_', '-')}",
        "title": _TITLES[status],
        "status": status.value,
        "detail": INTERNAL_DETAIL if internal else error.message,
        "reason": error.reason,
        "domain": service_domain(error, SERVICE),
        "request_id": request_id,
        "metadata": {} if internal else error.metadata,
    }
    field_errors = _field_errors(error)
    if field_errors:
        document["errors"] = [{"field": each.field, "message": each.message} for each in field_errors]
    return Problem(status, error.reason, orjson.dumps(document), tuple(_headers(error, status)))


def error_from_http(error: HTTPException, *, path_known: bool = False) -> ZhikeError:
    """Translate what Starlette and FastAPI raise by themselves."""
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowedError([each.strip() for each in headers.get("allow", "").split(",") if each.strip()])
    if error.status_code == HTTPStatus.NOT_FOUND:
        return RouteNotFoundError("no route has this path" if not path_known else str(error.detail))
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return BodyTooLargeError(str(error.detail))
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ZhikeError(str(error.detail))
    return InvalidArgumentError(str(error.detail))


def _field_errors(error: ZhikeError) -> Sequence[FieldError]:
    if isinstance(error, FieldsInvalidError):
        return error.errors
    named = error.metadata.get("field", "")
    return [FieldError(named, error.message)] if named and error.kind is ErrorKind.INVALID else []


def _headers(error: ZhikeError, status: HTTPStatus) -> list[tuple[bytes, bytes]]:
    headers = [(b"content-type", PROBLEM_MEDIA_TYPE.encode())]
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Bearer realm="zhike"'))
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", error.metadata.get("allow", "").encode()))
    retry_after = error.metadata.get("retry_after_s", str(RETRY_AFTER_S))
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        headers.append((b"retry-after", _whole_seconds(retry_after)))
    return headers


def _whole_seconds(text: str) -> bytes:
    """Retry-After takes whole seconds; a fraction rounds up, never to 0."""
    try:
        return str(max(1, -int(-float(text) // 1))).encode()
    except ValueError:
        return str(RETRY_AFTER_S).encode()
