"""Checks a backup without restoring it: every hash, every count, every blob that its documents name, every number."""

from collections import Counter
from pathlib import Path

from services.chassis.artifacts.manifest import MANIFESTS
from services.chassis.backup.archive import (
    BackupDamagedError,
    FileCopy,
    Manifest,
    ServiceCopy,
    Show,
    digest_of,
    path_in,
    read_manifest,
)
from services.chassis.backup.sqlite_archived import ArchivedDocuments


def verify(folder: Path, show: Show) -> Manifest:
    """Return the manifest of a whole backup. Raises BackupFormError, BackupDamagedError that names what is broken."""
    manifest = read_manifest(folder)
    done, total = 0, manifest.size_bytes
    for service in manifest.services:
        for file in (service.documents, *service.files):
            _check_file(folder, file)
            done += file.size_bytes
            show("hashes", done, total)
        _check_documents(folder, service)
    for digest, size_bytes in manifest.blobs.items():
        _check_file(folder, FileCopy(f"blobs/{digest[:2]}/{digest}", size_bytes, digest))
        done += size_bytes
        show("hashes", done, total)
    return manifest


def _check_file(folder: Path, file: FileCopy) -> None:
    path = path_in(folder, file.path)
    try:
        size_bytes = path.stat().st_size
        found = digest_of(path) if size_bytes == file.size_bytes else ""
    except OSError as error:
        raise BackupDamagedError(f"{file.path} cannot be read: {error.strerror}") from error
    if found != file.sha256:
        raise BackupDamagedError(f"{file.path} is not what was backed up: size or hash differ")


def _check_documents(folder: Path, service: ServiceCopy) -> None:
    with ArchivedDocuments(path_in(folder, service.documents.path)) as archived:
        archived.check()
        counts = archived.counts()
        if counts != dict(service.collections):
            differing = sorted(
                name for name in {*counts, *service.collections} if counts.get(name) != service.collections.get(name)
            )
            raise BackupDamagedError(f"{service.documents.path}: other documents than stated in {', '.join(differing)}")
        if archived.logs() != service.logs:
            raise BackupDamagedError(f"{service.documents.path}: a log stands elsewhere than stated")
        _check_numbers(archived, service)
        _check_blobs(archived, service)


def _check_numbers(archived: ArchivedDocuments, service: ServiceCopy) -> None:
    """Hold that no log has a hole: as many events as its last number, of each partition."""
    for log in service.logs:
        for partition, head in enumerate(log.seqs):
            counted = Counter(event.body["seq"] for event in archived.events(log.name, partition))
            if len(counted) != head:
                raise BackupDamagedError(f"log {log.name}/{partition} holds {len(counted)} events and ends at {head}")


def _check_blobs(archived: ArchivedDocuments, service: ServiceCopy) -> None:
    if all(each.name != MANIFESTS.name for each in archived.collections):
        return
    for page in archived.pages(MANIFESTS):
        for document in page:
            for version in document.body["versions"][:1]:  # what is in force; older ones may be on their way out
                missing = sorted(set(version["blobs"].values()) - set(service.blobs))
                if missing:
                    raise BackupDamagedError(f"{service.service}: {document.key} names blob {missing[0]}, not in it")
