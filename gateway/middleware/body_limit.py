"""Bounds every request body, announced or streamed; uploads of whole files have a bound of their own."""

from collections.abc import Awaitable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import BodyTooLargeError
from services.chassis.errors import InvalidArgumentError

UPLOAD_SUFFIXES: Final = (":import", "/tone-models:train")
MEDIA_PATH: Final = "/v1/media"
MEDIA_LIMIT_BYTES: Final = 4 * 1024 * 1024  # of a picture; its service counts again
LENGTH_DIGITS_LIMIT: Final = 18
_BODILESS: Final = frozenset({"GET", "HEAD"})


class BodyLimitMiddleware:
    """Raises BodyTooLargeError before a byte is read where the length is announced, else as soon as it is passed."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int, import_limit_bytes: int) -> None:
        self._app, self._limit_bytes, self._import_limit_bytes = app, limit_bytes, import_limit_bytes

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Return the application's own awaitable: what has no body passes at the cost of a comparison."""
        if scope["type"] != "http" or scope["method"] in _BODILESS:
            return self._app(scope, receive, send)
        limit = self._limit_of(scope["path"])
        announced = _content_length(scope)
        if announced is None:
            receive = _Counted(receive, limit)
        elif announced > limit:
            raise _too_large(limit)
        return self._app(scope, receive, send)

    def _limit_of(self, path: str) -> int:
        if path.endswith(UPLOAD_SUFFIXES):
            return self._import_limit_bytes
        return MEDIA_LIMIT_BYTES if path == MEDIA_PATH else self._limit_bytes


class _Counted:
    """A receive that counts."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit, self._seen = receive, limit, 0

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            if self._seen > self._limit:
                raise _too_large(self._limit)
        return message


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            if not value.isdigit() or len(value) > LENGTH_DIGITS_LIMIT:
                raise InvalidArgumentError("Content-Length is no length", field="Content-Length")
            return int(value)
    return None


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body has more than {limit} bytes", limit_bytes=limit)
