"""Documents in one SQLite file: the embedded adapter, one process and one file for each service.

Writes go through one thread that commits concurrent callers together (sqlite_writer). Reads that cost less than a hop
to a thread run on the event loop itself: a get is 6 us (24 us just after a write), a hop 37 us of CPU. Longer ones
(pages above INLINE_READ_LIMIT, counts) run in a small pool. WAL lets both go on beside the writer, and a read begun
after a write's acknowledgement sees it.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import orjson

from services.chassis.documents.lock import StoreLock
from services.chassis.documents.port import (
    Body,
    Collection,
    DeclarationError,
    Document,
    Page,
    Range,
    RevisionMismatchError,
    Scalar,
    StoreUnavailableError,
)
from services.chassis.documents.query import (
    INTEGER_HIGHEST,
    check_batch,
    check_collection,
    check_declared,
    check_key,
    check_page_limit,
    check_text,
    plan_equals,
    plan_find,
    undeclared,
    write_cursor,
)
from services.chassis.documents.sqlite_tables import (
    Query,
    Row,
    Table,
    collection_of,
    declaration_of,
    document_of,
    stored_collections,
)
from services.chassis.documents.sqlite_writer import GroupWriter, closed, unavailable
from services.chassis.errors import ZhikeError

FORMAT_VERSION = 1  # PRAGMA user_version of the files that this code reads and writes
WRITER_BUSY_TIMEOUT_MS = 2_000  # another process's write lock (a backup, a curious sqlite3 shell)
READER_BUSY_TIMEOUT_MS = 100  # may pass on the event loop
INLINE_READ_LIMIT = 100  # documents read on the event loop; above it, in a thread
READER_THREADS = 2
WRITER_CACHE_KIB = 32 * 1024
READER_CACHE_KIB = 8 * 1024
# A page that is written often reaches the main file once a checkpoint, so fewer checkpoints carry twice the inserts of
# the default of 1,000 pages; reading 64 MiB back after a crash takes a fraction of a second.
WAL_CHECKPOINT_PAGES = 16_000
WAL_KEPT_BYTES = 64 * 1024 * 1024

T = TypeVar("T")

_CATALOG_SQL = (
    "CREATE TABLE IF NOT EXISTS collections"
    " (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, declaration BLOB NOT NULL)"
)


class SqliteDocuments:
    """Keeps the DocumentStore port. For one event loop; open it once a process."""

    def __init__(self, path: Path, lock: StoreLock, writing: sqlite3.Connection) -> None:
        self._path = path
        self._lock = lock
        self._tables: dict[str, Table] = {}
        self._reading = _connect_reader(path)
        self._local = threading.local()
        self._thread_connections: list[sqlite3.Connection] = []
        self._threads = ThreadPoolExecutor(READER_THREADS, thread_name_prefix=f"documents-reader-{path.stem}")
        self._closed = False
        self._writer = GroupWriter(writing, path.stem)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Lock and open (or create) the file; raises StoreInUseError, DeclarationError or StoreUnavailableError."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = StoreLock.acquire(path.with_name(path.name + ".lock"))
        try:
            return cls(path, lock, _connect_writer(path))
        except sqlite3.Error as error:
            lock.release()
            raise unavailable(error) from error
        except DeclarationError:
            lock.release()
            raise

    async def declare(self, *collections: Collection) -> None:
        for collection in collections:
            check_collection(collection)
        tables: list[Table] = await self._writer.submit(
            lambda connection: _declare(connection, collections), alone=True
        )
        self._tables.update({table.collection.name: table for table in tables})

    async def get(self, collection: Collection, key: str) -> Document | None:
        table = self._table(collection)
        check_key(key)
        try:
            row = self._reading.execute(table.get_sql, (key,)).fetchone()
        except sqlite3.Error as error:
            raise _read_error(error, collection) from error
        return None if row is None else Document(key, orjson.loads(row[1]), row[0])

    async def get_many(self, collection: Collection, keys: Sequence[str]) -> dict[str, Document]:
        table = self._table(collection)
        check_batch(keys)
        for key in keys:
            check_key(key)
        return await self._read(collection, len(keys), lambda connection: _get_many(connection, table, keys))

    async def insert(self, collection: Collection, key: str, body: Body) -> Document:
        table = self._table(collection)
        row = table.row(key, body)
        await self._insert(collection, table, [row])
        return Document(key, orjson.loads(row.encoded), 1)

    async def insert_many(self, collection: Collection, items: Sequence[tuple[str, Body]]) -> None:
        table = self._table(collection)
        check_batch(items)
        if items:
            await self._insert(collection, table, [table.row(key, body) for key, body in items])

    async def replace(self, collection: Collection, key: str, body: Body, *, expected_revision: int) -> Document:
        table = self._table(collection)
        row = table.row(key, body)

        def work(connection: sqlite3.Connection) -> None:
            with _declared(collection):
                _replace(connection, table, row, expected_revision)

        await self._writer.submit(work, size_bytes=len(row.encoded))
        return Document(key, orjson.loads(row.encoded), expected_revision + 1)

    async def delete(self, collection: Collection, key: str, *, expected_revision: int | None = None) -> bool:
        table = self._table(collection)
        check_key(key)

        def work(connection: sqlite3.Connection) -> bool:
            with _declared(collection):
                return _delete(connection, table, key, expected_revision)

        deleted: bool = await self._writer.submit(work)
        return deleted

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
        documents = await self._documents(collection, table.find(find), limit)
        if len(documents) <= limit:
            return Page(documents, None)
        last = documents[limit - 1]
        return Page(documents[:limit], write_cursor(find, last.key, last.body))

    async def scan(self, collection: Collection, *, after: str | None = None, limit: int = 100) -> Page:
        table = self._table(collection)
        check_page_limit(limit)
        check_text(after or "")
        documents = await self._documents(collection, table.scan(after, limit), limit)
        return Page(documents[:limit], documents[limit - 1].key if len(documents) > limit else None)

    async def count(
        self, collection: Collection, index: str | None = None, equals: Mapping[str, Scalar] | None = None
    ) -> int:
        table = self._table(collection)
        if index is None and not equals:
            query = table.count(None, ())
        else:
            query = table.count(*plan_equals(collection, index, equals or {}))
        # A count reads every entry that it counts, however many.
        counted = await self._read(collection, INLINE_READ_LIMIT + 1, lambda connection: _rows(connection, query))
        return int(counted[0][0])

    async def drop(self, collection: Collection) -> None:
        table = self._tables.pop(collection.name, None)  # what is asked from now on meets a dropped collection
        try:
            await self._writer.submit(lambda connection: _drop(connection, collection.name), alone=True)
        except StoreUnavailableError:
            if table is not None:
                self._tables.setdefault(collection.name, table)
            raise

    async def collections(self) -> tuple[Collection, ...]:
        found: list[Collection] = await self._writer.submit(stored_collections)
        return tuple(found)

    async def leave_no_trace(self) -> None:
        await self._writer.submit(_leave_no_trace, alone=True)

    async def ping(self) -> None:
        await self._writer.submit(lambda connection: connection.execute("SELECT 1 FROM collections").fetchone())

    async def close(self) -> None:
        await self._writer.close()
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._threads.shutdown)
            for connection in (self._reading, *self._thread_connections):
                connection.close()
            self._lock.release()

    def _table(self, collection: Collection) -> Table:
        table = self._tables.get(collection.name)
        if table is None:
            raise closed() if self._closed else undeclared(collection)
        check_declared(collection, table.collection)
        return table

    async def _insert(self, collection: Collection, table: Table, rows: Sequence[Row]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            with _declared(collection):
                _insert(connection, table, rows)

        await self._writer.submit(work, size_bytes=sum(len(row.encoded) for row in rows))

    async def _documents(self, collection: Collection, query: Query, limit: int) -> tuple[Document, ...]:
        def read(connection: sqlite3.Connection) -> tuple[Document, ...]:
            return tuple(map(document_of, _rows(connection, query)))

        return await self._read(collection, limit, read)

    async def _read(self, collection: Collection, size: int, read: Callable[[sqlite3.Connection], T]) -> T:
        """Run a read of about ``size`` documents: here when it is short, otherwise in a thread."""
        if size <= INLINE_READ_LIMIT:
            try:
                return read(self._reading)
            except sqlite3.Error as error:
                raise _read_error(error, collection) from error
        if self._closed:
            raise closed()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._read_in_thread, collection, read)

    def _read_in_thread(self, collection: Collection, read: Callable[[sqlite3.Connection], T]) -> T:
        try:
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = _connect_reader(self._path)
                self._thread_connections.append(connection)
            return read(connection)
        except sqlite3.Error as error:
            raise _read_error(error, collection) from error


@contextmanager
def _declared(collection: Collection) -> Iterator[None]:
    """Tell a collection that was dropped between a write's start and its turn from a store that is away."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if _is_dropped(error):
            raise undeclared(collection) from error
        raise


def _read_error(error: sqlite3.Error, collection: Collection) -> ZhikeError:
    return undeclared(collection) if _is_dropped(error) else unavailable(error)


def _is_dropped(error: sqlite3.Error) -> bool:
    return str(error).startswith("no such table")


def _connect(path: Path, *, timeout_ms: int, cache_kib: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=timeout_ms / 1_000, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA cache_size = {-cache_kib}")
    return connection


def _connect_writer(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)  # side files take the mode of the file that they belong to
    connection = _connect(path, timeout_ms=WRITER_BUSY_TIMEOUT_MS, cache_kib=WRITER_CACHE_KIB)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in {0, FORMAT_VERSION}:
            raise DeclarationError(f"{path} is of format {version}, this code reads {FORMAT_VERSION}", path=path)
        connection.execute(_CATALOG_SQL)
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    except (sqlite3.Error, DeclarationError):
        connection.close()
        raise
    return connection


def _connect_reader(path: Path) -> sqlite3.Connection:
    connection = _connect(path, timeout_ms=READER_BUSY_TIMEOUT_MS, cache_kib=READER_CACHE_KIB)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _rows(connection: sqlite3.Connection, query: Query) -> list[Any]:
    return connection.execute(query.sql, query.parameters).fetchall()


def _get_many(connection: sqlite3.Connection, table: Table, keys: Sequence[str]) -> dict[str, Document]:
    found = {}
    for key in keys:
        row = connection.execute(table.get_sql, (key,)).fetchone()
        if row is not None:
            found[key] = Document(key, orjson.loads(row[1]), row[0])
    return found


def _insert(connection: sqlite3.Connection, table: Table, rows: Sequence[Row]) -> None:
    changes_before = connection.total_changes
    try:
        connection.executemany(table.insert_sql, [row.bindings for row in rows])
    except sqlite3.IntegrityError as error:
        # Each row is a statement of its own: those before the refused one stay.
        position = connection.total_changes - changes_before
        raise table.taken(connection, rows[position], inserting=True, position=position) from error


def _replace(connection: sqlite3.Connection, table: Table, row: Row, expected_revision: int) -> None:
    bindings = (*row.bindings[1:], row.key, _bindable(expected_revision))
    try:
        replaced = connection.execute(table.replace_sql, bindings).rowcount
    except sqlite3.IntegrityError as error:
        raise table.taken(connection, row, inserting=False, position=0) from error
    if not replaced:
        raise _mismatch(connection, table, row.key, expected_revision)


def _delete(connection: sqlite3.Connection, table: Table, key: str, expected_revision: int | None) -> bool:
    if expected_revision is None:
        return connection.execute(table.delete_sql, (key,)).rowcount == 1
    if connection.execute(table.delete_expected_sql, (key, _bindable(expected_revision))).rowcount == 1:
        return True
    raise _mismatch(connection, table, key, expected_revision)


def _mismatch(connection: sqlite3.Connection, table: Table, key: str, expected: int) -> RevisionMismatchError:
    row = connection.execute(table.revision_sql, (key,)).fetchone()
    actual = None if row is None else row[0]
    return RevisionMismatchError(table.collection.name, key=key, expected=expected, actual=actual)


def _bindable(revision: int) -> int:
    # No document has revision 0, nor one beyond 64 bits.
    return revision if 0 < revision <= INTEGER_HIGHEST else 0


def _declare(connection: sqlite3.Connection, collections: Sequence[Collection]) -> list[Table]:
    tables = []
    connection.execute("BEGIN IMMEDIATE")
    for collection in collections:
        stored = connection.execute(
            "SELECT number, declaration FROM collections WHERE name = ?", (collection.name,)
        ).fetchone()
        if stored is not None:
            check_declared(collection, collection_of(collection.name, stored[1]))
            tables.append(Table(collection, stored[0]))
            continue
        number = connection.execute(
            "INSERT INTO collections (name, declaration) VALUES (?, ?)", (collection.name, declaration_of(collection))
        ).lastrowid
        table = Table(collection, number or 0)
        for statement in table.schema:
            connection.execute(statement)
        tables.append(table)
    connection.execute("COMMIT")
    return tables


def _drop(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    stored = connection.execute("SELECT number FROM collections WHERE name = ?", (name,)).fetchone()
    if stored is not None:
        connection.execute(f"DROP TABLE c{stored[0]}")
        connection.execute("DELETE FROM collections WHERE name = ?", (name,))
    connection.execute("COMMIT")


def _leave_no_trace(connection: sqlite3.Connection) -> None:
    """Write every page anew: secure_delete leaves pieces of cells in the free space of pages that were balanced."""
    connection.execute("VACUUM")
    (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StoreUnavailableError("a long read keeps the write-ahead log; try again")
