"""The numbers that the gateway shows beside those of every process."""

from services.chassis.metrics import Metric, MetricKind

GATEWAY_METRICS: tuple[Metric, ...] = (
    Metric(
        "zhike_http_requests_total",
        MetricKind.COUNTER,
        "Requests answered, by route and status.",
        ("method", "route", "status"),
    ),
    Metric("zhike_http_seconds", MetricKind.HISTOGRAM, "Time to answer a request.", ("route",)),
    Metric("zhike_http_in_flight", MetricKind.GAUGE, "Requests being answered now."),
    Metric("zhike_http_refused_total", MetricKind.COUNTER, "Requests refused or failed, by reason.", ("reason",)),
    Metric(
        "zhike_fallbacks_total",
        MetricKind.COUNTER,
        "Answers given in the place of a service that was down or late: popular, stale-page.",
        ("answer",),
    ),
    Metric("zhike_order_streams", MetricKind.GAUGE, "Open streams of orders."),
    Metric(
        "zhike_order_stream_updates_total", MetricKind.COUNTER, "Orders as they stand, handed to those who watch them."
    ),
    Metric("zhike_console_streams", MetricKind.GAUGE, "Open streams of the console's pages, one for a tab."),
    Metric("zhike_alert_streams", MetricKind.GAUGE, "Open streams of alerts."),
    Metric("zhike_rate_limit_buckets", MetricKind.GAUGE, "Token buckets held in memory."),
)
