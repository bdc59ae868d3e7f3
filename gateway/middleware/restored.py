"""Lets nothing through but probes, status and receipts while erasures of a restored backup are open."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.restored_erasures import RestoredErasures

_OPEN: Final = frozenset({"/healthz", "/readyz", "/v1/system"})
_RECEIPTS: Final = "/v1/erasures/"


class RestoredMiddleware:
    """Wraps what answers persons; costs one look at a length once all is done."""

    def __init__(self, app: ASGIApp, restored: RestoredErasures) -> None:
        self._app, self._restored = app, restored

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._restored and scope["type"] == "http":
            path = scope["path"]
            if path not in _OPEN and not path.startswith(_RECEIPTS):
                self._restored.check()
        await self._app(scope, receive, send)
