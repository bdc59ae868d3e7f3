"""What a caller of recommendation can get wrong, and what can be wrong with a model."""

from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, ZhikeError


class UnknownPlacementError(InvalidArgumentError):
    """A placement that this service does not fill; metadata ``known`` names those that it does."""

    reason = "UNKNOWN_PLACEMENT"


class ProductRequiredError(InvalidArgumentError):
    """A placement about a product, asked for without one."""

    reason = "PRODUCT_REQUIRED"


class TooManyProductsError(InvalidArgumentError):
    """More products, exclusions or identifiers than one request may name."""

    reason = "TOO_MANY_VALUES"


class UnknownLanguageError(InvalidArgumentError):
    """A language other than zh and en."""

    reason = "UNKNOWN_LANGUAGE"


class UnknownEngineError(InvalidArgumentError):
    """A training engine other than ray and local."""

    reason = "UNKNOWN_ENGINE"


class ModelNotFoundError(NotFoundError):
    """A model version that was never trained, or whose blobs are gone."""

    reason = "MODEL_NOT_FOUND"


class NothingToTrainOnError(ZhikeError):
    """There are no purchases yet."""

    kind = ErrorKind.PRECONDITION
    reason = "NOTHING_TO_TRAIN_ON"


class TrainingFailedError(ZhikeError):
    """The trainer process ended without a result; metadata ``stage`` says how far it came."""

    kind = ErrorKind.ABORTED
    reason = "TRAINING_FAILED"


class SnapshotUnreadableError(ZhikeError):
    """A snapshot of another form or a broken one; the copy is rebuilt from its log."""

    kind = ErrorKind.DATA_LOSS
    reason = "SNAPSHOT_UNREADABLE"
