"""What a caller of orders can do wrong, each failure with its stable reason."""

from typing import ClassVar

from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, ZhikeError


class MalformedBatchError(InvalidArgumentError):
    """The body is no JSON object with a list of events."""

    reason = "MALFORMED_BATCH"


class BatchSizeError(InvalidArgumentError):
    """A batch without events or with more than its bound."""

    reason = "BATCH_SIZE"


class OrderMalformedError(InvalidArgumentError):
    """The body is no order, shipment or return of the public form."""

    reason = "ORDER_MALFORMED"


class OrderNotFoundError(NotFoundError):
    """Nothing was told of an order of this id or number."""

    reason = "ORDER_NOT_FOUND"


class OrderNotYoursError(ZhikeError):
    """The order is another shopper's."""

    kind: ClassVar[ErrorKind] = ErrorKind.FORBIDDEN
    reason = "ORDER_NOT_YOURS"


class OrderNumberTakenError(ZhikeError):
    """The shop has another order of this number."""

    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    reason = "ORDER_NUMBER_TAKEN"


class ShipmentTakenError(ZhikeError):
    """The carrier has another parcel of this number and day."""

    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    reason = "SHIPMENT_TAKEN"


class ReturnTakenError(ZhikeError):
    """The order has another return of this id."""

    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    reason = "RETURN_TAKEN"


class OrderFullError(ZhikeError):
    """So many facts were told of the order that no more are taken."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "ORDER_FULL"


class ProductUnknownError(NotFoundError):
    """The catalogue's copy has no product of this id."""

    reason = "PRODUCT_UNKNOWN"
