"""The golden signals: rate, errors, latency and saturation, at the edge and in each service."""

from infra.grafana.panels import SERVICE, Dashboard, Panel, Query, Row

OVERVIEW = Dashboard(
    uid="zhike-overview",
    title="Zhike: overview",
    description="Rate, errors, latency and saturation, at the gateway's edge and in each service.",
    rows=(
        Row(
            "At a glance",
            (
                Panel(
                    "Processes ready",
                    "Replicas that call themselves SERVING, by service.",
                    (Query(f"sum by (service) (zhike_ready{{{SERVICE}}})", "{{service}}"),),
                    kind="stat",
                    width=6,
                    height=5,
                ),
                Panel(
                    "Requests per second",
                    "Answered at the gateway, over all routes.",
                    (Query("sum(zhike:http_requests:rate5m)"),),
                    unit="reqps",
                    kind="stat",
                    width=6,
                    height=5,
                ),
                Panel(
                    "Failed requests",
                    "Share of the last 5 minutes' requests that ended in a 5xx.",
                    (
                        Query(
                            'sum(rate(zhike_http_requests_total{status=~"5.."}[5m]))'
                            " / sum(rate(zhike_http_requests_total[5m]))"
                        ),
                    ),
                    unit="percentunit",
                    kind="stat",
                    width=6,
                    height=5,
                    limit=0.01,
                ),
                Panel(
                    "Firing alerts",
                    "Prometheus' own rules; infra/prometheus/rules says each.",
                    (Query('count(ALERTS{alertstate="firing"}) or vector(0)'),),
                    kind="stat",
                    width=6,
                    height=5,
                    limit=1,
                ),
            ),
        ),
        Row(
            "HTTP, by route",
            (
                Panel(
                    "Console tabs",
                    "Open streams of the console's pages, one for a tab that is looked at.",
                    (Query("sum(zhike_console_streams)"),),
                ),
                Panel(
                    "Rate",
                    "Requests per second.",
                    (Query("zhike:http_requests:rate5m", "{{route}}"),),
                    unit="reqps",
                    stacked=True,
                ),
                Panel(
                    "Errors",
                    "Refused or failed requests per second, by reason.",
                    (Query("sum by (reason) (rate(zhike_http_refused_total[5m]))", "{{reason}}"),),
                    unit="reqps",
                ),
                Panel(
                    "Latency, p95",
                    "From the first byte of the request to the end of the answer.",
                    (Query("zhike:http_seconds:p95_5m", "{{route}}"),),
                    unit="s",
                ),
                Panel(
                    "Failures by route",
                    "Share of 5xx.",
                    (Query("zhike:http_failures:ratio5m", "{{route}}"),),
                    unit="percentunit",
                    limit=0.01,
                ),
                Panel(
                    "Latency, p99",
                    "The slowest of a hundred.",
                    (Query("zhike:http_seconds:p99_5m", "{{route}}"),),
                    unit="s",
                ),
                Panel(
                    "Saturation of the edge",
                    "Requests being answered, and token buckets held.",
                    (
                        Query("sum(zhike_http_in_flight)", "in flight"),
                        Query("sum(zhike_rate_limit_buckets)", "token buckets"),
                    ),
                ),
            ),
        ),
        Row(
            "gRPC, by method",
            (
                Panel(
                    "Rate",
                    "Calls answered per second.",
                    (
                        Query(
                            f"sum by (service, rpc) (rate(zhike_rpc_calls_total{{{SERVICE}}}[5m]))",
                            "{{service}} {{rpc}}",
                        ),
                    ),
                    unit="reqps",
                ),
                Panel(
                    "Errors",
                    "Calls refused or failed per second, by reason.",
                    (
                        Query(
                            f"sum by (service, reason) (rate(zhike_rpc_errors_total{{{SERVICE}}}[5m]))",
                            "{{service}} {{reason}}",
                        ),
                    ),
                    unit="reqps",
                ),
                Panel(
                    "Latency, p95",
                    "Inside the service.",
                    (Query(f"zhike:rpc_seconds:p95_5m{{{SERVICE}}}", "{{service}} {{rpc}}"),),
                    unit="s",
                ),
                Panel(
                    "Calls made, not OK",
                    "As the caller sees them: what a service that is down shows nowhere else.",
                    (
                        Query(
                            "sum by (service, rpc, code) "
                            f'(rate(zhike_client_calls_total{{code!="OK", {SERVICE}}}[5m]))',
                            "{{service}} → {{rpc}} {{code}}",
                        ),
                    ),
                    unit="reqps",
                ),
                Panel(
                    "Calls made again",
                    "After a lost connection.",
                    (
                        Query(
                            f"sum by (service, rpc) (rate(zhike_client_retries_total{{{SERVICE}}}[5m]))",
                            "{{service}} → {{rpc}}",
                        ),
                    ),
                    unit="reqps",
                ),
                Panel(
                    "Taken for dead",
                    "Upstreams whose breaker is open (1), and how often one opened in 5 minutes.",
                    (
                        Query(
                            f"max by (service, upstream) (zhike_breaker_open{{{SERVICE}}})",
                            "{{service}} → {{upstream}}",
                        ),
                        Query(
                            f"sum by (service, upstream) (increase(zhike_breaker_opened_total{{{SERVICE}}}[5m]))",
                            "{{service}} → {{upstream}} opened",
                        ),
                    ),
                ),
                Panel(
                    "Fallbacks",
                    "Answers per second in the place of a service that is down or late.",
                    (Query("sum by (answer) (rate(zhike_fallbacks_total[5m]))", "{{answer}}"),),
                    unit="reqps",
                ),
                Panel(
                    "Calls in flight",
                    "Being answered now.",
                    (Query(f"sum by (service) (zhike_rpc_in_flight{{{SERVICE}}})", "{{service}}"),),
                ),
            ),
        ),
        Row(
            "Processes",
            (
                Panel(
                    "Event loop lag",
                    "How late the loop wakes up: above 0.1 s every call waits.",
                    (Query(f"max by (service, instance) (zhike_event_loop_lag_seconds{{{SERVICE}}})", "{{instance}}"),),
                    unit="s",
                    limit=0.25,
                ),
                Panel(
                    "CPU",
                    "Cores in use.",
                    (
                        Query(
                            f'rate(process_cpu_seconds_total{{job="zhike", {SERVICE}}}[1m])', "{{service}} {{instance}}"
                        ),
                    ),
                ),
                Panel(
                    "Memory",
                    "Resident.",
                    (Query(f'process_resident_memory_bytes{{job="zhike", {SERVICE}}}', "{{service}} {{instance}}"),),
                    unit="bytes",
                ),
                Panel(
                    "Background jobs",
                    "Replicas that run each; a singleton runs in one.",
                    (
                        Query(
                            f"sum by (service, background_job) (zhike_job_running{{{SERVICE}}})",
                            "{{service}} {{background_job}}",
                        ),
                    ),
                    width=12,
                ),
                Panel(
                    "Crashes of jobs",
                    "In the last 10 minutes.",
                    (
                        Query(
                            f"sum by (service, background_job) (increase(zhike_job_failures_total{{{SERVICE}}}[10m]))",
                            "{{service}} {{background_job}}",
                        ),
                    ),
                    width=12,
                ),
                Panel(
                    "Spans sent to the collector",
                    "Per second; failed while the collector is away. Nothing without ZHIKE_TRACES_ENDPOINT.",
                    (
                        Query(
                            f"sum by (service, result) (rate(zhike_trace_spans_total{{{SERVICE}}}[5m]))",
                            "{{service}} {{result}}",
                        ),
                    ),
                    width=12,
                ),
                Panel(
                    "Garbage collections",
                    "Per second, of the old generation.",
                    (
                        Query(
                            f'rate(python_gc_collections_total{{job="zhike", generation="2", {SERVICE}}}[5m])',
                            "{{service}} {{instance}}",
                        ),
                    ),
                    width=12,
                ),
            ),
        ),
    ),
)
