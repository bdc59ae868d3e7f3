"""Copies of SQLite files that are written to meanwhile."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from services.chassis.backup.archive import BackupDamagedError, Show
from services.chassis.documents.sqlite import FORMAT_VERSION
from services.chassis.documents.sqlite_writer import unavailable

COPY_PAGES: Final = 4_096  # of SQLite, between two looks at the progress


@contextmanager
def translated() -> Iterator[None]:
    """Raise what a store raises where SQLite fails: StoreUnavailableError."""
    try:
        yield
    except sqlite3.Error as error:
        raise unavailable(error) from error


class Snapshot:
    """A read transaction on a live file: what it sees stays as it is, whatever the service writes meanwhile."""

    def __init__(self, path: Path, time: datetime) -> None:
        self.time = time
        self._connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
        self._connection.execute("PRAGMA query_only = ON")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version != FORMAT_VERSION:
            self._connection.close()
            raise BackupDamagedError(f"{path} is of format {version}, this version copies {FORMAT_VERSION}")
        self._connection.execute("BEGIN")
        self._connection.execute("SELECT count(*) FROM collections").fetchone()  # the transaction begins with a read

    def copy(self, path: Path, show: Show, service: str) -> None:
        def progress(_: int, remaining: int, total: int) -> None:
            show(f"documents {service}", total - remaining, total)

        path.touch(mode=0o600)
        target = sqlite3.connect(path, isolation_level=None)
        try:
            self._connection.backup(target, pages=COPY_PAGES, progress=progress, sleep=0)
        finally:
            target.close()
        self.close()
        close_file(path)

    def close(self) -> None:
        self._connection.close()


def close_file(path: Path) -> None:
    """Leave one durable file without side files."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
    finally:
        connection.close()
    path.with_name(path.name + ".lock").unlink(missing_ok=True)
    with path.open("rb") as file:
        os.fsync(file.fileno())
