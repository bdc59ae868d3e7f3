"""The event logs: what is written, how far readers are, what they could not apply."""

from infra.grafana.panels import SERVICE, Dashboard, Panel, Query, Row

EVENT_LOGS = Dashboard(
    uid="zhike-logs",
    title="Zhike: event logs",
    description="What is written to the logs, how far their readers are, and what they could not apply.",
    rows=(
        Row(
            "Writing",
            (
                Panel(
                    "Events appended",
                    "Per second, by log: stored, duplicate, or reused (an id with another body).",
                    (
                        Query(
                            f"sum by (log, status) (rate(zhike_log_appended_events_total{{{SERVICE}}}[1m]))",
                            "{{log}} {{status}}",
                        ),
                    ),
                    unit="eps",
                ),
                Panel(
                    "Intake, by verdict",
                    "User events per second.",
                    (Query("sum by (verdict) (rate(zhike_knowledge_events_total[1m]))", "{{verdict}}"),),
                    unit="eps",
                    stacked=True,
                ),
                Panel(
                    "Intake refused, by reason",
                    "User events per second.",
                    (Query("sum by (reason) (rate(zhike_knowledge_refused_events_total[5m]))", "{{reason}}"),),
                    unit="eps",
                ),
            ),
        ),
        Row(
            "Reading",
            (
                Panel(
                    "Lag in events",
                    "Not applied yet, by projection and log.",
                    (
                        Query(
                            f"max by (service, projection, log) (zhike_reader_lag_events{{{SERVICE}}})",
                            "{{service}} {{projection}} ← {{log}}",
                        ),
                    ),
                ),
                Panel(
                    "Lag in seconds",
                    "Age of the last applied event while a reader is behind.",
                    (
                        Query(
                            f"max by (service, projection, log) (zhike_reader_lag_seconds{{{SERVICE}}})",
                            "{{service}} {{projection}} ← {{log}}",
                        ),
                    ),
                    unit="s",
                ),
                Panel(
                    "Refused, of persons who were erased",
                    "What came late about somebody whose data was erased at their request.",
                    (
                        Query(
                            f"sum by (service) (rate(zhike_erasure_refused_total{{{SERVICE}}}[5m]))",
                            "{{service}}",
                        ),
                    ),
                ),
                Panel(
                    "Staleness",
                    "Since a reader last stood at the log's end; a quiet log is not a stale one.",
                    (
                        Query(
                            f"max by (service, projection, log) (zhike_reader_staleness_seconds{{{SERVICE}}})",
                            "{{service}} {{projection}} ← {{log}}",
                        ),
                    ),
                    unit="s",
                    limit=2,
                ),
                Panel(
                    "Events applied",
                    "Per second.",
                    (
                        Query(
                            "sum by (service, projection, log) "
                            f"(rate(zhike_reader_applied_events_total{{{SERVICE}}}[1m]))",
                            "{{service}} {{projection}} ← {{log}}",
                        ),
                    ),
                    unit="eps",
                ),
                Panel(
                    "Batches tried again",
                    "Because a store or the log's owner was away.",
                    (
                        Query(
                            f"sum by (service, projection) (rate(zhike_reader_retries_total{{{SERVICE}}}[5m]))",
                            "{{service}} {{projection}}",
                        ),
                    ),
                    unit="ops",
                ),
                Panel(
                    "Subscriptions begun anew",
                    "In the last 10 minutes.",
                    (
                        Query(
                            "sum by (service, projection) "
                            f"(increase(zhike_reader_resubscriptions_total{{{SERVICE}}}[10m]))",
                            "{{service}} {{projection}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "What must not happen",
            (
                Panel(
                    "Dead letters",
                    "Events set aside in the last hour; zhike dead-letters shows and redrives them.",
                    (
                        Query(
                            f"sum by (projection) (increase(zhike_reader_dead_letters_total{{{SERVICE}}}[1h]))",
                            "{{projection}}",
                        ),
                    ),
                    limit=1,
                ),
                Panel(
                    "Holes",
                    "1 while a missing number stops a reader.",
                    (
                        Query(
                            f"max by (service, projection, log) (zhike_reader_hole{{{SERVICE}}})",
                            "{{service}} {{projection}} ← {{log}}",
                        ),
                    ),
                    limit=1,
                ),
                Panel(
                    "Searches that were not logged",
                    "In the last hour: the queue of the search log was full.",
                    (Query("sum(increase(zhike_search_log_lost_total[1h]))", "lost"),),
                    limit=1,
                ),
            ),
        ),
    ),
)
