"""How a collection lies in SQLite: its table, its indexes, and the statements that read and write it.

One table for a collection: ``key``, ``revision``, a column for each indexed field, ``body`` (JSON) last, so that an
index entry or a revision is read without the body's overflow pages. Index columns hold integers and text as they are
and -infinity for None: it sorts before every integer, and unlike NULL it takes part in row comparisons, which is what
lets a page continue by one seek. Every query names its index (INDEXED BY): one that the index cannot serve fails.
"""

# ruff: noqa: S608 - names in these statements are generated here (c1, f0, c1i0); every value is bound

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from services.chassis.documents.port import Body, Collection, Document, Index, KeyTakenError, Scalar
from services.chassis.documents.query import (
    INTEGER_LOWEST,
    Find,
    check_key,
    encode_body,
    path_of,
    sort_key,
    value_at,
)

NONE = float("-inf")  # bound as REAL -Inf; written -9e999 in SQL, the literal that reads as it
AFTER_ALL_TEXT = b""  # a blob sorts after every text

Value = str | int | float | bytes

_RANGE_LOWEST: dict[type, Value] = {int: INTEGER_LOWEST, str: ""}
_RANGE_BEYOND: dict[type, Value] = {int: "", str: AFTER_ALL_TEXT}


@dataclass(frozen=True)
class Row:
    """A document ready to write: checked, encoded, its index values taken."""

    key: str
    encoded: bytes
    values: tuple[Value, ...]

    @property
    def bindings(self) -> tuple[Value, ...]:
        """In the order of the statements: key, index columns, body."""
        return (self.key, *self.values, self.encoded)


@dataclass(frozen=True)
class Query:
    """A statement and what it binds."""

    sql: str
    parameters: tuple[Value, ...]


class Table:
    """The statements of one declared collection."""

    def __init__(self, collection: Collection, number: int) -> None:
        self.collection = collection
        self.name = f"c{number}"
        self.fields = tuple(dict.fromkeys(field for index in collection.indexes for field in index.fields))
        self._paths = [path_of(field) for field in self.fields]
        self._columns = {field: f"f{place}" for place, field in enumerate(self.fields)}
        self._index_names = {index.name: f"c{number}i{place}" for place, index in enumerate(collection.indexes)}
        columns = list(self._columns.values())
        marks = ", ".join("?" for _ in range(len(columns) + 2))
        self.insert_sql = (
            f"INSERT INTO {self.name} (key, {', '.join([*columns, 'body'])}, revision) VALUES ({marks}, 1)"
        )
        assignments = ", ".join(f"{column} = ?" for column in [*columns, "body"])
        self.replace_sql = (
            f"UPDATE {self.name} SET revision = revision + 1, {assignments} WHERE key = ? AND revision = ?"
        )
        self.delete_sql = f"DELETE FROM {self.name} WHERE key = ?"
        self.delete_expected_sql = f"DELETE FROM {self.name} WHERE key = ? AND revision = ?"
        self.revision_sql = f"SELECT revision FROM {self.name} WHERE key = ?"
        self.get_sql = f"SELECT revision, body FROM {self.name} WHERE key = ?"
        self._find_sql: dict[tuple[object, ...], str] = {}

    @cached_property
    def schema(self) -> tuple[str, ...]:
        """The statements that create the table and its indexes."""
        columns = [f"{column} NOT NULL" for column in self._columns.values()]
        table = ["id INTEGER PRIMARY KEY", "key TEXT NOT NULL", "revision INTEGER NOT NULL", *columns, "body NOT NULL"]
        statements = [
            f"CREATE TABLE {self.name} ({', '.join(table)})",
            f"CREATE UNIQUE INDEX {self.name}key ON {self.name} (key)",
        ]
        for index in self.collection.indexes:
            fields = [self._columns[field] for field in index.fields]
            name = self._index_names[index.name]
            if index.unique:
                held = " AND ".join(self._held(index))
                statements.append(f"CREATE UNIQUE INDEX {name} ON {self.name} ({', '.join(fields)}) WHERE {held}")
            else:
                statements.append(f"CREATE INDEX {name} ON {self.name} ({', '.join([*fields, 'key'])})")
        return tuple(statements)

    def row(self, key: str, body: Body) -> Row:
        """Check and encode a document; raises DocumentLimitError or DocumentFormError."""
        check_key(key)
        encoded = encode_body(body)
        return Row(key, encoded, tuple([_stored(value_at(body, path)) for path in self._paths]))

    def find(self, find: Find) -> Query:
        """Return the statement of a find; it reads one document more than asked, to know whether a page follows."""
        lower, upper = _bounds(find)
        shape = (find.index.name, len(find.equals), lower.kind, upper.kind, find.descending)
        sql = self._find_sql.get(shape)
        if sql is None:
            sql = self._find_sql[shape] = self._write_find_sql(find, lower.kind, upper.kind)
        equals = tuple(map(_stored, find.equals))
        return Query(sql, (*equals, *lower.parameters, *upper.parameters, find.limit + 1))

    def count(self, index: Index | None, equals: Sequence[Scalar]) -> Query:
        """Return the statement that counts."""
        if index is None:
            return Query(f"SELECT count(*) FROM {self.name}", ())
        sql = f"SELECT count(*) FROM {self.name} INDEXED BY {self._index_names[index.name]}"
        conditions = self._equal_conditions(index, len(equals))
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return Query(sql + where, tuple(map(_stored, equals)))

    def scan(self, after: str | None, limit: int) -> Query:
        """Return the statement of a scan; like a find it reads one more."""
        where, parameters = ("", ()) if after is None else (" WHERE key > ?", (after,))
        sql = f"SELECT key, revision, body FROM {self.name} INDEXED BY {self.name}key{where} ORDER BY key LIMIT ?"
        return Query(sql, (*parameters, limit + 1))

    def taken(self, connection: sqlite3.Connection, row: Row, *, inserting: bool, position: int) -> KeyTakenError:
        """Return which value a refused write met: the key first, then unique indexes as declared."""
        index_name = "key"
        if not inserting or connection.execute(self.revision_sql, (row.key,)).fetchone() is None:
            index_name = self._taken_index(connection, row)
        return KeyTakenError(self.collection.name, key=row.key, index=index_name, position=position)

    def _taken_index(self, connection: sqlite3.Connection, row: Row) -> str:
        values = dict(zip(self.fields, row.values, strict=True))
        for index in self.collection.indexes:
            held = [values[field] for field in index.fields]
            if not index.unique or NONE in held:
                continue
            conditions = self._equal_conditions(index, len(held))
            sql = f"SELECT 1 FROM {self.name} WHERE {' AND '.join(conditions)} AND key <> ?"
            if connection.execute(sql, (*held, row.key)).fetchone() is not None:
                return index.name
        raise sqlite3.DatabaseError("a write was refused though no value is taken")

    def _held(self, index: Index) -> list[str]:
        return [f"{self._columns[field]} <> -9e999" for field in index.fields]

    def _equal_conditions(self, index: Index, equal_count: int) -> list[str]:
        equal = [f"{self._columns[field]} = ?" for field in index.fields[:equal_count]]
        return equal + (self._held(index) if index.unique else [])

    def _write_find_sql(self, find: Find, lower: str, upper: str) -> str:
        conditions = self._equal_conditions(find.index, len(find.equals))
        rest = [self._columns[field] for field in find.rest]
        place = ", ".join([*rest, "key"])
        marks = ", ".join("?" for _ in range(len(rest) + 1))
        # The order of bindings is: equals, lower, upper.
        if lower:
            conditions.append(f"{rest[0]} >= ?" if lower == "value" else f"({place}) > ({marks})")
        if upper:
            conditions.append(f"{rest[0]} < ?" if upper == "value" else f"({place}) < ({marks})")
        # A unique index holds no two equal entries, so the key orders nothing there and is no part of it.
        order = rest if find.index.unique else [*rest, "key"]
        direction = " DESC" if find.descending else ""
        order_by = f" ORDER BY {', '.join(column + direction for column in order)}" if order else ""
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        index_name = self._index_names[find.index.name]
        return f"SELECT key, revision, body FROM {self.name} INDEXED BY {index_name}{where}{order_by} LIMIT ?"


@dataclass(frozen=True)
class _Bound:
    """One end of what a find reads. ``kind``: "" open, "value" on the first open field, "place" a whole position."""

    kind: str
    parameters: tuple[Value, ...]


_OPEN = _Bound("", ())


def _bounds(find: Find) -> tuple[_Bound, _Bound]:
    """Return the lower and upper bound. A position replaces the range's end on its side: one seek serves only one."""
    lower = upper = _OPEN
    ranged = find.ranged_type
    if ranged is not None:
        lower = _Bound("value", (_RANGE_LOWEST[ranged] if find.at_least is None else find.at_least,))
        upper = _Bound("value", (_RANGE_BEYOND[ranged] if find.below is None else find.below,))
    if find.after is None:
        return lower, upper
    place = _Bound("place", (*map(_stored, find.after.values), find.after.key))
    first = find.after.values[0] if find.after.values else None
    if find.descending:
        beyond = upper.kind and not _precedes(first, upper.parameters[0])
        return lower, upper if beyond else place
    before = lower.kind and _precedes(first, lower.parameters[0])
    return lower if before else place, upper


def _precedes(value: Scalar, bound: Value) -> bool:
    return not isinstance(bound, str | int) or sort_key(value) < sort_key(bound)


def _stored(value: Scalar) -> Value:
    return NONE if value is None else value


def document_of(row: tuple[Any, ...]) -> Document:
    """Return the document of a (key, revision, body) row."""
    key, revision, encoded = row
    return Document(key, orjson.loads(encoded), revision)


def declaration_of(collection: Collection) -> bytes:
    """Return a collection's indexes as they are stored and compared."""
    return orjson.dumps([[index.name, list(index.fields), index.unique] for index in collection.indexes])


def collection_of(name: str, declaration: bytes) -> Collection:
    """Return the collection that was declared."""
    indexes: Iterable[list[Any]] = orjson.loads(declaration)
    return Collection(name, tuple(Index(name, tuple(fields), unique) for name, fields, unique in indexes))


def stored_collections(connection: sqlite3.Connection) -> list[Collection]:
    """Return every collection of a file, in name order."""
    rows = connection.execute("SELECT name, declaration FROM collections ORDER BY name").fetchall()
    return [collection_of(name, declaration) for name, declaration in rows]
