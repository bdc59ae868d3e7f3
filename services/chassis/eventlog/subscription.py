"""A log over the wire, both ends: the servicer over this process's logs, and the source that follows another's."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from random import Random
from typing import Any, cast

import orjson
from zhike.chassis.v1 import event_log_service_pb2 as pb
from zhike.chassis.v1 import event_log_service_pb2_grpc

from services.chassis.clients import Clients, declare_method
from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import NotFoundError, ZhikeError
from services.chassis.eventlog.backoff import Backoff, is_passing
from services.chassis.eventlog.clock_skew import ClockSkew
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import Batch, Event, GenerationMismatchError, Head, Verdict, VerdictStatus
from services.chassis.eventlog.record import micros_from_time, time_from_micros
from services.chassis.logs import get_log
from services.chassis.standing import CLOCK, Standings

SLICE_LIMIT_BYTES = 2 * 1024 * 1024  # of payloads in one message, unless a single event is larger
HEAD_TIMEOUT_MS = 2_000
REDRIVE_TIMEOUT_MS = 10_000
SILENCE_LIMIT_S = 5.0  # ten marks are missing: the connection is dead whatever the channel says
RECONNECT = Backoff(first_s=0.05, limit_s=2.0)

log = get_log("subscription")


class EventLogServicer(event_log_service_pb2_grpc.EventLogServiceServicer):
    """Serves the logs that this process owns."""

    def __init__(self, logs: Mapping[str, DocumentsLog]) -> None:
        self._logs = logs

    async def GetLogHead(self, request: pb.GetLogHeadRequest, context: Any) -> pb.LogHead:  # noqa: ARG002 - gRPC's face
        head = await self._log(request.log).head()
        return pb.LogHead(generation=head.generation, seqs=head.seqs)

    async def Subscribe(
        self,
        request: pb.SubscribeRequest,
        context: Any,  # noqa: ARG002 - gRPC's face
    ) -> AsyncGenerator[pb.SubscribeResponse, None]:
        own = self._log(request.log)
        async with aclosing(own.subscribe(generation=request.generation, after=dict(request.after))) as batches:
            async for batch in batches:
                for response in responses_from_batch(batch):
                    yield response

    async def GetLogEvent(self, request: pb.GetLogEventRequest, context: Any) -> pb.LogEvent:  # noqa: ARG002 - gRPC's face
        event = await self._log(request.log).event_at(request.partition, request.seq, key=request.key)
        return _event_to_pb(event, orjson.dumps(event.payload))

    async def RedriveLogEvent(
        self,
        request: pb.RedriveLogEventRequest,
        context: Any,  # noqa: ARG002 - gRPC's face
    ) -> pb.RedriveLogEventResponse:
        verdict = await self._log(request.log).redrive(
            request.partition, request.seq, key=request.key, attempt=request.attempt
        )
        return pb.RedriveLogEventResponse(
            seq=verdict.seq, key=verdict.key, stored=verdict.status is VerdictStatus.STORED
        )

    def _log(self, name: str) -> DocumentsLog:
        own = self._logs.get(name)
        if own is None:
            raise NotFoundError(f"this service keeps no log {name!r}", resource="log", id=name)
        return own


GET_LOG_HEAD = "EventLogService/GetLogHead"
SUBSCRIBE = "EventLogService/Subscribe"
REDRIVE = "EventLogService/RedriveLogEvent"


class RemoteSource:
    """Keeps services.chassis.eventlog.port.EventSource over gRPC.

    A subscription goes on for ever: an owner that is away, drains or falls silent is subscribed to again, after the
    last event that was yielded. Only a position that the log never had ends it.
    """

    def __init__(
        self,
        clients: Clients,
        service: str,
        name: str,
        *,
        rng: Random | None = None,
        silence_limit_s: float = SILENCE_LIMIT_S,
        clock: Clock | None = None,
        standings: Standings | None = None,
    ) -> None:
        self.name = name
        self.owner = service
        self._clients = clients
        self._rng = rng or Random()
        self._silence_limit_s = silence_limit_s
        self._clock, self._standings, self._skew = clock or SystemClock(), standings or Standings(), ClockSkew()
        self._get_head = declare_method(service, pb, GET_LOG_HEAD, pb.GetLogHeadRequest, pb.LogHead, idempotent=True)
        self._redrive = declare_method(
            service, pb, REDRIVE, pb.RedriveLogEventRequest, pb.RedriveLogEventResponse, idempotent=True
        )
        self._subscribe = declare_method(service, pb, SUBSCRIBE, pb.SubscribeRequest, pb.SubscribeResponse)

    async def head(self) -> Head:
        request = pb.GetLogHeadRequest(log=self.name)
        head = await self._clients.call(self._get_head, request, timeout_ms=HEAD_TIMEOUT_MS)
        return Head(head.generation, tuple(head.seqs))

    async def redrive(self, partition: int, seq: int, *, key: str, attempt: str) -> Verdict:
        request = pb.RedriveLogEventRequest(log=self.name, partition=partition, seq=seq, key=key, attempt=attempt)
        response = await self._clients.call(self._redrive, request, timeout_ms=REDRIVE_TIMEOUT_MS)
        status = VerdictStatus.STORED if response.stored else VerdictStatus.DUPLICATE
        return Verdict(status=status, key=response.key, partition=partition, seq=response.seq)

    async def subscribe(self, *, generation: str, after: Mapping[int, int]) -> AsyncGenerator[Batch, None]:
        positions = dict(after)
        attempt = 0
        while True:
            try:
                async with aclosing(self._connected(generation, positions)) as batches:
                    async for batch in batches:
                        attempt = 0
                        generation = batch.generation
                        self._compare_clocks(batch)
                        if batch.events:
                            positions[batch.partition] = batch.events[-1].seq
                        yield batch
            except ZhikeError as error:
                if error.reason == GenerationMismatchError.reason:
                    raise GenerationMismatchError(error.message, **error.metadata) from error
                if not is_passing(error):
                    raise
                log.info("log's owner away", log=self.name, reason=error.reason, attempt=attempt)
            except TimeoutError:
                log.warning("log's owner fell silent", log=self.name)
            await asyncio.sleep(RECONNECT.wait_s(attempt, self._rng))
            attempt += 1

    def _compare_clocks(self, batch: Batch) -> None:
        if not self._skew.receive(batch.marked_time, self._clock.now()):
            return
        part = f"{CLOCK}/{self.owner}"
        if self._skew.is_wrong:
            side = "ahead of" if self._skew.skew_s > 0 else "behind"
            self._standings.failed(part, f"{abs(self._skew.skew_s):.0f} s {side} the clock of {self.owner}")
        else:
            self._standings.works(part)

    async def _connected(self, generation: str, after: Mapping[int, int]) -> AsyncGenerator[Batch, None]:
        """Yield one connection's batches; raises TimeoutError when nothing comes for too long."""
        request = pb.SubscribeRequest(log=self.name, generation=generation, after=after)
        stream = self._clients.stream(self._subscribe, request, timeout_ms=None)
        async with aclosing(cast("AsyncGenerator[pb.SubscribeResponse, None]", stream)) as responses:
            while True:
                async with asyncio.timeout(self._silence_limit_s):
                    response = await anext(responses, None)
                if response is None:
                    return
                yield batch_from_response(self.name, response)


def responses_from_batch(batch: Batch) -> Iterator[pb.SubscribeResponse]:
    """Yield the batch in messages that gRPC carries; each tells the same head."""
    marked_time_us = micros_from_time(batch.marked_time)
    events: list[pb.LogEvent] = []
    size_bytes = 0

    def response() -> pb.SubscribeResponse:
        return pb.SubscribeResponse(
            partition=batch.partition,
            events=events,
            head_seq=batch.head_seq,
            marked_time_us=marked_time_us,
            generation=batch.generation,
        )

    for event in batch.events:
        payload = orjson.dumps(event.payload)
        if events and size_bytes + len(payload) > SLICE_LIMIT_BYTES:
            yield response()
            events, size_bytes = [], 0
        events.append(_event_to_pb(event, payload))
        size_bytes += len(payload)
    yield response()


def batch_from_response(name: str, response: pb.SubscribeResponse) -> Batch:
    """Return the batch that a message holds."""
    return Batch(
        partition=response.partition,
        events=_events_from_pb(name, response.partition, response.events),
        head_seq=response.head_seq,
        marked_time=time_from_micros(response.marked_time_us),
        generation=response.generation,
    )


def _event_to_pb(event: Event, payload: bytes) -> pb.LogEvent:
    return pb.LogEvent(
        seq=event.seq,
        key=event.key,
        type=event.type,
        occurred_time_us=micros_from_time(event.occurred_time),
        recorded_time_us=micros_from_time(event.recorded_time),
        shop=event.shop,
        channel=event.channel,
        subject=event.subject,
        payload=payload,
        schema_version=event.schema_version,
        trace=event.trace,
        synthetic=event.synthetic,
        redrive_of=event.redrive_of,
    )


def _events_from_pb(name: str, partition: int, events: Sequence[pb.LogEvent]) -> tuple[Event, ...]:
    return tuple(
        Event(
            log=name,
            partition=partition,
            seq=event.seq,
            key=event.key,
            type=event.type,
            occurred_time=time_from_micros(event.occurred_time_us),
            recorded_time=time_from_micros(event.recorded_time_us),
            shop=event.shop,
            channel=event.channel,
            subject=event.subject,
            payload=orjson.loads(event.payload),
            schema_version=event.schema_version,
            trace=event.trace,
            synthetic=event.synthetic,
            redrive_of=event.redrive_of,
        )
        for event in events
    )
