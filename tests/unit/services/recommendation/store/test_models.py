"""Versions as documents, and the one in force by compare and set."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.manifest import ManifestConflictError, Manifests
from services.chassis.documents.memory import MemoryDocuments
from services.kits.purchases import ORDER_EVENTS
from services.recommendation.domain.errors import ModelNotFoundError
from services.recommendation.domain.model import (
    EngineName,
    ModelVersion,
    Ranker,
    TrainedThrough,
    Verdict,
    WindowResult,
)
from services.recommendation.store.ledger import USER_EVENTS
from services.recommendation.store.models import ARRAYS, MODELS, NAMED_VERSIONS, ModelStore
from tests.fakes.clock import ManualClock
from tests.unit.services.recommendation.shop import NOW, SMALL


def version(name: str, digest: str, *, minutes: int = 0, earned: bool = True) -> ModelVersion:
    return ModelVersion(
        version=name,
        engine=EngineName.LOCAL,
        parameters=SMALL,
        windows=(WindowResult(NOW, 0.06, 0.05, 0.055, 10, -0.001, 0.02),),
        verdict=Verdict(earned, "in words"),
        trained_through={
            USER_EVENTS: TrainedThrough("g-1", {0: 7, 1: 9}),
            ORDER_EVENTS: TrainedThrough("g-2", {0: 5}),
        },
        anchor_s=100,
        create_time=NOW + timedelta(minutes=minutes),
        blobs={ARRAYS: digest},
    )


@pytest.fixture
async def artifacts(tmp_path: Path) -> LocalArtifacts:
    artifacts = LocalArtifacts(tmp_path)
    await artifacts.open()
    return artifacts


@pytest.fixture
async def models(artifacts: LocalArtifacts) -> ModelStore:
    documents = MemoryDocuments()
    manifests = Manifests(documents, artifacts, ManualClock())
    await manifests.open()
    store = ModelStore(documents, manifests)
    await store.declare()
    return store


async def test_a_version_from_before_there_were_order_facts_says_how_far_it_read_user_events(
    models: ModelStore,
) -> None:
    model = version("m-1", "d")
    await models.add(model)
    document = await models._documents.get(MODELS, "m-1")
    assert document is not None
    body = {name: value for name, value in document.body.items() if name != "logs"}
    body |= {"generation": "g-1", "seqs": [[0, 7]]}
    await models._documents.replace(MODELS, "m-1", body, expected_revision=document.revision)
    assert (await models.get("m-1")).trained_through == {USER_EVENTS: TrainedThrough("g-1", {0: 7})}


async def test_a_version_comes_back_whole(models: ModelStore) -> None:
    model = version("m-1", "d")
    await models.add(model)
    await models.add(model)
    assert await models.get("m-1") == model


async def test_an_unknown_version_is_not_found(models: ModelStore) -> None:
    with pytest.raises(ModelNotFoundError):
        await models.get("m-404")


async def test_versions_are_listed_newest_first_in_pages(models: ModelStore) -> None:
    for number in range(3):
        await models.add(version(f"m-{number}", "d", minutes=number))
    first, position = await models.newest(after=None, limit=2)
    rest, end = await models.newest(after=position, limit=2)
    assert [model.version for model in (*first, *rest)] == ["m-2", "m-1", "m-0"]
    assert end is None


async def test_of_two_promotions_on_the_same_sight_one_wins(models: ModelStore, artifacts: LocalArtifacts) -> None:
    one, other = [version(f"m-{n}", (await artifacts.put(str(n).encode())).digest) for n in range(2)]
    seen = await models.standing()
    standing = await models.promote(one, Ranker.ALS, reason="good", expected_version=seen.manifest_version)
    with pytest.raises(ManifestConflictError):
        await models.promote(other, Ranker.ALS, reason="better", expected_version=seen.manifest_version)
    assert await models.standing() == standing
    assert standing.in_force is not None
    assert (standing.in_force.version, standing.in_force.ranker) == ("m-0", Ranker.ALS)


async def test_only_the_newest_versions_keep_their_blobs(models: ModelStore) -> None:
    for number in range(NAMED_VERSIONS + 1):
        await models.add(replace(version(f"m-{number}", f"d{number}", minutes=number)))
    named = await models.named_blobs()
    assert "d0" not in named
    assert len(named) == NAMED_VERSIONS
