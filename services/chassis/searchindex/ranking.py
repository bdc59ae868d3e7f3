"""Owns what all adapters do alike after their engine: boosts over the window, total order, cursors."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from services.chassis.searchindex.port import CURSOR_LIMIT_CHARACTERS, RERANK_WINDOW, Boost, IndexCursorError

Key = tuple[int, int, float, str]
_KEY_PARTS: Final = 4


@dataclass(frozen=True, slots=True)
class Ranked:
    """One candidate of a page: its place among the engine's hits and the key that orders it."""

    candidate: int
    key: Key

    @property
    def score(self) -> float:
        """The score with its boosts."""
        return -self.key[2]


def boosted(
    scores: NDArray[np.float64], boosts: Sequence[Boost], values: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return ``scores`` (n) times each boost's ``1 + weight * value / (value + pivot)``; ``values``: n for each."""
    factors = np.ones_like(scores)
    for boost, column in zip(boosts, values, strict=True):
        kept = np.maximum(np.nan_to_num(column), 0.0)
        factors *= 1.0 + boost.weight * kept / (kept + boost.pivot)
    return scores * factors


def relevance_page(
    tiers: Sequence[int],
    scores: Sequence[float],
    id_of: Callable[[int], str],
    *,
    after: Key | None,
    limit: int,
) -> list[Ranked]:
    """Return up to ``limit`` candidates after ``after`` in the order (in window, tier, score, id).

    Candidates come in the engine's order; the first RERANK_WINDOW are the window and have their boosts in ``scores``.
    ``id_of`` is asked only for those that the page or a tie at its edges needs.
    """
    places = range(len(scores))
    heads = [(int(place >= RERANK_WINDOW), -tiers[place], -scores[place]) for place in places]
    order = sorted(places, key=heads.__getitem__)
    start = 0
    if after:
        while start < len(order) and heads[order[start]] < after[:3]:
            start += 1
    page: list[Ranked] = []
    while start < len(order) and len(page) < limit:
        end = start + 1
        while end < len(order) and heads[order[end]] == heads[order[start]]:
            end += 1
        tied = sorted((id_of(place), place) for place in order[start:end])
        page.extend(
            Ranked(place, (*heads[place], entry_id))
            for entry_id, place in tied
            if after is None or (*heads[place], entry_id) > after
        )
        start = end
    return page[:limit]


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
