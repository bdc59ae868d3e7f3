"""Owns what is asked of an Elasticsearch server and what its refusals mean, in the port's errors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.searchindex.port import BranchConflictError, IndexQueryError, IndexUnavailableError

SERVED_VERSIONS: Final = "8.19 or 9"
_LEAST_VERSIONS: Final = {8: 19, 9: 0}  # the least minor version of each major
_BUSY: Final = frozenset({408, 429, 500, 502, 503, 504})
_CREDENTIALS: Final = frozenset({401, 403})
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_REASON_CHARACTERS: Final = 300


class IndexServerError(ZhikeError):
    """What answers at the address is no Elasticsearch of a version that Zhike works with; the message names it."""

    kind = ErrorKind.PRECONDITION
    reason = "INDEX_SERVER"


class IndexForeignError(ZhikeError):
    """An index, an alias or a mapping that Zhike did not make lies under a name of its own; the message names it."""

    kind = ErrorKind.PRECONDITION
    reason = "INDEX_FOREIGN"


class Refused(Exception):
    """The server's own no: HTTP status, its error type and its first words."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(f"{status} {kind}: {reason[:_REASON_CHARACTERS]}")
        self.status, self.kind, self.reason = status, kind, reason


class Ask(Protocol):
    """One request; raises Refused, IndexUnavailableError (nobody answered) and IndexServerError."""

    async def __call__(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | list[bytes] | None = None,
        params: Mapping[str, str] | None = None,
        patience_s: float | None = None,
    ) -> dict[str, Any]:
        """Return the answer's body."""


@contextmanager
def refusals_named(index: str, branch: str | None = None) -> Iterator[None]:
    """Turn the server's refusals into the port's errors."""
    try:
        yield
    except Refused as refused:
        raise named(refused, index, branch) from refused


def named(refused: Refused, index: str, branch: str | None = None) -> ZhikeError:
    """Return the port's error for a refusal."""
    if is_blocked(refused.status, refused.kind):
        message = f"Elasticsearch refuses to write ({refused.kind}): its disk may be full"
        return IndexUnavailableError(message, index=index)
    if refused.kind == "media_type_header_exception":
        return IndexServerError(f"the server is no Elasticsearch {SERVED_VERSIONS}: {refused.reason}", index=index)
    if refused.status in _CREDENTIALS:
        return IndexUnavailableError(f"Elasticsearch refuses these credentials ({refused.status})", index=index)
    if refused.status == _NOT_FOUND and branch is not None:
        return BranchConflictError("the branch does not exist", index=index, branch=branch)
    if refused.status == _NOT_FOUND:
        return IndexUnavailableError("the index has no live branch yet", index=index)
    if refused.status in _BUSY:
        return IndexUnavailableError(f"Elasticsearch cannot answer ({refused.status} {refused.kind})", index=index)
    return IndexQueryError(f"Elasticsearch refused a request ({refused})", index=index)


def is_blocked(status: int, kind: str) -> bool:
    """Return whether the server refuses every write for now."""
    return kind == "cluster_block_exception" or (status == _TOO_MANY and kind.endswith("block_exception"))


def is_passing(status: int, kind: str) -> bool:
    """Return whether the same request may succeed later."""
    return status in _BUSY or is_blocked(status, kind)


def check_versions(versions: list[str]) -> None:
    """Raise IndexServerError for a node of a version that Zhike does not work with."""
    for version in versions:
        major, _, rest = version.partition(".")
        minor = rest.partition(".")[0]
        least = _LEAST_VERSIONS.get(int(major)) if major.isdecimal() else None
        if least is None or not minor.isdecimal() or int(minor) < least:
            raise IndexServerError(f"the server is Elasticsearch {version}; Zhike works with {SERVED_VERSIONS}")
