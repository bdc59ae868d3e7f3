"""Opens the ports that the settings name. The only place that knows which adapter stands behind which setting."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.port import ArtifactStore
from services.chassis.documents.lock import StoreLock
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import DocumentStore
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.settings import ChassisSettings, SettingsError, variable


@dataclass(frozen=True, slots=True)
class Adapters:
    """The opened ports of one process. ``folder``: its own place for files, held by ``lock``."""

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
    """Lock the service's data directory and open its stores.

    Raises StoreInUseError (another process has it), SettingsError (an adapter that this version does not have),
    StoreUnavailableError.
    """
    _refuse_absent(settings)
    folder = settings.data.absolute() / service
    async with AsyncExitStack() as opened:
        lock = await asyncio.to_thread(_lock, folder)
        opened.callback(lock.release)
        documents = _open_documents(settings, folder)
        opened.push_async_callback(documents.close)
        artifacts = LocalArtifacts(folder / "artifacts")
        await artifacts.open()
        opened.pop_all()
    return Adapters(folder=folder, documents=documents, artifacts=artifacts, lock=lock)


def _refuse_absent(settings: ChassisSettings) -> None:
    """The distributed profile's adapters come with a later version; say so instead of starting on another store."""
    for field, here in (("documents", {"sqlite", "memory"}), ("artifacts", {"local"}), ("search_index", {"tantivy"})):
        if getattr(settings, field) not in here:
            raise SettingsError(f"{variable(field)}: this version has only {' and '.join(sorted(here))}")


def _lock(folder: Path) -> StoreLock:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return StoreLock.acquire(folder / "process.lock")


def _open_documents(settings: ChassisSettings, folder: Path) -> DocumentStore:
    if settings.documents == "memory":
        return MemoryDocuments()
    return SqliteDocuments.open(folder / "documents.sqlite")
