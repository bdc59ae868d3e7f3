"""The document stores as each service meets them, and what leaves their outboxes."""

from infra.grafana.panels import SERVICE, Dashboard, Panel, Query, Row

STORES = Dashboard(
    uid="zhike-stores",
    title="Zhike: stores",
    description="Document stores as each service meets them, and what leaves their outboxes.",
    rows=(
        Row(
            "Documents",
            (
                Panel(
                    "Operations",
                    "Per second.",
                    (
                        Query(
                            f"sum by (service, operation) (rate(zhike_store_seconds_count{{{SERVICE}}}[5m]))",
                            "{{service}} {{operation}}",
                        ),
                    ),
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Latency, p95",
                    "By operation; writes are durable when they return.",
                    (Query(f"zhike:store_seconds:p95_5m{{{SERVICE}}}", "{{service}} {{operation}}"),),
                    unit="s",
                    limit=0.1,
                ),
                Panel(
                    "Failures",
                    "Per second, by reason: full, away, slow. A lost compare and set is none.",
                    (
                        Query(
                            f"sum by (service, operation, reason) (rate(zhike_store_failures_total{{{SERVICE}}}[5m]))",
                            "{{service}} {{operation}} {{reason}}",
                        ),
                    ),
                    unit="ops",
                ),
                Panel(
                    "Time in the store",
                    "Seconds of waiting per second, over all that waits at once.",
                    (
                        Query(
                            f"sum by (service) (rate(zhike_store_seconds_sum{{{SERVICE}}}[5m]))",
                            "{{service}}",
                        ),
                    ),
                    width=12,
                ),
                Panel(
                    "Latency of durable appends",
                    "Share of insert_many that took so long.",
                    (
                        Query(
                            "histogram_quantile(0.5, sum by (le, service) "
                            f'(rate(zhike_store_seconds_bucket{{operation="insert_many", {SERVICE}}}[5m])))',
                            "{{service}} p50",
                        ),
                        Query(
                            "histogram_quantile(0.99, sum by (le, service) "
                            f'(rate(zhike_store_seconds_bucket{{operation="insert_many", {SERVICE}}}[5m])))',
                            "{{service}} p99",
                        ),
                    ),
                    unit="s",
                    width=12,
                ),
            ),
        ),
        Row(
            "What the processes lean on",
            (
                Panel(
                    "Parts that do not work",
                    "0 while a part is away, slow, full or read-only; /readyz, zhike status and one line of log name "
                    "the cause.",
                    (
                        Query(
                            f"min by (service, part) (zhike_part_up{{{SERVICE}}})",
                            "{{service}} {{part}}",
                        ),
                    ),
                ),
                Panel(
                    "Leases lost",
                    "In the last hour: a process was paused, or its store away; the work goes on elsewhere.",
                    (
                        Query(
                            f"sum by (service, lease) (increase(zhike_lease_lost_total{{{SERVICE}}}[1h]))",
                            "{{service}} {{lease}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Search index",
            (
                Panel(
                    "Search index answers",
                    "1 while it answers and takes writes; 0: the log of the process says why.",
                    (Query(f"zhike_search_index_up{{{SERVICE}}}", "{{service}} {{instance}}"),),
                ),
            ),
        ),
        Row(
            "Outboxes and operations",
            (
                Panel(
                    "Events relayed from outboxes",
                    "Per second.",
                    (
                        Query(
                            f"sum by (service, collection) (rate(zhike_outbox_relayed_events_total{{{SERVICE}}}[5m]))",
                            "{{service}} {{collection}}",
                        ),
                    ),
                    unit="eps",
                ),
                Panel(
                    "Conflicts in outboxes",
                    "Events whose id another one has; there should be none, ever.",
                    (
                        Query(
                            f"sum by (service, collection) (increase(zhike_outbox_conflicts_total{{{SERVICE}}}[1h]))",
                            "{{service}} {{collection}}",
                        ),
                    ),
                    limit=1,
                ),
                Panel(
                    "Long-running operations that ended",
                    "In the last hour, by kind and state: imports, rebuilds, redrives, trainings.",
                    (
                        Query(
                            f"sum by (service, kind, state) (increase(zhike_operations_total{{{SERVICE}}}[1h]))",
                            "{{service}} {{kind}} {{state}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
