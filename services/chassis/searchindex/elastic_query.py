"""Owns the translation of the port's query into Elasticsearch's. Nothing is formatted or parsed: all are objects."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.chassis.searchindex.checks import epoch_ms
from services.chassis.searchindex.elastic_schema import sound, token_of
from services.chassis.searchindex.port import (
    AllOf,
    AnyOf,
    Best,
    Bucket,
    Facet,
    Filter,
    IndexQuery,
    IndexSchema,
    KeywordFilter,
    Node,
    Phrase,
    RangeFilter,
    RangesFacet,
    Sort,
    Term,
    TermsFacet,
    TextField,
    chosen_on,
)

# A matched tier outweighs any sum of BM25 scores (16 words of at most ~33 each); single precision keeps .001 beside.
TIER_SCORE: Final = 1_024.0
MISSING_HIGH: Final = 2**63 - 1  # what the engine sorts a missing value as: ascending…
MISSING_LOW: Final = -(2**63)  # …and descending

Clause = dict[str, Any]


class QueryCompiler:
    """Compiles queries of one schema."""

    def __init__(self, schema: IndexSchema) -> None:
        self._weights = {field.name: field.weight for field in schema.fields if isinstance(field, TextField)}

    def matching(self, query: IndexQuery) -> Clause:
        """Return the parts of a request that select, count and score: query, post_filter, aggs.

        Filters that a facet ignores go behind the counting; none weighs anything. Entries score TIER_SCORE more for
        each tier node that they match.
        """
        ignored = {facet.ignoring or facet.field for facet in query.facets}
        before = [condition for condition in query.filters if chosen_on(condition) not in ignored]
        behind = [condition for condition in query.filters if chosen_on(condition) in ignored]
        request: Clause = {"query": self._query(query, before)}
        if behind:
            request["post_filter"] = _all_filters(behind)
        if query.facets:
            request["aggs"] = {str(place): _facet(facet, behind) for place, facet in enumerate(query.facets)}
        return request

    def node(self, node: Node) -> Clause:
        """Compile one node and what is under it."""
        match node:
            case Term(field, token, weight):
                return self._term(field, token, weight)
            case Phrase(field, tokens, weight) if len(tokens) > 1:
                return self._phrase(field, tokens, weight)
            case Phrase(field, tokens, weight):
                return self._term(field, "".join(tokens), weight)
            case AllOf(nodes) | AnyOf(nodes, 1) | Best(nodes) if len(nodes) == 1:
                return self.node(nodes[0])
            case AllOf(nodes):
                return {"bool": {"must": [self.node(inner) for inner in nodes]}}
            case AnyOf(nodes, at_least):
                inside = [self.node(inner) for inner in nodes]
                return {"bool": {"should": inside, "minimum_should_match": max(1, at_least)}}
            case Best(nodes, tie):
                return {"dis_max": {"queries": [self.node(inner) for inner in nodes], "tie_breaker": tie}}

    def _query(self, query: IndexQuery, filters: Sequence[Filter]) -> Clause:
        parts: Clause = {}
        if query.text is not None:
            parts["must"] = [self.node(query.text)]
            if query.tiers and query.sort is None:
                parts["should"] = [self._tier(tier) for tier in query.tiers]
        if filters:
            parts["filter"] = [_filter(condition) for condition in filters]
        return {"bool": parts} if parts else {"match_all": {}}

    def _tier(self, tier: Node) -> Clause:
        return {"constant_score": {"filter": self.node(tier), "boost": TIER_SCORE}}

    def _term(self, field: str, token: str, weight: float) -> Clause:
        value = token_of(token) if field in self._weights else sound(token)
        return {"term": {field: {"value": value, "boost": self._factor(field, weight)}}}

    def _phrase(self, field: str, tokens: Sequence[str], weight: float) -> Clause:
        if field not in self._weights or any(len(token.split()) != 1 for token in tokens):
            return {"match_none": {}}  # no keyword is a row of tokens, and no token has white space in it
        # The whitespace analyzer parts the tokens again; it has no syntax.
        row = " ".join(token_of(token) for token in tokens)
        return {"match_phrase": {field: {"query": row, "boost": self._factor(field, weight)}}}

    def _factor(self, field: str, weight: float) -> float:
        return weight * self._weights.get(field, 1.0)


def order_of(sort: Sort) -> list[Clause]:
    """Return the order by a number, then id.

    The engine sorts a missing value as the largest or least number; the same field in the other direction parts it from
    an entry that really has that number.
    """
    there, back = ("desc", "asc") if sort.descending else ("asc", "desc")
    return [
        {sort.field: {"order": there, "missing": "_last"}},
        {sort.field: {"order": back, "missing": "_last"}},
        {"id": "asc"},
    ]


def search_after(sort: Sort, value: int | None, entry_id: str) -> list[Any]:
    """Return the position behind an entry in ``order_of``."""
    if value is None:
        missing = [MISSING_LOW, MISSING_HIGH] if sort.descending else [MISSING_HIGH, MISSING_LOW]
        return [*missing, entry_id]
    return [value, value, entry_id]


def sorted_value(position: Sequence[Any]) -> int | None:
    """Return the number that an entry was sorted by, None when it has none."""
    there, back = position[0], position[1]
    return None if there != back else int(there)


def buckets(facet: Facet, answer: Mapping[str, Any]) -> tuple[Bucket, ...]:
    """Return the engine's answer for one facet in the port's order and names."""
    counted = answer.get("counted", answer)["buckets"]
    if isinstance(facet, TermsFacet):
        ordered = sorted((-bucket["doc_count"], bucket["key"]) for bucket in counted)
        return tuple(Bucket(value, -count) for count, value in ordered)
    counts = {bucket["key"]: bucket["doc_count"] for bucket in counted}
    return tuple(Bucket(name, counts.get(name, 0)) for name, _, _ in _ranges(facet))


def _all_filters(conditions: Sequence[Filter]) -> Clause:
    return {"bool": {"filter": [_filter(condition) for condition in conditions]}}


def _filter(condition: Filter) -> Clause:
    if isinstance(condition, RangeFilter):
        sides = (("gte", condition.at_least), ("lt", condition.below))
        return {"range": {condition.field: {side: epoch_ms(bound) for side, bound in sides if bound is not None}}}
    return _keyword_filter(condition)


def _keyword_filter(condition: KeywordFilter) -> Clause:
    values = {"terms": {condition.field: [sound(value) for value in condition.any_of]}}
    return {"bool": {"must_not": [values]}} if condition.negated else values


def _facet(facet: Facet, behind: Sequence[Filter]) -> Clause:
    counting = _aggregation(facet)
    narrowing = [condition for condition in behind if condition.field != (facet.ignoring or facet.field)]
    if not narrowing:
        return counting
    return {"filter": _all_filters(narrowing), "aggs": {"counted": counting}}


def _aggregation(facet: Facet) -> Clause:
    if isinstance(facet, TermsFacet):
        order = [{"_count": "desc"}, {"_key": "asc"}]
        return {"terms": {"field": facet.field, "size": facet.size, "order": order}}
    ranges = [
        {"key": name} | {side: edge for side, edge in (("from", low), ("to", high)) if edge is not None}
        for name, low, high in _ranges(facet)
    ]
    return {"range": {"field": facet.field, "ranges": ranges}}


def _ranges(facet: RangesFacet) -> list[tuple[str, int | None, int | None]]:
    """Return each range's name and its bounds."""
    edges: list[int | None] = [None, *facet.bounds, None]
    return [
        (f"{'*' if low is None else low}..{'*' if high is None else high}", low, high)
        for low, high in itertools.pairwise(edges)
    ]
