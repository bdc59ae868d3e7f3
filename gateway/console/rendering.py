"""Templates: Jinja with everything escaped and no undefined name passed over; files by the hash of what they hold."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from gateway.console import charts
from gateway.console.cells import Act, Chip, Link, Moment, Money, Share, Spark, Stacked

HOME: Final = Path(__file__).parent
STATIC: Final = HOME / "static"
TEMPLATES: Final = HOME / "templates"


@cache
def asset(name: str) -> str:
    """Return the address of a static file, which changes with what it holds, so that browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/console/static/{name}?v={digest}"


_KINDS: Final[Mapping[type, str]] = {
    Link: "link",
    Chip: "chip",
    Money: "money",
    Share: "share",
    Moment: "moment",
    Spark: "spark",
    Stacked: "stacked",
    Act: "act",
}


def kind_of(cell: object) -> str:
    """Name what a cell is, for the macro that shows it."""
    kind = _KINDS.get(type(cell))
    if kind is not None:
        return kind
    if cell is None:
        return "nothing"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int | float):
        return "number"
    if isinstance(cell, tuple | list):
        return "several"
    return "time" if hasattr(cell, "isoformat") else "text"


@cache
def environment() -> Environment:
    """Return the one environment of this process."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(asset=asset, kind_of=kind_of, charts=charts)
    return made


def rendered(
    template: str, context: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """Return a page."""
    html = environment().get_template(template).render(context)
    return HTMLResponse(html, status_code=status, headers=dict(headers or {}))
