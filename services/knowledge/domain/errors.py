"""What a caller of knowledge can do wrong, each failure with its stable reason."""

from typing import ClassVar

from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, UnavailableError, ZhikeError


class MalformedBatchError(InvalidArgumentError):
    """The body is no JSON object with a list of events."""

    reason = "MALFORMED_BATCH"


class BatchSizeError(InvalidArgumentError):
    """A batch without events or with more than its bound."""

    reason = "BATCH_SIZE"


class CustomerNotFoundError(NotFoundError):
    """Nothing is known of this id or identifier."""

    reason = "CUSTOMER_NOT_FOUND"


class AccountNotFoundError(NotFoundError):
    """No customer belongs to this account."""

    reason = "ACCOUNT_NOT_FOUND"


class ErasureNotFoundError(NotFoundError):
    """There is no receipt of this id."""

    reason = "ERASURE_NOT_FOUND"


class ExportNotFoundError(NotFoundError):
    """There is no export of this id, or it is another person's."""

    reason = "EXPORT_NOT_FOUND"


class UnmergeGroupsError(InvalidArgumentError):
    """The groups of an unmerge do not both hold identifiers of the customer."""

    reason = "UNMERGE_GROUPS"


class MergeRefusedError(ZhikeError):
    """These two cannot be joined: one has only identifiers that join nobody."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "MERGE_REFUSED"


class RequestIdReusedError(ZhikeError):
    """The request id came with another request before."""

    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    reason = "REQUEST_ID_REUSED"


class ProjectionLateError(UnavailableError):
    """The change is kept, but is not readable yet; read again in a moment."""

    reason = "PROJECTION_LATE"
