"""Artifacts in GridFS, for replicas on several machines: in the service's database, through the documents' client.

A blob is a GridFS file whose name is its digest. The file's id is new with every upload, because GridFS removes the
chunks of an id when an upload fails, and two replicas may store the same content at once: of several files with one
digest the oldest stays. A file's entry is written after its last chunk, so a crash leaves only chunks that nothing
names, which ``open`` sweeps. What is stored or fetched lies in a local store as well: it hashes, bounds and verifies,
and it is where ``open_path`` points. The local copy of a blob counts only while GridFS has the blob.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId
from gridfs.errors import CorruptGridFile, NoFile
from pymongo.errors import PyMongoError

from services.chassis.artifacts.local import LIST_LIMIT, LocalArtifacts
from services.chassis.artifacts.port import (
    BLOB_LIMIT_BYTES,
    ArtifactsUnavailableError,
    Blob,
    BlobCorruptError,
    BlobMissingError,
)
from services.chassis.documents.mongo import MongoDocuments
from services.chassis.documents.mongo_errors import cause_of
from services.chassis.errors import InvalidArgumentError
from services.chassis.logs import get_log

BUCKET = "artifacts"
CACHE_LIMIT_BYTES = 4 * 1024 * 1024 * 1024  # of local copies; the longest unused go first
FETCH_TRIES = 3  # a file may give way to its older twin while it is read
ORPHAN_GRACE = timedelta(hours=1)  # an upload that takes longer has died; far more than clocks differ

log = get_log("artifacts")


class GridFsArtifacts:
    """Keeps services.chassis.artifacts.port.ArtifactStore. ``folder`` is this process's own, for local copies."""

    def __init__(
        self,
        documents: MongoDocuments,
        folder: Path,
        *,
        limit_bytes: int = BLOB_LIMIT_BYTES,
        cache_limit_bytes: int = CACHE_LIMIT_BYTES,
    ) -> None:
        self._bucket, self._files, self._chunks = documents.blob_bucket(BUCKET)
        self._copies = LocalArtifacts(folder, limit_bytes=limit_bytes)
        self._cache_limit_bytes = cache_limit_bytes
        self._used: dict[str, None] = {}  # digests of local copies, the longest unused first
        self._at_work = 0  # calls that need copies to stay
        self._untidied = True
        self._tidying = asyncio.Lock()

    async def open(self) -> None:
        """Prepare the folder; sweep chunks of uploads that died and copies of blobs that are gone."""
        await self._copies.open()
        with _translated():
            await self._sweep_orphans()
        await self._tidy()

    async def put(self, content: AsyncIterator[bytes] | bytes) -> Blob:
        return await self._upload(lambda: self._copies.put(content))

    async def put_file(self, path: Path) -> Blob:
        return await self._upload(lambda: self._copies.put_file(path))

    async def read(self, digest: str) -> bytes:
        async with self._keeping():
            await self._fetch(digest)
            content = await self._copies.read(digest)
        await self._tidy()
        return content

    async def open_path(self, digest: str) -> Path:
        async with self._keeping():
            await self._fetch(digest)
            path = await self._copies.open_path(digest)
        await self._tidy()
        return path

    async def exists(self, digest: str) -> bool:
        await self._copies.exists(digest)  # checks the digest
        return await self._file(digest) is not None

    async def delete(self, digest: str) -> bool:
        await self._forget(digest)
        with _translated():
            files = await self._files.find({"filename": digest}, {"_id": 1}).to_list(None)
        for file in files:
            await self._delete_file(file["_id"])
        return bool(files)

    async def list(self, *, after: str | None = None, limit: int = LIST_LIMIT) -> tuple[Blob, ...]:
        if not 1 <= limit <= LIST_LIMIT:
            raise InvalidArgumentError(f"limit must lie in 1..{LIST_LIMIT}", field="limit")
        blobs: dict[str, Blob] = {}
        with _translated():
            cursor = self._files.find(
                {"filename": {"$gt": after or ""}}, {"filename": 1, "length": 1}, sort=[("filename", 1)]
            )
            async for file in cursor:
                if file["filename"] not in blobs and len(blobs) == limit:
                    break
                blobs[file["filename"]] = Blob(digest=file["filename"], size_bytes=int(file["length"]))
        return tuple(blobs.values())

    async def close(self) -> None:
        await self._copies.close()

    async def _upload(self, copy: Callable[[], Awaitable[Blob]]) -> Blob:
        async with self._keeping():
            blob = await copy()
            file = await self._file(blob.digest)
            if file is not None and not await self._is_whole(file):
                await self._delete_file(file["_id"])
                file = None
            if file is None:
                await self._send(blob.digest)
            self._untidied = True
            self._touch(blob.digest)
        await self._tidy()
        return blob

    async def _send(self, digest: str) -> None:
        path = await self._copies.open_path(digest)
        source = await asyncio.to_thread(path.open, "rb")
        with source, _translated():
            await self._bucket.upload_from_stream(digest, source)
            twins = await self._files.find({"filename": digest}, {"_id": 1}, sort=[("_id", 1)]).to_list(None)
        for twin in twins[1:]:
            await self._delete_file(twin["_id"])

    async def _fetch(self, digest: str) -> None:
        """Have a verified local copy of a blob that is stored; raises BlobMissingError, BlobCorruptError."""
        copied = await self._copies.exists(digest)
        file = await self._file(digest)
        if file is None:
            await self._forget(digest)
            raise BlobMissingError(f"blob {digest} is not stored", digest=digest)
        if copied:
            try:
                await self._copies.open_path(digest)
            except (BlobCorruptError, BlobMissingError):  # the copy has rotted, the blob may not have
                copied = False
        if not copied:
            await self._download(digest)
            self._untidied = True
        self._touch(digest)

    async def _download(self, digest: str) -> None:
        for _ in range(FETCH_TRIES):
            file = await self._file(digest)
            if file is None:
                raise BlobMissingError(f"blob {digest} is not stored", digest=digest)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, digest)
                target = await asyncio.to_thread(path.open, "wb")
                try:
                    with target, _translated():
                        await self._bucket.download_to_stream(file["_id"], target)
                except (NoFile, CorruptGridFile):  # removed while it was read, or truly damaged
                    continue
                found = await self._copies.put_file(path)
            if found.digest == digest:
                return
            await self._copies.delete(found.digest)
        raise BlobCorruptError(f"blob {digest} no longer hashes to its name", digest=digest)

    async def _file(self, digest: str) -> Any:
        with _translated():
            return await self._files.find_one({"filename": digest}, sort=[("_id", 1)])

    async def _is_whole(self, file: Any) -> bool:
        expected = -(-int(file["length"]) // int(file["chunkSize"]))
        with _translated():
            return bool(await self._chunks.count_documents({"files_id": file["_id"]}) == expected)

    async def _delete_file(self, file_id: Any) -> None:
        with _translated(), suppress(NoFile):  # another replica was first
            await self._bucket.delete(file_id)

    async def _sweep_orphans(self) -> None:
        """Delete chunks without a file whose upload began more than ORPHAN_GRACE ago; an id tells when."""
        before = ObjectId.from_datetime(datetime.now(UTC) - ORPHAN_GRACE)
        begun = {each async for each in self._first_chunks(before)}
        known = {file["_id"] async for file in self._files.find({"_id": {"$lt": before}}, {"_id": 1})}
        for file_id in begun - known:
            await self._chunks.delete_many({"files_id": file_id})
        if begun - known:
            log.info("chunks of uploads that died removed", files=len(begun - known))

    async def _first_chunks(self, before: ObjectId) -> AsyncIterator[Any]:
        # Only what the unique index of GridFS on (files_id, n) holds: no content is read.
        query = {"files_id": {"$lt": before}, "n": 0}
        async for chunk in self._chunks.find(query, {"_id": 0, "files_id": 1}):
            yield chunk["files_id"]

    @asynccontextmanager
    async def _keeping(self) -> AsyncIterator[None]:
        async with self._tidying:
            self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1

    def _touch(self, digest: str) -> None:
        self._used.pop(digest, None)
        self._used[digest] = None

    async def _forget(self, digest: str) -> None:
        self._used.pop(digest, None)
        await self._copies.delete(digest)

    async def _tidy(self) -> None:
        """Remove copies of blobs that GridFS no longer has (erasure), then the longest unused beyond the limit."""
        async with self._tidying:
            if self._untidied and not self._at_work:  # whoever is last tidies up
                with suppress(ArtifactsUnavailableError):  # what was asked for is done; the next call tidies up
                    await self._remove_copies()
                    self._untidied = False

    async def _remove_copies(self) -> None:
        sizes: dict[str, int] = {}
        after: str | None = None
        while page := await self._copies.list(after=after):
            after = page[-1].digest
            sizes |= {blob.digest: blob.size_bytes for blob in page}
            digests = [blob.digest for blob in page]
            with _translated():
                stored = {
                    file["filename"]
                    async for file in self._files.find({"filename": {"$in": digests}}, {"filename": 1, "_id": 0})
                }
            for digest in set(digests) - stored:
                del sizes[digest]
                await self._forget(digest)
        total_bytes = sum(sizes.values())
        for digest in [*(each for each in sizes if each not in self._used), *self._used]:
            if total_bytes <= self._cache_limit_bytes or digest == next(reversed(self._used), None):
                return
            total_bytes -= sizes.get(digest, 0)
            await self._forget(digest)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PyMongoError as error:
        if isinstance(error, NoFile | CorruptGridFile):  # PyMongo's own family, with a meaning of their own
            raise
        cause = cause_of(error)
        raise ArtifactsUnavailableError(f"the blob store failed: {cause}", cause=cause) from error
