"""The calling end: what is called while a message is on its way, or the service at work, goes with the next one.

A stream that breaks fails every call on it that is not answered: only methods that may be called twice use it. The next
call opens another stream, which waits for the server inside the call's own deadline, as a unary call does.

A stream stays with the replica that it was opened to. Where there are several, calls take some streams in turn, and one
stream after the other is replaced, so that a replica that came, or came back, gets its share of them.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from zhike.chassis.v1 import call_stream_service_pb2 as pb

from services.chassis.errors import ErrorKind
from services.chassis.status import RETRY_AFTER_S, RemoteError, code_of, error_from_rpc, error_from_status

PATH = "/zhike.chassis.v1.CallStreamService/Exchange"
REQUEST_LIMIT_BYTES = 256 * 1024  # a larger one would hold the others up: it is called alone
MESSAGE_CALLS_LIMIT = 256
MESSAGE_BYTES_LIMIT = 1024 * 1024
UNANSWERED_LIMIT = 4_000
# Sent and not yet ended: fewer than the server takes at once (servicer.OPEN_CALLS_LIMIT), so that we never stop its
# reading. What it does not read gets neither its deadline nor its cancellation: it would work for nobody.
SENT_LIMIT = 900
# While the service is at work, further calls wait so long for company, or until its next answer: it has enough to do,
# and a message costs as much as dozens of calls. A call alone waits for nothing.
GATHER_S = 0.001
STREAMS_PER_REPLICA = 2  # where there are several: gRPC gives streams out in turn, other calls come in between
REPLICAS_LIMIT = 8  # with more, each gets some of the streams over time
RENEW_S = 30.0  # how long a stream is used where there are several replicas
END = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs leave it out


class CallFailedError(Exception):
    """What became of a call, as grpc.aio's own error says it for a unary one."""

    def __init__(self, code: StatusCode, error: RemoteError) -> None:
        super().__init__(error.message)
        self.code, self.error = code, error


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as it is sent. ``end``: the event loop's time at which nobody waits any more."""

    path: str
    request: bytes
    end: float
    request_id: str
    traceparent: str


class CallStream:
    """The calls of this process to one service. ``replicas`` tells how many may answer; None: one, for good."""

    def __init__(
        self, channel: grpc.aio.Channel, service: str, *, replicas: Callable[[], Awaitable[int]] | None = None
    ) -> None:
        # The stubs ask for an iterator of requests; without one the stream is written to.
        self._invoke: Any = channel.stream_stream(
            PATH, pb.ExchangeRequest.SerializeToString, pb.ExchangeResponse.FromString
        )
        self._service = service
        self._exchanges: list[_Exchange | None] = [None]
        self._leaving: list[_Exchange] = []  # no more calls go there
        self._turn = 0
        self._spreading: asyncio.Task[None] | None = None
        if replicas is not None:
            self._spreading = asyncio.create_task(self._spread(replicas), name=f"streams to {service}")
        self._is_closed = False

    async def call(self, asked: Asked) -> bytes:
        """Return the serialized response. Raises CallFailedError."""
        if self._is_closed:
            raise _closed(self._service)
        self._turn = (self._turn + 1) % len(self._exchanges)
        exchange = self._exchanges[self._turn]
        if exchange is None or exchange.is_broken:
            exchange = self._exchanges[self._turn] = _Exchange(self._invoke(wait_for_ready=True), self._service)
        answer = await exchange.call(asked)
        if answer.status:
            status = Status.FromString(answer.status)
            raise CallFailedError(code_of(status), error_from_status(status, service=self._service))
        return answer.response

    @property
    def waiting(self) -> int:
        """How many calls are kept to be sent."""
        return sum(exchange.waiting for exchange in self._exchanges if exchange is not None)

    def close(self) -> None:
        """End the streams; calls on them, and later ones, fail."""
        self._is_closed = True
        if self._spreading is not None:
            self._spreading.cancel()
        for exchange in (*self._exchanges, *self._leaving):
            if exchange is not None:
                exchange.end(_closed(self._service))

    async def _spread(self, replicas: Callable[[], Awaitable[int]]) -> None:
        """Have as many streams as there are replicas to share them, and replace one after the other, for ever."""
        while True:
            count = min(await replicas(), REPLICAS_LIMIT)
            width = STREAMS_PER_REPLICA * count if count > 1 else 1
            for place in range(width, len(self._exchanges)):
                self._leave(place)
            self._exchanges = [*self._exchanges[:width], *[None] * (width - len(self._exchanges))]
            for place in range(width):
                await asyncio.sleep(RENEW_S / width)
                if width > 1:
                    self._leave(place)

    def _leave(self, place: int) -> None:
        """Let a stream end with what was asked on it."""
        exchange, self._exchanges[place] = self._exchanges[place], None
        self._leaving = [each for each in self._leaving if not each.is_broken]
        if exchange is not None and not exchange.is_broken:
            exchange.retire()
            self._leaving.append(exchange)


class _Exchange:
    """One stream, until it breaks. Its two tasks live as long."""

    def __init__(self, rpc: Any, service: str) -> None:
        self._rpc, self._service, self._loop = rpc, service, asyncio.get_running_loop()
        self._queue: OrderedDict[int, Asked] = OrderedDict()  # not sent; each is one of the unanswered
        self._cancelled: list[int] = []
        self._unanswered: dict[int, asyncio.Future[pb.StreamedAnswer]] = {}
        self._last_id = 0
        self._filled = asyncio.Event()
        self._gathering: asyncio.Future[None] | None = None
        self._tasks = (
            asyncio.create_task(self._write(), name=f"calls to {service}"),
            asyncio.create_task(self._read(), name=f"answers of {service}"),
        )
        self.is_broken = False
        self._is_retired = False

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def call(self, asked: Asked) -> pb.StreamedAnswer:
        unanswered = self._unanswered
        if len(unanswered) >= UNANSWERED_LIMIT:
            raise _too_many(self._service)
        self._last_id += 1
        call_id, future = self._last_id, self._loop.create_future()
        unanswered[call_id] = future
        timer = self._loop.call_at(asked.end, self._expire, call_id)
        self._queue[call_id] = asked
        self._filled.set()
        try:
            answer: pb.StreamedAnswer = await future
        except asyncio.CancelledError:
            if call_id not in self._queue:
                self._cancelled.append(call_id)
                self._filled.set()
            raise
        finally:
            timer.cancel()
            unanswered.pop(call_id, None)
            self._queue.pop(call_id, None)
            if self._queue:
                self._filled.set()  # there may be room for what waits
        return answer

    def retire(self) -> None:
        """End once all that was asked is answered; nobody asks any more."""
        self._is_retired = True
        self._filled.set()

    def end(self, error: CallFailedError) -> None:
        """Fail what is not answered; nothing more goes over this stream."""
        if self.is_broken:
            return
        self.is_broken = True
        self._rpc.cancel()
        for task in self._tasks:
            task.cancel()
        for future in self._unanswered.values():
            if not future.done():
                future.set_exception(CallFailedError(error.code, error.error))

    def _expire(self, call_id: int) -> None:
        """The server ends the call by itself: it knows the deadline."""
        future = self._unanswered.get(call_id)
        if future is not None and not future.done():
            future.set_exception(_error(StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", self._service))

    async def _write(self) -> None:
        try:
            while True:
                await self._filled.wait()
                self._filled.clear()
                await self._gather()
                message = self._message()
                while message.calls or message.cancelled_ids:
                    await self._rpc.write(message)
                    message = self._message()
                if self._is_retired and not self._queue:
                    await self._rpc.done_writing()  # the server answers what it has begun, and ends
                    return
        except grpc.aio.AioRpcError as error:
            self.end(_broken_off(error, self._service))
        except asyncio.InvalidStateError:  # the stream is over; what it ended with is read below
            return

    async def _gather(self) -> None:
        """Let those along that come with the call that woke the writer; see GATHER_S."""
        await asyncio.sleep(0)
        if len(self._unanswered) > len(self._queue):
            self._gathering = self._loop.create_future()
            timer = self._loop.call_later(GATHER_S, self._stop_gathering)
            await self._gathering
            timer.cancel()

    def _stop_gathering(self) -> None:
        if self._gathering is not None and not self._gathering.done():
            self._gathering.set_result(None)

    async def _read(self) -> None:
        unanswered = self._unanswered
        try:
            while (message := await self._rpc.read()) is not END and message is not None:  # None: unreadable
                self._stop_gathering()
                for answer in message.answers:
                    future = unanswered.get(answer.id)
                    if future is not None and not future.done():
                        future.set_result(answer)
            self.end(_error(StatusCode.UNAVAILABLE, "the stream ended", self._service))
        except grpc.aio.AioRpcError as error:
            self.end(_broken_off(error, self._service))

    def _message(self) -> pb.ExchangeRequest:
        """Return what waits, as much as one message holds and the server has room for."""
        message, size, now = pb.ExchangeRequest(), 0, self._loop.time()
        if self._cancelled:
            message.cancelled_ids.extend(self._cancelled)
            self._cancelled.clear()
        queue = self._queue
        room = min(MESSAGE_CALLS_LIMIT, SENT_LIMIT - (len(self._unanswered) - len(queue)))
        while queue and size < MESSAGE_BYTES_LIMIT and len(message.calls) < room:
            call_id, asked = queue.popitem(last=False)
            message.calls.add(
                id=call_id,
                method=asked.path,
                request=asked.request,
                timeout_us=max(0, int((asked.end - now) * 1_000_000)),
                request_id=asked.request_id,
                traceparent=asked.traceparent,
            )
            size += len(asked.request)
        return message


def _error(code: StatusCode, message: str, service: str) -> CallFailedError:
    return CallFailedError(code, error_from_status(Status(code=code.value[0], message=message), service=service))


def _broken_off(error: grpc.aio.AioRpcError, service: str) -> CallFailedError:
    """Return what the calls of a stream that ended by ``error`` are told.

    A server that dies while a message is on its way leaves grpc.aio with an "Internal error from Core": nobody of ours
    said that, and the calls may be made again.
    """
    if error.code() is StatusCode.INTERNAL:
        return _error(StatusCode.UNAVAILABLE, "the stream broke off", service)
    return CallFailedError(error.code(), error_from_rpc(error, service=service))


def _closed(service: str) -> CallFailedError:
    return _error(StatusCode.CANCELLED, "this process closes its channels", service)


def _too_many(service: str) -> CallFailedError:
    error = RemoteError(
        f"{UNANSWERED_LIMIT} calls to {service} wait already",
        kind=ErrorKind.UNAVAILABLE,
        reason="OVERLOADED",
        service=service,
        retry_after_s=RETRY_AFTER_S,
    )
    return CallFailedError(StatusCode.UNAVAILABLE, error)
