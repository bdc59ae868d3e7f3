"""Owns attribution tokens: what names one search in the events that follow it.

A token carries the query's key and day, so a click is counted by the click alone, in whatever order logs are read; and
a keyed check, so nobody can credit clicks to searches that never were.
"""

import hmac
import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

QUERY_KEY_BYTES: Final = 10
CHECK_BYTES: Final = 8
SEARCH_ID_BITS: Final = 64
_TOKEN: Final = re.compile(r"s1\.([0-9a-f]{16})\.([0-9a-f]{20})\.(\d{8})\.([0-9a-f]{16})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Attribution:
    """A search as a token names it. ``day``: the shop's day as YYYYMMDD."""

    search_id: str
    query_key: str
    day: str


def query_key(normalised_query: str, language: str) -> str:
    """Return the key under which a query's searches are counted."""
    return blake2b(f"{language}\0{normalised_query}".encode(), digest_size=QUERY_KEY_BYTES).hexdigest()


def token_of(attribution: Attribution, secret: bytes) -> str:
    """Write the token."""
    said = f"s1.{attribution.search_id}.{attribution.query_key}.{attribution.day}"
    return f"{said}.{_check(said, secret)}"


def attribution_in(token: str, secret: bytes) -> Attribution | None:
    """Read a token; None for one that this shop's search did not write."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    search_id, key, day, check = match.groups()
    if not hmac.compare_digest(check, _check(token.rpartition(".")[0], secret)):
        return None
    return Attribution(search_id, key, day)


def _check(said: str, secret: bytes) -> str:
    return blake2b(said.encode(), key=secret, digest_size=CHECK_BYTES).hexdigest()
