"""Finds the route of a request by table: a fixed path by one look-up, the others by their patterns.

FastAPI's own stack costs as much again as the rest of the gateway's work (benchmarks/gateway.py), so the API's routes
are found here, in front of it. What is not one of them goes on to FastAPI: the demo shop, and 404.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from re import Pattern

from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.endpoints import EndpointRoute
from gateway.errors import MethodNotAllowedError
from gateway.middleware.record import record_of

Methods = dict[str, EndpointRoute]


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A path with parameters."""

    pattern: Pattern[str]
    methods: Methods


class Dispatcher:
    """The API's routes. HEAD is answered as GET; the server leaves the body out."""

    def __init__(self, routes: Sequence[EndpointRoute], fallback: ASGIApp) -> None:
        self._fallback = fallback
        self._fixed: dict[str, Methods] = {}
        self._patterns: list[_Pattern] = []
        by_path: dict[str, Methods] = {}
        for route in routes:
            methods = by_path.setdefault(route.path, {})
            methods[route.declaration.method] = route
            if route.declaration.method == "GET":
                methods["HEAD"] = route
        # A pattern that goes on after its parameter ("{id}:unmerge") must be tried before one that ends with it.
        for path, methods in sorted(by_path.items(), key=lambda item: -len(item[0])):
            if "{" in path:
                self._patterns.append(_Pattern(compile_path(path)[0], methods))
            else:
                self._fixed[path] = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._fallback(scope, receive, send)
            return
        path, method = scope["path"], scope["method"]
        methods = self._fixed.get(path)
        if methods is not None:
            scope["path_params"] = {}
        else:
            methods = self._match(scope, path, method)
        if methods is None:
            await self._fallback(scope, receive, send)
            return
        route = methods.get(method)
        if route is None:
            record_of(scope).route = next(iter(methods.values())).path
            raise MethodNotAllowedError(sorted(methods))
        await route.answer(scope, receive, send)

    def _match(self, scope: Scope, path: str, method: str) -> Methods | None:
        """Return the methods of the first pattern that has this one; else all of those that match, for Allow."""
        allowed: Methods = {}
        for each in self._patterns:
            match = each.pattern.match(path)
            if match is not None:
                if method in each.methods:
                    scope["path_params"] = match.groupdict()
                    return each.methods
                allowed |= each.methods
        return allowed or None
