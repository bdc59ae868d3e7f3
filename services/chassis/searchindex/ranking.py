"""Owns what all adapters do alike after their engine: boosts over the window, total order, cursors."""

import base64
import binascii
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from services.chassis.searchindex.checks import LONG_MAXIMUM, LONG_MINIMUM
from services.chassis.searchindex.port import CURSOR_LIMIT_CHARACTERS, RERANK_WINDOW, Boost, IndexCursorError, Sort

Head = tuple[int, int, float]  # 1 outside the window, -tier, -score
Key = tuple[int, int, float, str]  # a head and the id
_PREFIX_BYTES: Final = 8
_KEY_PARTS: Final = 4
_SORT_PARTS: Final = 2


def boosted(
    scores: NDArray[np.float64], boosts: Sequence[Boost], values: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return ``scores`` (n) times each boost's ``1 + weight * value / (value + pivot)``.

    ``values``: n for each, NaN where one is missing.
    """
    for boost, column in zip(boosts, values, strict=True):
        kept = np.fmax(column, 0.0)
        scores = scores * (1.0 + boost.weight * kept / (kept + boost.pivot))
    return scores


def relevance_page(
    tiers: Sequence[int] | None,
    scores: NDArray[np.float64],
    id_of: Callable[[int], str],
    *,
    after: Key | None,
    limit: int,
    prefixes: Sequence[int] | None = None,
) -> list[tuple[int, Head]]:
    """Return up to ``limit`` (candidate, head) pairs after ``after`` in the order (in window, tier, score, id).

    Candidates come in the engine's order; the first RERANK_WINDOW are the window and have their boosts in ``scores``.
    ``id_of`` may be dear: it is asked only where ``prefixes`` (numbers that order as the ids do, as far as they go) are
    equal, and to find ``after`` among its equals. ``tiers`` None: all stand in one.
    """
    order = _by_head(tiers, scores)
    scored = scores.tolist()

    def head_of(place: int) -> Head:
        return (int(place >= RERANK_WINDOW), 0 if tiers is None else -tiers[place], -scored[place])

    start = bisect_left(order, after[:3], key=head_of) if after else 0
    page: list[tuple[int, Head]] = []
    while start < len(order) and len(page) < limit:
        head, end = head_of(order[start]), start + 1
        while end < len(order) and scored[order[end]] == scored[order[start]] and head_of(order[end]) == head:
            end += 1
        tied = order[start:end] if end == start + 1 else _by_id(order[start:end], id_of, prefixes)
        if after and head == after[:3]:
            tied = [place for place in tied if id_of(place) > after[3]]
        page.extend((place, head) for place in tied)
        start = end
    return page[:limit]


def id_prefix(entry_id: str) -> int:
    """Return a signed 64-bit number of an id's first 8 bytes; numbers order as the ids do, equal ones say nothing."""
    first = entry_id.encode("utf-8", "surrogatepass")[:_PREFIX_BYTES].ljust(_PREFIX_BYTES, b"\0")
    return int.from_bytes(first) - 2**63


def _by_head(tiers: Sequence[int] | None, scores: NDArray[np.float64]) -> list[int]:
    """Return the candidates by (in window, tier, score); equal ones as they came."""
    keys: list[NDArray[Any]] = [-scores]
    if tiers is not None:
        keys.append(-np.asarray(tiers))
    if len(scores) > RERANK_WINDOW:
        keys.append(np.arange(len(scores)) >= RERANK_WINDOW)
    order: list[int] = (np.lexsort(keys) if len(keys) > 1 else np.argsort(keys[0], kind="stable")).tolist()
    return order


def _by_id(places: list[int], id_of: Callable[[int], str], prefixes: Sequence[int] | None) -> list[int]:
    if prefixes is None:
        return sorted(places, key=id_of)
    runs: dict[int, list[int]] = {}
    for place in places:
        runs.setdefault(prefixes[place], []).append(place)
    return [place for _, run in sorted(runs.items()) for place in (run if len(run) == 1 else sorted(run, key=id_of))]


def encode_cursor(kind: str, *position: str | float | None) -> str:
    """Return an opaque cursor for a position; ``kind`` keeps cursors of one order from being used with another."""
    return base64.urlsafe_b64encode(orjson.dumps([kind, *position])).rstrip(b"=").decode()


def decode_cursor(cursor: str, kind: str) -> list[str | int | float | None]:
    """Return the position in ``cursor``. Raises IndexCursorError."""
    if len(cursor) > CURSOR_LIMIT_CHARACTERS:
        raise IndexCursorError(f"cursor is longer than {CURSOR_LIMIT_CHARACTERS} characters")
    try:
        position = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise IndexCursorError("cursor cannot be read") from error
    if not isinstance(position, list) or not position or position[0] != kind:
        raise IndexCursorError("cursor belongs to another query")
    return position[1:]


def decode_relevance_key(cursor: str) -> Key:
    """Return the key of a relevance cursor. Raises IndexCursorError."""
    position = decode_cursor(cursor, "relevance")
    if len(position) == _KEY_PARTS:
        window, tier, score, entry_id = position
        if isinstance(window, int) and isinstance(tier, int) and isinstance(score, float) and isinstance(entry_id, str):
            return window, tier, score, entry_id
    raise IndexCursorError("cursor belongs to another query")


def sort_kind(sort: Sort) -> str:
    """Return the kind of a cursor in the order of ``sort``."""
    return f"sort:{sort.field}:{'desc' if sort.descending else 'asc'}"


def decode_sort_key(cursor: str, sort: Sort) -> tuple[int | None, str]:
    """Return the value (None: missing) and the id of a cursor in the order of ``sort``. Raises IndexCursorError."""
    position = decode_cursor(cursor, sort_kind(sort))
    if len(position) == _SORT_PARTS:
        value, entry_id = position
        if isinstance(entry_id, str) and (
            value is None or (isinstance(value, int) and LONG_MINIMUM <= value <= LONG_MAXIMUM)
        ):
            return value, entry_id
    raise IndexCursorError("cursor belongs to another query")


def decode_browse_key(cursor: str) -> str:
    """Return the id of a cursor in the order of ids. Raises IndexCursorError."""
    position = decode_cursor(cursor, "id")
    if len(position) != 1 or not isinstance(position[0], str):
        raise IndexCursorError("cursor belongs to another query")
    return position[0]
