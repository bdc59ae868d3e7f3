"""The one error model: what went wrong (kind), its stable name (reason), and what a person should read (message).

A service raises subclasses of ZhikeError; the server's interceptor turns one into google.rpc.Status with ErrorInfo,
the gateway turns that into problem+json. Each step maps once. An exception that is no ZhikeError is INTERNAL without
detail.
"""

from enum import StrEnum
from typing import ClassVar


class ErrorKind(StrEnum):
    """The coarse class of an error; each maps to one gRPC code and one HTTP status (services/chassis/status.py)."""

    INVALID = "invalid"  # INVALID_ARGUMENT, 400 (422 where the reason says so)
    UNAUTHENTICATED = "unauthenticated"  # UNAUTHENTICATED, 401
    FORBIDDEN = "forbidden"  # PERMISSION_DENIED, 403
    NOT_FOUND = "not-found"  # NOT_FOUND, 404
    CONFLICT = "conflict"  # ALREADY_EXISTS, 409
    PRECONDITION = "precondition"  # FAILED_PRECONDITION, 412
    ABORTED = "aborted"  # ABORTED, 409: a concurrent edit, read again and retry
    EXHAUSTED = "exhausted"  # RESOURCE_EXHAUSTED, 429
    UNAVAILABLE = "unavailable"  # UNAVAILABLE, 503 with Retry-After
    DEADLINE = "deadline"  # DEADLINE_EXCEEDED, 504
    OUT_OF_RANGE = "out-of-range"  # OUT_OF_RANGE, 400
    UNIMPLEMENTED = "unimplemented"  # UNIMPLEMENTED, 501
    DATA_LOSS = "data-loss"  # DATA_LOSS, 500
    INTERNAL = "internal"  # INTERNAL, 500


class ZhikeError(Exception):
    """An error that a caller can act on.

    Subclass it per failure in a service's domain/errors.py and set ``kind`` and ``reason`` (UPPER_SNAKE) there.
    ``metadata`` values travel in ErrorInfo as strings; they hold ids and limits, never personal data.
    """

    kind: ClassVar[ErrorKind] = ErrorKind.INTERNAL
    reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, /, **metadata: object) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = {name: str(value) for name, value in metadata.items()}


class InvalidArgumentError(ZhikeError):
    """A field of the request is malformed or out of bounds; metadata ``field`` names it."""

    kind = ErrorKind.INVALID
    reason = "INVALID_ARGUMENT"


class NotFoundError(ZhikeError):
    """A resource that does not exist; metadata ``resource`` and ``id`` name it."""

    kind = ErrorKind.NOT_FOUND
    reason = "NOT_FOUND"


class UnavailableError(ZhikeError):
    """A dependency or this process cannot answer now; try again after ``retry_after_s``."""

    kind = ErrorKind.UNAVAILABLE
    reason = "UNAVAILABLE"
