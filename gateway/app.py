"""Assembles the ASGI application from its parts; tests assemble it with fakes in their place."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from gateway.dispatch import Dispatcher
from gateway.endpoints import EndpointRoute, Parts
from gateway.errors import error_from_http, problem_from_error
from gateway.middleware.body_limit import BodyLimitMiddleware
from gateway.middleware.cors import CorsPolicy
from gateway.middleware.edge import EdgeMiddleware, validation_error
from gateway.middleware.record import record_of
from gateway.middleware.restored import RestoredMiddleware
from gateway.openapi import openapi_document
from gateway.routes import all_endpoints
from gateway.staff.same_origin import SameOriginMiddleware
from services.chassis.errors import ZhikeError
from services.chassis.metrics import Metrics

TITLE: Final = "Zhike"


def build_app(parts: Parts, metrics: Metrics, *, pages: Sequence[BaseRoute] = ()) -> ASGIApp:
    """Return the application: edge, body limit, the API's routes, and FastAPI for the ``pages`` and what is left."""
    endpoints = all_endpoints()
    routes = [EndpointRoute(each, parts) for each in endpoints]
    fastapi = FastAPI(title=TITLE, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    fastapi.router.routes.extend((*routes, *pages))
    fastapi.openapi = lambda: openapi_document(endpoints)  # type: ignore[method-assign]  # as FastAPI documents it
    for kind, handler in _HANDLERS.items():
        fastapi.add_exception_handler(kind, handler)
    settings = parts.settings
    limited = BodyLimitMiddleware(
        Dispatcher(routes, SameOriginMiddleware(fastapi, public_url=settings.console_url)),
        limit_bytes=settings.body_limit_bytes,
        import_limit_bytes=settings.import_limit_bytes,
    )
    return EdgeMiddleware(
        RestoredMiddleware(limited, parts.restored), metrics=metrics, cors=CorsPolicy(settings.cors_origins)
    )


async def _answer_error(request: Request, error: Exception) -> Response:
    """Answer what a page raised; the API's routes raise through to the edge, which does the same."""
    translated = _translated(error)
    record = record_of(request.scope)
    problem = problem_from_error(translated, request_id=record.request_id)
    record.reason = problem.reason
    response = Response(problem.body, status_code=problem.status)
    response.raw_headers = [*problem.headers, (b"content-length", b"%d" % len(problem.body))]
    return response


def _translated(error: Exception) -> ZhikeError:
    if isinstance(error, ZhikeError):
        return error
    if isinstance(error, HTTPException):
        return error_from_http(error)
    if isinstance(error, RequestValidationError):
        return validation_error(error)
    return ZhikeError("internal error")


_HANDLERS: Final[dict[Any, Any]] = dict.fromkeys(
    (ZhikeError, HTTPException, RequestValidationError, Exception), _answer_error
)
