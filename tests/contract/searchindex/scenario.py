"""Reads a scenario file: a schema, entries, and steps that search and say what must come back."""

from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from services.chassis.searchindex.port import (
    AllOf,
    AnyOf,
    Best,
    Boost,
    DateField,
    Entry,
    Facet,
    Field,
    Filter,
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
    Value,
)

SCENARIOS = Path(__file__).parent / "scenarios"


def load(path: Path) -> dict[str, Any]:
    scenario: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return scenario


def schema_of(scenario: dict[str, Any], name: str = "things") -> IndexSchema:
    declared = scenario["schema"]
    fields: list[Field] = [TextField(field, weight) for field, weight in declared.get("text", {}).items()]
    fields += [KeywordField(field) for field in declared.get("keyword", [])]
    fields += [LongField(field) for field in declared.get("long", [])]
    fields += [DateField(field) for field in declared.get("date", [])]
    return IndexSchema(name, tuple(fields))


def entries_of(scenario: dict[str, Any]) -> list[Entry]:
    dates = set(scenario["schema"].get("date", []))
    return [
        Entry(
            entry_id, 1, {name: _value(value, dated=name in dates) for name, value in values.items()}, entry_id.encode()
        )
        for entry_id, values in scenario["entries"].items()
    ]


def query_of(search: dict[str, Any], after: str | None = None) -> IndexQuery:
    sort = search.get("sort")
    return IndexQuery(
        text=_node(search["text"]) if "text" in search else None,
        tiers=tuple(_node(node) for node in search.get("tiers", [])),
        filters=tuple(_filter(condition) for condition in search.get("filters", [])),
        facets=tuple(_facet(facet) for facet in search.get("facets", [])),
        sort=Sort(sort.removeprefix("-"), descending=sort.startswith("-")) if sort else None,
        boosts=tuple(Boost(**boost) for boost in search.get("boosts", [])),
        limit=search.get("limit", 20),
        after=after,
    )


def _value(value: Any, *, dated: bool) -> Value:
    if dated:
        return datetime.fromisoformat(value)
    return tuple(value) if isinstance(value, list) else value


def _node(node: dict[str, Any]) -> Node:
    weight = node.get("weight", 1.0)
    match node:
        case {"term": [field, token]}:
            return Term(field, token, weight)
        case {"phrase": [field, tokens]}:
            return Phrase(field, tuple(tokens), weight)
        case {"all": nodes}:
            return AllOf(tuple(_node(inner) for inner in nodes))
        case {"any": nodes}:
            return AnyOf(tuple(_node(inner) for inner in nodes), node.get("at_least", 1))
        case {"best": nodes}:
            return Best(tuple(_node(inner) for inner in nodes), node.get("tie", 0.0))
    raise ValueError(f"no node: {node}")


def _filter(condition: dict[str, Any]) -> Filter:
    if "any_of" in condition:
        return KeywordFilter(
            condition["field"],
            tuple(condition["any_of"]),
            condition.get("negated", False),
            condition.get("always", False),
        )
    return RangeFilter(condition["field"], _bound(condition.get("at_least")), _bound(condition.get("below")))


def _bound(bound: Any) -> int | datetime | None:
    return datetime.fromisoformat(bound["date"]) if isinstance(bound, dict) else bound


def _facet(facet: dict[str, Any]) -> Facet:
    if "bounds" in facet:
        return RangesFacet(facet["field"], tuple(facet["bounds"]))
    return TermsFacet(facet["field"], facet.get("size", 20), facet.get("ignoring"))
