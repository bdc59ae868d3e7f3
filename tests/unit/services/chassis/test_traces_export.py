"""A span is exported as OpenTelemetry has it, and what does not arrive is counted and said once."""

from collections.abc import Sequence
from io import StringIO
from random import Random

import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind as OtelKind
from opentelemetry.trace.status import StatusCode

from services.chassis.logs import configure_logs, reset_logs
from services.chassis.metrics import Metrics
from services.chassis.traces import FinishedSpan, Place, SpanKind
from services.chassis.traces_export import CountingExporter, SpanSink, open_traces

SPAN = FinishedSpan("call", SpanKind.CLIENT, Place(7, 8), 6, 100, 200, {"rpc.system": "grpc"}, (Place(1, 2),), True)


class Collector(SpanExporter):
    """Takes spans as long as it is there."""

    def __init__(self) -> None:
        self.is_there = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS if self.is_there else SpanExportResult.FAILURE


def test_every_kind_of_span_is_exported_with_all_that_it_says() -> None:
    exporter = InMemorySpanExporter()
    sink = SpanSink(SimpleSpanProcessor(exporter), service="search", instance="i-1")
    for kind in SpanKind:
        sink(FinishedSpan("a", kind, Place(7, 8), 0, 1, 2, {}))
    sink(SPAN)
    *kinds, span = exporter.get_finished_spans()
    assert [each.kind.name.lower() for each in kinds] == list(SpanKind)
    assert all(each.parent is None and each.status.status_code is StatusCode.UNSET for each in kinds)
    assert (span.name, span.kind, span.start_time, span.end_time) == ("call", OtelKind.CLIENT, 100, 200)
    assert (span.context.trace_id, span.context.span_id, span.parent.span_id) == (7, 8, 6)
    assert [(link.context.trace_id, link.context.span_id) for link in span.links] == [(1, 2)]
    assert span.status.status_code is StatusCode.ERROR
    assert span.resource.attributes["service.name"] == "search"


def test_spans_are_counted_and_an_absent_collector_is_said_once() -> None:
    lines, metrics, collector = StringIO(), Metrics(), Collector()
    configure_logs("search", log_format="json", stream=lines, for_good=False)
    exporter = CountingExporter(collector, metrics.counter("zhike_trace_spans_total"))
    sink = SpanSink(SimpleSpanProcessor(exporter), service="search")
    try:
        for is_there in (True, False, False, False, True, True):
            collector.is_there = is_there
            sink(SPAN)
    finally:
        reset_logs()
    counted = {
        result: metrics.registry.get_sample_value("zhike_trace_spans_total", {"result": result})
        for result in ("exported", "failed")
    }
    assert counted == {"exported": 3, "failed": 3}
    assert [orjson.loads(line)["level"] for line in lines.getvalue().splitlines()] == ["warning", "info"]


@pytest.mark.parametrize(
    "endpoint", ["http://collector:4318", "http://collector:4318/", "http://collector:4318/v1/traces"]
)
def test_the_collectors_address_is_taken_with_and_without_its_path(endpoint: str) -> None:
    _, sink = open_traces(
        endpoint,
        service="search",
        instance="i-1",
        ratio=1.0,
        chance=Random(1),
        spans=Metrics().counter("zhike_trace_spans_total"),
    )
    processor = sink._processor
    assert processor.span_exporter._exporter._endpoint == "http://collector:4318/v1/traces"  # type: ignore[attr-defined]
    processor.shutdown()
