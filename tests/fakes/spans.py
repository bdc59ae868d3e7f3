"""Spans as OpenTelemetry exports them, kept in memory."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.chassis.traces import Traces, install_traces
from services.chassis.traces_export import SpanSink

TIMEOUT_S = 10.0


class CollectedSpans:
    """What was exported since the block began."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def of_trace(self, trace_id: int) -> list[ReadableSpan]:
        return [span for span in self.all() if span.context.trace_id == trace_id]

    async def until(self, holds: Callable[["CollectedSpans"], object]) -> None:
        """Return when ``holds`` of what was collected."""
        async with asyncio.timeout(TIMEOUT_S):
            while not holds(self):  # noqa: ASYNC110 - the other end of a socket
                await asyncio.sleep(0.02)


@contextmanager
def collected_spans(*, ratio: float = 1.0) -> Iterator[CollectedSpans]:
    """Have what is built inside the block make spans."""
    exporter = InMemorySpanExporter()
    sink = SpanSink(SimpleSpanProcessor(exporter), service="test")
    install_traces(Traces(sink, ratio=ratio, chance=Random(5)))
    try:
        yield CollectedSpans(exporter)
    finally:
        install_traces(None)


def is_child(span: ReadableSpan, parent: ReadableSpan) -> bool:
    """Tell whether ``span`` stands directly below ``parent``."""
    return (
        span.parent is not None
        and span.parent.span_id == parent.context.span_id
        and span.context.trace_id == parent.context.trace_id
    )
