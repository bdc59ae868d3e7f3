"""The form of a backup: a folder that says in ``manifest.json`` what lies in it, how much of it, and with which hashes.

    manifest.json                 written last: a folder without it is no backup
    documents/<service>.sqlite    all documents of a service, whatever store they came from
    blobs/<2 digits>/<digest>     artifacts of all services, each once
    files/<service>/<name>        secrets that a service keeps beside its documents

The form changes only by addition; ``format`` counts what an older reader could not read.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from services.chassis.errors import ErrorKind, ZhikeError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DOCUMENTS: Final = "documents"
FILES: Final = "files"
MANIFEST_LIMIT_BYTES: Final = 256 * 1024 * 1024
CHUNK_BYTES: Final = 1024 * 1024

Show = Callable[[str, int, int], None]  # what is being done ("documents knowledge"), how much of it, of how much


class BackupTargetError(ZhikeError):
    """The folder that a backup shall be written to has something in it, or cannot be written."""

    kind = ErrorKind.INVALID
    reason = "BACKUP_TARGET"


class BackupFormError(ZhikeError):
    """The folder is no backup, an unfinished one, or one of a newer form."""

    kind = ErrorKind.INVALID
    reason = "BACKUP_FORM"


class BackupDamagedError(ZhikeError):
    """What lies in a backup is not what its manifest says; nothing was restored from it."""

    kind = ErrorKind.DATA_LOSS
    reason = "BACKUP_DAMAGED"


class BackupExpiredError(ZhikeError):
    """The backup is past its term: it may hold persons who were erased since."""

    kind = ErrorKind.PRECONDITION
    reason = "BACKUP_EXPIRED"


class RestoreTargetError(ZhikeError):
    """What would be restored into holds data, or something runs on it."""

    kind = ErrorKind.PRECONDITION
    reason = "RESTORE_TARGET"


@dataclass(frozen=True, slots=True)
class FileCopy:
    """A file of the archive by its path below it."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class LogCopy:
    """Where an event log stood: its last number by partition."""

    name: str
    generation: str
    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ServiceCopy:
    """What was copied of one service. ``snapshot_time``: all that was acknowledged before it is in the copy."""

    service: str
    snapshot_time: str
    documents: FileCopy
    collections: Mapping[str, int]  # documents by collection
    logs: tuple[LogCopy, ...]
    blobs: Mapping[str, int]  # bytes by digest
    files: tuple[FileCopy, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. Times are RFC 3339 UTC."""

    format: int
    version: str
    profile: str
    created_time: str
    expire_time: str
    services: tuple[ServiceCopy, ...]

    @property
    def documents(self) -> int:
        """How many documents there are."""
        return sum(sum(each.collections.values()) for each in self.services)

    @property
    def events(self) -> int:
        """How many events of logs there are."""
        return sum(sum(log.seqs) for each in self.services for log in each.logs)

    @property
    def blobs(self) -> Mapping[str, int]:
        """The blobs of all services, each once."""
        return {digest: size for each in self.services for digest, size in each.blobs.items()}

    @property
    def size_bytes(self) -> int:
        """How much it takes, the manifest itself aside."""
        files = [file for each in self.services for file in (each.documents, *each.files)]
        return sum(file.size_bytes for file in files) + sum(self.blobs.values())

    def is_expired(self, now: datetime) -> bool:
        """Tell whether the backup is past its term."""
        return now >= datetime.fromisoformat(self.expire_time)


def prepare_target(folder: Path) -> None:
    """Make the folder of a new backup, for its owner alone. Raises BackupTargetError unless it is absent or empty."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BackupTargetError(f"{folder} is not empty: a backup is written into a new or an empty folder")
        folder.chmod(0o700)
        (folder / DOCUMENTS).mkdir(mode=0o700)
    except OSError as error:
        raise BackupTargetError(f"{folder} cannot be written: {error.strerror}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Finish a backup: only now is the folder one."""
    temporary = folder / f".{MANIFEST}"
    with temporary.open("wb") as file:
        file.write(orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / MANIFEST)
    sync_folder(folder)


def read_manifest(folder: Path) -> Manifest:
    """Return what a backup says of itself. Raises BackupFormError."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MANIFEST_LIMIT_BYTES:
            raise BackupFormError(f"{path} is no manifest: it is larger than {MANIFEST_LIMIT_BYTES} bytes")
        said = orjson.loads(path.read_bytes())
    except OSError:
        raise BackupFormError(f"{folder} is no backup, or one that was not finished: it has no {MANIFEST}") from None
    except orjson.JSONDecodeError as error:
        raise BackupFormError(f"{path} is no manifest: {error}") from None
    if not isinstance(said, dict) or not isinstance(said.get("format"), int):
        raise BackupFormError(f"{path} is no manifest of a backup")
    if said["format"] > FORMAT:
        raise BackupFormError(f"{folder} is of format {said['format']}; this version reads up to {FORMAT}")
    try:
        return _manifest(said)
    except (KeyError, TypeError, ValueError) as error:
        raise BackupFormError(f"{path} is no manifest of a backup: {error!r}") from None


def file_copy(folder: Path, path: Path) -> FileCopy:
    """Return a file of the archive as the manifest names it."""
    return FileCopy(str(path.relative_to(folder)), path.stat().st_size, digest_of(path))


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def path_in(folder: Path, name: str) -> Path:
    """Return where a file of the manifest lies; raises BackupDamagedError for one that would lie elsewhere."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise BackupDamagedError(f"the manifest names {name!r}, which lies outside the backup")
    return path


def sync_folder(folder: Path) -> None:
    """Make names inside a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _manifest(said: Mapping[str, Any]) -> Manifest:
    known = {name: said[name] for name in ("format", "version", "profile", "created_time", "expire_time")}
    datetime.fromisoformat(known["expire_time"])
    return Manifest(**known, services=tuple(_service(each) for each in said["services"]))


def _service(said: Mapping[str, Any]) -> ServiceCopy:
    return ServiceCopy(
        service=said["service"],
        snapshot_time=said["snapshot_time"],
        documents=_file(said["documents"]),
        collections=dict(said["collections"]),
        logs=tuple(LogCopy(each["name"], each["generation"], tuple(each["seqs"])) for each in said["logs"]),
        blobs=dict(said["blobs"]),
        files=tuple(_file(each) for each in said["files"]),
    )


def _file(said: Mapping[str, Any]) -> FileCopy:
    return FileCopy(said["path"], said["size_bytes"], said["sha256"])
