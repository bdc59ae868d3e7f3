"""Owns reading one tantivy snapshot: the candidates of a page, their order, their facets."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import tantivy
from numpy.typing import NDArray

from services.chassis.searchindex.port import (
    RELEVANCE_DEPTH,
    RERANK_WINDOW,
    Boost,
    Bucket,
    Facet,
    Hit,
    IndexPage,
    IndexQuery,
    Sort,
    chosen_on,
)
from services.chassis.searchindex.ranking import (
    boosted,
    decode_browse_key,
    decode_relevance_key,
    decode_sort_key,
    encode_cursor,
    relevance_page,
    sort_kind,
)
from services.chassis.searchindex.tantivy_query import TIER_SCORE, QueryCompiler, aggregation, buckets
from services.chassis.searchindex.tantivy_state import State

NEAR_DEPTH = 1_000  # hits looked at for a page beyond the window, before all RELEVANCE_DEPTH are


class Reading:
    """One search on one snapshot."""

    def __init__(self, state: State, compiler: QueryCompiler) -> None:
        self._state = state
        self._searcher = state.searcher
        self._compiler = compiler

    def page(self, query: IndexQuery) -> IndexPage:
        """Return the page of ``query``; limits are checked already."""
        if query.sort:
            hits, total, next_after = self._sorted_page(query, query.sort)
        elif query.text is None:
            hits, total, next_after = self._browsed_page(query)
        else:
            hits, total, next_after = self._relevance_page(query)
        return IndexPage(tuple(hits), total, self._facets(query), next_after)

    def entries(self, ids: Sequence[str], engine_schema: tantivy.Schema) -> dict[str, Hit]:
        """Return the entries of ``ids`` that exist."""
        wanted = tantivy.Query.term_set_query(engine_schema, "id", list(ids))
        found = self._searcher.search(wanted, limit=len(ids), count=False)
        hits = (self._hit(address) for _, address in found.hits)
        return {hit.id: hit for hit in hits}

    def _relevance_page(self, query: IndexQuery) -> tuple[list[Hit], int, str | None]:
        after = decode_relevance_key(query.after) if query.after else None
        compiled = self._compiler.ranked(query)
        depth = NEAR_DEPTH if after and after[0] else RERANK_WINDOW
        while True:
            candidates = _Candidates(self._state, compiled, depth, tiered=bool(query.tiers))
            page = relevance_page(
                candidates.tiers,
                self._boosted(candidates, query.boosts),
                candidates.entry_id,
                after=after,
                limit=query.limit + 1,
                prefixes=candidates.prefixes,
            )
            exhausted = candidates.total <= len(candidates.addresses) or depth >= RELEVANCE_DEPTH
            if len(page) > query.limit or exhausted:
                break
            depth = NEAR_DEPTH if depth < NEAR_DEPTH else RELEVANCE_DEPTH
        shown = page[: query.limit]
        hits = [self._hit(candidates.addresses[place], -score, -tier) for place, (_, tier, score) in shown]
        next_after = encode_cursor("relevance", *shown[-1][1], hits[-1].id) if len(page) > query.limit else None
        return hits, candidates.total, next_after

    def _browsed_page(self, query: IndexQuery) -> tuple[list[Hit], int, str | None]:
        matching = self._compiler.matching(query)
        after_id = decode_browse_key(query.after) if query.after else ""
        total = _count(self._searcher.search(matching, limit=1))
        addresses = self._by_id(matching, after_id, query.limit + 1, total)
        hits = [self._hit(address) for address in addresses[: query.limit]]
        return hits, total, encode_cursor("id", hits[-1].id) if len(addresses) > query.limit else None

    def _sorted_page(self, query: IndexQuery, sort: Sort) -> tuple[list[Hit], int, str | None]:
        kind = sort_kind(sort)
        matching = self._compiler.matching(query)
        total = _count(self._searcher.search(matching, limit=1))
        wanted = query.limit + 1
        found: list[tuple[int | None, tantivy.DocAddress]] = []
        beyond: tantivy.Query | None = matching
        if query.after:
            value, after_id = decode_sort_key(query.after, sort)
            found += [(value, address) for address in self._tied(matching, sort.field, value, after_id, wanted)]
            beyond = (
                None
                if value is None
                else self._compiler.beyond_value(matching, sort.field, value, descending=sort.descending)
            )
        if beyond and len(found) < wanted:
            found += self._ordered(beyond, sort, wanted - len(found))
        if len(found) < wanted and not (query.after and value is None):
            missing = self._tied(matching, sort.field, None, "", wanted - len(found))
            found += [(None, address) for address in missing]
        hits = [self._hit(address) for _, address in found[: query.limit]]
        next_after = encode_cursor(kind, found[query.limit - 1][0], hits[-1].id) if len(found) > query.limit else None
        return hits, total, next_after

    def _ordered(self, query: tantivy.Query, sort: Sort, wanted: int) -> list[tuple[int | None, tantivy.DocAddress]]:
        """Return up to ``wanted`` entries that have a value, by value then id.

        The engine orders by value alone, so the run of equal values that the cut goes through is fetched by id.
        """
        direction = tantivy.Order.Desc if sort.descending else tantivy.Order.Asc
        found = self._searcher.search(query, limit=wanted, count=False, order_by_field=sort.field, order=direction)
        valued = [(value, address) for value, address in found.hits if value is not None]
        if not valued:
            return []
        runs: dict[int, list[tantivy.DocAddress]] = {}
        for value, address in valued:
            runs.setdefault(value, []).append(address)
        last = valued[-1][0]
        ordered: list[tuple[int | None, tantivy.DocAddress]] = []
        for value, run in runs.items():
            whole = run if value != last else self._tied(query, sort.field, value, "", len(run))
            ordered += [(value, address) for address in (sorted(whole, key=self._id_of) if value != last else whole)]
        return ordered

    def _tied(
        self, query: tantivy.Query, field: str, value: int | None, after_id: str, wanted: int
    ) -> list[tantivy.DocAddress]:
        """Return up to ``wanted`` entries whose ``field`` is exactly ``value``, by id, after ``after_id``."""
        if value is None:
            narrowed = self._compiler.without_value(query, field)
        else:
            narrowed = self._compiler.with_value(query, field, value)
        tied = _count(self._searcher.search(narrowed, limit=1))
        return self._by_id(narrowed, after_id, wanted, tied)

    def _by_id(self, query: tantivy.Query, after_id: str, wanted: int, total: int) -> list[tantivy.DocAddress]:
        """Return up to ``wanted`` entries by id after ``after_id``.

        The engine has no range over strings: with a cursor the run is read from its beginning, doubling as needed.
        """
        if not total:
            return []
        limit = wanted if not after_id else min(total, max(1_024, wanted))
        while True:
            found = self._searcher.search(
                query, limit=limit, count=False, order_by_field="id", order=tantivy.Order.Asc
            ).hits
            later = [address for entry_id, address in found if entry_id > after_id]
            if len(later) >= wanted or limit >= total:
                return later[:wanted]
            limit = min(total, limit * 4)

    def _facets(self, query: IndexQuery) -> dict[str, tuple[Bucket, ...]]:
        """Count facets: those that ignore no filter of this query in one pass, the others each without theirs."""
        filtered = {chosen_on(condition) for condition in query.filters}
        free = [facet for facet in query.facets if (facet.ignoring or facet.field) not in filtered]
        answers: dict[str, Any] = {}
        if free:
            answers |= self._aggregated(query, free, without=None)
        for facet in query.facets:
            if facet not in free:
                answers |= self._aggregated(query, [facet], without=facet.ignoring or facet.field)
        return {facet.field: buckets(facet, answers[facet.field]) for facet in query.facets}

    def _aggregated(self, query: IndexQuery, facets: Sequence[Facet], *, without: str | None) -> dict[str, Any]:
        matching = self._compiler.matching(query, without_filters_on=without)
        answer: dict[str, Any] = self._searcher.aggregate(
            matching, {facet.field: aggregation(facet) for facet in facets}
        )
        return answer

    def _boosted(self, candidates: "_Candidates", boosts: Sequence[Boost]) -> NDArray[np.float64]:
        """Return the candidates' scores, those in the window with their boosts."""
        if not boosts:
            return candidates.scores
        window = candidates.addresses[:RERANK_WINDOW]
        # A missing value becomes NaN.
        columns = [
            np.array(self._searcher.fast_field_values(boost.field, window), dtype=np.float64) for boost in boosts
        ]
        scores = boosted(candidates.scores[:RERANK_WINDOW], boosts, columns)
        return np.concatenate((scores, candidates.scores[RERANK_WINDOW:]))

    def _hit(self, address: tantivy.DocAddress, score: float = 0.0, tier: int = 0) -> Hit:
        entry_id, payload = self._state.entry(address)
        return Hit(entry_id, payload, score, tier)

    def _id_of(self, address: tantivy.DocAddress) -> str:
        return self._state.id_of(address)


class _Candidates:
    """The engine's best hits. Where the window cuts a run of equal scores, ids, not segments, decide who is inside."""

    def __init__(self, state: State, query: tantivy.Query, depth: int, *, tiered: bool) -> None:
        self._state = state
        searcher = state.searcher
        found = searcher.search(query, limit=min(depth + 1, RELEVANCE_DEPTH))
        hits = found.hits
        self.total = _count(found)
        if len(hits) > RERANK_WINDOW and hits[RERANK_WINDOW - 1][0] == hits[RERANK_WINDOW][0]:
            if depth < NEAR_DEPTH:
                hits = searcher.search(query, limit=NEAR_DEPTH, count=False).hits
            hits = [*self._with_edge_by_id(hits[:NEAR_DEPTH]), *hits[NEAR_DEPTH:]]
        hits = _without_cut_run(hits, depth)
        self.scores = np.array([score for score, _ in hits], dtype=np.float64)
        self.tiers: list[int] | None = None
        if tiered:
            levels = np.floor(self.scores / TIER_SCORE)
            self.tiers = levels.astype(int).tolist()
            self.scores = self.scores - levels * TIER_SCORE
        self.addresses: list[tantivy.DocAddress] = [address for _, address in hits]
        # Every entry has one, a whole number.
        self.prefixes = cast("list[int]", searcher.fast_field_values("id_prefix", self.addresses))

    def entry_id(self, place: int) -> str:
        """Return the id of the candidate at ``place``."""
        return self._state.id_of(self.addresses[place])

    def _with_edge_by_id(self, hits: list[tuple[float, tantivy.DocAddress]]) -> list[tuple[float, tantivy.DocAddress]]:
        edge = hits[RERANK_WINDOW][0]
        above = [hit for hit in hits if hit[0] > edge]
        tied = sorted((hit for hit in hits if hit[0] == edge), key=lambda hit: self._state.id_of(hit[1]))
        return [*above, *tied, *(hit for hit in hits if hit[0] < edge)]


def _without_cut_run(
    hits: list[tuple[float, tantivy.DocAddress]], depth: int
) -> list[tuple[float, tantivy.DocAddress]]:
    """Return the first ``depth`` hits; a run of equal scores that goes on behind them is left to a deeper look.

    Beyond the window equal scores are in the order of their ids, which only the whole run has.
    """
    if len(hits) <= depth:
        return hits
    end = depth
    while end > RERANK_WINDOW and hits[end - 1][0] == hits[depth][0]:
        end -= 1
    return hits[:end]


def _count(found: tantivy.SearchResult) -> int:
    """Return how many entries match; the engine's type stubs leave the attribute out."""
    return int(found.count)  # type: ignore[attr-defined]
