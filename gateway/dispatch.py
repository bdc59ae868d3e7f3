"""Finds the route of a request by table: a fixed path by one look-up, the others among those that begin like it.

FastAPI's own stack costs as much again as the rest of the gateway's work (benchmarks/gateway.py), so the API's routes
are found here, in front of it. What is not one of them goes on to FastAPI: the demo shop, and 404.
"""

from collections.abc import Awaitable, Sequence
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
        self._patterns: dict[str, list[_Pattern]] = {}  # by the first two segments
        by_path: dict[str, Methods] = {}
        for route in routes:
            methods = by_path.setdefault(route.path, {})
            methods[route.declaration.method] = route
            if route.declaration.method == "GET":
                methods["HEAD"] = route
        # A pattern that goes on after its parameter ("{id}:unmerge") must be tried before one that ends with it.
        for path, methods in sorted(by_path.items(), key=lambda item: -len(item[0])):
            if "{" not in path:
                self._fixed[path] = methods
                continue
            start = _start(path)
            if "{" in start:
                raise ValueError(f"{path}: the first two segments of a route are fixed, for it is found by them")
            self._patterns.setdefault(start, []).append(_Pattern(compile_path(path)[0], methods))

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Return the answer's own awaitable."""
        if scope["type"] != "http":
            return self._fallback(scope, receive, send)
        path, method = scope["path"], scope["method"]
        methods = self._fixed.get(path)
        if methods is not None:
            scope["path_params"] = {}
        else:
            methods = self._match(scope, path, method)
        if methods is None:
            return self._fallback(scope, receive, send)
        route = methods.get(method)
        if route is None:
            record_of(scope).route = next(iter(methods.values())).path
            raise MethodNotAllowedError(sorted(methods))
        return route.answer(scope, receive, send)

    def _match(self, scope: Scope, path: str, method: str) -> Methods | None:
        """Return the methods of the first pattern that has this one; else of all that match, for Allow."""
        allowed: Methods = {}
        for each in self._patterns.get(_start(path), ()):
            match = each.pattern.match(path)
            if match is not None:
                if method in each.methods:
                    scope["path_params"] = match.groupdict()
                    return each.methods
                allowed |= each.methods
        return allowed or None


def _start(path: str) -> str:
    """Return the first two segments: "/v1/products" of "/v1/products/p-1"."""
    end = path.find("/", path.find("/", 1) + 1)
    return path if end < 0 else path[:end]
