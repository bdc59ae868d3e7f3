"""Calls between processes, unary and on a call stream, are in the trace of the request that made them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import StatusCode

from services.chassis.clients import Clients
from services.chassis.logs import CallContext, bind_call
from services.chassis.metrics import Metrics
from services.chassis.server import Runtime, Service, running
from services.chassis.settings import ChassisSettings
from services.chassis.status import RemoteError
from services.chassis.traces import active_traces
from tests.contract.chassis.conftest import Echo, settings_in
from tests.contract.chassis.test_calls import TEXT
from tests.fakes.echo_service import SERVICE, EchoServicer, add_echo_servicer, method
from tests.fakes.spans import CollectedSpans, collected_spans, is_child

RECORDED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOT_RECORDED = RECORDED[:-1] + "0"


@pytest.fixture
def spans() -> Iterator[CollectedSpans]:
    with collected_spans() as collected:
        yield collected


def work_for(traceparent: str) -> None:
    bind_call(CallContext("r-1", traceparent))


@pytest.mark.parametrize("coalesced", [False, True])
async def test_a_call_and_its_answering_are_spans_one_below_the_other(
    spans: CollectedSpans, echo: Echo, *, coalesced: bool
) -> None:
    work_for(RECORDED)
    seen = await echo.clients.call(method("Seen", coalesced=coalesced), TEXT, timeout_ms=5_000)
    await spans.until(lambda collected: len(collected.all()) == 2)
    server, client = sorted(spans.all(), key=lambda span: span.kind is SpanKind.CLIENT)
    assert (server.kind, client.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    assert server.name == client.name == f"{SERVICE}/Seen"
    assert is_child(server, client)
    assert client.parent is not None and f"{client.parent.span_id:016x}" == RECORDED[36:52]
    assert seen.value.split()[:2] == ["r-1", RECORDED[3:35]]
    said = {"rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": "Seen", "rpc.grpc.status_code": 0}
    assert dict(client.attributes or {}) == said
    assert dict(server.attributes or {}) == {**said, "zhike.request_id": "r-1"}
    assert server.status.status_code is client.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("coalesced", [False, True])
@pytest.mark.parametrize("traceparent", ["", NOT_RECORDED])
async def test_what_is_in_no_recorded_trace_makes_no_span(
    spans: CollectedSpans, echo: Echo, traceparent: str, *, coalesced: bool
) -> None:
    work_for(traceparent)
    seen = await echo.clients.call(method("Seen", coalesced=coalesced), TEXT, timeout_ms=5_000)
    assert spans.all() == ()
    assert seen.value.split(" ")[1] == traceparent[3:35], "the trace's id goes on all the same"


async def test_a_process_that_makes_no_spans_sends_the_traceparent_on_as_it_came(echo: Echo) -> None:
    work_for(NOT_RECORDED)
    seen = await echo.clients.call(method("Seen"), TEXT, timeout_ms=5_000)
    assert seen.value.split()[1] == NOT_RECORDED[3:35]


@pytest.mark.parametrize("coalesced", [False, True])
async def test_a_refusal_is_no_failure_of_the_server_and_a_defect_is(
    spans: CollectedSpans, echo: Echo, *, coalesced: bool
) -> None:
    work_for(RECORDED)
    for name in ("Refuse", "Crash"):
        with pytest.raises(RemoteError):
            await echo.clients.call(method(name, coalesced=coalesced), TEXT, timeout_ms=5_000)
    await spans.until(lambda collected: len(collected.all()) == 4)
    said = {
        (span.name.rpartition("/")[2], span.kind): (span.status.status_code, (span.attributes or {}).get("error.type"))
        for span in spans.all()
    }
    assert said == {
        ("Refuse", SpanKind.SERVER): (StatusCode.UNSET, "TEAPOT"),
        ("Refuse", SpanKind.CLIENT): (StatusCode.ERROR, None),
        ("Crash", SpanKind.SERVER): (StatusCode.ERROR, "INTERNAL"),
        ("Crash", SpanKind.CLIENT): (StatusCode.ERROR, None),
    }
    assert "13800138000" not in " ".join(span.to_json() for span in spans.all())


async def test_each_attempt_is_a_span_of_its_own(spans: CollectedSpans, echo: Echo) -> None:
    work_for(RECORDED)
    await echo.clients.call(method("Flaky", idempotent=True), StringValue(value="2"), timeout_ms=5_000)
    await spans.until(lambda collected: len(collected.all()) == 6)
    clients = [span for span in spans.all() if span.kind is SpanKind.CLIENT]
    assert [span.status.status_code for span in clients] == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]
    assert {span.parent.span_id for span in clients if span.parent} == {int(RECORDED[36:52], 16)}


async def test_a_stream_is_a_span_of_the_request_that_opened_it(spans: CollectedSpans, echo: Echo) -> None:
    work_for(RECORDED)
    async for _ in echo.clients.stream(method("Count"), StringValue(value="3"), timeout_ms=5_000):
        pass
    await spans.until(lambda collected: collected.all())
    assert spans.one(f"{SERVICE}/Count").kind is SpanKind.SERVER


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """A collector of our own: its address and what it was sent."""
    taken: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            taken.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def call_a_process_with(endpoint: str, folder: Path) -> None:
    """Start a process that sends its spans there, call it once in a recorded trace, stop it."""

    async def build(_: Runtime[ChassisSettings]) -> Service:
        return Service(servicers=[(add_echo_servicer, EchoServicer())])

    async with running("search", settings_in(folder, traces_endpoint=endpoint), build) as process:
        await process.become_ready()
        clients = Clients(ChassisSettings(search_address=process.address), Metrics())
        work_for(RECORDED)
        await clients.call(method("Echo"), TEXT, timeout_ms=5_000)
        await clients.close()
    assert active_traces() is None


async def test_a_process_sends_its_spans_to_the_collector_before_it_ends(tmp_path: Path) -> None:
    with collector() as (endpoint, taken):
        await call_a_process_with(endpoint, tmp_path)
    (resource,) = [each for request in taken for each in request.resource_spans]
    said = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    assert (said["service.namespace"], said["service.name"]) == ("zhike", "search")
    spans = resource.scope_spans[0].spans
    assert sorted(span.kind for span in spans) == [SpanKind.SERVER.value + 1, SpanKind.CLIENT.value + 1]
    assert {span.trace_id.hex() for span in spans} == {RECORDED[3:35]}


async def test_a_collector_that_is_away_fails_no_call_and_holds_no_stop_up(tmp_path: Path) -> None:
    async with asyncio.timeout(20):
        await call_a_process_with("http://127.0.0.1:1", tmp_path)
