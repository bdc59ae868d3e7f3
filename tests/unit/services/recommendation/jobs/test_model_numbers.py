"""The numbers of models show what answers and how the newest was judged."""

from datetime import timedelta

import pytest

from services.chassis.metrics import Metrics
from services.recommendation.jobs.model_numbers import ModelNumbers
from tests.fakes.clock import ManualClock
from tests.unit.services.recommendation.usecases import test_models as models_of
from tests.unit.services.recommendation.usecases.test_models import Registry

registry = models_of.registry


@pytest.fixture
def metrics() -> Metrics:
    return Metrics([])


async def test_before_the_first_model_there_is_nothing_to_show(registry: Registry, metrics: Metrics) -> None:
    await ModelNumbers(registry.models, registry.world, ManualClock(), metrics).refresh()
    assert not metrics.gauge("zhike_model_in_force").collect()[0].samples


async def test_only_the_version_that_answers_is_in_force(registry: Registry, metrics: Metrics) -> None:
    clock = ManualClock()
    numbers = ModelNumbers(registry.models, registry.world, clock, metrics)
    await registry.keep(registry.version("m-1"))
    await numbers.refresh()
    await registry.keep(registry.version("m-2", earned=False, minutes=1))
    newest = (await registry.models.get("m-2")).create_time
    clock.advance((newest - clock.now() + timedelta(minutes=5)).total_seconds())
    await numbers.refresh()
    (sample,) = metrics.gauge("zhike_model_in_force").collect()[0].samples
    assert sample.labels == {"version": "m-2", "ranker": "item-to-item"}
    value = metrics.registry.get_sample_value
    assert value("zhike_model_age_seconds") == 300
    assert value("zhike_model_newest_earned") == 0
    windows = (await registry.models.get("m-2")).windows
    assert value("zhike_model_newest_ndcg", {"ranker": "als"}) == pytest.approx(
        sum(window.ndcg_at_10 for window in windows) / len(windows)
    )
