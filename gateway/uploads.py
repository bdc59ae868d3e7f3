"""Streams an uploaded file to the service that imports it; nothing of it is held here but one piece."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from google.longrunning import operations_pb2
from starlette.requests import ClientDisconnect
from zhike.type.v1 import import_pb2

from gateway.clients import UPLOAD_TIMEOUT_MS
from gateway.endpoints import Call
from services.chassis.clients import Method
from services.chassis.errors import ZhikeError

PIECE_BYTES: Final = 512 * 1024  # sent when so much has come
PIECE_LIMIT_BYTES: Final = 1024 * 1024  # what the rpc takes at most
FORMATS: Final = {
    "application/x-ndjson": import_pb2.IMPORT_FORMAT_NDJSON,
    "text/csv": import_pb2.IMPORT_FORMAT_CSV,
}


class _Upload:
    """One upload: the configuration, then the body. ``failure`` is why reading the body ended early.

    gRPC turns whatever a request iterator raises into a cancelled call, so what was really wrong is kept here.
    """

    def __init__(self, chunks: AsyncIterator[bytes], config: import_pb2.ImportConfig) -> None:
        self._config, self._chunks = config, chunks
        self.failure: ZhikeError | ClientDisconnect | None = None

    async def requests(self) -> AsyncIterator[import_pb2.ImportRequest]:
        """Yield the messages of the rpc."""
        yield import_pb2.ImportRequest(config=self._config)
        held = bytearray()
        try:
            async for chunk in self._chunks:
                held += chunk
                while len(held) >= PIECE_BYTES:
                    yield import_pb2.ImportRequest(chunk=bytes(held[:PIECE_LIMIT_BYTES]))
                    del held[:PIECE_LIMIT_BYTES]
        except (ZhikeError, ClientDisconnect) as error:
            self.failure = error
            raise
        if held:
            yield import_pb2.ImportRequest(chunk=bytes(held))


async def upload(
    call: Call,
    method: Method[import_pb2.ImportRequest, operations_pb2.Operation],
    config: import_pb2.ImportConfig,
) -> operations_pb2.Operation:
    """Send the body to ``method``. Raises RemoteError, BodyTooLargeError, ClientDisconnect.

    When the service answers before the body has ended, the answer goes out and uvicorn drops what still comes.
    """
    sent = _Upload(call.chunks(), config)
    try:
        return await call.parts.caller.upload(method, sent.requests(), timeout_ms=UPLOAD_TIMEOUT_MS)
    except (asyncio.CancelledError, ZhikeError, ClientDisconnect):
        if sent.failure is not None:
            raise sent.failure from None
        raise
