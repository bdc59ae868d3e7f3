"""What every adapter does before it touches its store: check limits, take index values, plan a find, read cursors.

Values order as None < int < str, str bytewise by UTF-8 (which is code-point order). ``sort_key`` says so for Python.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from services.chassis.canonical import plain_mapping
from services.chassis.documents.port import (
    BATCH_LIMIT,
    BODY_LIMIT_BYTES,
    INDEXED_LIMIT_BYTES,
    KEY_LIMIT_BYTES,
    PAGE_LIMIT,
    Body,
    Collection,
    DeclarationError,
    DocumentFormError,
    DocumentLimitError,
    Index,
    Range,
    Scalar,
    UnknownIndexError,
)

INTEGER_LOWEST = -(2**63)
INTEGER_HIGHEST = 2**63 - 1

Path = tuple[str, ...]

_BODY_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME

_TYPE_ORDER = {type(None): 0, int: 1, str: 2}


@dataclass(frozen=True, slots=True)
class Position:
    """A place between documents: the index values after the equal ones, then the key."""

    values: tuple[Scalar, ...]
    key: str


@dataclass(frozen=True, slots=True)
class Find:
    """A checked find. ``rest`` names the index fields after the equal ones; a range is on the first of them."""

    index: Index
    equals: tuple[Scalar, ...]
    rest: tuple[str, ...]
    at_least: str | int | None
    below: str | int | None
    after: Position | None
    limit: int
    descending: bool

    @property
    def ranged_type(self) -> type | None:
        """The one type that the range admits (a range never crosses types and never holds None), None without one."""
        bound = self.at_least if self.at_least is not None else self.below
        return None if bound is None else type(bound)


def sort_key(value: Scalar) -> tuple[int, Any]:
    """Return what Python sorts an index value by: None, then numbers, then text."""
    return (_TYPE_ORDER[type(value)], 0 if value is None else value)


def check_collection(collection: Collection) -> None:
    """Raise DeclarationError for a collection that no adapter could keep."""
    names = [index.name for index in collection.indexes]
    if not collection.name or len(set(names)) != len(names) or "key" in names:
        raise DeclarationError(
            f"collection {collection.name!r}: a name is missing, repeated or 'key'", collection=collection.name
        )
    fields_seen: set[tuple[str, ...]] = set()
    for index in collection.indexes:
        broken = not index.fields or len(set(index.fields)) != len(index.fields)
        if broken or not all(all(field.split(".")) for field in index.fields) or index.fields in fields_seen:
            raise DeclarationError(
                f"collection {collection.name}: index {index.name} has no, empty or repeated fields",
                collection=collection.name,
                index=index.name,
            )
        fields_seen.add(index.fields)


def check_declared(collection: Collection, stored: Collection) -> None:
    """Raise DeclarationError unless both hold the same indexes."""
    if collection is not stored and collection.indexes != stored.indexes:
        raise DeclarationError(f"collection {collection.name} is stored with other indexes", collection=collection.name)


def undeclared(collection: Collection) -> DeclarationError:
    """Return the error for a collection that this store was not told of."""
    return DeclarationError(f"collection {collection.name} is not declared", collection=collection.name)


def check_key(key: str) -> None:
    """Raise unless 1 <= UTF-8 length <= KEY_LIMIT_BYTES."""
    length_bytes = len(key) if key.isascii() else len(_utf8(key))
    if not 1 <= length_bytes <= KEY_LIMIT_BYTES:
        raise DocumentLimitError(
            f"a key of {length_bytes} bytes; 1 to {KEY_LIMIT_BYTES} are allowed", limit=KEY_LIMIT_BYTES
        )


def check_batch(items: Sequence[object]) -> None:
    """Raise when a batch is past BATCH_LIMIT."""
    if len(items) > BATCH_LIMIT:
        raise DocumentLimitError(f"{len(items)} items; at most {BATCH_LIMIT} are allowed", limit=BATCH_LIMIT)


def check_page_limit(limit: int) -> None:
    """Raise unless 1 <= limit <= PAGE_LIMIT."""
    if not 1 <= limit <= PAGE_LIMIT:
        raise DocumentLimitError(f"a page of {limit}; 1 to {PAGE_LIMIT} are allowed", limit=PAGE_LIMIT)


def encode_body(body: Body) -> bytes:
    """Return the body as JSON; raises DocumentFormError (no JSON object) or DocumentLimitError."""
    try:
        encoded = orjson.dumps(body, default=plain_mapping, option=_BODY_OPTIONS)
    except TypeError as error:
        raise DocumentFormError(f"a body that is not JSON: {error}") from error
    if len(encoded) > BODY_LIMIT_BYTES:
        raise DocumentLimitError(
            f"a body of {len(encoded)} bytes; at most {BODY_LIMIT_BYTES} are allowed", limit=BODY_LIMIT_BYTES
        )
    if encoded[:1] != b"{":
        raise DocumentFormError("a body must be a JSON object")
    return encoded


def value_at(body: Body, path: Path) -> Scalar:
    """Return the index value at a path, None where it is missing; raises DocumentFormError for other types."""
    value: object = body
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    if value is None or (type(value) is str and len(value) <= INDEXED_LIMIT_BYTES and value.isascii()):
        return value
    return index_value(value, ".".join(path))


def index_value(value: object, field: str) -> Scalar:
    """Return a value as an index holds it: a bool is an int, a str or int is bounded, nothing else is allowed."""
    if value is None:
        return None
    if isinstance(value, str):
        _check_indexed_text(value, field)
        return str(value)
    if isinstance(value, int):
        if not INTEGER_LOWEST <= value <= INTEGER_HIGHEST:
            raise DocumentFormError(f"{field}: an indexed number beyond 64 bits", field=field)
        return int(value)
    raise DocumentFormError(f"{field}: an indexed value is str, int or None, not {type(value).__name__}", field=field)


def path_of(field: str) -> Path:
    """Return the names that a dotted field walks through."""
    return tuple(field.split("."))


def index_values(body: Body, fields: Iterable[str]) -> tuple[Scalar, ...]:
    """Return the values at ``fields``, in order."""
    return tuple([value_at(body, path_of(field)) for field in fields])


def is_indexed(index: Index, values: Iterable[Scalar]) -> bool:
    """A unique index leaves out a document that lacks one of its fields; any other holds all."""
    return not index.unique or None not in values


def plan_equals(
    collection: Collection, index_name: str | None, equals: Mapping[str, Scalar]
) -> tuple[Index, tuple[Scalar, ...]]:
    """Return the index and the equal values in its order; raises UnknownIndexError unless they are a leading part."""
    if index_name is None:
        raise UnknownIndexError(
            f"collection {collection.name}: {sorted(equals)} without an index", collection=collection.name
        )
    index = collection.index(index_name)
    leading = index.fields[: len(equals)]
    if set(leading) != set(equals):
        raise UnknownIndexError(
            f"collection {collection.name}: {sorted(equals)} are not the leading fields of index {index_name}",
            collection=collection.name,
            index=index_name,
        )
    return index, tuple([index_value(equals[field], field) for field in leading])


def plan_find(
    collection: Collection,
    index_name: str,
    equals: Mapping[str, Scalar],
    *,
    range_: Range | None,
    after: str | None,
    limit: int,
    descending: bool,
) -> Find:
    """Check a find against the declaration; raises UnknownIndexError, DocumentLimitError or DocumentFormError."""
    check_page_limit(limit)
    index, values = plan_equals(collection, index_name, equals)
    rest = index.fields[len(values) :]
    at_least, below = (None, None) if range_ is None else (range_.at_least, range_.below)
    if (at_least is not None or below is not None) and not rest:
        raise UnknownIndexError(
            f"collection {collection.name}: index {index_name} has no field left for a range",
            collection=collection.name,
            index=index_name,
        )
    at_least, below = (None if bound is None else index_value(bound, rest[0]) for bound in (at_least, below))
    if at_least is not None and below is not None and type(at_least) is not type(below):
        raise DocumentFormError("the bounds of a range are of one type", index=index_name)
    position = None if after is None else read_cursor(after, len(rest))
    return Find(index, values, rest, at_least, below, position, limit, descending)


def write_cursor(find: Find, key: str, body: Body) -> str:
    """Return the position of a found document as text."""
    return orjson.dumps([*index_values(body, find.rest), key]).decode()


def read_cursor(cursor: str, fields: int) -> Position:
    """Return the position that ``write_cursor`` wrote for ``fields`` open fields; raises DocumentFormError."""
    try:
        parts = orjson.loads(cursor)
    except ValueError as error:
        raise DocumentFormError("a cursor that this query did not write") from error
    if not isinstance(parts, list) or len(parts) != fields + 1 or not isinstance(parts[-1], str):
        raise DocumentFormError("a cursor that this query did not write")
    return Position(tuple([index_value(part, "cursor") for part in parts[:-1]]), parts[-1])


def _check_indexed_text(text: str, field: str) -> None:
    length_bytes = len(_utf8(text))
    if length_bytes > INDEXED_LIMIT_BYTES:
        raise DocumentLimitError(
            f"{field}: an indexed text of {length_bytes} bytes; at most {INDEXED_LIMIT_BYTES} are allowed",
            limit=INDEXED_LIMIT_BYTES,
        )


def check_text(text: str) -> None:
    """Raise DocumentFormError for text that UTF-8 cannot say."""
    if not text.isascii():
        _utf8(text)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DocumentFormError("text with a lone surrogate is not UTF-8") from error
