"""Restores a backup into a data directory on which nothing runs, or into the servers of the distributed profile.

Embedded, everything is built in a folder inside the data directory and moved to its place at the end, so a restore that
fails leaves what was there. The supervisor's lock is held all the while: nothing can start meanwhile.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from infra.local.run_file import read_run_file
from infra.local.supervisor import LOCK_FILE
from services.chassis.adapters import open_adapters
from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.port import ArtifactStore
from services.chassis.backup.archive import Manifest, RestoreTargetError, ServiceCopy, Show, path_in
from services.chassis.backup.restoring import (
    begin_anew,
    keeps_partitions,
    note_restore,
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
KEPT: Final = frozenset({LOCK_FILE, STAGING, "logs"})
DELETE_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Restore:
    """A restore to do. ``force``: what is in the data directory is replaced. ``settings`` by service."""

    backup: Path
    manifest: Manifest
    data: Path
    settings: Mapping[str, ChassisSettings]
    force: bool = False


async def restore(wanted: Restore, *, clock: Clock, rng: Random, show: Show) -> None:
    """Restore all services. Raises RestoreTargetError, BackupDamagedError, StoreUnavailableError."""
    wanted.data.mkdir(parents=True, exist_ok=True)
    with nothing_running(wanted.data):
        _check_empty(wanted)
        staging = wanted.data / STAGING
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
        for copy in wanted.manifest.services:
            settings = wanted.settings[copy.service]
            if settings.embedded:
                await _restore_into_files(wanted, copy, staging, clock=clock, rng=rng, show=show)
            else:
                await _restore_into_servers(wanted, copy, staging, clock=clock, rng=rng, show=show)
            restore_files(wanted.backup, copy, staging)
        _put_in_place(wanted.data, staging)


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
        await _empty_servers(wanted, copy.service, adapters.documents, adapters.artifacts)
        await restore_documents(
            wanted.backup, copy, adapters.documents, partitions=settings.partitions, rng=rng, show=show
        )
        await restore_blobs(wanted.backup, copy, adapters.artifacts, show)
        await note_restore(adapters.documents, wanted.manifest.created_time, clock)
    shutil.rmtree(staging / copy.service)  # copies of blobs; they are fetched when they are needed


async def _empty_servers(wanted: Restore, service: str, documents: DocumentStore, artifacts: ArtifactStore) -> None:
    standing = await documents.collections()
    if standing and not wanted.force:
        raise RestoreTargetError(
            f"the database of {service} holds {standing[0].name}: restore into an empty one, or --force"
        )
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
