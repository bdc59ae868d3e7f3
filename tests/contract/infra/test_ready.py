"""The health check of a container, against a real /metrics."""

import pytest

from infra.docker import ready
from services.chassis.metrics import Metrics, stop_serving


def test_it_asks_the_process_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    server, port = metrics.serve("127.0.0.1", 0)
    monkeypatch.setenv("ZHIKE_METRICS_PORT", str(port))
    try:
        assert ready.main() == 1
        metrics.gauge("zhike_ready").set(1)
        assert ready.main() == 0
    finally:
        stop_serving(server)


def test_where_nobody_answers_nobody_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIKE_METRICS_PORT", "1")
    assert ready.main() == 1
