"""The outermost layer: request id, errors to problems, security and CORS headers, one access line, metrics.

One middleware does it all with one wrapped ``send``, because every further layer costs a coroutine per request.
"""

from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import (
    FieldError,
    FieldsInvalidError,
    OriginNotAllowedError,
    OverloadedError,
    Problem,
    error_from_http,
    problem_from_error,
)
from gateway.limits import Allowance
from gateway.middleware.cors import CorsPolicy, Header
from gateway.middleware.record import SCOPE_KEY, RequestRecord, headers_of
from services.chassis.errors import ErrorKind, ZhikeError
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
from services.chassis.traces import Span, Traces, active_traces

IN_FLIGHT_LIMIT: Final = 1_000  # requests at once; more would only wait for the services' own bounds
FIRST_FAILURE: Final = 500  # a 4xx is the caller's
CLIENT_CLOSED: Final = 499  # nginx's number for a client that did not wait; only in the log
API_POLICY: Final = b"default-src 'none'; frame-ancestors 'none'"
EVERY_HEADER: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", API_POLICY),
    (b"cache-control", b"no-store"),
)
_PROBES: Final = frozenset({"/healthz", "/readyz"})  # asked every second by those who watch
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OWN_CHOICE: Final = frozenset(
    {b"content-security-policy", b"cache-control", b"referrer-policy"}
)  # an answer may say these itself

log, access = get_log("access"), AccessLog("access")


class EdgeMiddleware:
    """Wraps the whole application."""

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, cors: CorsPolicy, in_flight_limit: int = IN_FLIGHT_LIMIT
    ) -> None:
        self._app, self._cors = app, cors
        self._answering, self._in_flight_limit = 0, in_flight_limit
        self._requests = metrics.counter("zhike_http_requests_total")
        self._seconds = metrics.histogram("zhike_http_seconds")
        self._refused = metrics.counter("zhike_http_refused_total")
        metrics.gauge("zhike_http_in_flight").set_function(lambda: self._answering)
        self._traces = active_traces()
        self._counters: dict[tuple[str, str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = perf_counter()
        headers = headers_of(scope)
        request_id, origin = headers.get(b"x-request-id"), headers.get(b"origin", b"")
        traceparent = headers.get(b"traceparent", b"").decode("latin-1")
        record = RequestRecord(
            new_request_id() if request_id is None else usable_request_id(request_id.decode("latin-1")),
            usable_traceparent(traceparent) if traceparent else "",
        )
        scope[SCOPE_KEY] = record
        span = None if self._traces is None else self._begin_span(self._traces, scope["path"], record)
        bind_call(CallContext(record.request_id, record.traceparent))
        answer = _Answer(send, record, self._cors.headers(origin) if origin else (), self._leave)
        self._answering += 1
        try:
            await self._answer(scope, receive, answer, origin)
        finally:
            if not (record.is_stream and answer.status):
                self._answering -= 1
            status = answer.status or CLIENT_CLOSED
            self._close(scope["method"], record, status, perf_counter() - start)
            if span is not None:
                _end_span(span, scope["method"], record, status)

    def _begin_span(self, traces: Traces, path: str, record: RequestRecord) -> Span | None:
        """Begin the span of a request that is recorded; what the request causes is in it."""
        span = None if path in _PROBES else traces.enter("", record.traceparent)
        if span is not None:
            record.traceparent = span.traceparent
        return span

    def _leave(self) -> None:
        """A stream has begun: it is no request in flight any more, however long it goes on."""
        self._answering -= 1

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer", origin: bytes) -> None:
        try:
            if self._answering > self._in_flight_limit:
                raise OverloadedError("too many requests at once; try again", retry_after_s=1)
            if origin and scope["method"] == "OPTIONS" and _is_preflight(scope):
                await self._preflight(answer, origin)
            else:
                await self._app(scope, receive, answer)
        except ClientDisconnect:
            return
        except ZhikeError as error:
            await self._refuse(answer, error)
        except HTTPException as error:
            await self._refuse(answer, error_from_http(error))
        except RequestValidationError as error:
            await self._refuse(answer, validation_error(error))
        except Exception as error:  # noqa: BLE001 - the gateway's interceptor: a defect is one answer, not the process
            log_defect(log, "request failed", error)
            await self._refuse(answer, ZhikeError("internal error"))

    async def _preflight(self, answer: "_Answer", origin: bytes) -> None:
        if not self._cors.allows(origin):
            raise OriginNotAllowedError("pages of this origin may not call the API; see ZHIKE_GATEWAY_CORS_ORIGINS")
        headers = [(b"content-length", b"0"), *self._cors.preflight_headers()]
        await answer({"type": "http.response.start", "status": 204, "headers": headers})
        await answer({"type": "http.response.body", "body": b""})

    async def _refuse(self, answer: "_Answer", error: ZhikeError) -> None:
        """Answer the problem; an answer that has begun can only be broken off, which the server does on return."""
        if error.kind is ErrorKind.INTERNAL and error.reason != "INTERNAL":
            log.error("request refused by a defect", reason=error.reason, message=error.message)
        problem = problem_from_error(error, request_id=answer.record.request_id)
        answer.record.reason = problem.reason
        if answer.status == 0:
            _note_allowance(answer.record, error)
            await send_problem(problem, answer)

    def _close(self, method: str, record: RequestRecord, status: int, elapsed_s: float) -> None:
        method = method if method in _METHODS else "OTHER"  # a label must not grow with what strangers send
        counted = self._counters.get((method, record.route, status))
        if counted is None:
            counted = (
                self._requests.labels(method, record.route, str(status)).inc,
                self._seconds.labels(record.route).observe,
            )
            self._counters[method, record.route, status] = counted
        counted[0]()
        if not record.is_stream:
            counted[1](elapsed_s)
        if record.reason:
            self._refused.labels(record.reason).inc()
        write = log.error if status == 500 else log.debug if record.route in _PROBES else access.info
        write(
            "request answered",
            method=method,
            route=record.route,
            status=status,
            ms=round(elapsed_s * 1_000, 2),
            role=record.role,
            key=record.key,
            **({"reason": record.reason} if record.reason else {}),
        )


class _Answer:
    """A send that adds the headers of every answer and remembers the status."""

    __slots__ = ("_cors_headers", "_leave", "_send", "record", "status")

    def __init__(
        self, send: Send, record: RequestRecord, cors_headers: tuple[Header, ...], leave: Callable[[], None]
    ) -> None:
        self._send, self.record, self._cors_headers, self._leave = send, record, cors_headers, leave
        self.status = 0

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            if self.record.is_stream:
                self._leave()
            message["headers"] = self._headers(message.get("headers", ()))
        return self._send(message)

    def _headers(self, own: Iterable[Header]) -> list[Header]:
        headers: list[Header] = [*own]
        chosen = [name for name, _ in headers if name in _OWN_CHOICE]
        headers += EVERY_HEADER if not chosen else [each for each in EVERY_HEADER if each[0] not in chosen]
        headers.append((b"x-request-id", self.record.request_id.encode("latin-1")))
        if self._cors_headers:
            headers += self._cors_headers
        allowance = self.record.allowance
        if allowance is not None:
            headers += (
                (b"ratelimit-limit", b"%d" % allowance.limit),
                (b"ratelimit-remaining", b"%d" % allowance.remaining),
                (b"ratelimit-reset", b"%d" % allowance.reset_s),
            )
        return headers


async def send_problem(problem: Problem, send: Send) -> None:
    """Write a problem as a whole answer."""
    headers = [*problem.headers, (b"content-length", b"%d" % len(problem.body))]
    await send({"type": "http.response.start", "status": problem.status.value, "headers": headers})
    await send({"type": "http.response.body", "body": problem.body})


def validation_error(error: RequestValidationError) -> FieldsInvalidError:
    """Translate what FastAPI's own validation found."""
    found = [FieldError(".".join(map(str, each["loc"][1:])), str(each["msg"])) for each in error.errors()]
    return FieldsInvalidError(found or [FieldError("", "the request is malformed")])


def _end_span(span: Span, method: str, record: RequestRecord, status: int) -> None:
    """The route is known at the end alone: it names the span, for the path may hold an identifier."""
    method = method if method in _METHODS else "OTHER"
    span.name = f"{method} {record.route}"
    said: dict[str, str | int] = {
        "http.request.method": method,
        "http.route": record.route,
        "http.response.status_code": status,
        "zhike.request_id": record.request_id,
    }
    if record.reason:
        said["error.type"] = record.reason
    span.end(said, failed=status >= FIRST_FAILURE)


def _is_preflight(scope: Scope) -> bool:
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])


def _note_allowance(record: RequestRecord, error: ZhikeError) -> None:
    metadata = error.metadata
    if error.reason == "RATE_LIMITED" and "reset_s" in metadata:
        record.allowance = Allowance(int(metadata["limit"]), 0, int(metadata["reset_s"]))
