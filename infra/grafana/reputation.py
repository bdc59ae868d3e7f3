"""Reputation: what is heard, from where, what could not be kept, and what people were told of it."""

from infra.grafana.panels import SERVICE, Dashboard, Panel, Query, Row

REPUTATION = Dashboard(
    uid="zhike-reputation",
    title="Zhike: reputation",
    description="What is heard, from where, what could not be kept, and what people were told of it.",
    rows=(
        Row(
            "Hearing",
            (
                Panel(
                    "Mentions written, by verdict",
                    "Per second, by the API; a duplicate is a success.",
                    (
                        Query(
                            f"sum by (verdict) (rate(zhike_reputation_mentions_total{{{SERVICE}}}[5m]))", "{{verdict}}"
                        ),
                    ),
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Mentions refused, by reason",
                    "Per second; docs/reputation.md says what each reason means.",
                    (
                        Query(
                            f"sum by (reason) (rate(zhike_reputation_refused_mentions_total{{{SERVICE}}}[5m]))",
                            "{{reason}}",
                        ),
                    ),
                    unit="ops",
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Feeds",
            (
                Panel(
                    "Fetches, by how they went",
                    "Per second: fine, unchanged (the other side had no news), or the reason of the failure.",
                    (Query(f"sum by (outcome) (rate(zhike_reputation_polls_total{{{SERVICE}}}[15m]))", "{{outcome}}"),),
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Items, by what became of them",
                    "Per second: new, known from an earlier fetch, or skipped because they could not be kept.",
                    (
                        Query(
                            f"sum by (status) (rate(zhike_reputation_feed_items_total{{{SERVICE}}}[15m]))", "{{status}}"
                        ),
                    ),
                    unit="ops",
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Alerts",
            (
                Panel(
                    "Alerts that are live, by level",
                    "Open, acknowledged or mitigating; I is the gravest.",
                    (Query(f"max by (level) (zhike_reputation_alerts_live{{{SERVICE}}})", "{{level}}"),),
                    stacked=True,
                ),
                Panel(
                    "What people were told, by cause",
                    "In an hour: raised, level (graver than before), escalation, acknowledged, resolved.",
                    (
                        Query(
                            f"sum by (cause) (increase(zhike_reputation_notices_total{{{SERVICE}}}[1h]))", "{{cause}}"
                        ),
                    ),
                    stacked=True,
                ),
                Panel(
                    "Buckets judged, by verdict",
                    "Per second, of both series; few: above its bar, but fewer mentions than anybody is woken for.",
                    (
                        Query(
                            f"sum by (verdict) (rate(zhike_reputation_judged_total{{{SERVICE}}}[15m]))", "{{verdict}}"
                        ),
                    ),
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Mails",
                    "In an hour by outcome, and those that wait: a server that is away is waited for three days.",
                    (
                        Query(
                            f"sum by (outcome) (increase(zhike_reputation_mails_total{{{SERVICE}}}[1h]))", "{{outcome}}"
                        ),
                        Query(f"max (zhike_reputation_mails_waiting{{{SERVICE}}})", "waiting"),
                    ),
                ),
                Panel(
                    "Open streams",
                    "Who follows the alerts as they move.",
                    (Query("sum(zhike_alert_streams)"),),
                ),
            ),
        ),
    ),
)
