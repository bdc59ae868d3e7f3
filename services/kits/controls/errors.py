"""What can be wrong with a Control, or with what is done to one."""

from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, ZhikeError


class ControlInvalidError(InvalidArgumentError):
    """A Control that lacks what its action needs, has what it cannot use, or goes past a limit; ``field`` names it."""

    reason = "CONTROL_INVALID"


class ControlProductUnknownError(InvalidArgumentError):
    """A Control names products that the catalogue does not have; metadata ``products``."""

    reason = "CONTROL_PRODUCT_UNKNOWN"


class ControlTermUnknownError(InvalidArgumentError):
    """A Control names a category, brand or tag that no product has; metadata ``field`` and ``values``."""

    reason = "CONTROL_TERM_UNKNOWN"


class ControlActionUnknownError(InvalidArgumentError):
    """An action, placement or segment that this service does not have; metadata ``known`` names those that it does."""

    reason = "CONTROL_ACTION_UNKNOWN"


class ControlNotFoundError(NotFoundError):
    """A Control that never was."""

    reason = "CONTROL_NOT_FOUND"


class ControlVersionError(ZhikeError):
    """Somebody else changed the Control meanwhile: read it again; metadata ``version`` is the present one."""

    kind = ErrorKind.PRECONDITION
    reason = "CONTROL_VERSION"


class ControlStateError(ZhikeError):
    """A step that the Control's state does not allow; metadata ``state``."""

    kind = ErrorKind.PRECONDITION
    reason = "CONTROL_STATE"


class ControlConflictError(ZhikeError):
    """The Control contradicts others that are live or scheduled; metadata ``conflicts`` says which and how."""

    kind = ErrorKind.CONFLICT
    reason = "CONTROL_CONFLICT"


class ControlLimitError(ZhikeError):
    """There are as many Controls as are kept or served; archive or pause some first. Metadata ``limit``."""

    kind = ErrorKind.EXHAUSTED
    reason = "CONTROL_LIMIT"


class ControlRequestReusedError(ZhikeError):
    """A request id that made another Control."""

    kind = ErrorKind.CONFLICT
    reason = "CONTROL_REQUEST_REUSED"
