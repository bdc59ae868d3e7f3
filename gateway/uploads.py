"""Streams an uploaded file to the service that imports it; nothing of it is held here but one chunk."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from google.longrunning import operations_pb2
from zhike.type.v1 import import_pb2

from gateway.clients import UPLOAD_TIMEOUT_MS
from gateway.endpoints import Call
from gateway.errors import BodyTooLargeError
from services.chassis.clients import Method
from services.chassis.errors import ZhikeError

CHUNK_BYTES: Final = 512 * 1024  # sent at once; the rpc takes at most 1 MiB
PIECE_LIMIT_BYTES: Final = 1024 * 1024
LEFTOVER_LIMIT_BYTES: Final = 64 * 1024 * 1024
LEFTOVER_LIMIT_S: Final = 10.0
FORMATS: Final = {
    "application/x-ndjson": import_pb2.IMPORT_FORMAT_NDJSON,
    "text/csv": import_pb2.IMPORT_FORMAT_CSV,
}


class Upload:
    """One upload: the configuration, then the body. ``failure`` is why reading the body ended early.

    gRPC turns whatever a request iterator raises into a cancelled call, so what was really wrong is kept here.
    """

    def __init__(self, call: Call, config: import_pb2.ImportConfig) -> None:
        self._config, self._chunks = config, call.chunks()
        self.failure: Exception | None = None

    async def requests(self) -> AsyncIterator[import_pb2.ImportRequest]:
        """Yield the messages of the rpc."""
        yield import_pb2.ImportRequest(config=self._config)
        held = bytearray()
        try:
            async for chunk in self._chunks:
                held += chunk
                while len(held) >= CHUNK_BYTES:
                    yield import_pb2.ImportRequest(chunk=bytes(held[:PIECE_LIMIT_BYTES]))
                    del held[:PIECE_LIMIT_BYTES]
        except (ZhikeError, OSError) as error:
            self.failure = error
            raise
        if held:
            yield import_pb2.ImportRequest(chunk=bytes(held))

    async def discard_rest(self) -> None:
        """Read what the client still sends, within bounds: closing on it would lose the answer on its way."""
        seen = 0
        with contextlib.suppress(ZhikeError, OSError, TimeoutError, RuntimeError):
            async with asyncio.timeout(LEFTOVER_LIMIT_S):
                async for chunk in self._chunks:
                    seen += len(chunk)
                    if seen > LEFTOVER_LIMIT_BYTES:
                        return


async def upload(
    call: Call,
    method: Method[import_pb2.ImportRequest, operations_pb2.Operation],
    config: import_pb2.ImportConfig,
) -> operations_pb2.Operation:
    """Send the body to ``method``. Raises RemoteError, BodyTooLargeError, ClientDisconnect."""
    sent = Upload(call, config)
    try:
        return await call.parts.caller.upload(method, sent.requests(), timeout_ms=UPLOAD_TIMEOUT_MS)
    except (asyncio.CancelledError, ZhikeError):
        if sent.failure is not None and not isinstance(sent.failure, BodyTooLargeError):
            raise sent.failure from None
        await sent.discard_rest()
        if sent.failure is not None:
            raise sent.failure from None
        raise
