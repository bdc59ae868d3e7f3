"""Page tokens: opaque cursors that carry a position, a version, and the fingerprint of the query that they belong to.

A token of another query, of another version or with a flipped bit is INVALID_PAGE_TOKEN, never a wrong page. Tokens
hold positions that the caller was shown already, so they are checked, not encrypted.
"""

import base64
import binascii
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from services.chassis.errors import ErrorKind, InvalidArgumentError, ZhikeError

TOKEN_VERSION = 1
TOKEN_LIMIT = 2_048  # characters
_CHECK_BYTES = 8


class InvalidPageTokenError(ZhikeError):
    """A page token that is garbled, or belongs to another query or version: start from the first page."""

    kind = ErrorKind.INVALID
    reason = "INVALID_PAGE_TOKEN"


def encode_page_token(position: Any, *, query: Mapping[str, Any]) -> str:
    """Return the token of the page after ``position`` (anything JSON knows) of ``query`` (all but size and token)."""
    payload = orjson.dumps(position)
    token = base64.urlsafe_b64encode(bytes([TOKEN_VERSION]) + _check(payload, query) + payload).rstrip(b"=").decode()
    if len(token) > TOKEN_LIMIT:
        raise ValueError(f"a position of {len(payload)} bytes makes a token past {TOKEN_LIMIT} characters")
    return token


def decode_page_token(token: str, *, query: Mapping[str, Any]) -> Any:
    """Return the position inside ``token``, None for an empty one. Raises InvalidPageTokenError."""
    if not token:
        return None
    invalid = InvalidPageTokenError("the page token does not belong to this query", field="page_token")
    if len(token) > TOKEN_LIMIT or not token.isascii():
        raise invalid
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise invalid from None
    version, check, payload = raw[:1], raw[1 : 1 + _CHECK_BYTES], raw[1 + _CHECK_BYTES :]
    if version != bytes([TOKEN_VERSION]) or check != _check(payload, query):
        raise invalid
    return orjson.loads(payload)


def page_size(requested: int, *, default: int, maximum: int) -> int:
    """Return how many items to answer: 0 means the default, more than the maximum means the maximum (AIP-158)."""
    if requested < 0:
        raise InvalidArgumentError("page_size must not be negative", field="page_size")
    return min(requested or default, maximum)


def _check(payload: bytes, query: Mapping[str, Any]) -> bytes:
    fingerprint = orjson.dumps(query, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str)
    return blake2b(payload, key=blake2b(fingerprint, digest_size=32).digest(), digest_size=_CHECK_BYTES).digest()
