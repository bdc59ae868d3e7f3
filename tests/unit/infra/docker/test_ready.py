"""The health check of a container believes what the process says of itself."""

from prometheus_client import generate_latest

from infra.docker import ready
from services.chassis.metrics import Metrics


def test_a_process_is_ready_when_its_own_metrics_say_so() -> None:
    metrics = Metrics()
    assert not ready.is_ready(generate_latest(metrics.registry).decode())
    metrics.gauge("zhike_ready").set(1)
    assert ready.is_ready(generate_latest(metrics.registry).decode())
    metrics.gauge("zhike_ready").set(0)
    assert not ready.is_ready(generate_latest(metrics.registry).decode())
    assert not ready.is_ready("# HELP zhike_ready 1.0\n")
