"""Writes the OpenAPI 3.1 document from the endpoints; the committed gateway/openapi.json is compared with it.

python -m gateway.openapi          write gateway/openapi.json
"""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.endpoints import Endpoint
from gateway.errors import PROBLEM_MEDIA_TYPE
from gateway.parameters import TextMap
from gateway.principals import Role
from gateway.routes import all_endpoints
from gateway.schemas.forms import Problem

VERSION: Final = "1"
FILE: Final = Path(__file__).parent / "openapi.json"
SCHEMA_PATH: Final = "#/components/schemas/{model}"
_PATH_PARAMETER: Final = re.compile(r"\{([a-z_]+)(?::path)?\}")
_HEADERS: Final = {
    "X-Visitor-Id": 'The visitor id "v-" and 22 to 64 characters; a publishable key needs it.',
    "Idempotency-Key": "Makes a repetition of the request answer what the first answered; at most 255 characters.",
    "If-Match": "The ETag that the editor saw.",
    "If-None-Match": "The ETag that the caller has.",
    "Last-Event-ID": "The id of the last event that was seen; a browser that connects again sends it by itself.",
    "Accept-Language": "zh or en, where the query names no language.",
}
_ANSWER_HEADERS: Final = {
    "Cache-Control": "How long a copy may be kept.",
    "Age": "Seconds; only of an answer that was kept and stands in for a service that is down.",
    "ETag": "The public version.",
    "Location": "Where to look further.",
}
_PATH_PARAMETERS: Final = {
    "id": "The id.",
    "placement": "The placement.",
    "query": "The query, as typed.",
    "purpose": "personalization or marketing.",
    "version": "The model version.",
    "service": "knowledge, search, recommendation, orders or reputation.",
    "projection": "The projection.",
    "target": "The webhook target.",
    "control": "The Control.",
    "operation": "The operation.",
    "carrier": "The name under which the sender is set up.",
}
_EVERYWHERE: Final = (HTTPStatus.INTERNAL_SERVER_ERROR,)
_WITH_SERVICE: Final = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_WITH_KEY: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
)


def openapi_document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the document; the same endpoints always give the same."""
    shown = [each for each in endpoints if each.documented]
    paths: dict[str, dict[str, Any]] = {}
    for each in sorted(shown, key=lambda endpoint: (_shown_path(endpoint), endpoint.method)):
        paths.setdefault(_shown_path(each), {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Zhike",
            "version": VERSION,
            "summary": "One memory of every customer across all channels, put to work.",
            "description": "Errors are problems (RFC 9457) with a stable `reason`. Lists page by opaque tokens. "
            "`x-principals` of each operation names who may call it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(shown),
            "securitySchemes": {
                "publishableKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Api-Key",
                    "description": "pk_…: for browsers and apps; acts for the visitor in X-Visitor-Id only.",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A secret key (sk_…), a shopper token, or the operator token.",
                },
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.operation_id,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "description": endpoint.description or endpoint.summary,
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint), *_header_parameters(endpoint)],
        "responses": _responses(endpoint),
        "security": _security(endpoint.roles),
        "x-principals": sorted(endpoint.roles) or ["public"],
    }
    if endpoint.body is not None:
        form = endpoint.body.form
        schema: dict[str, Any] = {"type": "string"} if form is None else _reference(form)
        operation["requestBody"] = {
            "required": True,
            "description": endpoint.body.description or "The request.",
            "content": {media_type: {"schema": schema} for media_type in endpoint.body.media_types},
        }
    return operation


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_PARAMETERS[name],
            "schema": {"type": "string"},
        }
        for name in _PATH_PARAMETER.findall(endpoint.path)
    ]


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    shown = []
    for each in endpoint.query.parameters:
        parameter: dict[str, Any] = {"name": each.name, "in": "query", "description": each.description}
        parameter["schema"] = each.schema()
        if isinstance(each, TextMap):
            # OpenAPI has no style for name.key=value; deepObject is the nearest, and the description says how it is.
            parameter |= {"style": "deepObject", "explode": True}
        shown.append(parameter)
    return shown


def _header_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "description": _HEADERS[name], "schema": {"type": "string"}}
        for name in endpoint.headers
    ]


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    success: dict[str, Any] = {"description": HTTPStatus(endpoint.status).phrase}
    if endpoint.answer is not None:
        success["content"] = {endpoint.answer_media_type: {"schema": _reference(endpoint.answer)}}
    elif endpoint.status != HTTPStatus.NO_CONTENT:
        success["content"] = {endpoint.answer_media_type: {"schema": {"type": "string"}}}
    if endpoint.answer_headers:
        success["headers"] = {
            name: {"description": _ANSWER_HEADERS[name], "schema": {"type": "string"}}
            for name in endpoint.answer_headers
        }
    responses = {str(int(endpoint.status)): success}
    if endpoint.again:
        responses["200"] = {**success, "description": "It was there already."}
    if "If-None-Match" in endpoint.headers:
        responses["304"] = {"description": "The caller has this version."}
    for status in sorted({*endpoint.problems, *_EVERYWHERE, *(_WITH_KEY + _WITH_SERVICE if endpoint.roles else ())}):
        responses[str(int(status))] = {
            "description": status.phrase,
            "content": {PROBLEM_MEDIA_TYPE: {"schema": _reference(Problem)}},
        }
    return responses


def _security(roles: frozenset[Role]) -> list[dict[str, list[str]]]:
    schemes: list[dict[str, list[str]]] = []
    if Role.PUBLISHABLE in roles:
        schemes.append({"publishableKey": []})
    if roles - {Role.PUBLISHABLE}:
        schemes.append({"bearer": []})
    return schemes


def _schemas(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    forms: set[type[BaseModel]] = {Problem}
    for each in endpoints:
        forms |= {form for form in (each.answer, each.body.form if each.body else None) if form is not None}
    ordered = sorted(forms, key=lambda form: form.__name__)
    # One mode for all: "validation" for both directions, so that no -Input/-Output pairs break client generators.
    _, document = models_json_schema([(form, "validation") for form in ordered], ref_template=SCHEMA_PATH)
    schemas: dict[str, Any] = document["$defs"]
    return dict(sorted(schemas.items()))


def _reference(form: type[BaseModel]) -> dict[str, str]:
    return {"$ref": SCHEMA_PATH.format(model=form.__name__)}


def _shown_path(endpoint: Endpoint) -> str:
    return _PATH_PARAMETER.sub(r"{\1}", endpoint.path)


def openapi_bytes() -> bytes:
    """Return what the committed file must hold."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(openapi_document(all_endpoints()), option=options)


if __name__ == "__main__":
    FILE.write_bytes(openapi_bytes())
