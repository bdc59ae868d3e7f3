"""Writes docs/reference.md out of the code: every setting, route, metric and error reason, so that none goes unsaid.

``python -m infra.reference`` writes the page; ``--check`` fails when it is stale.
"""

import argparse
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson

import gateway
import services
from services.chassis.errors import ZhikeError
from services.chassis.metrics import Metric
from services.chassis.settings import ChassisSettings, variable

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference.md"
OPENAPI = ROOT / "gateway" / "openapi.json"
HEAD = """# Reference

Written out of the code by `make docs`; do not edit. Settings are read once from the environment;
`ZHIKE_<SERVICE>_<NAME>` overrides `ZHIKE_<NAME>` for one process.
"""


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when docs/reference.md is stale, write nothing")
    arguments = parser.parse_args()
    text = reference()
    if arguments.check:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


def reference() -> str:
    """Return the page."""
    modules = list(product_modules())
    parts = [HEAD, *_settings(), *_routes(), *_metrics(modules), *_reasons()]
    return "\n".join(parts) + "\n"


def product_modules() -> Iterator[ModuleType]:
    """Import and yield every module of the services and the gateway."""
    for package in (services, gateway):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith(".__main__"):
                yield importlib.import_module(found.name)


def declared_metrics(modules: Iterable[ModuleType]) -> dict[str, Metric]:
    """Return every metric of every table, by name."""
    declared: dict[str, Metric] = {}
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, tuple) and value and all(isinstance(each, Metric) for each in value):
                declared |= {each.name: each for each in value}
    return declared


def _subclasses(cls: type) -> Iterator[Any]:
    each: type
    for each in type.__subclasses__(cls):
        yield each
        yield from _subclasses(each)


def _settings() -> Iterable[str]:
    yield "## Settings\n\n| variable | default | of | what it does |\n|---|---|---|---|"
    shared = set(ChassisSettings.model_fields)
    rows = [("every process", name, ChassisSettings) for name in ChassisSettings.model_fields]
    for cls in sorted(_subclasses(ChassisSettings), key=lambda each: each.__module__):
        if cls.__module__.split(".")[0] in {"services", "gateway"} and issubclass(cls, ChassisSettings):
            owner = cls.__module__.split(".")[-2]
            own = vars(cls).get("__annotations__", {})  # what it inherits has a row of its own
            rows += [(owner, name, cls) for name in cls.model_fields if name not in shared and name in own]
    for owner, name, cls in rows:
        field = cls.model_fields[name]
        default = "" if field.default is None else f"`{_plain(field.default)}`"
        yield f"| `{variable(name)}` | {default} | {owner} | {_cell(field.description or '')} |"


def _routes() -> Iterable[str]:
    yield "\n## Routes\n\nThe full description is `gateway/openapi.json`, and `/docs` on a running deployment.\n"
    yield "| route | operation | what it does |\n|---|---|---|"
    paths = orjson.loads(OPENAPI.read_bytes())["paths"]
    for path, methods in sorted(paths.items()):
        for method, operation in methods.items():
            if isinstance(operation, dict) and "operationId" in operation:
                summary = operation.get("summary") or operation.get("description", "")
                yield f"| `{method.upper()} {path}` | `{operation['operationId']}` | {_cell(summary)} |"


def _metrics(modules: Iterable[ModuleType]) -> Iterable[str]:
    yield "\n## Metrics\n\nServed at `/metrics` on each process's private port.\n"
    yield "| metric | kind | labels | what it says |\n|---|---|---|---|"
    for name, metric in sorted(declared_metrics(modules).items()):
        yield f"| `{name}` | {metric.kind.value} | {', '.join(metric.labels)} | {_cell(metric.help)} |"


def _reasons() -> Iterable[str]:
    yield "\n## Error reasons\n\nThe `reason` of a problem and of ErrorInfo; `domain` says which service.\n"
    yield "| reason | kind | raised by | meaning |\n|---|---|---|---|"
    rows = {
        (cls.reason, cls.__module__.rpartition(".")[0], cls): cls
        for cls in _subclasses(ZhikeError)
        if issubclass(cls, ZhikeError) and cls.__module__.split(".")[0] in {"services", "gateway"}
    }
    for (reason, where, cls), _ in sorted(rows.items(), key=lambda row: (row[0][0], row[0][1], row[0][2].__name__)):
        meaning = (inspect.getdoc(cls) or "").split("\n\n")[0]
        yield f"| `{reason}` | {cls.kind.value} | {where} | {_cell(meaning)} |"


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
