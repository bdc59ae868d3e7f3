"""The numbers that a service which sends or takes webhooks shows."""

from typing import Final

from services.chassis.metrics import Metric, MetricKind

WEBHOOK_METRICS: Final = (
    Metric("zhike_webhook_published_total", MetricKind.COUNTER, "Deliveries begun: one for each event and target."),
    Metric(
        "zhike_webhook_attempts_total",
        MetricKind.COUNTER,
        "Tries that ended, by outcome: delivered, refused, gone, throttled, broken, timeout, unreachable, blocked, "
        "interrupted.",
        ("outcome",),
    ),
    Metric(
        "zhike_webhook_attempt_seconds",
        MetricKind.HISTOGRAM,
        "Time to a receiver's answer.",
        buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0),
    ),
    Metric(
        "zhike_webhook_ended_total",
        MetricKind.COUNTER,
        "Deliveries that ended: delivered, dead (no further try) or cancelled (its target was deleted).",
        ("state",),
    ),
    Metric("zhike_webhook_waiting_deliveries", MetricKind.GAUGE, "Deliveries that wait for a try."),
    Metric(
        "zhike_webhook_late_seconds",
        MetricKind.GAUGE,
        "How long the delivery that waits longest has been due; 0: none.",
    ),
    Metric("zhike_webhook_targets", MetricKind.GAUGE, "Targets: enabled, disabled or resting.", ("state",)),
    Metric(
        "zhike_webhook_received_total",
        MetricKind.COUNTER,
        "Inbound calls: taken, duplicate, unsigned, tampered, stale or replayed.",
        ("result",),
    ),
)
