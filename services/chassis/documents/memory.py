"""Documents in this process's memory: the adapter of unit tests. Same answers as the others, and gone at exit."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from services.chassis.documents.port import (
    Body,
    Collection,
    Document,
    Index,
    KeyTakenError,
    Page,
    Range,
    RevisionMismatchError,
    Scalar,
    StoreUnavailableError,
)
from services.chassis.documents.query import (
    INTEGER_LOWEST,
    Find,
    check_batch,
    check_collection,
    check_declared,
    check_key,
    check_page_limit,
    check_text,
    encode_body,
    index_values,
    is_indexed,
    plan_equals,
    plan_find,
    sort_key,
    undeclared,
    write_cursor,
)

# An entry of an index: a sort key for each field, then the document's key as one. The ends sort before and after all.
Entry = tuple[tuple[int, Any], ...]
_BEFORE_ALL: Entry = ((-1, 0),)
_AFTER_ALL: Entry = ((3, 0),)
_LOWEST = {int: INTEGER_LOWEST, str: ""}


class _Table:
    """One collection: encoded bodies by key, keys in order, entries of each index in order."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.indexes = collection.indexes
        self.bodies: dict[str, tuple[int, bytes]] = {}
        self.keys: list[str] = []
        self.entries: dict[str, list[Entry]] = {index.name: [] for index in collection.indexes}

    def document(self, key: str) -> Document:
        revision, encoded = self.bodies[key]
        return Document(key, orjson.loads(encoded), revision)

    def taken_index(self, key: str, body: Body) -> str | None:
        """Return the first unique index in which another document holds the body's values."""
        for index in self.indexes:
            values = index_values(body, index.fields)
            if index.unique and is_indexed(index, values):
                holders = _slice(self.entries[index.name], tuple(map(sort_key, values)))
                if any(entry[-1][1] != key for entry in holders):
                    return index.name
        return None

    def put(self, key: str, body: Body, encoded: bytes, *, revision: int) -> Document:
        if key in self.bodies:
            self._leave_indexes(key)
        else:
            insort(self.keys, key)
        self.bodies[key] = (revision, encoded)
        for index in self.indexes:
            values = index_values(body, index.fields)
            if is_indexed(index, values):
                insort(self.entries[index.name], _entry(values, key))
        return self.document(key)

    def remove(self, key: str) -> None:
        self._leave_indexes(key)
        del self.bodies[key]
        del self.keys[bisect_left(self.keys, key)]

    def _leave_indexes(self, key: str) -> None:
        body = self.document(key).body
        for index in self.indexes:
            values = index_values(body, index.fields)
            if is_indexed(index, values):
                entries = self.entries[index.name]
                del entries[bisect_left(entries, _entry(values, key))]


def _entry(values: Iterable[Scalar], key: str) -> Entry:
    return (*map(sort_key, values), sort_key(key))


def _slice(entries: list[Entry], prefix: Entry) -> list[Entry]:
    return entries[bisect_left(entries, prefix + _BEFORE_ALL) : bisect_right(entries, prefix + _AFTER_ALL)]


def _found_entries(entries: list[Entry], find: Find) -> list[Entry]:
    """Return the entries that a find names, in its order, from its position on."""
    prefix = tuple(map(sort_key, find.equals))
    low, high = prefix + _BEFORE_ALL, prefix + _AFTER_ALL
    if find.ranged_type is not None:
        order = sort_key(find.ranged_type())[0]
        low = (*prefix, (order, _LOWEST[find.ranged_type]) if find.at_least is None else sort_key(find.at_least))
        high = (*prefix, (order + 1, "") if find.below is None else sort_key(find.below))
    start, end = bisect_left(entries, low), bisect_left(entries, high)
    if find.after is not None:
        position = prefix + _entry(find.after.values, find.after.key)
        if find.descending:
            end = min(end, bisect_left(entries, position))
        else:
            start = max(start, bisect_right(entries, position))
    found = entries[start:end]
    return found[::-1] if find.descending else found


class MemoryDocuments:
    """Keeps the DocumentStore port in dictionaries and sorted lists. For one event loop."""

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}
        self._closed = False

    async def declare(self, *collections: Collection) -> None:
        await self.ping()
        for collection in collections:
            check_collection(collection)
            table = self._tables.setdefault(collection.name, _Table(collection))
            check_declared(collection, table.collection)

    async def get(self, collection: Collection, key: str) -> Document | None:
        table = self._table(collection)
        check_key(key)
        return table.document(key) if key in table.bodies else None

    async def get_many(self, collection: Collection, keys: Sequence[str]) -> dict[str, Document]:
        check_batch(keys)
        found = {key: await self.get(collection, key) for key in keys}
        return {key: document for key, document in found.items() if document is not None}

    async def insert(self, collection: Collection, key: str, body: Body) -> Document:
        table = self._table(collection)
        check_key(key)
        encoded = encode_body(body)
        _check_index_values(table.indexes, body)
        return self._insert(collection, table, (key, body, encoded), position=0)

    async def insert_many(self, collection: Collection, items: Sequence[tuple[str, Body]]) -> None:
        table = self._table(collection)
        check_batch(items)
        prepared = []
        for key, body in items:
            check_key(key)
            prepared.append((key, body, encode_body(body)))
            _check_index_values(table.indexes, body)
        for position, row in enumerate(prepared):
            self._insert(collection, table, row, position=position)

    async def replace(self, collection: Collection, key: str, body: Body, *, expected_revision: int) -> Document:
        table = self._table(collection)
        check_key(key)
        encoded = encode_body(body)
        _check_index_values(table.indexes, body)
        self._check_revision(collection, table, key, expected_revision)
        taken = table.taken_index(key, body)
        if taken is not None:
            raise KeyTakenError(collection.name, key=key, index=taken)
        return table.put(key, body, encoded, revision=expected_revision + 1)

    async def delete(self, collection: Collection, key: str, *, expected_revision: int | None = None) -> bool:
        table = self._table(collection)
        check_key(key)
        if expected_revision is not None:
            self._check_revision(collection, table, key, expected_revision)
        if key not in table.bodies:
            return False
        table.remove(key)
        return True

    async def find(
        self,
        collection: Collection,
        index: str,
        equals: Mapping[str, Scalar],
        *,
        range_: Range | None = None,
        after: str | None = None,
        limit: int = 100,
        descending: bool = False,
    ) -> Page:
        table = self._table(collection)
        find = plan_find(collection, index, equals, range_=range_, after=after, limit=limit, descending=descending)
        entries = _found_entries(table.entries[index], find)
        documents = tuple(table.document(entry[-1][1]) for entry in entries[:limit])
        more = len(entries) > limit
        return Page(documents, write_cursor(find, documents[-1].key, documents[-1].body) if more else None)

    async def scan(self, collection: Collection, *, after: str | None = None, limit: int = 100) -> Page:
        table = self._table(collection)
        check_page_limit(limit)
        check_text(after or "")
        start = 0 if after is None else bisect_right(table.keys, after)
        keys = table.keys[start : start + limit]
        more = len(table.keys) > start + limit
        return Page(tuple(table.document(key) for key in keys), keys[-1] if more else None)

    async def count(
        self, collection: Collection, index: str | None = None, equals: Mapping[str, Scalar] | None = None
    ) -> int:
        table = self._table(collection)
        if index is None and not equals:
            return len(table.bodies)
        found, values = plan_equals(collection, index, equals or {})
        return len(_slice(table.entries[found.name], tuple(map(sort_key, values))))

    async def drop(self, collection: Collection) -> None:
        await self.ping()
        self._tables.pop(collection.name, None)

    async def collections(self) -> tuple[Collection, ...]:
        await self.ping()
        return tuple(self._tables[name].collection for name in sorted(self._tables))

    async def leave_no_trace(self) -> None:
        await self.ping()

    async def ping(self) -> None:
        if self._closed:
            raise StoreUnavailableError("the document store is closed")

    async def close(self) -> None:
        self._closed = True

    def _table(self, collection: Collection) -> _Table:
        if self._closed:
            raise StoreUnavailableError("the document store is closed")
        table = self._tables.get(collection.name)
        if table is None:
            raise undeclared(collection)
        check_declared(collection, table.collection)
        return table

    def _insert(
        self, collection: Collection, table: _Table, row: tuple[str, Body, bytes], *, position: int
    ) -> Document:
        key, body, encoded = row
        taken = "key" if key in table.bodies else table.taken_index(key, body)
        if taken is not None:
            raise KeyTakenError(collection.name, key=key, index=taken, position=position)
        return table.put(key, body, encoded, revision=1)

    def _check_revision(self, collection: Collection, table: _Table, key: str, expected: int) -> None:
        actual = table.bodies[key][0] if key in table.bodies else None
        if actual != expected:
            raise RevisionMismatchError(collection.name, key=key, expected=expected, actual=actual)


def _check_index_values(indexes: Sequence[Index], body: Body) -> None:
    for index in indexes:
        index_values(body, index.fields)
