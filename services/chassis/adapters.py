"""Opens the ports that the settings name. The only place that knows which adapter stands behind which setting.

The adapters of the distributed profile, and the embedded index, are imported where they are chosen: their drivers cost
a process 0.9 s of CPU at every start, more than all the rest of it, and most processes never use them.
"""

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.documents.lock import StoreLock
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import DocumentFormError, DocumentStore
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.searchindex.port import SearchIndex
from services.chassis.settings import ChassisSettings, SettingsError, variable


@dataclass(frozen=True, slots=True)
class Adapters:
    """The opened ports of one process. ``folder``: its own place for files, held by ``lock``.

    Embedded, the lock keeps a second process off the store; on MongoDB it keeps one off this folder alone (local
    indexes and copies), and replicas on one machine take a data directory each.
    """

    folder: Path
    documents: DocumentStore
    artifacts: ArtifactStore
    lock: StoreLock

    async def close(self) -> None:
        """Close in the opposite order of opening."""
        await self.artifacts.close()
        await self.documents.close()
        self.lock.release()


async def open_adapters(settings: ChassisSettings, service: str) -> Adapters:
    """Lock the service's data directory and open its stores. MongoDB is reached with the first operation.

    Raises StoreInUseError (another process has it), SettingsError (an adapter that this version does not have),
    StoreUnavailableError.
    """
    _refuse_absent(settings)
    folder = settings.data.absolute() / service
    async with AsyncExitStack() as opened:
        lock = await asyncio.to_thread(_lock, folder)
        opened.callback(lock.release)
        documents = _open_documents(settings, folder, service)
        opened.push_async_callback(documents.close)
        artifacts = await _open_artifacts(settings, folder, documents)
        opened.pop_all()
    return Adapters(folder=folder, documents=documents, artifacts=artifacts, lock=lock)


def _refuse_absent(settings: ChassisSettings) -> None:
    """Say what cannot be, instead of starting on another store."""
    if settings.search_index_ca is not None and not settings.search_index_ca.is_file():
        raise SettingsError(f"{variable('search_index_ca')}: there is no such file")
    if settings.artifacts == "gridfs" and settings.embedded:
        raise SettingsError(
            f"{variable('artifacts')}: gridfs lies in the documents' MongoDB, so {variable('documents')} must be a "
            "mongodb:// address"
        )


def _lock(folder: Path) -> StoreLock:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return StoreLock.acquire(folder / "process.lock")


def _open_documents(settings: ChassisSettings, folder: Path, service: str) -> DocumentStore:
    if settings.documents == "memory":
        return MemoryDocuments()
    if settings.embedded:
        # Where SQLite puts the copy that it makes of a store: /tmp may be small, or cannot be written.
        os.environ.setdefault("SQLITE_TMPDIR", str(folder))
        return SqliteDocuments.open(folder / "documents.sqlite")
    from services.chassis.documents.mongo import MongoDocuments

    try:
        return MongoDocuments.open(settings.documents, service)
    except DocumentFormError as error:
        raise SettingsError(f"{variable('documents')}: {error.message}") from error


def open_search_index(settings: ChassisSettings, folder: Path, service: str, clock: Clock) -> SearchIndex:
    """Return the search index of a service: directories under ``folder``, or indexes of its own on Elasticsearch.

    Elasticsearch is reached with the first operation. Raises SettingsError.
    """
    if settings.search_index == "tantivy":
        from services.chassis.searchindex.tantivy import TantivySearchIndex

        return TantivySearchIndex(folder, clock=clock)
    from services.chassis.searchindex.elastic import ElasticSearchIndex, Server

    try:
        server = Server(settings.search_index, api_key=settings.search_index_api_key, ca_file=settings.search_index_ca)
    except (ValueError, OSError) as error:
        # Its words may repeat a password that stands in the address.
        problem = "must be http(s)://host:port, with readable certificates and one kind of credentials"
        raise SettingsError(f"{variable('search_index')}: {problem}") from error
    return ElasticSearchIndex(server, prefix=f"{settings.search_index_prefix}-{service}", clock=clock)


async def _open_artifacts(settings: ChassisSettings, folder: Path, documents: DocumentStore) -> ArtifactStore:
    if settings.artifacts == "gridfs":
        from services.chassis.artifacts.gridfs import GridFsArtifacts
        from services.chassis.documents.mongo import MongoDocuments

        assert isinstance(documents, MongoDocuments)  # _refuse_absent saw to it
        remote = GridFsArtifacts(documents, folder / "artifacts")
        await remote.open()
        return remote
    local = LocalArtifacts(folder / "artifacts")
    await local.open()
    return local
