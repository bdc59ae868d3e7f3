"""docs/api.md names every route and reason of the gateway; every setting has an effect."""

import inspect
import json
import re
from pathlib import Path

import gateway.errors
import gateway.etag
import gateway.routers.operations
from gateway.openapi import FILE
from gateway.settings import GatewaySettings
from services.chassis.errors import ZhikeError
from services.chassis.settings import ChassisSettings

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.S)))


def test_every_route_is_on_the_page_and_the_page_has_no_other() -> None:
    paths = json.loads(FILE.read_text(encoding="utf-8"))["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    named = {word for word in WORDS if re.match(r"(GET|POST|PUT|PATCH|DELETE) /", word)}
    assert named == routes


def test_every_reason_of_the_gateway_is_on_the_page() -> None:
    modules = (gateway.errors, gateway.etag, gateway.routers.operations)
    reasons = {
        found.reason
        for module in modules
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, ZhikeError) and found.__module__.startswith("gateway")
    }
    assert reasons - WORDS == set()


def test_every_setting_of_the_gateway_is_used() -> None:
    own = set(GatewaySettings.model_fields) - set(ChassisSettings.model_fields)
    folder = Path(gateway.errors.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py") if path.name != "settings.py")
    assert {name for name in own if f"settings.{name}" not in code} == set()
