"""The serving end: begins each call as it comes, answers in messages of all that is ready.

Around each call stands what stands around a unary one (services/chassis/interceptors.py): context, deadline, errors,
one access line, metrics. A process that stops reads no further, answers what it has begun, and ends the stream.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from zhike.chassis.v1 import call_stream_service_pb2 as pb
from zhike.chassis.v1 import call_stream_service_pb2_grpc

from services.chassis.interceptors import REQUEST_ID_HEADER, TRACE_HEADER, CallInterceptor, Gate
from services.chassis.status import STATUS_METADATA

OPEN_CALLS_LIMIT = 1_000  # begun or not yet answered; nothing more is read before there are fewer
MESSAGE_BYTES_LIMIT = 1024 * 1024
END = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs leave it out
RESPONSE_LIMIT_BYTES = 14 * 1024 * 1024  # with a message of others around it below what a channel takes


class _Refused(grpc.aio.AbortError):
    """What ``abort_with_status`` raises; ``status``: a serialized google.rpc.Status."""

    def __init__(self, status: bytes) -> None:
        super().__init__("refused")
        self.status = status


class StreamedContext:
    """As much of a servicer's context as the calls of a stream have."""

    __slots__ = ("_end", "_loop", "_metadata")

    def __init__(self, call: pb.StreamedCall, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._end = loop, loop.time() + call.timeout_us / 1_000_000
        self._metadata = ((REQUEST_ID_HEADER, call.request_id), (TRACE_HEADER, call.traceparent))

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """Return request id and trace."""
        return self._metadata

    def time_remaining(self) -> float:
        """Return the seconds until nobody waits any more."""
        return self._end - self._loop.time()

    def code(self) -> None:
        """Return nothing: a code comes with an abort alone."""

    async def abort(self, code: StatusCode, details: str = "") -> None:
        """End the call with a bare code."""
        raise _Refused(_status(code, details))

    async def abort_with_status(self, status: grpc.Status) -> None:
        """End the call with a whole status."""
        for name, value in status.trailing_metadata or ():
            if name == STATUS_METADATA and isinstance(value, bytes):
                raise _Refused(value)
        raise _Refused(_status(status.code, status.details))


@dataclass(frozen=True, slots=True)
class _Lookup:
    """What a generic handler is asked with."""

    method: str
    invocation_metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StreamedMethod:
    """A unary method as a stream calls it."""

    decode: Callable[[bytes], Any]
    answer: Callable[[Any, Any], Awaitable[Any]]
    encode: Callable[[Any], bytes]


class StreamedMethods:
    """The unary methods of one server, by path. Stands before the server where generated code registers servicers."""

    def __init__(self, server: Any, interceptor: CallInterceptor) -> None:
        self._server, self._interceptor = server, interceptor
        self._handlers: list[Any] = []
        self._known: dict[str, StreamedMethod | None] = {}

    def add_generic_rpc_handlers(self, handlers: Iterable[Any]) -> None:
        """Register, and remember."""
        handlers = tuple(handlers)
        self._handlers += handlers
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        """Register; the same handlers came as generic ones."""
        self._server.add_registered_method_handlers(service, handlers)

    def get(self, path: str) -> StreamedMethod | None:
        """Return the method, None when nobody serves it or it is not unary."""
        method = self._known.get(path)
        if method is None:
            found = (each.service(_Lookup(path)) for each in self._handlers)
            handler = next((each for each in found if each is not None and each.unary_unary is not None), None)
            if handler is None:
                return None
            answer = self._interceptor.around_unary(path, handler.unary_unary)
            method = StreamedMethod(handler.request_deserializer, answer, handler.response_serializer)
            self._known[path] = method
        return method


class CallStreamServicer(call_stream_service_pb2_grpc.CallStreamServiceServicer):
    """Serves every unary method of the server."""

    def __init__(self, methods: StreamedMethods, gate: Gate) -> None:
        self._methods, self._gate = methods, gate

    async def Exchange(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # writes by itself
        """Run one stream."""
        await _Exchange(self._methods, self._gate, context).run()


class _Exchange:
    """One stream."""

    def __init__(self, methods: StreamedMethods, gate: Gate, context: Any) -> None:
        self._methods, self._gate, self._context = methods, gate, context
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._answers: deque[pb.StreamedAnswer] = deque()
        self._filled, self._room = asyncio.Event(), asyncio.Event()
        self._is_over = False

    async def run(self) -> None:
        """Read until the client ends or the process stops, then answer what was begun."""
        reading = asyncio.create_task(self._read(), name="read calls")
        writing = asyncio.create_task(self._write(), name="write answers")
        try:
            try:
                await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not self._gate.draining or task is None:
                    raise
                task.uncancel()
            self._is_over = True
            self._filled.set()
            await writing
        finally:
            for each in (reading, writing, *self._calls.values()):
                each.cancel()

    async def _read(self) -> None:
        while (message := await self._context.read()) is not END:
            if self._is_over or message is None:  # None: unreadable
                return
            for call in message.calls:
                if call.id in self._calls:  # an id names one call; a second task under it could not be ended
                    continue
                self._calls[call.id] = task = self._loop.create_task(self._answer(call))
                task.add_done_callback(partial(self._forget, call.id))  # also one that is cancelled before it begins
            for call_id in message.cancelled_ids:
                self._cancel(call_id)
            while len(self._calls) + len(self._answers) >= OPEN_CALLS_LIMIT:
                self._room.clear()
                await self._room.wait()

    async def _write(self) -> None:
        answers = self._answers
        while True:
            await self._filled.wait()
            self._filled.clear()
            while answers:
                message, size = pb.ExchangeResponse(), 0
                while answers and size < MESSAGE_BYTES_LIMIT:
                    answer = answers.popleft()
                    size += len(answer.response) + len(answer.status)
                    message.answers.append(answer)
                await self._context.write(message)
            self._room.set()
            if self._is_over and not self._calls:
                return

    async def _answer(self, call: pb.StreamedCall) -> None:
        timer = self._loop.call_later(call.timeout_us / 1_000_000, self._cancel, call.id)
        try:
            self._answers.append(await self._outcome(call))
        finally:
            timer.cancel()

    def _forget(self, call_id: int, _: asyncio.Task[None]) -> None:
        self._calls.pop(call_id, None)
        self._filled.set()
        self._room.set()

    async def _outcome(self, call: pb.StreamedCall) -> pb.StreamedAnswer:
        method = self._methods.get(call.method)
        if method is None:
            return _refusal(call, StatusCode.UNIMPLEMENTED, "Method not found!")
        try:
            request = method.decode(call.request)
        except DecodeError:
            return _refusal(call, StatusCode.INTERNAL, "the request cannot be read")
        try:
            response = method.encode(await method.answer(request, StreamedContext(call, self._loop)))
        except _Refused as refused:
            return pb.StreamedAnswer(id=call.id, status=refused.status)
        if len(response) > RESPONSE_LIMIT_BYTES:
            return _refusal(call, StatusCode.RESOURCE_EXHAUSTED, f"the answer has {len(response)} bytes")
        return pb.StreamedAnswer(id=call.id, response=response)

    def _cancel(self, call_id: int) -> None:
        task = self._calls.get(call_id)
        if task is not None:
            task.cancel()


def _refusal(call: pb.StreamedCall, code: StatusCode, message: str) -> pb.StreamedAnswer:
    return pb.StreamedAnswer(id=call.id, status=_status(code, message))


def _status(code: StatusCode, message: str) -> bytes:
    content: bytes = Status(code=code.value[0], message=message).SerializeToString()
    return content
