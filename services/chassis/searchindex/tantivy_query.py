"""Owns the translation of the port's query into tantivy's. Nothing is formatted or parsed: every node is an object."""

import itertools
from collections.abc import Sequence
from typing import Any, Final

import tantivy

from services.chassis.searchindex.checks import LONG_MAXIMUM, LONG_MINIMUM, epoch_ms
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
    Term,
    TermsFacet,
    TextField,
    chosen_on,
)

# A matched tier outweighs any sum of BM25 scores (16 words of at most ~33 each); single precision keeps .001 beside.
TIER_SCORE: Final = 1_024.0
# Terms beyond the asked size that are counted, so that equal counts at the edge are cut by value, not by segment order.
_FACET_MARGIN: Final = 50


class QueryCompiler:
    """Compiles queries of one schema."""

    def __init__(self, schema: IndexSchema, engine_schema: tantivy.Schema) -> None:
        self._engine_schema = engine_schema
        self._weights = {field.name: field.weight for field in schema.fields if isinstance(field, TextField)}

    def matching(self, query: IndexQuery, *, without_filters_on: str | None = None) -> tantivy.Query:
        """Return the query that selects and scores entries; filters weigh nothing."""
        musts: list[tantivy.Query] = [self.node(query.text)] if query.text else []
        musts += [
            self._filter(condition)
            for condition in query.filters
            if without_filters_on is None or chosen_on(condition) != without_filters_on
        ]
        return self._all(musts)

    def ranked(self, query: IndexQuery) -> tantivy.Query:
        """Return ``matching`` plus TIER_SCORE for each tier node that an entry matches."""
        matching = self.matching(query)
        if not query.tiers:
            return matching
        tiers = [
            (tantivy.Occur.Should, tantivy.Query.const_score_query(self.node(tier), TIER_SCORE)) for tier in query.tiers
        ]
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, matching), *tiers])

    def node(self, node: Node) -> tantivy.Query:
        """Compile one node and what is under it."""
        match node:
            case Term(field, token, weight):
                return self._weighed(self._term(field, token), field, weight)
            case Phrase(field, tokens, weight) if len(tokens) > 1:
                phrase = tantivy.Query.phrase_query(self._engine_schema, field, list(tokens))
                return self._weighed(phrase, field, weight)
            case Phrase(field, tokens, weight):
                return self._weighed(self._term(field, "".join(tokens)), field, weight)
            case AllOf(nodes):
                return self._all([self.node(inner) for inner in nodes])
            case AnyOf(nodes, at_least):
                compiled = [(tantivy.Occur.Should, self.node(inner)) for inner in nodes]
                return tantivy.Query.boolean_query(compiled, minimum_number_should_match=at_least)
            case Best(nodes, tie):
                return tantivy.Query.disjunction_max_query([self.node(inner) for inner in nodes], tie_breaker=tie)

    def with_value(self, query: tantivy.Query, field: str, value: int) -> tantivy.Query:
        """Return ``query`` narrowed to entries whose number ``field`` is exactly ``value``."""
        return self._all([query, self._unscored(self._range(field, value, value, include_upper=True))])

    def beyond_value(self, query: tantivy.Query, field: str, value: int, *, descending: bool) -> tantivy.Query | None:
        """Return ``query`` narrowed to values after ``value`` in sort order, None when no number lies there."""
        if value == (LONG_MINIMUM if descending else LONG_MAXIMUM):
            return None
        low, high = (None, value) if descending else (value + 1, None)
        return self._all([query, self._unscored(self._range(field, low, high))])

    def without_value(self, query: tantivy.Query, field: str) -> tantivy.Query:
        """Return ``query`` narrowed to entries without a value in ``field``."""
        excluded = (tantivy.Occur.MustNot, tantivy.Query.exists_query(field))
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, query), excluded])

    def _term(self, field: str, token: str) -> tantivy.Query:
        # Scoring needs no positions, and without them phrases stay possible.
        return tantivy.Query.term_query(self._engine_schema, field, token, index_option="freq")

    def _weighed(self, query: tantivy.Query, field: str, weight: float) -> tantivy.Query:
        factor = weight * self._weights.get(field, 1.0)
        return query if factor == 1.0 else tantivy.Query.boost_query(query, factor)

    def _filter(self, condition: Filter) -> tantivy.Query:
        if isinstance(condition, RangeFilter):
            low = None if condition.at_least is None else epoch_ms(condition.at_least)
            high = None if condition.below is None else epoch_ms(condition.below)
            return self._unscored(self._range(condition.field, low, high))
        return self._keyword_filter(condition)

    def _keyword_filter(self, condition: KeywordFilter) -> tantivy.Query:
        values = tantivy.Query.term_set_query(self._engine_schema, condition.field, list(condition.any_of))
        if not condition.negated:
            return self._unscored(values)
        everything = (tantivy.Occur.Must, tantivy.Query.all_query())
        return self._unscored(tantivy.Query.boolean_query([everything, (tantivy.Occur.MustNot, values)]))

    def _range(self, field: str, low: int | None, high: int | None, *, include_upper: bool = False) -> tantivy.Query:
        return tantivy.Query.range_query(
            self._engine_schema,
            field,
            tantivy.FieldType.Integer,
            low,
            high,
            include_upper=include_upper or high is None,
        )

    @staticmethod
    def _unscored(query: tantivy.Query) -> tantivy.Query:
        return tantivy.Query.const_score_query(query, 0.0)

    @staticmethod
    def _all(queries: Sequence[tantivy.Query]) -> tantivy.Query:
        if not queries:
            return tantivy.Query.all_query()
        if len(queries) == 1:
            return queries[0]
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, query) for query in queries])


def aggregation(facet: Facet) -> dict[str, Any]:
    """Return the engine's request for one facet."""
    if isinstance(facet, TermsFacet):
        return {"terms": {"field": facet.field, "size": facet.size + _FACET_MARGIN}}
    edges = [None, *facet.bounds, None]
    ranges = [
        {name: float(edge) for name, edge in (("from", low), ("to", high)) if edge is not None}
        for low, high in itertools.pairwise(edges)
    ]
    return {"range": {"field": facet.field, "ranges": ranges}}


def buckets(facet: Facet, answer: dict[str, Any]) -> tuple[Bucket, ...]:
    """Return the engine's answer for one facet in the port's order and names."""
    if isinstance(facet, TermsFacet):
        counted = sorted((-bucket["doc_count"], bucket["key"]) for bucket in answer["buckets"])
        return tuple(Bucket(value, -count) for count, value in counted[: facet.size])
    counts = {bucket.get("from"): bucket["doc_count"] for bucket in answer["buckets"]}
    return tuple(Bucket(name, counts.get(low, 0)) for name, low in range_names(facet))


def range_names(facet: RangesFacet) -> list[tuple[str, float | None]]:
    """Return each range's name and its lower bound (None for the first)."""
    edges: list[int | None] = [None, *facet.bounds, None]
    return [
        (f"{'*' if low is None else low}..{'*' if high is None else high}", None if low is None else float(low))
        for low, high in itertools.pairwise(edges)
    ]
