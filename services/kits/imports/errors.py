"""Why an import cannot be begun or carried out, each failure with its stable reason."""

from typing import ClassVar

from services.chassis.errors import ErrorKind, InvalidArgumentError, ZhikeError


class ImportConfigError(InvalidArgumentError):
    """An import's configuration that names a field, option or format that this importer does not have."""

    reason = "IMPORT_CONFIG"


class ImportTooLargeError(InvalidArgumentError):
    """An upload past its bound."""

    reason = "IMPORT_TOO_LARGE"


class StagingFailedError(ZhikeError):
    """The process that reads an imported file died."""

    kind: ClassVar[ErrorKind] = ErrorKind.INTERNAL
    reason = "STAGING_FAILED"
