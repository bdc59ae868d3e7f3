"""zhike.chassis.v1.SystemService: what an operator asks of any service."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any, Protocol

from google.longrunning import operations_pb2
from zhike.chassis.v1 import system_service_pb2 as pb
from zhike.chassis.v1 import system_service_pb2_grpc

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.errors import NotFoundError
from services.chassis.eventlog.dead_letters import LetterBox
from services.chassis.eventlog.redriving import REDRIVE_KIND, LetterOffice, ListedLetter
from services.chassis.jobs import JobRunner
from services.chassis.operations import Operations
from services.chassis.operations_servicer import operation_to_pb
from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.chassis.readiness import Readiness
from services.chassis.version import software_version

CHUNK_BYTES = 1024 * 1024
REBUILD_KIND = "rebuild"
LETTERS_DEFAULT, LETTERS_LIMIT = 50, 200  # dead letters on a page

Facts = Callable[[], Awaitable[Mapping[str, object]]]


class ReaderFace(Protocol):
    """What the status page shows of a log reader (services.chassis.eventlog.reader.Reader)."""

    @property
    def projection_name(self) -> str: ...

    @property
    def log_name(self) -> str: ...

    @property
    def applied(self) -> int: ...

    def lag_events(self) -> int: ...

    def staleness_s(self) -> float: ...

    @property
    def letters(self) -> LetterBox: ...


class SystemServicer(system_service_pb2_grpc.SystemServiceServicer):
    """How the process stands, rebuilds, and blobs for those who may read them (the gateway decides)."""

    def __init__(
        self,
        service: str,
        *,
        readiness: Readiness,
        jobs: JobRunner,
        readers: Callable[[], Sequence[ReaderFace]],
        rebuilds: Sequence[str],
        operations: Operations,
        artifacts: ArtifactStore,
        start_time: datetime,
        facts: Facts | None,
    ) -> None:
        self._service, self._jobs, self._facts = service, jobs, facts
        self._readiness = readiness
        self._readers, self._rebuilds = readers, frozenset(rebuilds)
        self._operations, self._artifacts, self._start_time = operations, artifacts, start_time
        self._office = LetterOffice(readers)
        operations.register(REDRIVE_KIND, self._office.redrive, repeatable=True)

    async def GetSystemStatus(self, request: pb.GetSystemStatusRequest, context: Any) -> pb.SystemStatus:
        facts = {} if self._facts is None else await self._facts()
        status = pb.SystemStatus(
            service=self._service,
            ready=self._readiness.serving,
            readers=[await _reader_to_pb(each) for each in self._readers()],
            jobs=[
                pb.JobStatus(name=each.name, state=each.state, last_error=each.last_error)
                for each in self._jobs.standings
            ],
            pid=os.getpid(),
            facts={name: str(value) for name, value in facts.items()},
            degraded=self._readiness.degraded,
            version=software_version(),
        )
        status.start_time.FromDatetime(self._start_time)
        return status

    async def GetReadiness(self, request: pb.GetReadinessRequest, context: Any) -> pb.Readiness:
        return pb.Readiness(serving=self._readiness.serving, degraded=self._readiness.degraded)

    async def RebuildProjection(self, request: pb.RebuildProjectionRequest, context: Any) -> operations_pb2.Operation:
        if request.projection not in self._rebuilds:
            known = ", ".join(sorted(self._rebuilds)) or "none"
            raise NotFoundError(
                f"{self._service} rebuilds no projection of this name; it has: {known}",
                resource="projection",
                id=request.projection,
            )
        operation = await self._operations.start(
            rebuild_kind(request.projection), {"projection": request.projection}, request_id=request.request_id
        )
        return operation_to_pb(operation, self._service)

    async def ListDeadLetters(self, request: pb.ListDeadLettersRequest, context: Any) -> pb.ListDeadLettersResponse:
        query = {"list": "dead-letters", "service": self._service, "projection": request.projection}
        letters, position = await self._office.page(
            request.projection,
            decode_page_token(request.page_token, query=query),
            page_size(request.page_size, default=LETTERS_DEFAULT, maximum=LETTERS_LIMIT),
        )
        return pb.ListDeadLettersResponse(
            dead_letters=[self._letter_to_pb(each, with_message=request.with_message) for each in letters],
            next_page_token="" if position is None else encode_page_token(position, query=query),
        )

    async def RedriveDeadLetters(self, request: pb.RedriveDeadLettersRequest, context: Any) -> operations_pb2.Operation:
        await self._office.check(request.projection, request.ids)
        arguments = {"projection": request.projection, "ids": sorted(set(request.ids))}
        operation = await self._operations.start(REDRIVE_KIND, arguments, request_id=request.request_id)
        return operation_to_pb(operation, self._service)

    async def ReadArtifact(
        self, request: pb.ReadArtifactRequest, context: Any
    ) -> AsyncIterator[pb.ReadArtifactResponse]:
        """Stream a verified blob; only a piece of it is in memory at a time."""
        path = await self._artifacts.open_path(request.digest)
        content = await asyncio.to_thread(path.open, "rb")
        try:
            while chunk := await asyncio.to_thread(content.read, CHUNK_BYTES):
                yield pb.ReadArtifactResponse(chunk=chunk)
        finally:
            content.close()

    def _letter_to_pb(self, listed: ListedLetter, *, with_message: bool) -> pb.DeadLetter:
        letter = listed.letter
        message = pb.DeadLetter(
            id=letter.key,
            projection=listed.projection,
            log=letter.log,
            log_owner=listed.owner or self._service,
            partition=letter.partition,
            seq=letter.seq,
            type=letter.type,
            reason=letter.reason,
            tries=letter.tries,
            redrives=letter.round - 1,
            message=letter.message if with_message else "",
        )
        message.fail_time.FromDatetime(letter.failed_time)
        return message


def rebuild_kind(projection: str) -> str:
    """Return the kind of operation that rebuilds a projection."""
    return f"{REBUILD_KIND}-{projection}"


async def _reader_to_pb(reader: ReaderFace) -> pb.ReaderStatus:
    staleness_s = reader.staleness_s()
    return pb.ReaderStatus(
        projection=reader.projection_name,
        log=reader.log_name,
        lag_events=reader.lag_events(),
        staleness_s=staleness_s if isfinite(staleness_s) else -1.0,
        dead_letters=await reader.letters.count(),
        applied=reader.applied,
    )
