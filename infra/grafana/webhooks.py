"""Webhooks: what is sent, what waits and for whom, what ends without success, what others send us."""

from infra.grafana.panels import SERVICE, Dashboard, Panel, Query, Row

WEBHOOKS = Dashboard(
    uid="zhike-webhooks",
    title="Zhike: webhooks",
    description="What is sent, what waits, what ends without success, and what others send us.",
    rows=(
        Row(
            "Sending",
            (
                Panel(
                    "Deliveries begun",
                    "Per second: one for each event and target.",
                    (Query(f"sum by (service) (rate(zhike_webhook_published_total{{{SERVICE}}}[5m]))", "{{service}}"),),
                    unit="ops",
                ),
                Panel(
                    "Tries, by outcome",
                    "Per second; docs/webhooks.md says what each outcome means.",
                    (Query(f"sum by (outcome) (rate(zhike_webhook_attempts_total{{{SERVICE}}}[5m]))", "{{outcome}}"),),
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Time to an answer",
                    "p50 and p95 of a try; a receiver has 20 s.",
                    tuple(
                        Query(
                            f"histogram_quantile({share}, sum by (le, service) "
                            f"(rate(zhike_webhook_attempt_seconds_bucket{{{SERVICE}}}[5m])))",
                            f"{{{{service}}}} p{int(share * 100)}",
                        )
                        for share in (0.5, 0.95)
                    ),
                    unit="s",
                ),
            ),
        ),
        Row(
            "Waiting",
            (
                Panel(
                    "Deliveries that wait",
                    "For their first or next try.",
                    (Query(f"max by (service) (zhike_webhook_waiting_deliveries{{{SERVICE}}})", "{{service}}"),),
                ),
                Panel(
                    "Lateness",
                    "How long the delivery that waits longest has been due, targets that are disabled left out.",
                    (Query(f"max by (service) (zhike_webhook_late_seconds{{{SERVICE}}})", "{{service}}"),),
                    unit="s",
                    limit=900,
                ),
                Panel(
                    "Targets, by state",
                    "Resting: it does not answer and is asked now and then.",
                    (Query(f"max by (service, state) (zhike_webhook_targets{{{SERVICE}}})", "{{service}} {{state}}"),),
                ),
            ),
        ),
        Row(
            "Ends, and what comes in",
            (
                Panel(
                    "Deliveries ended",
                    "In the last hour, by state; dead ones wait for a replay.",
                    (
                        Query(
                            f"sum by (service, state) (increase(zhike_webhook_ended_total{{{SERVICE}}}[1h]))",
                            "{{service}} {{state}}",
                        ),
                    ),
                ),
                Panel(
                    "Inbound calls, by result",
                    "Per second: taken, duplicate, or refused for a reason.",
                    (
                        Query(
                            f"sum by (service, result) (rate(zhike_webhook_received_total{{{SERVICE}}}[5m]))",
                            "{{service}} {{result}}",
                        ),
                    ),
                    unit="ops",
                ),
            ),
        ),
    ),
)
