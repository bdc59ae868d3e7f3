"""Restores a backup into a data directory on which nothing runs, or into the servers of the distributed profile.

Embedded, everything is built in a folder inside the data directory and moved to its place at the end, so a restore that
fails before leaves what was there. The supervisor's lock is held all the while: nothing can start meanwhile. While data
is being replaced a marker stands, and whoever would start on half of a backup is refused until the restore is begun
again and ends. Who was erased from the replaced data is carried over (infra/local/carrying.py).
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from infra.local.carrying import Carried, read_carried, repeat_erasures, restored_stores
from infra.local.run_file import read_run_file
from infra.local.supervisor import LOCK_FILE
from services.chassis.adapters import open_adapters
from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.port import ArtifactStore
from services.chassis.backup.archive import Manifest, RestoreTargetError, ServiceCopy, Show, path_in
from services.chassis.backup.marks import (
    MARKER,
    RESTORES,
    begin_restore,
    end_restore,
    note_restore,
    remove_marker,
    write_marker,
)
from services.chassis.backup.restoring import (
    begin_anew,
    keeps_partitions,
    restore_blobs,
    restore_documents,
    restore_files,
)
from services.chassis.clock import Clock
from services.chassis.documents.lock import StoreInUseError, StoreLock
from services.chassis.documents.port import DocumentStore
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.settings import ChassisSettings

STAGING: Final = ".restoring"
KEPT: Final = frozenset({LOCK_FILE, STAGING, MARKER, "logs"})
ROUND_BITS: Final = 96
DELETE_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Restore:
    """A restore to do. ``force``: what is in the data directory is replaced. ``settings`` by service."""

    backup: Path
    manifest: Manifest
    data: Path
    settings: Mapping[str, ChassisSettings]
    force: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    """``erased_known``: the replaced data told who was erased; ``erased_again``: how many persons go once more."""

    erased_known: bool
    erased_again: int


async def restore(wanted: Restore, *, clock: Clock, rng: Random, show: Show) -> Restored:
    """Restore all services. Raises RestoreTargetError, BackupDamagedError, StoreUnavailableError."""
    data = wanted.data
    data.mkdir(parents=True, exist_ok=True)
    with nothing_running(data):
        _check_empty(wanted)
        servers = {each: own for each, own in wanted.settings.items() if not own.embedded}
        await _check_servers_empty(wanted, servers)
        carried = await _carried(wanted)
        staging = data / STAGING
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
        if servers:
            await _mark(data, carried, servers)
        for copy in wanted.manifest.services:
            if wanted.settings[copy.service].embedded:
                await _restore_into_files(wanted, copy, staging, clock=clock, rng=rng, show=show)
            else:
                await _restore_into_servers(wanted, copy, staging, clock=clock, rng=rng, show=show)
            restore_files(wanted.backup, copy, staging)
        async with restored_stores(staging, wanted.settings) as stores:
            again = await repeat_erasures(
                stores, carried, wanted.manifest, lambda: f"{rng.getrandbits(ROUND_BITS):024x}"
            )
        write_marker(data, carried.to_bytes())
        _put_in_place(data, staging)
        async with restored_stores(data, servers) as stores:
            for store in stores.values():
                await end_restore(store)
        remove_marker(data)
    return Restored(carried.known, again)


async def _carried(wanted: Restore) -> Carried:
    try:
        return await read_carried(wanted.data, wanted.settings)
    except StoreInUseError as error:
        raise RestoreTargetError(f"something runs on {wanted.data}: {error.message}") from error


async def _mark(data: Path, carried: Carried, servers: Mapping[str, ChassisSettings]) -> None:
    """Have nothing start from here on, on this machine or another."""
    write_marker(data, carried.to_bytes())
    async with restored_stores(data, servers) as stores:
        for store in stores.values():
            await begin_restore(store)


@contextmanager
def nothing_running(data: Path) -> Iterator[None]:
    """Hold the supervisor's lock of a data directory. Raises RestoreTargetError when something runs there."""
    if read_run_file(data) is not None:
        raise RestoreTargetError(f"something runs on {data}: stop it first (zhike down)")
    try:
        lock = StoreLock.acquire(data / LOCK_FILE)
    except StoreInUseError as error:
        raise RestoreTargetError(f"something runs on {data}: {error.message}") from error
    try:
        yield
    finally:
        lock.release()


def _check_empty(wanted: Restore) -> None:
    standing = sorted(path.name for path in wanted.data.iterdir() if path.name not in KEPT)
    if standing and not wanted.force:
        raise RestoreTargetError(
            f"{wanted.data} holds {', '.join(standing[:5])}: restore into an empty one, or --force"
        )


async def _restore_into_files(
    wanted: Restore, copy: ServiceCopy, staging: Path, *, clock: Clock, rng: Random, show: Show
) -> None:
    partitions = wanted.settings[copy.service].partitions
    path = staging / copy.service / "documents.sqlite"
    path.parent.mkdir(mode=0o700)
    as_it_is = keeps_partitions(copy, partitions)
    if as_it_is:
        path.touch(mode=0o600)
        shutil.copyfile(path_in(wanted.backup, copy.documents.path), path)
    store = SqliteDocuments.open(path)
    try:
        if as_it_is:
            await begin_anew(store, rng)
            show(f"documents {copy.service}", 1, 1)
        else:
            await restore_documents(wanted.backup, copy, store, partitions=partitions, rng=rng, show=show)
        await note_restore(store, wanted.manifest.created_time, clock)
    finally:
        await store.close()
    artifacts = LocalArtifacts(staging / copy.service / "artifacts")
    await artifacts.open()
    await restore_blobs(wanted.backup, copy, artifacts, show)


async def _restore_into_servers(
    wanted: Restore, copy: ServiceCopy, staging: Path, *, clock: Clock, rng: Random, show: Show
) -> None:
    settings = wanted.settings[copy.service].model_copy(update={"data": staging})
    async with AsyncExitStack() as opened:
        adapters = await open_adapters(settings, copy.service)
        opened.push_async_callback(adapters.close)
        await _empty_servers(adapters.documents, adapters.artifacts)
        await restore_documents(
            wanted.backup, copy, adapters.documents, partitions=settings.partitions, rng=rng, show=show
        )
        await restore_blobs(wanted.backup, copy, adapters.artifacts, show)
        await note_restore(adapters.documents, wanted.manifest.created_time, clock)
    if settings.artifacts == "gridfs":
        shutil.rmtree(staging / copy.service)  # copies of blobs; they are fetched when they are needed


async def _check_servers_empty(wanted: Restore, servers: Mapping[str, ChassisSettings]) -> None:
    async with restored_stores(wanted.data, {} if wanted.force else servers) as stores:
        for service, documents in stores.items():
            standing = await documents.collections()
            if standing:
                raise RestoreTargetError(
                    f"the database of {service} holds {standing[0].name}: restore into an empty one, or --force"
                )


async def _empty_servers(documents: DocumentStore, artifacts: ArtifactStore) -> None:
    standing = [each for each in await documents.collections() if each.name != RESTORES.name]
    await documents.declare(*standing)
    for collection in standing:
        await documents.drop(collection)
    while blobs := await artifacts.list(limit=DELETE_PAGE):
        for blob in blobs:
            await artifacts.delete(blob.digest)


def _put_in_place(data: Path, staging: Path) -> None:
    """Replace what stands in the data directory by what was built; the journal of the processes stays."""
    for path in data.iterdir():
        if path.name not in KEPT:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for path in staging.iterdir():
        path.rename(data / path.name)
    staging.rmdir()
