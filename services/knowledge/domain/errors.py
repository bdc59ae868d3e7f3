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


class CaseNotFoundError(NotFoundError):
    """There is no case of this id, or not of this shopper or shop."""

    reason = "CASE_NOT_FOUND"


class CaseStateError(ZhikeError):
    """The case's state does not allow this."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "CASE_STATE"


class CauseMissingError(InvalidArgumentError):
    """A complaint is closed with its cause."""

    reason = "CAUSE_MISSING"


class CaseFullError(ZhikeError):
    """The case holds as many entries as one may hold: close it and open another."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "CASE_FULL"


class DeskVersionMismatchError(ZhikeError):
    """A case or contact was changed since the caller read it."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "VERSION_MISMATCH"


class DeskContendedError(ZhikeError):
    """Others kept changing the same case or contact; try again."""

    kind: ClassVar[ErrorKind] = ErrorKind.ABORTED
    reason = "DESK_CONTENDED"


class ContactNotFoundError(NotFoundError):
    """There is no contact of this id."""

    reason = "CONTACT_NOT_FOUND"


class ContactStateError(ZhikeError):
    """The contact was made or taken off already."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "CONTACT_STATE"


class ContactNotConsentedError(ZhikeError):
    """The customer does not agree to be contacted for this."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "CONTACT_NOT_CONSENTED"
