"""Calls to other services: one channel each, a deadline on every call, retried only where the method is idempotent.

Where replicas of a service answer, its calls go to them in turn (targets.py); a retry meets another one.

    SEARCH = declare_method("search", search_service_pb2, "SearchService/Search", SearchRequest, SearchResponse,
                            idempotent=True)
    response = await clients.call(SEARCH, request, timeout_ms=800)

A method that is called often may be ``coalesced``: its small requests share a stream to the service (callstream/).
Calls wait for the channel inside their deadline, so a restart of the other side shows as latency. What fails raises
RemoteError with the reason that the other side gave. Who has something else to say than what the other side would have
answered calls with ``waits=False``: then a service that has been mute for a while is not waited for (breaker.py).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf.message import Message
from grpc import ChannelConnectivity, StatusCode
from grpc_health.v1 import health_pb2

from services.chassis.breaker import PROBE_PAUSE_S, PROBE_TIMEOUT_MS, Breaker, is_mute
from services.chassis.callstream.client import REQUEST_LIMIT_BYTES, Asked, CallFailedError, CallStream
from services.chassis.errors import ErrorKind
from services.chassis.interceptors import MORE_METADATA, REQUEST_ID_HEADER, TRACE_HEADER
from services.chassis.logs import CallContext, bind_call, bound_call, get_log
from services.chassis.metrics import Metrics
from services.chassis.settings import ChassisSettings
from services.chassis.status import RemoteError, error_from_rpc, unreachable
from services.chassis.targets import target_of
from services.chassis.traces import Span, SpanKind, Traces, active_traces

MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024
RETRY_LIMIT = 2  # further attempts of an idempotent call
RETRY_PAUSE_MS = (10, 60)
TIMEOUT_LIMIT_MS = 600_000
_HEALTH_PATH = "/grpc.health.v1.Health/Check"
_SILENT_CODES = frozenset({StatusCode.UNAVAILABLE, StatusCode.CANCELLED})
_RETRIED_REASONS = frozenset({"SERVICE_UNAVAILABLE", "NOT_READY", "DRAINING"})

# gRPC's bandwidth probes are pings. A server that stops closes the connection after its last answer; a ping that it has
# not read yet turns that into a reset, which throws away answers on their way (1 stop in 12 lost some, without probes
# none of 120). Both sides switch them off, with a fixed window in their place.
TRANSPORT_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1024 * 1024),
    ("grpc.http2.max_frame_size", 1024 * 1024),  # messages of many answers in one piece instead of in 16 KiB each
    ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
)
CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    *TRANSPORT_OPTIONS,
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A restart takes well under a second; the default back-off would wait up to two minutes after a longer one.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.enable_http_proxy", 0),
)

log = get_log("clients")

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


@dataclass(frozen=True, slots=True, eq=False)
class Method(Generic[RequestT, ResponseT]):
    """A remote method. ``idempotent``: calling it twice equals calling it once, so a lost answer may be asked again.

    ``coalesced``: calls share a stream; needs ``idempotent``, for a stream that breaks loses the answers under way.
    """

    service: str
    path: str
    request_type: type[RequestT]
    response_type: type[ResponseT]
    idempotent: bool
    coalesced: bool = False

    def __post_init__(self) -> None:
        if self.coalesced and not self.idempotent:
            raise ValueError(f"{self.path} can be coalesced only if it may be called twice")


def declare_method(
    service: str,
    module: ModuleType,
    name: str,
    request_type: type[RequestT],
    response_type: type[ResponseT],
    *,
    idempotent: bool = False,
    coalesced: bool = False,
) -> Method[RequestT, ResponseT]:
    """Declare "Service/Method" of a generated module; a name or type that the proto does not have is a ValueError."""
    service_name, _, method_name = name.partition("/")
    services = module.DESCRIPTOR.services_by_name
    if service_name not in services or method_name not in services[service_name].methods_by_name:
        raise ValueError(f"{module.__name__} has no method {name}")
    descriptor = services[service_name].methods_by_name[method_name]
    declared = (descriptor.input_type.full_name, descriptor.output_type.full_name)
    given = (request_type.DESCRIPTOR.full_name, response_type.DESCRIPTOR.full_name)
    if declared != given:
        raise ValueError(f"{name} takes and answers {declared}, not {given}")
    path = f"/{services[service_name].full_name}/{method_name}"
    return Method(service, path, request_type, response_type, idempotent, coalesced)


class Clients:
    """The channels of one process to the other services."""

    def __init__(self, settings: ChassisSettings, metrics: Metrics, *, chance: random.Random | None = None) -> None:
        self._settings, self._chance = settings, chance or random.Random()
        self._calls = metrics.counter("zhike_client_calls_total")
        self._retries = metrics.counter("zhike_client_retries_total")
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._streams: dict[str, CallStream] = {}
        self._prepared: dict[Method[Any, Any], tuple[Any, Any, Breaker]] = {}
        self._metrics = metrics
        self._breakers: dict[str, Breaker] = {}
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._traces = active_traces()

    async def call(
        self, method: Method[RequestT, ResponseT], request: RequestT, *, timeout_ms: int, waits: bool = True
    ) -> ResponseT:
        """Call once, or again after a lost connection where the method allows it. Raises RemoteError.

        ``waits``: False for who is content with no answer at once from a service that has been mute for a while.
        """
        invoke, count_ok, breaker = self._prepared.get(method) or self._prepare(method)
        timeout_s = _seconds(timeout_ms)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        end, attempts = begin + timeout_s, 0
        while True:
            if breaker.is_open:
                await breaker.until_closed(end, waits=waits)
                begin = loop.time()
            try:
                response: ResponseT = await invoke(request, end)
            except (grpc.aio.AioRpcError, CallFailedError) as error:
                attempts += 1
                try:
                    await self._pause_or_raise(method, error, attempts, end)
                except RemoteError as failure:
                    self._note_failure(method.service, breaker, failure, begin)
                    raise
            else:
                count_ok()
                breaker.answered()
                return response

    async def stream(
        self, method: Method[RequestT, ResponseT], request: RequestT, *, timeout_ms: int | None
    ) -> AsyncIterator[ResponseT]:
        """Yield a server's stream; ``timeout_ms`` None for one that has no end by nature. Raises RemoteError."""
        invoke = self.channel(method.service).unary_stream(
            method.path, method.request_type.SerializeToString, method.response_type.FromString
        )
        timeout_s = None if timeout_ms is None else _seconds(timeout_ms)
        call = invoke(request, timeout=timeout_s, metadata=_metadata(), wait_for_ready=True)
        try:
            async for message in call:
                yield message
        except grpc.aio.AioRpcError as error:
            raise self._translated(method, error) from None
        finally:
            call.cancel()

    async def upload(
        self, method: Method[RequestT, ResponseT], requests: AsyncIterator[RequestT], *, timeout_ms: int
    ) -> ResponseT:
        """Send a stream, return its one answer. Never retried: the stream is spent. Raises RemoteError.

        The rest is sent once the server has asked for more than the first message: a refusal of what that says must not
        meet messages on their way, for then grpc.aio forgets the status and reports "Internal error from Core".
        """
        invoke = self.channel(method.service).stream_unary(
            method.path, method.request_type.SerializeToString, method.response_type.FromString
        )

        async def paced() -> AsyncIterator[RequestT]:
            is_first = True
            async for request in requests:
                yield request
                if is_first:
                    is_first = False
                    if MORE_METADATA not in tuple(await call.initial_metadata()):
                        await call.code()  # refused: nothing may be under way when the status comes
                        return

        call = invoke(paced(), timeout=_seconds(timeout_ms), metadata=_metadata(), wait_for_ready=True)
        try:
            response: ResponseT = await call
        except grpc.aio.AioRpcError as error:
            raise self._translated(method, error, sending=True) from None
        return response

    def channel(self, service: str) -> grpc.aio.Channel:
        """Return the one channel to a service. Raises SettingsError when its address is not set."""
        channel = self._channels.get(service)
        if channel is None:
            target = target_of(self._settings.address_of(service))
            channel = grpc.aio.insecure_channel(target.uri, options=(*CHANNEL_OPTIONS, *target.options))
            self._channels[service] = channel
        return channel

    async def close(self) -> None:
        """Close every channel; calls in flight are cancelled."""
        channels, self._channels, self._prepared = list(self._channels.values()), {}, {}
        streams, self._streams = list(self._streams.values()), {}
        for probe in self._probes.values():
            probe.cancel()
        for stream in streams:
            stream.close()
        for channel in channels:
            await channel.close(None)

    def _note_failure(self, service: str, breaker: Breaker, failure: RemoteError, begin: float) -> None:
        if not is_mute(failure):
            breaker.answered()
        elif breaker.failed(begin) and service in self._channels:
            log.warning("a service does not answer", service_called=service)
            probe = self._probe(service, breaker)
            self._probes[service] = asyncio.create_task(probe, name=f"probe of {service}")

    async def _probe(self, service: str, breaker: Breaker) -> None:
        """Ask until there is an answer, whatever it says."""
        invoke = self.channel(service).unary_unary(
            _HEALTH_PATH, health_pb2.HealthCheckRequest.SerializeToString, health_pb2.HealthCheckResponse.FromString
        )
        while breaker.is_open:
            await asyncio.sleep(PROBE_PAUSE_S)
            try:
                await invoke(health_pb2.HealthCheckRequest(), timeout=PROBE_TIMEOUT_MS / 1_000, wait_for_ready=True)
            except grpc.aio.AioRpcError as error:
                if is_mute(error_from_rpc(error, service=service)) or error.code() in _SILENT_CODES:
                    continue
            breaker.answered()
            log.info("the service answers again", service_called=service)

    def _breaker(self, service: str) -> Breaker:
        breaker = self._breakers.get(service)
        if breaker is None:
            now = asyncio.get_running_loop().time
            breaker = self._breakers[service] = Breaker(service, self._metrics, now)
        return breaker

    def _prepare(self, method: Method[Any, Any]) -> tuple[Any, Any, Breaker]:
        invoke = self._coalesced(method) if method.coalesced else self._alone(method)
        if self._traces is not None:
            invoke = _traced(invoke, method, self._traces)
        prepared = (invoke, self._calls.labels(method.path[1:], "OK").inc, self._breaker(method.service))
        self._prepared[method] = prepared
        return prepared

    def _alone(self, method: Method[RequestT, ResponseT]) -> Callable[[RequestT, float], Awaitable[ResponseT]]:
        """Return what makes one unary call. ``end``: the event loop's time of the deadline."""
        invoke = self.channel(method.service).unary_unary(
            method.path, method.request_type.SerializeToString, method.response_type.FromString
        )
        now = asyncio.get_running_loop().time

        def call(request: RequestT, end: float) -> Awaitable[ResponseT]:
            return invoke(request, timeout=end - now(), metadata=_metadata(), wait_for_ready=True)

        return call

    def _coalesced(self, method: Method[RequestT, ResponseT]) -> Callable[[RequestT, float], Awaitable[ResponseT]]:
        """Return what makes a call on the service's stream; a large request is called alone."""
        stream = self._streams.get(method.service)
        if stream is None:
            target = target_of(self._settings.address_of(method.service))
            stream = self._streams[method.service] = CallStream(
                self.channel(method.service), method.service, replicas=target.replicas if target.is_shared else None
            )
        alone, path, decode = self._alone(method), method.path, method.response_type.FromString

        async def call(request: RequestT, end: float) -> ResponseT:
            content = request.SerializeToString()
            if len(content) > REQUEST_LIMIT_BYTES:
                return await alone(request, end)
            return decode(await stream.call(Asked(path, content, end, *_call_ids())))

        return call

    async def _pause_or_raise(
        self, method: Method[Any, Any], error: grpc.aio.AioRpcError | CallFailedError, attempts: int, end: float
    ) -> None:
        failure = self._translated(method, error)
        pause_s = self._chance.uniform(*RETRY_PAUSE_MS) / 1_000
        lost = failure.kind is ErrorKind.UNAVAILABLE and failure.reason in _RETRIED_REASONS
        late = asyncio.get_running_loop().time() + pause_s >= end
        if not method.idempotent or not lost or late or attempts > RETRY_LIMIT:
            raise failure from None
        self._retries.labels(method.path[1:]).inc()
        await asyncio.sleep(pause_s)

    def _translated(
        self, method: Method[Any, Any], error: grpc.aio.AioRpcError | CallFailedError, *, sending: bool = False
    ) -> RemoteError:
        """Count and decode.

        A deadline that passed while the channel was down is the other side's absence. So is CANCELLED, which nobody
        here asked for: a server that stops answers it to the calls that it had accepted and not begun. And while
        ``sending`` so is an INTERNAL that no service of ours said: the other side ended the call in the middle.
        """
        if isinstance(error, CallFailedError):
            code, failure = error.code, error.error
        else:
            code, failure = error.code(), error_from_rpc(error, service=method.service)
        self._calls.labels(method.path[1:], code.name).inc()
        silent = failure.reason == code.name
        was_down = code is StatusCode.DEADLINE_EXCEEDED and (
            self.channel(method.service).get_state() is not ChannelConnectivity.READY
        )
        broken_off = sending and code is StatusCode.INTERNAL
        if silent and (code in {StatusCode.UNAVAILABLE, StatusCode.CANCELLED} or was_down or broken_off):
            return unreachable(method.service)
        return failure


def _traced(
    invoke: Callable[[RequestT, float], Awaitable[ResponseT]], method: Method[RequestT, ResponseT], traces: Traces
) -> Callable[[RequestT, float], Awaitable[ResponseT]]:
    """Return ``invoke`` with a span around each attempt that a recorded call makes."""
    rpc = method.path[1:]
    service, _, name = rpc.partition("/")
    said = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}

    def end(span: Span, code: StatusCode) -> None:
        number: int = code.value[0]
        span.end({**said, "rpc.grpc.status_code": number}, failed=code is not StatusCode.OK)

    async def call(request: RequestT, end_time: float) -> ResponseT:
        caller = bound_call()
        span = None if caller is None else traces.child(rpc, SpanKind.CLIENT, caller.traceparent)
        if caller is None or span is None:
            return await invoke(request, end_time)
        bind_call(CallContext(caller.request_id, span.traceparent, caller.rpc))
        code = StatusCode.CANCELLED
        try:
            response = await invoke(request, end_time)
            code = StatusCode.OK
        except CallFailedError as error:
            code = error.code
            raise
        except grpc.aio.AioRpcError as error:
            code = error.code()
            raise
        finally:
            bind_call(caller)
            end(span, code)
        return response

    return call


def _seconds(timeout_ms: int) -> float:
    if not 0 < timeout_ms <= TIMEOUT_LIMIT_MS:
        raise ValueError(f"timeout_ms must lie in 1..{TIMEOUT_LIMIT_MS}, not {timeout_ms}")
    return timeout_ms / 1_000


def _metadata() -> tuple[tuple[str, str], ...]:
    request_id, traceparent = _call_ids()
    if not request_id:
        return ()
    if not traceparent:
        return ((REQUEST_ID_HEADER, request_id),)
    return ((REQUEST_ID_HEADER, request_id), (TRACE_HEADER, traceparent))


def _call_ids() -> tuple[str, str]:
    """Return request id and traceparent of the call that this task works for, "" without."""
    call = bound_call()
    if call is None:
        return "", ""
    return call.request_id, call.traceparent
