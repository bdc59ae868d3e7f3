"""The OpenAPI document: committed, valid, complete, and fit for generated clients."""

import json
import re
from typing import Any

from fastapi import FastAPI
from openapi_spec_validator import validate

from gateway.app import build_app
from gateway.openapi import FILE, openapi_bytes
from gateway.routes import all_endpoints
from tests.fakes.gateway_shop import Shop

DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


def _operations() -> list[dict[str, Any]]:
    return [operation for methods in DOCUMENT["paths"].values() for operation in methods.values()]


def test_the_committed_document_is_what_the_routes_give() -> None:
    assert FILE.read_bytes() == openapi_bytes(), "run: make openapi"


def test_the_document_is_valid_openapi_31() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    validate(DOCUMENT)


def test_every_api_route_is_documented_and_nothing_else() -> None:
    hidden = {each.path for each in all_endpoints() if not each.documented}
    assert all(not path.startswith("/v1/") for path in hidden)
    shown = {re.sub(r":path\}", "}", each.path) for each in all_endpoints() if each.documented}
    assert shown == set(DOCUMENT["paths"])


def test_operation_ids_are_stable_camel_case_and_unique() -> None:
    ids = [operation["operationId"] for operation in _operations()]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", each) for each in ids)


def test_no_form_comes_in_an_input_and_an_output_version() -> None:
    assert not [name for name in DOCUMENT["components"]["schemas"] if name.endswith(("-Input", "-Output", "Input"))]


def test_everything_says_what_it_is() -> None:
    for operation in _operations():
        assert operation["summary"] and operation["description"]
        assert all(parameter["description"] for parameter in operation["parameters"])
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema.get("description"), name


def test_every_refusal_is_documented_as_a_problem() -> None:
    for operation in _operations():
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"]


async def test_it_is_served_and_cached(shop: Shop) -> None:
    first = await shop.client.get("/openapi.json")
    assert first.content == FILE.read_bytes()
    again = await shop.client.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


async def test_fastapi_knows_every_route_too(shop: Shop) -> None:
    app: Any = build_app(shop.parts, _metrics())
    while not isinstance(app, FastAPI):  # what stands around it calls what it holds
        app = getattr(app, "_fallback", None) or app._app
    fastapi = app
    assert {route.path for route in fastapi.routes} >= {each.path for each in all_endpoints()}
    assert fastapi.openapi() == DOCUMENT


def _metrics() -> Any:
    from gateway.metrics import GATEWAY_METRICS
    from services.chassis.metrics import CHASSIS_METRICS, Metrics

    return Metrics((CHASSIS_METRICS, GATEWAY_METRICS))
