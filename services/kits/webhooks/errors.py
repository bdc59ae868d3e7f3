"""What an operator or a caller of webhooks can get wrong, each failure with its stable reason."""

from typing import ClassVar

from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, ZhikeError


class TargetNotFoundError(NotFoundError):
    """No target has this id, or it was deleted."""

    reason = "WEBHOOK_TARGET_NOT_FOUND"


class TargetLimitError(ZhikeError):
    """As many targets as one service keeps; delete one first."""

    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    reason = "WEBHOOK_TARGET_LIMIT"


class TargetDisabledError(ZhikeError):
    """Nothing is sent to a target that is disabled; enable it first. Metadata ``cause`` says why it is."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "WEBHOOK_TARGET_DISABLED"


class TargetContendedError(ZhikeError):
    """Others kept changing the same target or delivery; try again."""

    kind: ClassVar[ErrorKind] = ErrorKind.ABORTED
    reason = "WEBHOOK_CONTENDED"


class EventTypeUnknownError(InvalidArgumentError):
    """An event type that this service never sends; metadata ``known`` names those that it does."""

    reason = "WEBHOOK_EVENT_TYPE_UNKNOWN"


class SecretLimitError(ZhikeError):
    """Two secrets are live already; wait until the older ends, or rotate without overlap."""

    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    reason = "WEBHOOK_SECRET_LIMIT"


class SecretMalformedError(InvalidArgumentError):
    """A signing secret is ``whsec_`` and the base64 of 24 to 64 bytes."""

    reason = "WEBHOOK_SECRET_MALFORMED"


class WebhookRequestReusedError(ZhikeError):
    """The request id came with another request before."""

    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    reason = "REQUEST_ID_REUSED"


class DeliveryNotFoundError(NotFoundError):
    """The target has no delivery of this id, or it is past its time of keeping."""

    reason = "WEBHOOK_DELIVERY_NOT_FOUND"


class MessageLimitError(InvalidArgumentError):
    """A message whose body, event key or event type is past its bound."""

    reason = "WEBHOOK_MESSAGE_LIMIT"


class WebhookUnsignedError(ZhikeError):
    """An inbound call without a usable webhook-id, webhook-timestamp or webhook-signature."""

    kind: ClassVar[ErrorKind] = ErrorKind.UNAUTHENTICATED
    reason = "WEBHOOK_UNSIGNED"


class WebhookTamperedError(ZhikeError):
    """No signature of an inbound call is of its id, time and body under a live secret."""

    kind: ClassVar[ErrorKind] = ErrorKind.UNAUTHENTICATED
    reason = "WEBHOOK_TAMPERED"


class WebhookStaleError(ZhikeError):
    """An inbound call that was signed more than 5 minutes ago, or ahead; metadata ``age_s``."""

    kind: ClassVar[ErrorKind] = ErrorKind.UNAUTHENTICATED
    reason = "WEBHOOK_STALE"


class WebhookReplayedError(ZhikeError):
    """An inbound call that was taken before, id and time and all."""

    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    reason = "WEBHOOK_REPLAYED"
