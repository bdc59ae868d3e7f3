"""A SQLite file of documents read without being opened as a store: nothing is locked and not a byte of it changes."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from services.chassis.backup.archive import BackupDamagedError, LogCopy
from services.chassis.documents.port import Collection, Document, Range, Scalar
from services.chassis.documents.query import plan_find
from services.chassis.documents.sqlite_tables import Table, document_of, stored_collections
from services.chassis.eventlog.record import EVENTS, LOGS, PLACE

PAGE = 500


class ArchivedDocuments:
    """The documents of one file that nobody writes any more. Close it, or use it in a ``with``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
            numbers = self._connection.execute("SELECT name, number FROM collections").fetchall()
            self.collections = tuple(stored_collections(self._connection))
        except (sqlite3.Error, ValueError) as error:
            raise BackupDamagedError(f"{path} cannot be read: {error}") from error
        named = {each.name: each for each in self.collections}
        self._tables = {name: Table(named[name], number) for name, number in numbers}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def counts(self) -> dict[str, int]:
        """Return how many documents each collection holds."""
        return {name: self._number(table.count(None, ()).sql) for name, table in sorted(self._tables.items())}

    def check(self) -> None:
        """Raise BackupDamagedError unless the file is whole in SQLite's own eyes."""
        try:
            (said,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.Error as error:
            said = str(error)
        if said != "ok":
            raise BackupDamagedError(f"{self._path}: {said}")

    def pages(self, collection: Collection) -> Iterator[tuple[Document, ...]]:
        """Yield all documents of a collection in key order."""
        table = self._tables[collection.name]
        after: str | None = None
        while True:
            query = table.scan(after, PAGE)
            found = tuple(map(document_of, self._connection.execute(query.sql, query.parameters)))[:PAGE]
            if not found:
                return
            yield found
            after = found[-1].key

    def logs(self) -> tuple[LogCopy, ...]:
        """Return where each log stood."""
        if LOGS.name not in self._tables:
            return ()
        bodies = {document.key: document.body for page in self.pages(LOGS) for document in page}
        return tuple(
            LogCopy(name, body["generation"], tuple(self._head(name, each) for each in range(body["partitions"])))
            for name, body in sorted(bodies.items())
        )

    def events(self, log: str, partition: int) -> Iterator[Document]:
        """Yield the events of a partition in order."""
        if EVENTS.name not in self._tables:
            return
        place: dict[str, Scalar] = {"log": log, "partition": partition}
        table, after = self._tables[EVENTS.name], 0
        while True:
            find = plan_find(
                EVENTS, PLACE, place, range_=Range(at_least=after + 1), after=None, limit=PAGE, descending=False
            )
            query = table.find(find)
            found = tuple(map(document_of, self._connection.execute(query.sql, query.parameters)))[:PAGE]
            if not found:
                return
            yield from found
            after = int(found[-1].body["seq"])

    def _head(self, log: str, partition: int) -> int:
        if EVENTS.name not in self._tables:
            return 0
        place: dict[str, Scalar] = {"log": log, "partition": partition}
        find = plan_find(EVENTS, PLACE, place, range_=None, after=None, limit=1, descending=True)
        query = self._tables[EVENTS.name].find(find)
        found = self._connection.execute(query.sql, query.parameters).fetchone()
        return 0 if found is None else int(document_of(found).body["seq"])

    def _number(self, sql: str) -> int:
        return int(self._connection.execute(sql).fetchone()[0])
