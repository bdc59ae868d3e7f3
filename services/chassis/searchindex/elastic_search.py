"""Owns reading one state of an Elasticsearch branch: the hits of a page, their order, their facets."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.chassis.searchindex.elastic_query import (
    TIER_SCORE,
    QueryCompiler,
    buckets,
    order_of,
    search_after,
    sorted_value,
)
from services.chassis.searchindex.elastic_schema import payload_of
from services.chassis.searchindex.elastic_server import Ask
from services.chassis.searchindex.elastic_states import State
from services.chassis.searchindex.port import (
    RELEVANCE_DEPTH,
    RERANK_WINDOW,
    TIER_LIMIT,
    Boost,
    Bucket,
    Hit,
    IndexCursorError,
    IndexQuery,
    Sort,
)
from services.chassis.searchindex.ranking import (
    Key,
    boosted,
    decode_browse_key,
    decode_cursor,
    decode_sort_key,
    encode_cursor,
    relevance_page,
    sort_kind,
)

_BY_RELEVANCE: Final = ["_score", {"id": "asc"}]
_KEY_PARTS: Final = 5
_SCORE_LIMIT: Final = 1e30  # far above any score, inside single precision
_ANSWERED: Final = "pit_id,hits.total.value,hits.hits._version,hits.hits.sort,hits.hits.fields,aggregations"


@dataclass(frozen=True, slots=True)
class Found:
    """A hit whose payload may not have been read yet."""

    hit: Hit
    version: int
    read: bool


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page before its payloads are complete."""

    hits: Sequence[Found]
    total: int
    facets: dict[str, tuple[Bucket, ...]]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a relevance page ended: its key, and how many hits stand before it."""

    key: Key
    seen: int


class Reading:
    """One search on one state."""

    def __init__(self, ask: Ask, compiler: QueryCompiler, state: State, *, keep_alive: str, patience_s: float) -> None:
        self._ask, self._compiler, self._state = ask, compiler, state
        self._keep_alive, self._patience_s = keep_alive, patience_s

    async def page(self, query: IndexQuery) -> FoundPage:
        """Return the page of ``query``; limits are checked already. Raises Refused."""
        if query.sort:
            return await self._sorted_page(query, query.sort)
        if query.text is None:
            return await self._browsed_page(query)
        return await self._relevance_page(query)

    async def _sorted_page(self, query: IndexQuery, sort: Sort) -> FoundPage:
        request = self._request(query) | {"size": query.limit + 1, "sort": order_of(sort), "stored_fields": ["payload"]}
        if query.after:
            request["search_after"] = search_after(sort, *decode_sort_key(query.after, sort))
        answer = await self._search(request)
        rows = answer["hits"].get("hits", [])
        shown = [_found(row, row["sort"][2]) for row in rows[: query.limit]]
        next_after = None
        if len(rows) > query.limit:
            value = sorted_value(rows[query.limit - 1]["sort"])
            next_after = encode_cursor(sort_kind(sort), value, shown[-1].hit.id)
        return _page(query, answer, shown, next_after)

    async def _browsed_page(self, query: IndexQuery) -> FoundPage:
        request = self._request(query) | {
            "size": query.limit + 1,
            "sort": [{"id": "asc"}],
            "stored_fields": ["payload"],
        }
        if query.after:
            request["search_after"] = [decode_browse_key(query.after)]
        answer = await self._search(request)
        rows = answer["hits"].get("hits", [])
        shown = [_found(row, row["sort"][0]) for row in rows[: query.limit]]
        next_after = encode_cursor("id", shown[-1].hit.id) if len(rows) > query.limit else None
        return _page(query, answer, shown, next_after)

    async def _relevance_page(self, query: IndexQuery) -> FoundPage:
        after = _relevance_position(query.after) if query.after else None
        seen = after.seen if after else 0
        limit = min(query.limit, RELEVANCE_DEPTH - seen)
        ranked: list[tuple[Found, Key]] = []
        answer: dict[str, Any] = {}
        behind: list[Any] | None = None if after is None else [_engine_score(after.key), after.key[3]]
        more = True
        if query.boosts and not (after and after.key[0]):
            answer, window, behind = await self._window(query)
            ranked = self._reranked(query, window, after.key if after else None, limit + 1)
            more = answer["hits"]["total"]["value"] > RERANK_WINDOW
        if more and len(ranked) <= limit:
            rest = await self._by_score(query, behind, limit + 1 - len(ranked), facets=not answer)
            answer = answer or rest
            outside = int(bool(query.boosts))
            ranked += [_scored(row, outside, tiered=bool(query.tiers)) for row in rest["hits"].get("hits", [])]
        shown = ranked[:limit]
        next_after = None
        if len(ranked) > limit and seen + limit < RELEVANCE_DEPTH:
            next_after = encode_cursor("relevance", *shown[-1][1], seen + limit)
        return _page(query, answer, [found for found, _ in shown], next_after)

    async def _window(self, query: IndexQuery) -> tuple[dict[str, Any], list[dict[str, Any]], list[Any] | None]:
        """Return the answer, the best RERANK_WINDOW hits by score and id without payloads, and where they end."""
        request = self._request(query) | {
            "size": RERANK_WINDOW,
            "sort": _BY_RELEVANCE,
            "stored_fields": "_none_",
            "docvalue_fields": list({boost.field for boost in query.boosts}),
        }
        answer = await self._search(request)
        rows = answer["hits"].get("hits", [])
        return answer, rows, rows[-1]["sort"][:2] if rows else None

    def _reranked(
        self, query: IndexQuery, rows: Sequence[dict[str, Any]], after: Key | None, limit: int
    ) -> list[tuple[Found, Key]]:
        raw = np.array([row["sort"][0] for row in rows], dtype=np.float64)
        levels = np.floor(raw / TIER_SCORE) if query.tiers else np.zeros(len(rows))
        scores = boosted(raw - levels * TIER_SCORE, query.boosts, [_column(rows, boost) for boost in query.boosts])
        ids = [str(row["sort"][1]) for row in rows]
        tiers = levels.astype(int).tolist() if query.tiers else None
        page = relevance_page(tiers, scores, ids.__getitem__, after=after, limit=limit)
        return [
            (Found(Hit(ids[place], b"", -head[2], -head[1]), rows[place]["_version"], read=False), (*head, ids[place]))
            for place, head in page
        ]

    async def _by_score(
        self, query: IndexQuery, behind: Sequence[Any] | None, size: int, *, facets: bool
    ) -> dict[str, Any]:
        request = self._request(query) | {"size": size, "sort": _BY_RELEVANCE, "stored_fields": ["payload"]}
        if not facets:
            request.pop("aggs", None)
        if behind is not None:
            request["search_after"] = list(behind)
        return await self._search(request)

    def _request(self, query: IndexQuery) -> dict[str, Any]:
        point = {"id": self._state.point, "keep_alive": self._keep_alive}
        return self._compiler.matching(query) | {"pit": point, "track_total_hits": True, "version": True}

    async def _search(self, request: dict[str, Any]) -> dict[str, Any]:
        params = {"filter_path": _ANSWERED, "allow_partial_search_results": "false"}
        answer = await self._ask("POST", "/_search", body=request, params=params, patience_s=self._patience_s)
        self._state.point = answer.get("pit_id", self._state.point)
        return answer


def _page(query: IndexQuery, answer: dict[str, Any], shown: Sequence[Found], next_after: str | None) -> FoundPage:
    counted = answer.get("aggregations", {})
    facets = {facet.field: buckets(facet, counted[str(place)]) for place, facet in enumerate(query.facets)}
    return FoundPage(shown, answer["hits"]["total"]["value"], facets, next_after)


def _found(row: dict[str, Any], entry_id: str, score: float = 0.0, tier: int = 0) -> Found:
    return Found(Hit(entry_id, payload_of(row.get("fields", {})), score, tier), row["_version"], read=True)


def _scored(row: dict[str, Any], outside: int, *, tiered: bool) -> tuple[Found, Key]:
    raw, entry_id = row["sort"][:2]
    tier = int(raw // TIER_SCORE) if tiered else 0
    score = raw - tier * TIER_SCORE
    return _found(row, entry_id, score, tier), (outside, -tier, -score, entry_id)


def _engine_score(key: Key) -> float:
    _, tier, score, _ = key
    return -score - tier * TIER_SCORE


def _column(rows: Sequence[dict[str, Any]], boost: Boost) -> NDArray[np.float64]:
    values = [row.get("fields", {}).get(boost.field) for row in rows]
    return np.array([np.nan if value is None else value[0] for value in values], dtype=np.float64)


def _relevance_position(cursor: str) -> _Position:
    position = decode_cursor(cursor, "relevance")
    if len(position) == _KEY_PARTS:
        outside, tier, score, entry_id, seen = position
        sound_key = isinstance(outside, int) and isinstance(tier, int) and isinstance(entry_id, str)
        sound_score = isinstance(score, float) and isfinite(score) and abs(score) < _SCORE_LIMIT
        sound_seen = isinstance(seen, int) and 0 < seen < RELEVANCE_DEPTH
        if sound_key and sound_score and sound_seen and -TIER_LIMIT <= tier <= 0:  # type: ignore[operator]
            return _Position((outside, tier, score, entry_id), seen)  # type: ignore[arg-type]
    raise IndexCursorError("cursor belongs to another query")
