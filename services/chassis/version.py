"""Which version of the software this process runs."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

PACKAGE: Final = "zhike"
UNKNOWN: Final = "unknown"


@cache
def software_version() -> str:
    """Return the version that was installed when the process first asked; "unknown" for a checkout that never was."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return UNKNOWN
