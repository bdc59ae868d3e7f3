"""One spelling for equal JSON: what fingerprints of request bodies and events are taken from.

Keys are sorted bytewise, no white space, UTF-8. A number keeps its kind: 1 and 1.0 are two values, as in the text that
a client sent; a retry repeats its own spelling.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from services.chassis.errors import InvalidArgumentError

FINGERPRINT_BYTES = 16

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def plain_mapping(value: object) -> dict[str, Any]:
    """orjson's ``default``: it writes only real dicts, but read-only views of them are common in frozen dataclasses."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def canonical_json(value: object) -> bytes:
    """Return the canonical bytes of a JSON value; raises InvalidArgumentError for what JSON cannot say."""
    try:
        return orjson.dumps(value, default=plain_mapping, option=_OPTIONS)
    except TypeError as error:  # orjson.JSONEncodeError is one: wrong types, lone surrogates, too deep, beyond 64 bits
        raise InvalidArgumentError(f"not JSON: {error}", field="body") from error


def fingerprint(value: object) -> str:
    """Return 32 hex digits that are equal for equal JSON values (BLAKE2b, 128 bits)."""
    return blake2b(canonical_json(value), digest_size=FINGERPRINT_BYTES).hexdigest()
