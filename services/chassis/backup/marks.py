"""What a restore leaves for whoever starts on what it restored: that it was broken off or ended, and whom to wait for.

While data is being replaced a marker stands in the data directory and, on servers, a document in each database:
nothing starts on half of a backup. The marker keeps what must outlive the replaced data, so that a restore that is
begun again still knows it.
"""

import os
from pathlib import Path
from typing import Final

from services.chassis.backup.archive import sync_folder
from services.chassis.clock import Clock
from services.chassis.documents.port import PAGE_LIMIT, Collection, DocumentStore
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.eventlog.record import micros_from_time
from services.chassis.settings import ChassisSettings

RESTORES: Final = Collection("restores")  # one document for each restore of this store
AWAITED: Final = Collection("restored_erasures")  # receipts that must be done again before anybody is answered
MARKER: Final = ".restore-unfinished"
UNFINISHED: Final = "unfinished"


class RestoreUnfinishedError(ZhikeError):
    """A restore was broken off while it replaced what was there; it must be begun again."""

    kind = ErrorKind.PRECONDITION
    reason = "RESTORE_UNFINISHED"

    def __init__(self, where: str, otherwise: str = "") -> None:
        super().__init__(
            f"a restore into {where} was broken off, and what is there is half of it: "
            f"run zhike restore FOLDER --force again{otherwise}"
        )


def refuse_half_restored_files(data: Path) -> None:
    """Raise RestoreUnfinishedError when a restore into the data directory was broken off."""
    if (data / MARKER).exists():
        # Only a person knows whether what servers hold was restored since then, from another machine.
        otherwise = f"; if its servers were restored from another machine since, remove {data / MARKER} instead"
        raise RestoreUnfinishedError(str(data), otherwise)


async def refuse_half_restored(settings: ChassisSettings, service: str, documents: DocumentStore) -> None:
    """Raise RestoreUnfinishedError when a restore of what a process starts on was broken off, on whichever machine."""
    refuse_half_restored_files(settings.data)
    if not settings.embedded and await is_half_restored(documents):
        raise RestoreUnfinishedError(f"the database of {service}")


async def is_half_restored(documents: DocumentStore) -> bool:
    """Tell whether a restore into a database was broken off."""
    await documents.declare(RESTORES)
    return await documents.get(RESTORES, UNFINISHED) is not None


def write_marker(data: Path, content: bytes) -> None:
    """Say that what stands in the data directory is being replaced; durable on return."""
    temporary = data / f"{MARKER}.new"
    temporary.touch(mode=0o600)
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(data / MARKER)
    sync_folder(data)


def remove_marker(data: Path) -> None:
    """Say that the restore ended; what it wrote is durable before that."""
    os.sync()
    (data / MARKER).unlink(missing_ok=True)
    sync_folder(data)


async def begin_restore(documents: DocumentStore) -> None:
    """Leave nothing of earlier restores in a database and say that one goes on."""
    await documents.declare(RESTORES)
    if await documents.get(RESTORES, UNFINISHED) is None:
        await documents.insert(RESTORES, UNFINISHED, {})
    for document in (await documents.scan(RESTORES, limit=PAGE_LIMIT)).documents:
        if document.key != UNFINISHED:
            await documents.delete(RESTORES, document.key)


async def end_restore(documents: DocumentStore) -> None:
    """Say that the database was restored as a whole."""
    await documents.declare(RESTORES)
    await documents.delete(RESTORES, UNFINISHED)


async def note_restore(documents: DocumentStore, created_time: str, clock: Clock) -> None:
    """Leave word in the store that it was restored, and from when."""
    await documents.declare(RESTORES)
    restored_time_us = micros_from_time(clock.now())
    await documents.insert(
        RESTORES, str(restored_time_us), {"created_time": created_time, "restored_time_us": restored_time_us}
    )
