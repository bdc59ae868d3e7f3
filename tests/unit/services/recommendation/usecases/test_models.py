"""Promotion by evidence, by hand, and of two at once."""

from pathlib import Path

import pytest

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.manifest import Manifests
from services.chassis.documents.memory import MemoryDocuments
from services.recommendation.domain.errors import ModelNotFoundError, VersionMismatchError
from services.recommendation.domain.model import ModelVersion, Ranker
from services.recommendation.store.blobs import encode_model
from services.recommendation.store.models import ModelStore
from services.recommendation.store.world import World
from services.recommendation.usecases.models import ModelInForce, keep_trained, list_models, promote_by_hand
from services.recommendation.usecases.taste import Profiles
from tests.fakes.clock import ManualClock
from tests.unit.services.recommendation.shop import model_arrays, shop_world
from tests.unit.services.recommendation.store.test_models import version


class Registry:
    """The stores of a shop with one blob of arrays."""

    def __init__(self, models: ModelStore, artifacts: LocalArtifacts, digest: str) -> None:
        self.models, self.artifacts, self.digest = models, artifacts, digest
        self.world: World = shop_world(None)
        self.in_force = ModelInForce(models, artifacts, self.world, Profiles())

    def version(self, name: str, *, earned: bool = True, minutes: int = 0) -> ModelVersion:
        return version(name, self.digest, earned=earned, minutes=minutes)

    async def keep(self, model: ModelVersion, *, dry_run: bool = False) -> None:
        seen = await self.models.standing()
        await keep_trained(model, self.models, seen=seen, dry_run=dry_run)
        await self.in_force.refresh()


@pytest.fixture
async def registry(tmp_path: Path) -> Registry:
    documents, artifacts = MemoryDocuments(), LocalArtifacts(tmp_path)
    await artifacts.open()
    manifests = Manifests(documents, artifacts, ManualClock())
    await manifests.open()
    models = ModelStore(documents, manifests)
    await models.declare()
    return Registry(models, artifacts, (await artifacts.put(encode_model(model_arrays()))).digest)


async def test_a_version_that_earned_it_answers(registry: Registry) -> None:
    await registry.keep(registry.version("m-1"))
    assert registry.world.model is not None
    assert (registry.world.model.version, registry.world.model.ranker) == ("m-1", Ranker.ALS)


async def test_one_that_did_not_lets_item_to_item_answer(registry: Registry) -> None:
    await registry.keep(registry.version("m-1"))
    await registry.keep(registry.version("m-2", earned=False, minutes=1))
    assert registry.world.model is not None
    assert (registry.world.model.version, registry.world.model.ranker) == ("m-2", Ranker.ITEM_TO_ITEM)


async def test_judged_only_it_waits_in_the_list(registry: Registry) -> None:
    await registry.keep(registry.version("m-1"), dry_run=True)
    assert registry.world.model is None
    found, _, in_force = await list_models(registry.models, after=None, limit=10)
    assert [model.version for model in found] == ["m-1"]
    assert in_force is None


async def test_a_decision_made_while_training_stands(registry: Registry) -> None:
    await registry.keep(registry.version("m-1"))
    seen = await registry.models.standing()
    await registry.models.add(registry.version("m-2", minutes=1))
    await promote_by_hand("m-2", "it reads better", registry.models)
    await keep_trained(registry.version("m-3", minutes=2), registry.models, seen=seen, dry_run=False)
    await registry.in_force.refresh()
    assert registry.world.model is not None
    assert registry.world.model.version == "m-2"
    found, _, in_force = await list_models(registry.models, after=None, limit=10)
    assert [model.version for model in found] == ["m-3", "m-2", "m-1"]
    assert in_force is not None
    assert in_force.reason == "by hand: it reads better"


async def test_by_hand_a_version_answers_whatever_its_verdict(registry: Registry) -> None:
    await registry.keep(registry.version("m-1", earned=False))
    await promote_by_hand("m-1", "", registry.models)
    await registry.in_force.refresh()
    assert registry.world.model is not None
    assert registry.world.model.ranker is Ranker.ALS


async def test_an_unknown_version_cannot_be_promoted(registry: Registry) -> None:
    with pytest.raises(ModelNotFoundError):
        await promote_by_hand("m-404", "", registry.models)


async def test_a_request_in_flight_keeps_the_model_that_it_began_with(registry: Registry) -> None:
    await registry.keep(registry.version("m-1"))
    held = registry.world.model
    await registry.keep(registry.version("m-2", minutes=1))
    assert held is not None
    assert held is not registry.world.model
    assert held.columns(registry.world.shelf).sellable.all()


async def test_nothing_new_in_force_loads_nothing(registry: Registry) -> None:
    await registry.keep(registry.version("m-1"))
    held = registry.world.model
    await registry.in_force.refresh()
    assert registry.world.model is held


async def test_rolling_back_is_promoting_an_older_version_and_says_who(registry: Registry) -> None:
    await registry.keep(registry.version("m-1"))
    await registry.keep(registry.version("m-2", minutes=1))
    model, _ = await promote_by_hand("m-1", "m-2 reads worse", registry.models, actor="li", expected_number=2)
    assert model.version == "m-1"
    found = await registry.models.promotions()
    assert [(each.number, each.in_force.version, each.actor) for each in found] == [
        (3, "m-1", "li"),
        (2, "m-2", ""),
        (1, "m-1", ""),
    ]
    assert found[0].in_force.reason == "by hand: m-2 reads worse"


async def test_who_decided_on_what_is_no_longer_in_force_decides_again(registry: Registry) -> None:
    await registry.keep(registry.version("m-1"))
    await registry.keep(registry.version("m-2", minutes=1))
    await promote_by_hand("m-1", "", registry.models, actor="li", expected_number=2)
    with pytest.raises(VersionMismatchError):
        await promote_by_hand("m-2", "", registry.models, actor="wu", expected_number=2)
    again, _ = await promote_by_hand("m-1", "", registry.models, actor="li", expected_number=2)
    assert again.version == "m-1"
    assert len(await registry.models.promotions()) == 3
