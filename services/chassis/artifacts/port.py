"""What every artifact store promises: immutable blobs, addressed by the SHA-256 of their content, durable once named.

Models, snapshots, media and exports live here. Which blob is in force is not the store's business: a manifest document
(services/chassis/artifacts/manifest.py) names blobs and is promoted by compare and set.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from services.chassis.errors import ErrorKind, UnavailableError, ZhikeError

BLOB_LIMIT_BYTES = 2 * 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob: ``digest`` is the lower-case hex SHA-256 of its content."""

    digest: str
    size_bytes: int


class BlobMissingError(ZhikeError):
    """A blob that a manifest names is not there."""

    kind = ErrorKind.NOT_FOUND
    reason = "BLOB_MISSING"


class BlobCorruptError(ZhikeError):
    """A blob whose content no longer hashes to its name."""

    kind = ErrorKind.DATA_LOSS
    reason = "BLOB_CORRUPT"


class BlobTooLargeError(ZhikeError):
    """Content past the limit of one blob; nothing of it is kept."""

    kind = ErrorKind.INVALID
    reason = "BLOB_TOO_LARGE"


class ArtifactsUnavailableError(UnavailableError):
    """The store cannot take or give anything now (disk full, server away). Nothing was acknowledged."""

    reason = "ARTIFACTS_UNAVAILABLE"


class ArtifactStore(Protocol):
    """The port."""

    async def put(self, content: AsyncIterator[bytes] | bytes) -> Blob:
        """Store durably and return the blob; the same content again is the same blob. Raises BlobTooLargeError."""

    async def put_file(self, path: Path) -> Blob:
        """Store the content of a local file."""

    async def read(self, digest: str) -> bytes:
        """Return the whole content, verified. Raises BlobMissingError, BlobCorruptError."""

    async def open_path(self, digest: str) -> Path:
        """Return a local read-only file with the verified content (cached by adapters that fetch)."""

    async def exists(self, digest: str) -> bool:
        """Tell whether the blob is stored."""

    async def delete(self, digest: str) -> bool:
        """Remove for good; True if it was there."""

    async def list(self, *, after: str | None = None, limit: int = 1_000) -> tuple[Blob, ...]:
        """Return blobs in digest order."""

    async def close(self) -> None:
        """Release the store."""
