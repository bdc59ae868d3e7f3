"""What a caller of search can do wrong, each failure with its stable reason."""

from typing import ClassVar

from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, UnavailableError, ZhikeError


class ProductNotFoundError(NotFoundError):
    """No product of the catalogue has this id."""

    reason = "PRODUCT_NOT_FOUND"


class ProductFieldError(InvalidArgumentError):
    """A field of a product that cannot be kept; ``reason`` says why, metadata ``field`` where."""

    def __init__(self, reason: str, message: str, *, field: str) -> None:
        super().__init__(message, field=field)
        self.__dict__["reason"] = reason  # one class for the many reasons of a row
        self.field = field


class UpdateMaskError(InvalidArgumentError):
    """An update names no field, or one that an update does not change."""

    reason = "UPDATE_MASK"


class VersionMismatchError(ZhikeError):
    """The product was edited since the version that the caller saw."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "VERSION_MISMATCH"


class RequestIdReusedError(ZhikeError):
    """The request id came with another edit of this product before."""

    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    reason = "REQUEST_ID_REUSED"


class EditContendedError(ZhikeError):
    """Others kept editing the same product; read it again and retry."""

    kind: ClassVar[ErrorKind] = ErrorKind.ABORTED
    reason = "EDIT_CONTENDED"


class ChangesBehindError(UnavailableError):
    """A product's earlier changes are not published yet; try again."""

    reason = "CHANGES_BEHIND"


class FilterError(InvalidArgumentError):
    """A filter that cannot be read."""

    reason = "FILTER_INVALID"


class OrderByError(InvalidArgumentError):
    """An order that does not exist."""

    reason = "ORDER_BY_INVALID"


class FacetError(InvalidArgumentError):
    """A facet that does not exist, or too many of them."""

    reason = "FACET_INVALID"


class QueryTooLongError(InvalidArgumentError):
    """A query past its bound."""

    reason = "QUERY_TOO_LONG"


class LanguageError(InvalidArgumentError):
    """A language that the answer cannot be written in."""

    reason = "LANGUAGE_INVALID"


class InsightViewError(InvalidArgumentError):
    """A view of the search log that does not exist, or a window past its bounds."""

    reason = "INSIGHT_VIEW_INVALID"


class ImportConfigError(InvalidArgumentError):
    """An import whose configuration names a format, column or option that products do not have."""

    reason = "IMPORT_CONFIG"


class ImportTooLargeError(InvalidArgumentError):
    """An upload past its bound."""

    reason = "IMPORT_TOO_LARGE"
