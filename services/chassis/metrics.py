"""The numbers that a process shows: every metric declared once in a table, kept in a registry of its own.

/metrics is served on a private port by prometheus_client's own thread, so a busy event loop still answers the scraper.
A service declares its own table of Metric and hands it to ``Metrics.declare``.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    start_http_server,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from services.chassis.errors import ZhikeError

CALL_BUCKETS_S = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    10.0,
)


class MetricKind(StrEnum):
    """What a metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """A declared metric. Counter names end in ``_total``; units stand last (``_seconds``, ``_bytes``, ``_events``)."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = CALL_BUCKETS_S


CHASSIS_METRICS: tuple[Metric, ...] = (
    Metric(
        "zhike_rpc_calls_total",
        MetricKind.COUNTER,
        "Calls answered, by method and gRPC code.",
        ("rpc", "code"),
    ),
    Metric("zhike_rpc_seconds", MetricKind.HISTOGRAM, "Time to answer a call.", ("rpc",)),
    Metric("zhike_rpc_in_flight", MetricKind.GAUGE, "Calls being answered now."),
    Metric(
        "zhike_rpc_errors_total",
        MetricKind.COUNTER,
        "Calls refused or failed, by reason.",
        ("rpc", "reason"),
    ),
    Metric(
        "zhike_client_calls_total",
        MetricKind.COUNTER,
        "Calls made, by method and gRPC code.",
        ("rpc", "code"),
    ),
    Metric(
        "zhike_client_retries_total",
        MetricKind.COUNTER,
        "Calls made again after a lost connection.",
        ("rpc",),
    ),
    Metric(
        "zhike_breaker_open",
        MetricKind.GAUGE,
        "1 while the upstream is taken for dead: who has a fallback does not wait for it.",
        ("upstream",),
    ),
    Metric(
        "zhike_breaker_opened_total",
        MetricKind.COUNTER,
        "Times that the upstream was mute long enough to be taken for dead.",
        ("upstream",),
    ),
    Metric("zhike_ready", MetricKind.GAUGE, "1 while this process calls itself SERVING."),
    Metric(
        "zhike_part_up",
        MetricKind.GAUGE,
        "1 while a part that this process leans on works; its log and readiness name the cause where not.",
        ("part",),
    ),
    Metric(
        "zhike_lease_lost_total",
        MetricKind.COUNTER,
        "Leases lost to another process, or not renewed in time, while their work ran here.",
        ("lease",),
    ),
    Metric(
        "zhike_job_running",
        MetricKind.GAUGE,
        "1 while the job runs in this process.",
        ("background_job",),  # "job" is what a scraper calls its targets
    ),
    Metric(
        "zhike_job_failures_total",
        MetricKind.COUNTER,
        "Crashes of a background job.",
        ("background_job",),  # "job" is what a scraper calls its targets
    ),
    Metric(
        "zhike_erasure_refused_total",
        MetricKind.COUNTER,
        "What was refused because its person was erased, by the door at which it came.",
        ("door",),
    ),
    Metric(
        "zhike_operations_total",
        MetricKind.COUNTER,
        "Long-running operations that ended.",
        ("kind", "state"),
    ),
    Metric(
        "zhike_event_loop_lag_seconds",
        MetricKind.GAUGE,
        "How late the event loop last woke up.",
    ),
    Metric(
        "zhike_trace_spans_total",
        MetricKind.COUNTER,
        "Spans that reached the collector (exported) or did not (failed).",
        ("result",),
    ),
)


class MetricUndeclaredError(ZhikeError):
    """A metric that no table declares, or one declared as something else; a defect of the caller."""

    reason = "METRIC_UNDECLARED"


class Metrics:
    """The registry of one process and the metrics that its tables declare."""

    def __init__(self, tables: Iterable[Sequence[Metric]] = (CHASSIS_METRICS,)) -> None:
        self.registry = CollectorRegistry()
        self._made: dict[str, Counter | Gauge | Histogram] = {}
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        for table in tables:
            self.declare(table)

    def declare(self, table: Sequence[Metric]) -> None:
        """Add the metrics of a table; a name declared twice is a ValueError of prometheus_client."""
        for metric in table:
            self._made[metric.name] = self._make(metric)

    def counter(self, name: str) -> Counter:
        """Return a declared counter."""
        made = self._made.get(name)
        if not isinstance(made, Counter):
            raise MetricUndeclaredError(f"no counter {name} is declared", name=name)
        return made

    def gauge(self, name: str) -> Gauge:
        """Return a declared gauge."""
        made = self._made.get(name)
        if not isinstance(made, Gauge):
            raise MetricUndeclaredError(f"no gauge {name} is declared", name=name)
        return made

    def histogram(self, name: str) -> Histogram:
        """Return a declared histogram."""
        made = self._made.get(name)
        if not isinstance(made, Histogram):
            raise MetricUndeclaredError(f"no histogram {name} is declared", name=name)
        return made

    def serve(self, bind: str, port: int) -> tuple[WSGIServer, int]:
        """Answer /metrics from a thread; return the server (for ``stop_serving``) and its port."""
        server, _ = start_http_server(port, addr=bind, registry=self.registry)
        return server, int(server.server_port)

    def _make(self, metric: Metric) -> Counter | Gauge | Histogram:
        if metric.kind is MetricKind.COUNTER:
            return Counter(metric.name, metric.help, metric.labels, registry=self.registry)
        if metric.kind is MetricKind.GAUGE:
            return Gauge(metric.name, metric.help, metric.labels, registry=self.registry)
        return Histogram(
            metric.name,
            metric.help,
            metric.labels,
            registry=self.registry,
            buckets=metric.buckets,
        )


def stop_serving(server: WSGIServer) -> None:
    """End the thread behind /metrics without waiting for it: it looks whether it should end every half second."""

    def stop() -> None:
        server.shutdown()
        server.server_close()

    threading.Thread(target=stop, name="metrics stop", daemon=True).start()
