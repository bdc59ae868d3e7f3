"""What a carrier's call can do wrong, each failure with its stable reason."""

from typing import ClassVar

from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, ZhikeError


class CarrierNotFoundError(NotFoundError):
    """No carrier of this name is set up; ZHIKE_ORDERS_CARRIER_SECRETS names those that are."""

    reason = "CARRIER_NOT_FOUND"


class CarrierSignatureError(ZhikeError):
    """The call is not signed as its service signs, or with another secret."""

    kind: ClassVar[ErrorKind] = ErrorKind.UNAUTHENTICATED
    reason = "CARRIER_SIGNATURE"


class CarrierCallError(InvalidArgumentError):
    """A call that cannot be read as its service writes it; metadata ``field`` says where."""

    reason = "CARRIER_CALL_MALFORMED"


class CarrierCallTooLargeError(InvalidArgumentError):
    """A call past its bounds: bytes, shipments or scans."""

    reason = "CARRIER_CALL_TOO_LARGE"
