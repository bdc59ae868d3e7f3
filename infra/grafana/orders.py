"""Orders: what is told of them, what carriers push, what is promised and told late, who watches."""

from infra.grafana.panels import SERVICE, Dashboard, Panel, Query, Row


def _rate(metric: str, label: str = "") -> Query:
    """Return the rate of a counter, by one of its labels where it has any."""
    by = f" by ({label})" if label else ""
    return Query(f"sum{by} (rate({metric}{{{SERVICE}}}[5m]))", f"{{{{{label}}}}}" if label else "")


ORDERS = Dashboard(
    uid="zhike-orders",
    title="Zhike: orders",
    description="What is told of orders, what carriers push, what is promised and told late, who watches.",
    rows=(
        Row(
            "Facts",
            (
                Panel(
                    "Facts, by verdict",
                    "Per second; a duplicate is a success.",
                    (_rate("zhike_orders_events_total", "verdict"),),
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Facts refused, by reason",
                    "Per second; docs/reference.md says what each reason means.",
                    (_rate("zhike_orders_refused_events_total", "reason"),),
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "What did not fit, by remark",
                    "Per second, kept and shown: docs/orders.md says what each remark means.",
                    (_rate("zhike_orders_remarks_total", "remark"),),
                    unit="ops",
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Carriers",
            (
                Panel(
                    "Scans pushed, by sender and verdict",
                    "Per second; services repeat the whole history in each call, so most are duplicates.",
                    (
                        Query(
                            f"sum by (carrier, verdict) (rate(zhike_orders_carrier_scans_total{{{SERVICE}}}[5m]))",
                            "{{carrier}} {{verdict}}",
                        ),
                    ),
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Words that no table knows, by sender",
                    "Per second, kept as they came and moving nothing: their table wants a new row.",
                    (_rate("zhike_orders_unknown_carrier_words_total", "carrier"),),
                    unit="ops",
                ),
                Panel(
                    "Scans without a usable time, by sender",
                    "Per second, kept by their arrival and moving nothing.",
                    (_rate("zhike_orders_undated_scans_total", "carrier"),),
                    unit="ops",
                ),
            ),
        ),
        Row(
            "Promises",
            (
                Panel(
                    "Versions and lessons",
                    "Per second: promises that changed, and observations that lead times are learned from.",
                    (
                        Query(f"sum(rate(zhike_orders_promise_versions_total{{{SERVICE}}}[5m]))", "versions"),
                        Query(f"sum(rate(zhike_orders_lessons_total{{{SERVICE}}}[5m]))", "lessons"),
                    ),
                    unit="ops",
                ),
                Panel(
                    "Delays told in the last hour",
                    "In time, or late: after the promise was broken, which nobody could know before.",
                    (
                        Query(
                            f"sum by (when) (increase(zhike_orders_delay_notices_total{{{SERVICE}}}[1h]))", "{{when}}"
                        ),
                    ),
                    stacked=True,
                ),
                Panel(
                    "Orders that wait to be looked at",
                    "Orders whose promise should have been looked at, and looks that failed for good in the last hour.",
                    (
                        Query(f"max(zhike_orders_overdue_looks{{{SERVICE}}})", "waiting"),
                        Query(f"sum(increase(zhike_orders_failed_looks_total{{{SERVICE}}}[1h]))", "failed"),
                    ),
                ),
            ),
        ),
        Row(
            "Watchers",
            (
                Panel(
                    "Open streams",
                    "Who watches an order as it moves.",
                    (Query("sum(zhike_order_streams)"),),
                    width=12,
                ),
                Panel(
                    "Orders handed to those who watch",
                    "Per second.",
                    (Query("sum(rate(zhike_order_stream_updates_total[5m]))"),),
                    unit="ops",
                    width=12,
                ),
            ),
        ),
    ),
)
