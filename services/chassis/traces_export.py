"""Sends finished spans to an OpenTelemetry collector (OTLP over HTTP). The only file that imports OpenTelemetry.

Spans wait in a bounded queue for a thread that sends them; a collector that is away costs spans, never a call. Headers
and further attributes come from OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_HEADERS, OTEL_RESOURCE_ATTRIBUTES).
"""

import asyncio
import logging
from collections.abc import Sequence
from random import Random

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, TraceFlags
from opentelemetry.trace import SpanKind as OtelKind
from opentelemetry.trace.status import Status, StatusCode
from prometheus_client import Counter

from services.chassis.logs import get_log
from services.chassis.traces import FinishedSpan, Place, SpanKind, Traces

PATH = "/v1/traces"
QUEUE_LIMIT = 4_096  # finished spans that wait; more are lost
BATCH_LIMIT = 512
SEND_EVERY_MS = 2_000
SEND_TIMEOUT_S = 2.0

_KINDS = {
    SpanKind.SERVER: OtelKind.SERVER,
    SpanKind.CLIENT: OtelKind.CLIENT,
    SpanKind.PRODUCER: OtelKind.PRODUCER,
    SpanKind.CONSUMER: OtelKind.CONSUMER,
    SpanKind.INTERNAL: OtelKind.INTERNAL,
}
_OK, _FAILED = Status(StatusCode.UNSET), Status(StatusCode.ERROR)
_FLAGS = TraceFlags(TraceFlags.SAMPLED)

log = get_log("traces")


class SpanSink:
    """Translates spans into OpenTelemetry's form and hands them to a processor."""

    def __init__(self, processor: SpanProcessor, *, service: str, instance: str = "") -> None:
        self._processor = processor
        said = {"service.namespace": "zhike", "service.name": service}
        self._resource = Resource.create(said | ({"service.instance.id": instance} if instance else {}))
        self._scope = InstrumentationScope("zhike")

    def __call__(self, span: FinishedSpan) -> None:
        """Take a span; never waits."""
        place = span.place
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=_context(place, is_remote=False),
                parent=_context(Place(place.trace_id, span.parent_id), is_remote=True) if span.parent_id else None,
                resource=self._resource,
                attributes=span.attributes,
                links=[Link(_context(each, is_remote=True)) for each in span.links],
                kind=_KINDS[span.kind],
                status=_FAILED if span.failed else _OK,
                start_time=span.start_ns,
                end_time=span.end_ns,
                instrumentation_scope=self._scope,
            )
        )

    async def close(self) -> None:
        """Send what waits, for as long as one sending may take."""
        await asyncio.to_thread(self._processor.shutdown)


class CountingExporter(SpanExporter):
    """Counts what leaves and what does not, and says once when the collector goes away and when it is back."""

    def __init__(self, exporter: SpanExporter, spans: Counter) -> None:
        self._exporter, self._is_away = exporter, False
        self._exported, self._failed = spans.labels("exported"), spans.labels("failed")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        (self._failed if failed else self._exported).inc(len(spans))
        if failed is not self._is_away:
            self._is_away = failed
            if failed:
                log.warning("spans cannot be sent to the collector; they are lost meanwhile")
            else:
                log.info("spans reach the collector again")
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def open_traces(
    endpoint: str, *, service: str, instance: str, ratio: float, chance: Random, spans: Counter
) -> tuple[Traces, SpanSink]:
    """Return what makes spans for the collector at ``endpoint``, and the sink to close. ``spans``: counts results."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # CountingExporter says it once, not every time
    url = endpoint if endpoint.endswith(PATH) else endpoint.rstrip("/") + PATH
    exporter = CountingExporter(OTLPSpanExporter(endpoint=url, timeout=SEND_TIMEOUT_S), spans)
    processor = BatchSpanProcessor(
        exporter,
        max_queue_size=QUEUE_LIMIT,
        schedule_delay_millis=SEND_EVERY_MS,
        max_export_batch_size=BATCH_LIMIT,
    )
    sink = SpanSink(processor, service=service, instance=instance)
    return Traces(sink, ratio=ratio, chance=chance), sink


def _context(place: Place, *, is_remote: bool) -> SpanContext:
    return SpanContext(place.trace_id, place.span_id, is_remote, _FLAGS)
