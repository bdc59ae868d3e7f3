"""Takes a backup of a deployment that runs: what was acknowledged before it began is in it, whole or not at all.

Embedded, a read transaction is opened on every service's file before the first is copied, so all copies show the same
moment to within milliseconds, and SQLite's online backup copies what that transaction sees while the service writes on.
On MongoDB the documents are walked through the port, the events of the logs last and up to the heads that stood after
the walk: a document whose outbox was still full when it was read has its event in the log, or brings it there again
under the same identity, and no number is missing. The search index is not copied; it is filled from the documents.
"""

import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.port import ArtifactStore, Blob, BlobCorruptError, BlobMissingError
from services.chassis.backup.archive import (
    DOCUMENTS,
    FILES,
    FORMAT,
    BackupDamagedError,
    FileCopy,
    Manifest,
    ServiceCopy,
    Show,
    file_copy,
    prepare_target,
    sync_folder,
    write_manifest,
)
from services.chassis.backup.sqlite_archived import ArchivedDocuments
from services.chassis.backup.sqlite_copies import Snapshot, close_file, translated
from services.chassis.clock import Clock
from services.chassis.documents.port import Collection, Document, DocumentStore, Range, Scalar
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.eventlog.record import EVENTS, LOGS, PLACE
from services.chassis.version import software_version

COPY_DOCUMENTS: Final = 500
LIST_BLOBS: Final = 1_000
FILE_LIMIT_BYTES: Final = 1024 * 1024  # what is larger than a secret is no secret
DEFAULT_KEEP: Final = timedelta(days=30)
NOT_COPIED: Final = frozenset({"leases"})  # who holds a job says nothing about another day


@dataclass(frozen=True, slots=True)
class Wanted:
    """A backup to take. ``previous``: an older one on the same file system, whose blobs are linked, not copied."""

    target: Path
    profile: str
    keep: timedelta = DEFAULT_KEEP
    previous: Path | None = None


class Blobs:
    """The blobs of an archive: each is copied once, whichever services keep it."""

    def __init__(self, wanted: Wanted) -> None:
        self._own = LocalArtifacts(wanted.target)
        self._folder = wanted.target / "blobs"
        self._previous = None if wanted.previous is None else wanted.previous / "blobs"
        self.linked = 0

    async def open(self) -> None:
        """Make the folders."""
        await self._own.open()

    async def take(self, artifacts: ArtifactStore, show: Show, service: str) -> dict[str, int]:
        """Copy every blob of a service that the archive lacks; one that is collected meanwhile is left out."""
        found = [blob async for blob in _blobs(artifacts)]
        taken: dict[str, int] = {}
        total = sum(blob.size_bytes for blob in found)
        for blob in found:
            if await self._own.exists(blob.digest) or self._link(blob) or await self._copy(artifacts, blob):
                taken[blob.digest] = blob.size_bytes
            show(f"artifacts {service}", sum(taken.values()), total)
        return taken

    def finish(self) -> None:
        """Leave nothing but blobs."""
        (self._folder.parent / "tmp").rmdir()

    def _link(self, blob: Blob) -> bool:
        if self._previous is None:
            return False
        old, new = (folder / blob.digest[:2] / blob.digest for folder in (self._previous, self._folder))
        try:
            if old.stat().st_size != blob.size_bytes:
                return False
            new.parent.mkdir(exist_ok=True)
            os.link(old, new)
        except OSError:  # not there, or on another file system: copied
            return False
        self.linked += 1
        return True

    async def _copy(self, artifacts: ArtifactStore, blob: Blob) -> bool:
        try:
            stored = await self._own.put_file(await artifacts.open_path(blob.digest))
        except BlobMissingError:
            return False
        except BlobCorruptError as error:
            raise BackupDamagedError(f"the deployment's own blob is broken: {error.message}") from error
        return stored.digest == blob.digest


async def take_embedded(wanted: Wanted, data: Path, services: Sequence[str], clock: Clock, show: Show) -> Manifest:
    """Copy a data directory, whether anything runs on it or not. Raises BackupTargetError, StoreUnavailableError."""
    prepare_target(wanted.target)
    blobs = Blobs(wanted)
    await blobs.open()
    present = [each for each in services if (data / each / "documents.sqlite").exists()]
    copies = []
    with translated(), ExitStack() as held:
        # All transactions begin before the first copy.
        snapshots = {
            service: held.enter_context(closing(Snapshot(data / service / "documents.sqlite", clock.now())))
            for service in present
        }
        for service in present:
            snapshots[service].copy(wanted.target / DOCUMENTS / f"{service}.sqlite", show, service)
            artifacts = LocalArtifacts(data / service / "artifacts")
            copied = await blobs.take(artifacts, show, service) if (data / service / "artifacts/blobs").exists() else {}
            files = _copy_files(data / service, wanted.target, service)
            copies.append(_described(wanted.target, service, snapshots[service].time, copied, files))
    return _finished(wanted, blobs, copies, clock)


async def take_through_ports(
    wanted: Wanted,
    data: Path,
    stores: Mapping[str, tuple[DocumentStore, ArtifactStore]],
    clock: Clock,
    show: Show,
) -> Manifest:
    """Copy services whose documents lie behind a port; secrets come out of this machine's data directory."""
    prepare_target(wanted.target)
    blobs = Blobs(wanted)
    await blobs.open()
    copies = []
    for service, (documents, artifacts) in stores.items():
        snapshot_time = clock.now()
        await copy_documents(documents, wanted.target / DOCUMENTS / f"{service}.sqlite", show, service)
        copied = await blobs.take(artifacts, show, service)
        files = _copy_files(data / service, wanted.target, service)
        copies.append(_described(wanted.target, service, snapshot_time, copied, files))
    return _finished(wanted, blobs, copies, clock)


async def copy_documents(documents: DocumentStore, path: Path, show: Show, service: str) -> None:
    """Write all documents of a store into one SQLite file of the archive."""
    collections = [each for each in await documents.collections() if each.name not in NOT_COPIED]
    await documents.declare(*collections)
    total = sum([await documents.count(each) for each in collections])
    copy = SqliteDocuments.open(path)
    done = 0
    try:
        await copy.declare(*collections)
        logs: list[Document] = []
        for collection in collections:
            if collection.name == EVENTS.name:
                continue
            async for page in _pages(documents, collection):
                await copy.insert_many(collection, [(each.key, each.body) for each in page])
                logs += page if collection.name == LOGS.name else ()
                done += len(page)
                show(f"documents {service}", done, total)
        for log in logs:
            for partition in range(log.body["partitions"]):
                async for events in _events(documents, log.key, partition):
                    await copy.insert_many(EVENTS, [(each.key, each.body) for each in events])
                    done += len(events)
                    show(f"documents {service}", done, max(done, total))
    finally:
        await copy.close()
    close_file(path)


def _described(
    target: Path, service: str, snapshot_time: datetime, blobs: Mapping[str, int], files: Sequence[FileCopy]
) -> ServiceCopy:
    path = target / DOCUMENTS / f"{service}.sqlite"
    with ArchivedDocuments(path) as archived:
        return ServiceCopy(
            service=service,
            snapshot_time=snapshot_time.isoformat(),
            documents=file_copy(target, path),
            collections=archived.counts(),
            logs=archived.logs(),
            blobs=dict(blobs),
            files=tuple(files),
        )


def _copy_files(folder: Path, target: Path, service: str) -> list[FileCopy]:
    """Copy the secrets that a service keeps beside its documents."""
    copies = []
    for path in sorted(folder.glob("*.secret")) if folder.is_dir() else ():
        if path.stat().st_size > FILE_LIMIT_BYTES:
            continue
        copy = target / FILES / service / path.name
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy.touch(mode=0o600)
        copy.write_bytes(path.read_bytes())
        copies.append(file_copy(target, copy))
    return copies


def _finished(wanted: Wanted, blobs: Blobs, copies: Iterable[ServiceCopy], clock: Clock) -> Manifest:
    blobs.finish()
    now = clock.now()
    manifest = Manifest(
        format=FORMAT,
        version=software_version(),
        profile=wanted.profile,
        created_time=now.isoformat(),
        expire_time=(now + wanted.keep).isoformat(),
        services=tuple(copies),
    )
    sync_folder(wanted.target / DOCUMENTS)
    write_manifest(wanted.target, manifest)
    return manifest


async def _pages(documents: DocumentStore, collection: Collection) -> AsyncIterator[tuple[Document, ...]]:
    after: str | None = None
    while True:
        page = await documents.scan(collection, after=after, limit=COPY_DOCUMENTS)
        if page.documents:
            yield page.documents
        if page.next_after is None:
            return
        after = page.next_after


async def _events(documents: DocumentStore, log: str, partition: int) -> AsyncIterator[tuple[Document, ...]]:
    """Yield a partition's events in order, up to the head that stands now. Raises BackupDamagedError at a hole."""
    place: dict[str, Scalar] = {"log": log, "partition": partition}
    last = await documents.find(EVENTS, PLACE, place, limit=1, descending=True)
    head = int(last.documents[0].body["seq"]) if last.documents else 0
    after = 0
    while after < head:
        between = Range(at_least=after + 1, below=head + 1)
        page = await documents.find(EVENTS, PLACE, place, range_=between, limit=COPY_DOCUMENTS)
        expected = range(after + 1, after + 1 + len(page.documents))
        if not page.documents or [each.body["seq"] for each in page.documents] != list(expected):
            raise BackupDamagedError(f"log {log}/{partition} has a hole after {after}; nothing was backed up")
        yield page.documents
        after = int(page.documents[-1].body["seq"])


async def _blobs(artifacts: ArtifactStore) -> AsyncIterator[Blob]:
    after: str | None = None
    while blobs := await artifacts.list(after=after, limit=LIST_BLOBS):
        for blob in blobs:
            yield blob
        after = blobs[-1].digest
