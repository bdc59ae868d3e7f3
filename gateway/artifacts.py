"""Files that services keep, passed on as they come."""

from collections.abc import AsyncIterator

from zhike.chassis.v1 import system_service_pb2

from gateway.clients import DOWNLOAD_TIMEOUT_MS, READ_ARTIFACT, Caller


async def streamed(caller: Caller, service: str, digest: str) -> AsyncIterator[bytes]:
    """Return a file of a service piece by piece.

    The first piece is awaited here: what fails at once is still a problem and not a broken answer.
    """
    request = system_service_pb2.ReadArtifactRequest(digest=digest)
    parts = aiter(caller.stream(READ_ARTIFACT[service], request, timeout_ms=DOWNLOAD_TIMEOUT_MS))
    first = await anext(parts, None)

    async def pieces() -> AsyncIterator[bytes]:
        if first is not None:
            yield first.chunk
        async for part in parts:
            yield part.chunk

    return pieces()
