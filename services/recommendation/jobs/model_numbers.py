"""Shows which model answers, how old it is and how the newest one was judged. A pass of a job of every replica."""

from contextlib import suppress
from statistics import fmean
from typing import Final

from services.chassis.clock import Clock
from services.chassis.metrics import Metric, MetricKind, Metrics
from services.recommendation.domain.errors import ModelNotFoundError
from services.recommendation.store.models import ModelStore
from services.recommendation.store.world import World

NUMBERS_INTERVAL_S: Final = 15.0

MODEL_METRICS: Final = (
    Metric(
        "zhike_model_in_force",
        MetricKind.GAUGE,
        "1 for the version that answers in this replica, with what fills personal slots.",
        ("version", "ranker"),
    ),
    Metric("zhike_model_age_seconds", MetricKind.GAUGE, "Time since the version that answers was trained."),
    Metric(
        "zhike_model_newest_ndcg",
        MetricKind.GAUGE,
        "NDCG@10 on new items of the newest version, mean of its windows, beside what it must exceed.",
        ("ranker",),
    ),
    Metric("zhike_model_newest_earned", MetricKind.GAUGE, "1 when the newest version may fill personal slots."),
)


class ModelNumbers:
    """Sets the gauges."""

    def __init__(self, models: ModelStore, world: World, clock: Clock, metrics: Metrics) -> None:
        metrics.declare(MODEL_METRICS)
        self._models, self._world, self._clock = models, world, clock
        self._in_force = metrics.gauge("zhike_model_in_force")
        self._age, self._earned = metrics.gauge("zhike_model_age_seconds"), metrics.gauge("zhike_model_newest_earned")
        self._ndcg = metrics.gauge("zhike_model_newest_ndcg")

    async def refresh(self) -> None:
        """Look at the model that answers and at the newest one; before the first there is nothing to show."""
        newest, _ = await self._models.newest(after=None, limit=1)
        for model in newest:
            self._earned.set(model.verdict.earned)
            if model.windows:
                self._ndcg.labels("als").set(fmean(window.ndcg_at_10 for window in model.windows))
                self._ndcg.labels("popularity").set(fmean(window.popularity_ndcg_at_10 for window in model.windows))
                self._ndcg.labels("item-to-item").set(fmean(window.item_to_item_ndcg_at_10 for window in model.windows))
        answering = self._world.model
        self._in_force.clear()
        if answering is not None:
            self._in_force.labels(answering.version, answering.ranker.value).set(1)
            with suppress(ModelNotFoundError):
                version = await self._models.get(answering.version)
                self._age.set((self._clock.now() - version.create_time).total_seconds())
