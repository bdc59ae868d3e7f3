"""A model that grows old is trained anew."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.manifest import Manifests
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.leases import Leases
from services.chassis.metrics import Metrics
from services.chassis.operation_run import OperationRun
from services.chassis.operations import Operations
from services.recommendation.jobs.regular_training import RegularTraining
from services.recommendation.store.models import ModelStore
from services.recommendation.store.world import World
from tests.fakes.clock import ManualClock
from tests.unit.services.recommendation.shop import NOW_S, ledger_of, user_event
from tests.unit.services.recommendation.store.test_models import version


class Upkeep:
    """Everything that upkeep looks at."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.documents, self.artifacts = ManualClock(), MemoryDocuments(), LocalArtifacts(folder)
        self.manifests = Manifests(self.documents, self.artifacts, self.clock)
        self.models = ModelStore(self.documents, self.manifests)
        self.leases = Leases(self.documents, self.clock, "here", exclusive=True)
        self.operations = Operations(
            "recommendation",
            self.documents,
            self.artifacts,
            self.leases,
            clock=self.clock,
            metrics=Metrics(),
            instance="here",
        )
        self.world = World(ledger=ledger_of([user_event(1)]))
        self.started: list[str] = []
        self.training = RegularTraining(
            self.models, self.operations, self.world, self.clock, every=timedelta(hours=24), kind="train"
        )

    async def open(self) -> None:
        await self.artifacts.open()
        for each in (self.manifests, self.leases, self.operations):
            await each.open()
        await self.models.declare()
        self.operations.register("train", self._work, repeatable=True)

    async def _work(self, run: OperationRun) -> None:
        self.started.append(run.id)


@pytest.fixture
async def upkeep(tmp_path: Path) -> AsyncIterator[Upkeep]:
    upkeep = Upkeep(tmp_path)
    await upkeep.open()
    yield upkeep
    await upkeep.operations.close()


async def test_the_first_purchases_lead_to_a_first_training(upkeep: Upkeep) -> None:
    assert await upkeep.training.train_if_due()


async def test_a_shop_without_purchases_trains_nothing(upkeep: Upkeep) -> None:
    upkeep.world.ledger.clear()
    assert not await upkeep.training.train_if_due()


@pytest.mark.parametrize(
    ("age_hours", "bought_since", "due"), [(23, True, False), (25, True, True), (25, False, False)]
)
async def test_an_old_model_is_trained_anew_if_something_was_bought_since(
    upkeep: Upkeep, age_hours: int, bought_since: bool, due: bool
) -> None:
    model = version("m-1", "d")
    anchor_s = NOW_S - 1 if bought_since else NOW_S
    fields = {name: getattr(model, name) for name in type(model).__slots__}
    await upkeep.models.add(type(model)(**fields | {"anchor_s": anchor_s}))
    upkeep.clock.advance(age_hours * 3_600)
    assert await upkeep.training.train_if_due() is due


async def test_two_replicas_that_find_it_due_start_one_training(upkeep: Upkeep) -> None:
    await upkeep.training.train_if_due()
    await upkeep.training.train_if_due()
    assert len((await upkeep.operations.list_page(done=None, after=None, limit=10))[0]) == 1
