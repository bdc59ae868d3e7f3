"""Entity tags of resources with a public version (RFC 9110, section 8.8.3)."""

import re
from typing import Final

from services.chassis.errors import ErrorKind, InvalidArgumentError, ZhikeError

ANY_VERSION: Final = 0
TAGS_LIMIT: Final = 32
_OURS: Final = re.compile(r'"v([0-9]{1,18})"', re.ASCII)


class VersionMismatchError(ZhikeError):
    """If-Match names another version than the present one: read again."""

    kind = ErrorKind.PRECONDITION
    reason = "VERSION_MISMATCH"


def etag_of(version: int) -> str:
    """Return the tag of a version."""
    return f'"v{version}"'


def is_unchanged(if_none_match: str, etag: str) -> bool:
    """Whether If-None-Match names ``etag``; weakness does not matter here."""
    tags = [each.strip().removeprefix("W/") for each in if_none_match.split(",")[:TAGS_LIMIT]]
    return "*" in tags or etag in tags


def expected_version(if_match: str) -> int:
    """Return the version that If-Match asks for, 0 for any.

    Raises InvalidArgumentError for a malformed tag, VersionMismatchError for one that we never give (a weak one).
    """
    given = if_match.strip()
    if given in {"", "*"}:
        return ANY_VERSION
    match = _OURS.fullmatch(given)
    if match is None:
        if given.startswith(("W/", '"')):
            raise VersionMismatchError("If-Match names no version of ours")
        raise InvalidArgumentError('If-Match takes one tag as ETag gave it, for example "v7"', field="If-Match")
    return int(match.group(1))
