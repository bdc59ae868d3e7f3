"""Blobs in memory, with switches that make the store fail in the middle of a promotion or a collection."""

import hashlib
from collections.abc import AsyncIterator

from services.chassis.artifacts.port import Blob, BlobMissingError


class MemoryArtifacts:
    """The part of services.chassis.artifacts.port.ArtifactStore that needs no files."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self.fail_exists = self.fail_delete = False

    async def put(self, content: AsyncIterator[bytes] | bytes) -> Blob:
        whole = content if isinstance(content, bytes) else b"".join([part async for part in content])
        digest = hashlib.sha256(whole).hexdigest()
        self._blobs[digest] = whole
        return Blob(digest, len(whole))

    async def read(self, digest: str) -> bytes:
        if digest not in self._blobs:
            raise BlobMissingError(f"blob {digest} is not stored", digest=digest)
        return self._blobs[digest]

    async def exists(self, digest: str) -> bool:
        if self.fail_exists:
            raise RuntimeError("the process died here")
        return digest in self._blobs

    async def delete(self, digest: str) -> bool:
        if self.fail_delete:
            raise RuntimeError("the process died here")
        return self._blobs.pop(digest, None) is not None

    async def list(self, *, after: str | None = None, limit: int = 1_000) -> tuple[Blob, ...]:
        digests = sorted(digest for digest in self._blobs if digest > (after or ""))
        return tuple(Blob(digest, len(self._blobs[digest])) for digest in digests[:limit])
