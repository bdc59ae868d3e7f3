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


class ScoringFailedError(TrainingFailedError):
    """The process that scores ended without a result; metadata ``stage`` and ``cause`` as of a training."""

    reason = "SCORING_FAILED"


class ConsentStaleError(ZhikeError):
    """The copy of consents is older than it may be, so nobody can be scored now (docs/consistency.md rule 12)."""

    kind = ErrorKind.UNAVAILABLE
    reason = "CONSENT_STALE"


class ClusterUnreachableError(ZhikeError):
    """Nothing answers at RAY_ADDRESS, or it is no Ray that this one can join; metadata ``address``."""

    kind = ErrorKind.UNAVAILABLE
    reason = "RAY_UNREACHABLE"


class ClusterLostError(ZhikeError):
    """The Ray cluster went away while it worked, or lost a task more often than it is tried; metadata ``address``."""

    kind = ErrorKind.ABORTED
    reason = "RAY_LOST"


class ClusterDiffersError(ZhikeError):
    """A node of the Ray cluster has other code or other numeric libraries, or none of ours; metadata ``node``."""

    kind = ErrorKind.PRECONDITION
    reason = "RAY_NODE_DIFFERS"


class SnapshotUnreadableError(ZhikeError):
    """A snapshot of another form or a broken one; the copy is rebuilt from its log."""

    kind = ErrorKind.DATA_LOSS
    reason = "SNAPSHOT_UNREADABLE"


class SceneInvalidError(InvalidArgumentError):
    """Something of a scene is out of bounds; metadata ``field`` names it."""

    reason = "SCENE_INVALID"


class SceneIncompleteError(InvalidArgumentError):
    """A scene is published, or stays so, only complete; metadata ``missing`` lists what it lacks."""

    reason = "SCENE_INCOMPLETE"


class SceneNotFoundError(NotFoundError):
    """No scene has this id."""

    reason = "SCENE_NOT_FOUND"


class SceneStateError(ZhikeError):
    """A scene does not go from its state to the one asked for."""

    kind = ErrorKind.CONFLICT
    reason = "SCENE_STATE"


class TooManyScenesError(ZhikeError):
    """A shop has as many scenes, or live ones, as it may: archive some; metadata ``limit``."""

    kind = ErrorKind.CONFLICT
    reason = "TOO_MANY_SCENES"


class VersionMismatchError(ZhikeError):
    """Somebody changed it meanwhile: read it again; metadata ``version`` is the present one."""

    kind = ErrorKind.PRECONDITION
    reason = "VERSION_MISMATCH"


class PictureRefusedError(InvalidArgumentError):
    """The bytes are no PNG, JPEG or WebP, or its sides are out of bounds."""

    reason = "PICTURE_REFUSED"


class PictureTooLargeError(InvalidArgumentError):
    """A picture is larger than may be stored; metadata ``limit``."""

    reason = "PICTURE_TOO_LARGE"


class MediaNotFoundError(NotFoundError):
    """No picture has this id."""

    reason = "MEDIA_NOT_FOUND"


class TooManyMediaError(ZhikeError):
    """There are as many pictures as may be stored; metadata ``limit``."""

    kind = ErrorKind.CONFLICT
    reason = "TOO_MANY_MEDIA"
