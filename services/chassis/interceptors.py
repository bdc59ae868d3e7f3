"""What happens around every call that a server answers: context, deadline floor, errors, one access line, metrics.

One interceptor does all of it, because each further one costs a coroutine per call. Health checks pass
untouched.
A call that comes before the process is ready waits inside its own deadline: a restart shows as latency, not as errors.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from time import perf_counter
from typing import Any, NoReturn

import grpc

from services.chassis.errors import ErrorKind, UnavailableError, ZhikeError
from services.chassis.logs import (
    AccessLog,
    CallContext,
    bind_call,
    get_log,
    log_defect,
    new_request_id,
    usable_request_id,
    usable_traceparent,
)
from services.chassis.metrics import Metrics
from services.chassis.status import CODES, grpc_status
from services.chassis.traces import Span, SpanKind, active_traces

REQUEST_ID_HEADER = "x-request-id"
TRACE_HEADER = "traceparent"
MORE_METADATA = ("x-more", "1")  # the initial metadata by which a server asks for the rest of an upload
DEADLINE_FLOOR_S = 0.002  # less time than this cannot carry an answer back
READY_MARGIN_S = 0.05  # of a deadline is kept to say "not ready" before it passes
NOT_READY_WAIT_LIMIT_S = 10.0
FAILURES = frozenset({"DATA_LOSS", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNIMPLEMENTED", "UNKNOWN"})
UNTOUCHED_METHODS = frozenset({"/grpc.health.v1.Health/Check", "/zhike.chassis.v1.SystemService/GetReadiness"})
# Answered before the process is ready: readers elsewhere catch up from it, an operator asks what it waits for.
# The calls on a call stream wait each for itself.
EARLY_PREFIXES = (
    "/grpc.health.v1.Health/",
    "/zhike.chassis.v1.CallStreamService/",
    "/zhike.chassis.v1.EventLogService/",
    "/zhike.chassis.v1.SystemService/",
)

log, access = get_log("calls"), AccessLog("calls")


class DeadlineRequiredError(ZhikeError):
    """A call without a deadline; every caller sets one."""

    kind = ErrorKind.INVALID
    reason = "DEADLINE_REQUIRED"


class DeadlineTooShortError(ZhikeError):
    """A call whose deadline is over, or nearly, before its work could start."""

    kind = ErrorKind.DEADLINE
    reason = "DEADLINE_EXCEEDED"


class NotReadyError(UnavailableError):
    """This process has started and cannot answer yet."""

    reason = "NOT_READY"


class DrainingError(UnavailableError):
    """This process stops; the same call elsewhere, or here after its restart, is answered."""

    reason = "DRAINING"


class InternalError(ZhikeError):
    """A defect of ours: the answer says nothing but the request id, the log says where."""


@dataclass(slots=True)
class Gate:
    """Whether this process answers: closed until it is ready; draining ends the open streams."""

    ready: asyncio.Event = field(default_factory=asyncio.Event)
    draining: bool = False
    streams: set[asyncio.Task[Any]] = field(default_factory=set)

    def open(self) -> None:
        """Let calls through."""
        self.ready.set()

    def drain(self) -> None:
        """Tell the open streams to end; unary calls go on."""
        self.draining = True
        for task in tuple(self.streams):
            task.cancel()


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs alone
    """The combined interceptor of one server. Wrapped handlers are cached: methods are few and known."""

    def __init__(self, service: str, metrics: Metrics, gate: Gate) -> None:
        self._service, self._gate = service, gate
        self._calls = metrics.counter("zhike_rpc_calls_total")
        self._seconds = metrics.histogram("zhike_rpc_seconds")
        self._errors = metrics.counter("zhike_rpc_errors_total")
        self._in_flight = metrics.gauge("zhike_rpc_in_flight")
        self._handlers: dict[str, Any] = {}
        self._traces = active_traces()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the wrapped handler of the called method; None (UNIMPLEMENTED) for one that nobody serves."""
        method = handler_call_details.method
        known = self._handlers.get(method)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None or method in UNTOUCHED_METHODS:
            return handler
        self._handlers[method] = wrapped = self._wrap(method, handler)
        return wrapped

    def _wrap(self, method: str, handler: Any) -> Any:
        sends, takes = handler.response_streaming, handler.request_streaming
        handle = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        wrapped: Any
        if not sends:
            make = grpc.stream_unary_rpc_method_handler if takes else grpc.unary_unary_rpc_method_handler
            wrapped = self.around_unary(method, _asking_for_more(handle) if takes else handle)
        else:
            make = grpc.stream_stream_rpc_method_handler if takes else grpc.unary_stream_rpc_method_handler
            wrapped = self._writing(method, handle) if iscoroutinefunction(handle) else self._yielding(method, handle)
        return make(wrapped, handler.request_deserializer, handler.response_serializer)

    def around_unary(self, method: str, handle: Any) -> Callable[[Any, Any], Awaitable[Any]]:
        """Return the handler of a call with one answer, with what happens around it."""
        rpc, early, gate, in_flight = method[1:], method.startswith(EARLY_PREFIXES), self._gate, self._in_flight
        count_ok, observe = self._calls.labels(rpc, "OK").inc, self._seconds.labels(rpc).observe
        begin_span = None if self._traces is None else self._begin_span

        async def unary(request: Any, context: Any) -> Any:
            start = perf_counter()
            call = _bind(rpc, context)
            span = None if begin_span is None else begin_span(call)
            in_flight.inc()
            try:
                remaining_s = _checked_deadline(context)
                if not early and not gate.ready.is_set():
                    await _wait_until_ready(gate, remaining_s)
                response = await handle(request, context)
                elapsed_s = perf_counter() - start
                count_ok()
                observe(elapsed_s)
                access.info("call answered", code="OK", ms=round(elapsed_s * 1_000, 2))
                if span is not None:
                    _end_span(span, call, "OK")
                return response
            except BaseException as error:  # noqa: BLE001 - mapped or re-raised by _refuse, never swallowed
                await self._refuse(error, call, context, start=start, span=span)
            finally:
                in_flight.dec()

        return unary

    def _yielding(self, method: str, handle: Any) -> Callable[[Any, Any], AsyncIterator[Any]]:
        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            async with self._stream_call(method, context), aclosing(handle(request, context)) as messages:
                async for message in messages:
                    yield message

        return stream

    def _writing(self, method: str, handle: Any) -> Callable[[Any, Any], Awaitable[None]]:
        """A handler that writes to the context instead of yielding, as the health service does."""

        async def stream(request: Any, context: Any) -> None:
            async with self._stream_call(method, context):
                await handle(request, context)

        return stream

    @asynccontextmanager
    async def _stream_call(self, method: str, context: Any) -> AsyncIterator[None]:
        """What happens around a stream. It needs no deadline, and ends when the process drains."""
        rpc, start, gate, task = method[1:], perf_counter(), self._gate, asyncio.current_task()
        assert task is not None
        call = _bind(rpc, context)
        span = None if self._traces is None else self._begin_span(call)
        gate.streams.add(task)
        self._in_flight.inc()
        try:
            if not method.startswith(EARLY_PREFIXES) and not gate.ready.is_set():
                await _wait_until_ready(gate, context.time_remaining() or NOT_READY_WAIT_LIMIT_S)
            if gate.draining:
                raise DrainingError("this process stops", retry_after_s=1)
            yield
            self._calls.labels(rpc, "OK").inc()
            log.info("stream ended", code="OK", ms=_ms_since(start))
            if span is not None:
                _end_span(span, call, "OK")
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - mapped or re-raised by _refuse, never swallowed
            if isinstance(error, asyncio.CancelledError) and gate.draining:
                task.uncancel()
                error = DrainingError("this process stops", retry_after_s=1)
            await self._refuse(error, call, context, start=start, span=span)
        finally:
            gate.streams.discard(task)
            self._in_flight.dec()

    def _begin_span(self, call: CallContext) -> Span | None:
        """Begin the span of a call that is recorded, and let what the call does be in it."""
        assert self._traces is not None
        span = self._traces.child(call.rpc, SpanKind.SERVER, call.traceparent)
        if span is not None:
            bind_call(CallContext(call.request_id, span.traceparent, call.rpc))
        return span

    async def _refuse(
        self, error: BaseException, call: CallContext, context: Any, *, start: float, span: Span | None
    ) -> NoReturn:
        """End the call with the status of ``error``; cancellations and the handler's own aborts go on as they are."""
        if isinstance(error, (asyncio.CancelledError, grpc.aio.AbortError)):
            remaining_s = context.time_remaining()
            late = remaining_s is not None and remaining_s <= 0
            code = context.code() or ("DEADLINE_EXCEEDED" if late else "CANCELLED")
            self._count(call, getattr(code, "name", str(code)), "", start=start, span=span)
            raise error
        if not isinstance(error, Exception):
            raise error
        if not isinstance(error, ZhikeError):
            log_defect(log, "handler failed", error)
            error = InternalError("internal error")
        self._count(call, CODES[error.kind].name, error.reason, start=start, span=span)
        await context.abort_with_status(grpc_status(error, service=self._service, request_id=call.request_id))
        raise AssertionError("abort_with_status returned")

    def _count(self, call: CallContext, code: str, reason: str, *, start: float, span: Span | None) -> None:
        rpc = call.rpc
        if span is not None:
            _end_span(span, call, code, reason)
        self._calls.labels(rpc, code).inc()
        self._seconds.labels(rpc).observe(perf_counter() - start)
        if reason:
            self._errors.labels(rpc, reason).inc()
        write = log.error if code in {"INTERNAL", "DATA_LOSS"} else log.info
        write("call refused", code=code, reason=reason, ms=_ms_since(start))


def _asking_for_more(handle: Any) -> Callable[[Any, Any], Awaitable[Any]]:
    """Return a handler of a client's stream that answers with its initial metadata when it asks for a second message.

    The client sends no second message before: a refusal of the first must not meet others on their way.
    """

    async def confirmed(requests: AsyncIterator[Any], context: Any) -> AsyncGenerator[Any]:
        is_first = True
        async for request in requests:
            yield request
            if is_first:
                is_first = False
                await context.send_initial_metadata((MORE_METADATA,))

    async def unary(requests: AsyncIterator[Any], context: Any) -> Any:
        async with aclosing(confirmed(requests, context)) as messages:
            return await handle(messages, context)

    return unary


def _bind(rpc: str, context: Any) -> CallContext:
    """Set the context of the call. gRPC runs every call in a task of its own, so nothing has to be reset."""
    request_id = traceparent = ""
    for key, value in context.invocation_metadata():
        if key == REQUEST_ID_HEADER:
            request_id = usable_request_id(value)
        elif key == TRACE_HEADER:
            traceparent = usable_traceparent(value)
    call = CallContext(request_id or new_request_id(), traceparent, rpc)
    bind_call(call)
    return call


def _end_span(span: Span, call: CallContext, code: str, reason: str = "") -> None:
    service, _, name = call.rpc.partition("/")
    said: dict[str, str | int] = {
        "rpc.system": "grpc",
        "rpc.service": service,
        "rpc.method": name,
        "zhike.request_id": call.request_id,
    }
    if code in grpc.StatusCode.__members__:
        said["rpc.grpc.status_code"] = grpc.StatusCode[code].value[0]
    if reason:
        said["error.type"] = reason
    span.end(said, failed=code in FAILURES)


def _checked_deadline(context: Any) -> float:
    """Return the seconds that are left. Raises DeadlineRequiredError, DeadlineTooShortError."""
    remaining_s: float | None = context.time_remaining()
    if remaining_s is None:
        raise DeadlineRequiredError("every call needs a deadline")
    if remaining_s < DEADLINE_FLOOR_S:
        raise DeadlineTooShortError("the deadline was over before the work could start")
    return remaining_s


async def _wait_until_ready(gate: Gate, remaining_s: float) -> None:
    try:
        await asyncio.wait_for(gate.ready.wait(), min(remaining_s, NOT_READY_WAIT_LIMIT_S) - READY_MARGIN_S)
    except TimeoutError:
        raise NotReadyError("this process is not ready yet", retry_after_s=1) from None


def _ms_since(start: float) -> float:
    return round((perf_counter() - start) * 1_000, 2)
