"""Reputation: what is heard, from where, and what could not be kept."""

from infra.grafana.panels import SERVICE, Dashboard, Panel, Query, Row

REPUTATION = Dashboard(
    uid="zhike-reputation",
    title="Zhike: reputation",
    description="What is heard, from where, and what could not be kept.",
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
    ),
)
