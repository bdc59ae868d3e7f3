"""The idempotency key of a request: from the header or the body, bound to who writes and to the route."""

import secrets
from hashlib import blake2b
from typing import Final

import orjson

from gateway.endpoints import Call
from gateway.errors import IdempotencyKeyError

KEY_LIMIT: Final = 255
DIGEST_BYTES: Final = 16


def request_id_of(call: Call, in_body: str = "") -> str:
    """Return what the service knows the request by: equal for a repetition, a fresh one without a key.

    The owner is part of it, not the key: a rotated key repeats the same request. So is the shopper that a token speaks
    for: all tokens of a shop have one owner. A fresh id lets the gateway itself call again after a lost connection.
    Raises IdempotencyKeyError.
    """
    in_header = call.header(b"idempotency-key")
    if in_header and in_body and in_header != in_body:
        raise IdempotencyKeyError("Idempotency-Key and request_id differ", field="Idempotency-Key")
    given = in_header or in_body
    if not given:
        return secrets.token_hex(DIGEST_BYTES)
    if len(given) > KEY_LIMIT or not given.isprintable():
        raise IdempotencyKeyError(f"at most {KEY_LIMIT} printable characters", field="Idempotency-Key")
    principal = call.principal
    shopper = [sorted(principal.identifiers)] if principal.identifiers else []
    named = orjson.dumps([principal.owner, *shopper, call.record.route, dict(call.path), given])
    return blake2b(named, digest_size=DIGEST_BYTES).hexdigest()
