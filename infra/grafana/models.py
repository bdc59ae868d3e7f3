"""The models: which answers, how it was judged, how training goes."""

from infra.grafana.panels import Dashboard, Panel, Query, Row

MODELS = Dashboard(
    uid="zhike-models",
    title="Zhike: models",
    description="Which model answers, how old it is, how the newest was judged, and how training goes.",
    rows=(
        Row(
            "In force",
            (
                Panel(
                    "Version and ranker",
                    "What answers, by replica: a swap shows as two for a moment.",
                    (Query("zhike_model_in_force"),),
                    kind="table",
                    width=12,
                ),
                Panel(
                    "Age",
                    "Since the version that answers was trained.",
                    (Query("max(zhike_model_age_seconds)"),),
                    unit="s",
                    kind="stat",
                    width=6,
                    limit=259200,
                ),
                Panel(
                    "The newest earned it",
                    "1 when it may fill personal slots, 0 when item-to-item does.",
                    (Query("max(zhike_model_newest_earned)"),),
                    kind="stat",
                    width=6,
                ),
                Panel(
                    "Versions over time",
                    "Replicas that answer from each.",
                    (Query("count by (version, ranker) (zhike_model_in_force)", "{{version}} {{ranker}}"),),
                    width=12,
                    stacked=True,
                ),
                Panel(
                    "NDCG@10 on new items",
                    "The newest version beside what it must exceed, mean of its windows.",
                    (Query("max by (ranker) (zhike_model_newest_ndcg)", "{{ranker}}"),),
                    width=12,
                ),
            ),
        ),
        Row(
            "Training and answering",
            (
                Panel(
                    "Trainings",
                    "That ended in the last day, by state.",
                    (Query('sum by (state) (increase(zhike_operations_total{kind="train"}[1d]))', "{{state}}"),),
                ),
                Panel(
                    "Failures of Ray",
                    "Trainings and scorings that Ray failed in the last day, by reason.",
                    (Query("sum by (reason) (increase(zhike_ray_failures_total[1d]))", "{{reason}}"),),
                    limit=1,
                ),
                Panel(
                    "Predictions per second",
                    "By gRPC code.",
                    (
                        Query(
                            "sum by (code) (rate(zhike_rpc_calls_total"
                            '{rpc="zhike.recommendation.v1.PredictionService/Predict"}[5m]))',
                            "{{code}}",
                        ),
                    ),
                    unit="reqps",
                ),
                Panel(
                    "Latency of a prediction",
                    "Inside recommendation.",
                    (
                        Query(
                            "histogram_quantile(0.5, sum by (le) (rate(zhike_rpc_seconds_bucket"
                            '{rpc="zhike.recommendation.v1.PredictionService/Predict"}[5m])))',
                            "p50",
                        ),
                        Query(
                            "histogram_quantile(0.99, sum by (le) (rate(zhike_rpc_seconds_bucket"
                            '{rpc="zhike.recommendation.v1.PredictionService/Predict"}[5m])))',
                            "p99",
                        ),
                    ),
                    unit="s",
                ),
            ),
        ),
    ),
)
