"""Every metric is declared once, in a table, and found under its kind."""

import re

import pytest
from prometheus_client import generate_latest

from services.chassis.metrics import CHASSIS_METRICS, Metric, MetricKind, Metrics, MetricUndeclaredError

OWN = (Metric("zhike_search_hits_total", MetricKind.COUNTER, "Hits.", ("language",)),)


def test_a_services_table_stands_beside_the_chassis_own() -> None:
    metrics = Metrics((CHASSIS_METRICS, OWN))
    metrics.counter("zhike_search_hits_total").labels("zh").inc(2)
    metrics.gauge("zhike_ready").set(1)
    metrics.histogram("zhike_rpc_seconds").labels("x").observe(0.003)
    shown = generate_latest(metrics.registry).decode()
    assert 'zhike_search_hits_total{language="zh"} 2.0' in shown
    assert 'zhike_rpc_seconds_bucket{le="0.005",rpc="x"} 1.0' in shown
    assert "# HELP zhike_ready 1 while" in shown


def test_a_metric_that_no_table_declares_or_of_another_kind_is_a_defect() -> None:
    metrics = Metrics()
    for ask, name in (
        (metrics.counter, "zhike_nothing_total"),
        (metrics.counter, "zhike_ready"),
        (metrics.gauge, "zhike_rpc_seconds"),
        (metrics.histogram, "zhike_rpc_calls_total"),
    ):
        with pytest.raises(MetricUndeclaredError):
            ask(name)


def test_a_name_declared_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="zhike_search_hits"):
        Metrics((OWN, OWN))


def test_two_processes_in_one_test_share_nothing() -> None:
    first, second = Metrics(), Metrics()
    first.gauge("zhike_ready").set(1)
    assert second.registry.get_sample_value("zhike_ready") == 0


@pytest.mark.parametrize("metric", CHASSIS_METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"zhike_[a-z0-9_]+", metric.name)
    assert metric.name.endswith("_total") is (metric.kind is MetricKind.COUNTER)
    assert metric.help.endswith(".")
