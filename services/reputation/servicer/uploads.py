"""Takes the stream of an upload's bytes into the artifacts, within its bounds."""

from collections.abc import AsyncIterator
from typing import Final

from zhike.type.v1 import import_pb2

from services.reputation.domain.errors import ImportConfigError, ImportTooLargeError

MAX_UPLOAD_BYTES: Final = 2 * 1024 * 1024 * 1024 - 1
MAX_CHUNK_BYTES: Final = 1024 * 1024


async def upload_config(requests: AsyncIterator[import_pb2.ImportRequest]) -> import_pb2.ImportConfig:
    """Return the configuration, which comes first. Raises ImportConfigError."""
    first = await anext(requests, None)
    if first is None or not first.HasField("config"):
        raise ImportConfigError("the first message of an upload is its configuration", field="config")
    return first.config


async def upload_chunks(requests: AsyncIterator[import_pb2.ImportRequest]) -> AsyncIterator[bytes]:
    """Yield the file's bytes as they come. Raises ImportTooLargeError, ImportConfigError."""
    total = 0
    async for request in requests:
        if not request.HasField("chunk"):
            raise ImportConfigError("the configuration comes once, first", field="config")
        total += len(request.chunk)
        if total > MAX_UPLOAD_BYTES or len(request.chunk) > MAX_CHUNK_BYTES:
            message = f"a file has at most {MAX_UPLOAD_BYTES} bytes, a chunk {MAX_CHUNK_BYTES}"
            raise ImportTooLargeError(message, field="file", limit=MAX_UPLOAD_BYTES)
        yield request.chunk
