"""The service desk: what happens to cases, and which were not answered in time."""

from infra.grafana.panels import SERVICE, Dashboard, Panel, Query, Row

DESK = Dashboard(
    uid="zhike-desk",
    title="Zhike: service desk",
    description="What happens to cases, and which were not answered in time.",
    rows=(
        Row(
            "Cases",
            (
                Panel(
                    "What happened, by step",
                    "In an hour: opened, replied, wrote (the customer), closed, reopened and the rest.",
                    (
                        Query(
                            f"sum by (step) (increase(zhike_knowledge_case_steps_total{{{SERVICE}}}[1h]))", "{{step}}"
                        ),
                    ),
                    stacked=True,
                ),
                Panel(
                    "Answers that were late, by kind",
                    "In a day: cases whose working hours to answer passed without one.",
                    (
                        Query(
                            f"sum by (kind) (increase(zhike_knowledge_case_breaches_total{{{SERVICE}}}[1d]))",
                            "{{kind}}",
                        ),
                    ),
                    stacked=True,
                ),
            ),
        ),
    ),
)
