"""The numbers that readers and logs show. A process that follows logs hands this table to ``Metrics``."""

from services.chassis.metrics import Metric, MetricKind

_READER = ("projection", "log")

EVENTLOG_METRICS: tuple[Metric, ...] = (
    Metric(
        "zhike_log_appended_events_total",
        MetricKind.COUNTER,
        "Events given to a log: stored, duplicate, or reused (an id with another body).",
        ("log", "status"),
    ),
    Metric("zhike_reader_applied_events_total", MetricKind.COUNTER, "Events applied by a reader.", _READER),
    Metric("zhike_reader_lag_events", MetricKind.GAUGE, "Events that the reader has not applied yet.", _READER),
    Metric(
        "zhike_reader_lag_seconds",
        MetricKind.GAUGE,
        "Age of the last applied event while the reader is behind.",
        _READER,
    ),
    Metric(
        "zhike_reader_staleness_seconds",
        MetricKind.GAUGE,
        "Time since the reader last stood at the log's end; only while it reads in this process.",
        _READER,
    ),
    Metric(
        "zhike_reader_hole",
        MetricKind.GAUGE,
        "1 while a missing number stops the reader; it is never skipped.",
        _READER,
    ),
    Metric(
        "zhike_reader_retries_total", MetricKind.COUNTER, "Batches tried again because something was away.", _READER
    ),
    Metric("zhike_reader_dead_letters_total", MetricKind.COUNTER, "Events set aside after five failed tries.", _READER),
    Metric(
        "zhike_reader_resubscriptions_total",
        MetricKind.COUNTER,
        "Subscriptions begun anew after an interruption.",
        _READER,
    ),
    Metric("zhike_outbox_relayed_events_total", MetricKind.COUNTER, "Events relayed from outboxes.", ("collection",)),
    Metric(
        "zhike_outbox_conflicts_total",
        MetricKind.COUNTER,
        "Outbox entries whose id was taken by another event.",
        ("collection",),
    ),
)
