"""Artifacts as local files: ``blobs/<first two digits>/<digest>``, written under ``tmp`` and renamed when durable.

Order of a put: write the temporary file, fsync it, rename it to its name, fsync the folder. A crash leaves either the
whole blob or a temporary file that the next ``open`` sweeps. Files are read-only, and reads check the hash.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from services.chassis.artifacts.port import (
    BLOB_LIMIT_BYTES,
    ArtifactsUnavailableError,
    Blob,
    BlobCorruptError,
    BlobMissingError,
    BlobTooLargeError,
)
from services.chassis.errors import InvalidArgumentError

CHUNK_BYTES = 1024 * 1024
LIST_LIMIT = 1_000
READ_ONLY = 0o440

_DIGEST = re.compile(r"[0-9a-f]{64}")
ResultT = TypeVar("ResultT")


class LocalArtifacts:
    """Keeps services.chassis.artifacts.port.ArtifactStore in a folder that one process owns."""

    def __init__(self, root: Path, *, limit_bytes: int = BLOB_LIMIT_BYTES) -> None:
        self._blobs, self._temporary = root / "blobs", root / "tmp"
        self._limit_bytes = limit_bytes
        self._verified: dict[str, tuple[int, int, int]] = {}  # digest -> (inode, size, mtime_ns) whose hash was right

    async def open(self) -> None:
        """Create the folders and sweep what a crash left half written."""
        await _in_thread(self._open)

    async def put(self, content: AsyncIterator[bytes] | bytes) -> Blob:
        if isinstance(content, bytes):
            return await _in_thread(lambda: self._put_bytes(content))
        writer = await _in_thread(lambda: _Writer(self._temporary, self._limit_bytes))
        try:
            buffer = bytearray()
            async for chunk in content:
                buffer += chunk
                if len(buffer) >= CHUNK_BYTES:
                    full, buffer = bytes(buffer), bytearray()
                    await _in_thread(lambda part=full: writer.write(part))  # type: ignore[misc]
            return await _in_thread(lambda: self._finish(writer, bytes(buffer)))
        except BaseException:
            writer.discard()
            raise

    async def put_file(self, path: Path) -> Blob:
        return await _in_thread(lambda: self._put_file(path))

    async def read(self, digest: str) -> bytes:
        return await _in_thread(lambda: self._read(digest))

    async def open_path(self, digest: str) -> Path:
        return await _in_thread(lambda: self._verify(digest))

    async def exists(self, digest: str) -> bool:
        path = self._path(digest)
        return await _in_thread(path.exists)

    async def delete(self, digest: str) -> bool:
        return await _in_thread(lambda: self._delete(digest))

    async def list(self, *, after: str | None = None, limit: int = LIST_LIMIT) -> tuple[Blob, ...]:
        if not 1 <= limit <= LIST_LIMIT:
            raise InvalidArgumentError(f"limit must lie in 1..{LIST_LIMIT}", field="limit")
        return await _in_thread(lambda: self._list(after or "", limit))

    async def close(self) -> None:
        self._verified.clear()

    def _open(self) -> None:
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._temporary.mkdir(parents=True, exist_ok=True)
        for leftover in self._temporary.iterdir():
            leftover.unlink()
        _sync_folder(self._blobs.parent)

    def _put_bytes(self, content: bytes) -> Blob:
        writer = _Writer(self._temporary, self._limit_bytes)
        try:
            return self._finish(writer, content)
        except BaseException:
            writer.discard()
            raise

    def _put_file(self, path: Path) -> Blob:
        writer = _Writer(self._temporary, self._limit_bytes)
        try:
            with path.open("rb") as source:
                while chunk := source.read(CHUNK_BYTES):
                    writer.write(chunk)
            return self._finish(writer, b"")
        except BaseException:
            writer.discard()
            raise

    def _finish(self, writer: "_Writer", rest: bytes) -> Blob:
        writer.write(rest)
        blob = writer.seal()
        target = self._path(blob.digest)
        new_folder = not target.parent.exists()
        target.parent.mkdir(exist_ok=True)
        # An equal blob is replaced as well: should the old file have rotted, this heals it.
        os.replace(writer.path, target)
        _sync_folder(target.parent)
        if new_folder:
            _sync_folder(self._blobs)
        return blob

    def _read(self, digest: str) -> bytes:
        content = _existing(self._path(digest), digest).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise BlobCorruptError(f"blob {digest} no longer hashes to its name", digest=digest)
        return content

    def _verify(self, digest: str) -> Path:
        path = _existing(self._path(digest), digest)
        stat = path.stat()
        signature = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if self._verified.get(digest) != signature:
            with path.open("rb") as source:
                if hashlib.file_digest(source, "sha256").hexdigest() != digest:
                    raise BlobCorruptError(f"blob {digest} no longer hashes to its name", digest=digest)
            self._verified[digest] = signature
        return path

    def _delete(self, digest: str) -> bool:
        path = self._path(digest)
        self._verified.pop(digest, None)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        _sync_folder(path.parent)
        return True

    def _list(self, after: str, limit: int) -> tuple[Blob, ...]:
        found: list[Blob] = []
        for folder in sorted(entry for entry in self._blobs.iterdir() if entry.name >= after[:2]):
            for path in sorted(entry for entry in folder.iterdir() if entry.name > after):
                found.append(Blob(digest=path.name, size_bytes=path.stat().st_size))
                if len(found) == limit:
                    return tuple(found)
        return tuple(found)

    def _path(self, digest: str) -> Path:
        """Return where a blob lies; only a digest ever becomes part of a path."""
        if not _DIGEST.fullmatch(digest):
            raise InvalidArgumentError("a blob is named by 64 lower-case hex digits", field="digest")
        return self._blobs / digest[:2] / digest


class _Writer:
    """A temporary file on its way to become a blob."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        descriptor, name = tempfile.mkstemp(dir=folder)
        self.path = Path(name)
        self._file: BinaryIO = os.fdopen(descriptor, "wb")
        self._hash, self._size_bytes, self._limit_bytes = hashlib.sha256(), 0, limit_bytes

    def write(self, chunk: bytes) -> None:
        self._size_bytes += len(chunk)
        if self._size_bytes > self._limit_bytes:
            raise BlobTooLargeError(f"a blob holds at most {self._limit_bytes} bytes", limit_bytes=self._limit_bytes)
        self._hash.update(chunk)
        self._file.write(chunk)

    def seal(self) -> Blob:
        """Make the content durable under its temporary name."""
        self._file.flush()
        os.fchmod(self._file.fileno(), READ_ONLY)
        os.fsync(self._file.fileno())
        self._file.close()
        return Blob(digest=self._hash.hexdigest(), size_bytes=self._size_bytes)

    def discard(self) -> None:
        with contextlib.suppress(OSError):  # a full disk fails again while the buffer is flushed
            self._file.close()
        self.path.unlink(missing_ok=True)


def _existing(path: Path, digest: str) -> Path:
    if not path.exists():
        raise BlobMissingError(f"blob {digest} is not stored", digest=digest)
    return path


def _sync_folder(folder: Path) -> None:
    """Make a rename or removal inside ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _in_thread(work: Callable[[], ResultT]) -> ResultT:
    """Run file work off the event loop, its errors in our words."""
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise ArtifactsUnavailableError(f"the blob store failed: {error.strerror}", errno=error.errno) from error
