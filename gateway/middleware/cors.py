"""Which pages of other origins may call the API. No route reads a cookie, so "*" gives nobody anything new."""

from collections.abc import Sequence
from typing import Final

Header = tuple[bytes, bytes]

MAX_AGE_S: Final = 7_200
_METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS: Final = (
    b"Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
    b"Last-Event-ID, X-Api-Key, X-Request-Id, X-Visitor-Id, Traceparent"
)
_EXPOSED_HEADERS: Final = (
    b"ETag, Location, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id"
)


class CorsPolicy:
    """Answers what the browser asks about an origin."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def allows(self, origin: bytes) -> bool:
        """Whether pages of ``origin`` may read answers."""
        return self._any or origin in self._origins

    def headers(self, origin: bytes) -> tuple[Header, ...]:
        """Return the headers for an answer to a page of ``origin``; none for an origin that is not allowed."""
        if self._any:
            return ((b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _EXPOSED_HEADERS))
        if origin not in self._origins:
            return ((b"vary", b"Origin"),)
        return (
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED_HEADERS),
            (b"vary", b"Origin"),
        )

    def preflight_headers(self) -> tuple[Header, ...]:
        """Return what a preflight of an allowed origin is told, beside ``headers``."""
        return (
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _REQUEST_HEADERS),
            (b"access-control-max-age", str(MAX_AGE_S).encode()),
        )
