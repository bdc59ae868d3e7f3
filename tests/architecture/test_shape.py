"""The shape that lets a stranger guess the file: equal modules, short functions, true names, I/O outside the domain."""

import ast
from pathlib import Path

import pytest

from tests.architecture.source_tree import (
    PRODUCT,
    ROOT,
    SERVICES,
    functions,
    imported_modules,
    name_of,
    product_files,
    tree_of,
)

FUNCTION_LINES = 70
MODULE_LINES = 500
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "core", "misc"}
EVERY_SERVICE_HAS = ("__init__.py", "main.py", "settings.py", "servicer", "wire", "usecases", "domain", "store", "jobs")
PB2_MAY_BE_IN = {"main", "servicer", "wire", "gateway", "chassis", "infra"}
BROAD_EXCEPT_MAY_BE_IN = {
    "gateway/middleware/edge.py",  # the gateway's interceptor
    "gateway/console/answering.py",  # the same for its pages
    "services/chassis/eventlog/applier.py",
    "services/chassis/documents/sqlite_writer.py",  # the writer thread's loop
    "services/chassis/interceptors.py",
    "services/chassis/jobs.py",
    "services/chassis/operations.py",
    "services/chassis/server.py",
}
UNPREDICTABLE = {("datetime", "now"), ("date", "today"), ("time", "time"), ("uuid", "uuid4"), ("time", "monotonic")}


def _domain_files() -> list[Path]:
    return [path for path in product_files() if "domain" in path.relative_to(ROOT).parts]


def test_the_product_is_read_at_all() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in product_files()} == set(PRODUCT)
    assert len(product_files()) > 50


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_modules(service: str) -> None:
    home = ROOT / "services" / service
    missing = [name for name in EVERY_SERVICE_HAS if not ((home / name).exists() or (home / f"{name}.py").exists())]
    assert not missing


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_package_holds_only_a_docstring(service: str) -> None:
    body = tree_of(ROOT / "services" / service / "__init__.py").body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)


def test_no_function_is_longer_than_the_limit() -> None:
    long = [
        f"{name_of(path)}:{each.name} {each.end_lineno - each.lineno + 1}"
        for path in product_files()
        for each in functions(path)
        if each.end_lineno and each.end_lineno - each.lineno + 1 > FUNCTION_LINES
    ]
    assert not long


def test_no_module_is_longer_than_the_limit() -> None:
    long = [
        f"{name_of(path)} {count}"
        for path in product_files()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > MODULE_LINES
    ]
    assert not long


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [name_of(path) for path in product_files() if path.stem in FORBIDDEN_NAMES]


def test_every_module_says_what_it_owns() -> None:
    assert not [name_of(path) for path in product_files() if not ast.get_docstring(tree_of(path))]


def test_protobuf_stays_at_the_door() -> None:
    strays = [
        name_of(path)
        for path in product_files()
        if any("_pb2" in module for module in imported_modules(path))
        and not PB2_MAY_BE_IN & {*path.relative_to(ROOT).parts, path.stem}
    ]
    assert not strays


def test_the_domain_is_pure() -> None:
    impure = [
        f"{name_of(path)}:{node.lineno}"
        for path in _domain_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Await | ast.AsyncFunctionDef)
        or (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in UNPREDICTABLE
        )
    ]
    assert not impure


def test_middleware_is_pure_asgi() -> None:
    users = [
        name_of(path)
        for path in product_files()
        if any("BaseHTTPMiddleware" in module for module in imported_modules(path))
    ]
    assert not users


def test_every_broad_except_is_in_a_place_that_may_have_one() -> None:
    """An interceptor, a job loop, a lifespan: elsewhere a broad except hides a defect."""
    strays = [
        f"{name_of(path)}:{node.lineno}"
        for path in product_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and isinstance(node.type, ast.Name)
        and node.type.id in {"Exception", "BaseException"}
        and not isinstance(node.body[-1], ast.Raise)
        and name_of(path) not in BROAD_EXCEPT_MAY_BE_IN
    ]
    assert not strays


def test_only_an_adapters_own_files_import_its_driver() -> None:
    """An adapter (sqlite.py and the sqlite_*.py beside it) is all that knows its driver."""
    drivers = {"sqlite3": "sqlite", "tantivy": "tantivy", "motor": "mongo", "elasticsearch": "elastic"}
    strays = [
        f"{name_of(path)} imports {driver}"
        for driver, adapter in drivers.items()
        for path in product_files()
        if any(module.split(".")[0] == driver for module in imported_modules(path))
        and not path.stem.startswith(adapter)
    ]
    assert not strays
