"""The port's query as Elasticsearch's: objects, in which what a person typed is only ever a value."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.searchindex.elastic_query import (
    MISSING_HIGH,
    MISSING_LOW,
    TIER_SCORE,
    QueryCompiler,
    buckets,
    order_of,
    search_after,
    sorted_value,
)
from services.chassis.searchindex.port import (
    AllOf,
    AnyOf,
    Best,
    Bucket,
    IndexQuery,
    IndexSchema,
    KeywordField,
    KeywordFilter,
    LongField,
    Node,
    Phrase,
    RangeFilter,
    RangesFacet,
    Sort,
    Term,
    TermsFacet,
    TextField,
)

SCHEMA = IndexSchema(
    "things", (TextField("title", 2.0), KeywordField("tag"), KeywordField("brand"), LongField("price"))
)
COMPILER = QueryCompiler(SCHEMA)
TAGGED = KeywordFilter("tag", ("x",))
OF_BRAND = KeywordFilter("brand", ("acme",), negated=True)


def keys_of(clause: Any) -> set[str]:
    """Return every key in a request: what the server takes for syntax."""
    if isinstance(clause, dict):
        return set(clause).union(*(keys_of(value) for value in clause.values()))
    return set().union(*(keys_of(value) for value in clause)) if isinstance(clause, list) else set()


@given(st.text())
def test_what_a_person_typed_is_a_value_and_never_a_key(text: str) -> None:
    nodes: tuple[Node, ...] = (
        Term("title", text),
        Term("tag", text),
        Phrase("title", (text, text)),
        Phrase("title", (text,)),
    )
    plain = COMPILER.matching(
        IndexQuery(text=AllOf((Term("title", "a"), Phrase("title", ("a", "b")), Term("tag", "a"))))
    )
    for node in nodes:
        request = COMPILER.matching(IndexQuery(text=node, filters=(KeywordFilter("tag", (text,)),)))
        assert keys_of(request) <= keys_of(plain) | {"filter", "terms", "match_none"}


def test_weights_of_field_and_node_multiply() -> None:
    assert COMPILER.node(Term("title", "milk", 3.0)) == {"term": {"title": {"value": "milk", "boost": 6.0}}}
    assert COMPILER.node(Term("tag", "milk", 3.0)) == {"term": {"tag": {"value": "milk", "boost": 3.0}}}
    phrase = {"match_phrase": {"title": {"query": "oat milk", "boost": 1.0}}}
    assert COMPILER.node(Phrase("title", ("oat", "milk"), 0.5)) == phrase


@pytest.mark.parametrize("tokens", [("oat milk", "x"), ("", "x"), ("oat", " ")])
def test_a_token_that_cannot_be_in_the_index_is_in_no_phrase(tokens: tuple[str, ...]) -> None:
    assert COMPILER.node(Phrase("title", tokens)) == {"match_none": {}}


def test_groups_keep_their_meaning() -> None:
    milk, tea = Term("title", "milk"), Term("title", "tea")
    both = [COMPILER.node(milk), COMPILER.node(tea)]
    assert COMPILER.node(AllOf((milk, tea))) == {"bool": {"must": both}}
    assert COMPILER.node(AnyOf((milk, tea), 2)) == {"bool": {"should": both, "minimum_should_match": 2}}
    assert COMPILER.node(Best((milk, tea), 0.3)) == {"dis_max": {"queries": both, "tie_breaker": 0.3}}
    for group in (AllOf((milk,)), AnyOf((milk,)), Best((milk,))):
        assert COMPILER.node(group) == COMPILER.node(milk)
    assert COMPILER.node(AnyOf((milk,), 2)) == {"bool": {"should": both[:1], "minimum_should_match": 2}}


def test_a_deep_chain_of_single_groups_is_flat() -> None:
    node: Node = Term("title", "milk")
    for _ in range(200):
        node = AllOf((node,))
    assert COMPILER.node(node) == COMPILER.node(Term("title", "milk"))


def test_tiers_add_to_the_score_of_relevance_alone() -> None:
    query = IndexQuery(text=Term("title", "milk"), tiers=(Term("title", "tea"),))
    (tier,) = COMPILER.matching(query)["query"]["bool"]["should"]
    assert tier["constant_score"]["boost"] == TIER_SCORE
    by_price = IndexQuery(text=Term("title", "milk"), tiers=(Term("title", "tea"),), sort=Sort("price"))
    assert "should" not in COMPILER.matching(by_price)["query"]["bool"]


def test_filters_that_a_facet_ignores_go_behind_its_counting() -> None:
    query = IndexQuery(
        filters=(TAGGED, OF_BRAND, RangeFilter("price", 1, 5)), facets=(TermsFacet("tag", 3), TermsFacet("brand"))
    )
    request = COMPILER.matching(query)
    assert request["query"] == {"bool": {"filter": [{"range": {"price": {"gte": 1, "lt": 5}}}]}}
    tagged, other = {"terms": {"tag": ["x"]}}, {"bool": {"must_not": [{"terms": {"brand": ["acme"]}}]}}
    assert request["post_filter"] == {"bool": {"filter": [tagged, other]}}
    assert request["aggs"]["0"]["filter"] == {"bool": {"filter": [other]}}
    assert request["aggs"]["1"]["filter"] == {"bool": {"filter": [tagged]}}
    assert COMPILER.matching(IndexQuery()) == {"query": {"match_all": {}}}


def test_a_filter_that_holds_always_comes_before_all_counting() -> None:
    always = KeywordFilter("tag", ("x",), always=True)
    request = COMPILER.matching(IndexQuery(filters=(always,), facets=(TermsFacet("tag", 3),)))
    assert request["query"] == {"bool": {"filter": [{"terms": {"tag": ["x"]}}]}}
    assert "post_filter" not in request


def test_buckets_come_in_the_ports_order_and_names() -> None:
    counted = {"counted": {"buckets": [{"key": "b", "doc_count": 2}, {"key": "a", "doc_count": 2}]}}
    assert buckets(TermsFacet("tag"), counted) == (Bucket("a", 2), Bucket("b", 2))
    ranges = {"buckets": [{"key": "0..5", "doc_count": 4}]}
    assert buckets(RangesFacet("price", (0, 5)), ranges) == (Bucket("*..0", 0), Bucket("0..5", 4), Bucket("5..*", 0))


@pytest.mark.parametrize("descending", [False, True])
def test_missing_is_told_from_the_largest_and_the_least_number(descending: bool) -> None:
    sort = Sort("price", descending=descending)
    first, second, last = order_of(sort)
    assert {first["price"]["order"], second["price"]["order"]} == {"asc", "desc"}
    assert last == {"id": "asc"}
    for value in (None, 0, MISSING_HIGH, MISSING_LOW):
        assert sorted_value(search_after(sort, value, "a")) == value
