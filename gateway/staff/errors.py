"""What can go wrong with staff's accounts and sessions."""

from services.chassis.errors import ErrorKind, InvalidArgumentError, ZhikeError


class SignInRequiredError(ZhikeError):
    """A page that needs a signed-in person, asked without one, or after the session ended."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "SIGN_IN_REQUIRED"


class SignInFailedError(InvalidArgumentError):
    """A wrong name or password, or a disabled account; which of them is not said."""

    reason = "SIGN_IN_FAILED"


class SignInThrottledError(ZhikeError):
    """Too many failed sign-ins of this account or from this address."""

    kind = ErrorKind.EXHAUSTED
    reason = "SIGN_IN_THROTTLED"


class SignInBusyError(ZhikeError):
    """More passwords to check at once than there is room for."""

    kind = ErrorKind.UNAVAILABLE
    reason = "SIGN_IN_BUSY"


class InsecureConnectionError(ZhikeError):
    """A sign-in over plain HTTP from another machine: the password would travel in the clear."""

    kind = ErrorKind.FORBIDDEN
    reason = "INSECURE_CONNECTION"


class CrossSiteRequestError(ZhikeError):
    """A write to a page of the console that did not come from a page of the console."""

    kind = ErrorKind.FORBIDDEN
    reason = "CROSS_SITE_REQUEST"


class StaffRoleMissingError(ZhikeError):
    """The person is signed in and has none of the roles that the page is for."""

    kind = ErrorKind.FORBIDDEN
    reason = "STAFF_ROLE_MISSING"


class PasswordChangeRequiredError(ZhikeError):
    """A one-time password opens nothing but the page that changes it."""

    kind = ErrorKind.FORBIDDEN
    reason = "PASSWORD_CHANGE_REQUIRED"


class PasswordUnfitError(InvalidArgumentError):
    """A new password that is too short, too long or too easy to guess; ``rule`` names which."""

    reason = "PASSWORD_UNFIT"


class StaffTakenError(ZhikeError):
    """The sign-in name belongs to somebody else."""

    kind = ErrorKind.CONFLICT
    reason = "STAFF_TAKEN"


class StaffLimitError(ZhikeError):
    """More accounts than a deployment keeps."""

    kind = ErrorKind.EXHAUSTED
    reason = "STAFF_LIMIT"


class StaffChangedError(ZhikeError):
    """The account changed since it was read."""

    kind = ErrorKind.PRECONDITION
    reason = "STAFF_CHANGED"


class LastAdminError(ZhikeError):
    """The last admin who can sign in cannot be disabled or lose the role."""

    kind = ErrorKind.CONFLICT
    reason = "LAST_ADMIN"


class OneTimePasswordExpiredError(InvalidArgumentError):
    """A one-time password past its term: an admin makes another."""

    reason = "ONE_TIME_PASSWORD_EXPIRED"
