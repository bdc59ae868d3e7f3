"""How Ray served this process last: a counter of its failures, and one word for an operator."""

from typing import Final

from services.chassis.metrics import Metric, MetricKind, Metrics
from services.chassis.standing import RAY, Standings
from services.recommendation.domain.errors import ClusterDiffersError, ClusterLostError, ClusterUnreachableError

CLUSTER_REASONS: Final = frozenset(
    {ClusterUnreachableError.reason, ClusterLostError.reason, ClusterDiffersError.reason}
)
CLUSTER_METRICS: Final = (
    Metric(
        "zhike_ray_failures_total",
        MetricKind.COUNTER,
        "Trainings and scorings that Ray failed, by the reason that stands in the operation's error.",
        ("reason",),
    ),
)


class ClusterNumbers:
    """Counts, and remembers the last word: "ok", a reason, or "" before anything ran."""

    def __init__(self, metrics: Metrics, standings: Standings) -> None:
        metrics.declare(CLUSTER_METRICS)
        self._standings = standings
        self._failures = metrics.counter("zhike_ray_failures_total")
        for reason in sorted(CLUSTER_REASONS):
            self._failures.labels(reason)
        self.standing = ""

    def worked(self) -> None:
        """A run came through."""
        self.standing = "ok"
        self._standings.works(RAY)

    def failed(self, reason: str) -> None:
        """A run ended by ``reason``, one of CLUSTER_REASONS."""
        self.standing = reason
        self._standings.failed(RAY, reason)
        self._failures.labels(reason).inc()
