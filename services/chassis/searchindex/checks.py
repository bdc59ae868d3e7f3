"""Owns the limits of the port: what an adapter refuses before its engine sees it, worded once for all adapters."""

import itertools
import re
from collections.abc import Sequence
from datetime import datetime

from services.chassis.searchindex.port import (
    BUCKET_LIMIT,
    FACET_LIMIT,
    FILTER_LIMIT,
    FILTER_VALUES_LIMIT,
    ID_LIMIT_BYTES,
    KEYWORD_LIMIT_BYTES,
    KEYWORD_VALUES_LIMIT,
    NODE_LIMIT,
    PAGE_LIMIT,
    PAYLOAD_LIMIT_BYTES,
    TEXT_LIMIT_CHARACTERS,
    TIER_LIMIT,
    AllOf,
    AnyOf,
    Best,
    DateField,
    Entry,
    Field,
    IndexQuery,
    IndexQueryError,
    IndexSchema,
    KeywordField,
    KeywordFilter,
    LongField,
    Node,
    RangeFilter,
    RangesFacet,
    TextField,
    Value,
)

LONG_MINIMUM, LONG_MAXIMUM = -(2**63), 2**63 - 1
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TAKEN = frozenset({"id", "id_prefix", "version", "payload"})


def check_schema(schema: IndexSchema) -> None:
    """Raise ValueError for a schema that breaks the naming rules: a defect of the program."""
    names = [declared.name for declared in schema.fields]
    wrong = [name for name in (schema.name, *names) if not _NAME.fullmatch(name)]
    if wrong or _TAKEN.intersection(names) or len(set(names)) < len(names):
        raise ValueError(f"index {schema.name!r} has malformed, taken or repeated field names")


def entry_problem(entry: Entry, schema: IndexSchema) -> str:
    """Return why the entry is rejected, or an empty string."""
    problem = id_problem(entry.id) or version_problem(entry.version)
    if problem:
        return problem
    if len(entry.payload) > PAYLOAD_LIMIT_BYTES:
        return f"payload is longer than {PAYLOAD_LIMIT_BYTES} bytes"
    fields = {declared.name: declared for declared in schema.fields}
    for name, value in entry.values.items():
        if name not in fields:
            return f"{name} is no field of the index"
        problem = _value_problem(fields[name], value)
        if problem:
            return f"{name}: {problem}"
    return ""


def id_problem(entry_id: str) -> str:
    """Return what is wrong with an id, or an empty string."""
    if not entry_id:
        return "id is empty"
    return f"id is longer than {ID_LIMIT_BYTES} bytes" if _bytes(entry_id) > ID_LIMIT_BYTES else ""


def version_problem(version: int) -> str:
    """Return what is wrong with a version, or an empty string."""
    return "" if 0 <= version <= LONG_MAXIMUM else "version is not between 0 and 2^63 - 1"


def check_query(query: IndexQuery, schema: IndexSchema) -> None:
    """Raise IndexQueryError for a query past a limit or against the schema."""
    if not 1 <= query.limit <= PAGE_LIMIT:
        raise IndexQueryError(f"limit is not between 1 and {PAGE_LIMIT}", limit=query.limit)
    nodes = [*query.tiers] + ([query.text] if query.text else [])
    if sum(_count_nodes(node, schema) for node in nodes) > NODE_LIMIT or len(query.tiers) > TIER_LIMIT:
        raise IndexQueryError(f"a query has more than {NODE_LIMIT} nodes or {TIER_LIMIT} tiers")
    if len(query.filters) > FILTER_LIMIT or len(query.facets) > FACET_LIMIT:
        raise IndexQueryError(f"a query has more than {FILTER_LIMIT} filters or {FACET_LIMIT} facets")
    for condition in query.filters:
        _check_filter(condition, schema)
    for facet in query.facets:
        if isinstance(facet, RangesFacet):
            _require(schema.field(facet.field), LongField)
            ascending = all(left < right for left, right in itertools.pairwise(facet.bounds))
            if not facet.bounds or len(facet.bounds) >= BUCKET_LIMIT or not ascending:
                raise IndexQueryError("range bounds are empty, too many or not ascending", field=facet.field)
        else:
            _require(schema.field(facet.field), KeywordField)
            if not 1 <= facet.size <= BUCKET_LIMIT:
                raise IndexQueryError(f"facet size is not between 1 and {BUCKET_LIMIT}", field=facet.field)
    if query.sort:
        _require(schema.field(query.sort.field), LongField, DateField)
    for boost in query.boosts:
        _require(schema.field(boost.field), LongField)
        if boost.weight < 0 or boost.pivot <= 0:
            raise IndexQueryError("a boost has a negative weight or no positive pivot", field=boost.field)


def epoch_ms(value: int | datetime) -> int:
    """Return a number as it is, a time as milliseconds since 1970 UTC."""
    return value if isinstance(value, int) else round(value.timestamp() * 1000)


def _check_filter(condition: KeywordFilter | RangeFilter, schema: IndexSchema) -> None:
    if isinstance(condition, KeywordFilter):
        _require(schema.field(condition.field), KeywordField)
        if not 1 <= len(condition.any_of) <= FILTER_VALUES_LIMIT:
            raise IndexQueryError(
                f"a filter names none or more than {FILTER_VALUES_LIMIT} values", field=condition.field
            )
        return
    _require(schema.field(condition.field), LongField, DateField)
    if condition.at_least is None and condition.below is None:
        raise IndexQueryError("a range is open on both sides", field=condition.field)
    for bound in (condition.at_least, condition.below):
        if isinstance(bound, int) and not LONG_MINIMUM <= bound <= LONG_MAXIMUM:
            raise IndexQueryError("a bound does not fit 64 bits", field=condition.field)


def _require(declared: Field, *kinds: type) -> None:
    if not isinstance(declared, kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise IndexQueryError(f"{declared.name} is a {type(declared).__name__}, not a {names}", field=declared.name)


def _count_nodes(node: Node, schema: IndexSchema) -> int:
    if isinstance(node, AllOf | AnyOf | Best):
        if not node.nodes:
            raise IndexQueryError("a group of no nodes matches nothing that could be said")
        return 1 + sum(_count_nodes(inner, schema) for inner in node.nodes)
    _require(schema.field(node.field), TextField, KeywordField)
    return 1


def _value_problem(declared: Field, value: Value) -> str:
    match declared:
        case TextField():
            if not isinstance(value, str):
                return "not a string"
            return f"longer than {TEXT_LIMIT_CHARACTERS} characters" if len(value) > TEXT_LIMIT_CHARACTERS else ""
        case KeywordField():
            return _keyword_problem((value,) if isinstance(value, str) else value)
        case LongField():
            fits = isinstance(value, int) and not isinstance(value, bool) and LONG_MINIMUM <= value <= LONG_MAXIMUM
            return "" if fits else "not a 64-bit whole number"
        case DateField():
            return "" if isinstance(value, datetime) and value.tzinfo else "not an aware time"


def _keyword_problem(values: Value) -> str:
    if not isinstance(values, Sequence) or not all(isinstance(value, str) for value in values):
        return "not strings"
    if len(values) > KEYWORD_VALUES_LIMIT:
        return f"more than {KEYWORD_VALUES_LIMIT} values"
    if any(_bytes(value) > KEYWORD_LIMIT_BYTES for value in values):
        return f"a value is longer than {KEYWORD_LIMIT_BYTES} bytes"
    return ""


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
