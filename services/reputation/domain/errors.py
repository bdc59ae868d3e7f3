"""What a caller of reputation can do wrong, each failure with its stable reason."""

from typing import ClassVar

from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, ZhikeError


class MentionRefusedError(InvalidArgumentError):
    """One mention of a batch that cannot be kept; ``reason`` says why, metadata ``field`` where."""

    def __init__(self, reason: str, message: str, *, field: str) -> None:
        super().__init__(message, field=field)
        self.__dict__["reason"] = reason  # one class for the many reasons of an item's verdict
        self.field = field


class MalformedBatchError(InvalidArgumentError):
    """The body is no JSON object with a list of mentions."""

    reason = "MALFORMED_BATCH"


class BatchSizeError(InvalidArgumentError):
    """A batch without mentions or with more than its bound."""

    reason = "BATCH_SIZE"


class UrlInvalidError(InvalidArgumentError):
    """A text that is no http or https address."""

    reason = "URL_INVALID"


class MentionNotFoundError(NotFoundError):
    """There is no mention of this id."""

    reason = "MENTION_NOT_FOUND"


class MentionFilterError(InvalidArgumentError):
    """A filter of mentions that no mention could pass."""

    reason = "MENTION_FILTER_INVALID"


class SourceNotFoundError(NotFoundError):
    """There is no source of this id."""

    reason = "SOURCE_NOT_FOUND"


class SourceInvalidError(InvalidArgumentError):
    """A field of a source that cannot be kept; metadata ``field`` names it."""

    reason = "SOURCE_INVALID"


class SourceTakenError(ZhikeError):
    """Another source has this id."""

    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    reason = "SOURCE_TAKEN"


class BrandNotFoundError(NotFoundError):
    """There is no brand of this id."""

    reason = "BRAND_NOT_FOUND"


class BrandInvalidError(InvalidArgumentError):
    """A field of a brand that cannot be kept; metadata ``field`` names it."""

    reason = "BRAND_INVALID"


class TooManyError(ZhikeError):
    """As many sources or brands as are kept are there already."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "TOO_MANY"


class VersionMismatchError(ZhikeError):
    """It was edited since the version that the caller saw."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "VERSION_MISMATCH"


class FeedRefusedError(ZhikeError):
    """A feed that is not read; ``reason`` says why: it is too large, no feed, or made to hurt its reader."""

    kind: ClassVar[ErrorKind] = ErrorKind.INVALID
    reason = "FEED_REFUSED"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.__dict__["reason"] = reason


class ImportConfigError(InvalidArgumentError):
    """An import's configuration that names a format, column or option that mentions do not have."""

    reason = "IMPORT_CONFIG"


class ImportTooLargeError(InvalidArgumentError):
    """An upload past its bound."""

    reason = "IMPORT_TOO_LARGE"


class AlertNotFoundError(NotFoundError):
    """There is no alert of this id."""

    reason = "ALERT_NOT_FOUND"


class AlertStateError(ZhikeError):
    """The alert's state does not allow this step; metadata ``state`` says which it has."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "ALERT_STATE"


class AlertCommandError(InvalidArgumentError):
    """A step without its person or its reason, or with a text past its bound; metadata ``field`` names it."""

    reason = "ALERT_COMMAND_INVALID"


class AlertCommentTakenError(ZhikeError):
    """The request that said a comment came with another one before."""

    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    reason = "ALERT_COMMENT_TAKEN"


class AlertFullError(ZhikeError):
    """The history has no room for another remark, or the alert for another comment; resolve and close it."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "ALERT_HISTORY_FULL"


class SilenceNotFoundError(NotFoundError):
    """There is no silence of this id."""

    reason = "SILENCE_NOT_FOUND"


class SilenceInvalidError(InvalidArgumentError):
    """A silence that matches everything or nothing, has no reason, or lasts longer than it may."""

    reason = "SILENCE_INVALID"


class ToneDataError(ZhikeError):
    """The texts cannot train a tone model: too few of a label, or none that can be read."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "TONE_DATA"


class AlertContendedError(ZhikeError):
    """Others kept changing the same alert; try again."""

    kind: ClassVar[ErrorKind] = ErrorKind.ABORTED
    reason = "ALERT_CONTENDED"


class SilenceTakenError(ZhikeError):
    """The request that set a silence came with another one before."""

    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    reason = "SILENCE_TAKEN"


class ToneNotEarnedError(ZhikeError):
    """A tone model was trained and is not good enough to judge; metadata ``accuracy`` and ``majority`` say why."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "TONE_NOT_EARNED"


class ToneTrainingFailedError(ZhikeError):
    """The training of a tone model ended without a result."""

    reason = "TONE_TRAINING_FAILED"


class ToneModelNotFoundError(NotFoundError):
    """There is no tone model of this version among those that can be gone back to."""

    reason = "TONE_MODEL_NOT_FOUND"


class ToneModelUnreadableError(ZhikeError):
    """A blob that is no tone model of this form."""

    kind: ClassVar[ErrorKind] = ErrorKind.DATA_LOSS
    reason = "TONE_MODEL_UNREADABLE"
