"""Tone models as blobs, promoted by compare and set, gone back to by name, followed in memory."""

from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest

from services.chassis.artifacts.manifest import Manifests
from services.chassis.documents.memory import MemoryDocuments
from services.reputation.domain.errors import ToneModelNotFoundError, ToneModelUnreadableError
from services.reputation.domain.tone import ToneModel
from services.reputation.jobs.tone_training import fit_tone, labelled_texts
from services.reputation.store.tone_models import ToneModelStore, decode_tone_model, encode_tone_model
from services.reputation.usecases.tone import ToneInForce
from tests.fakes.clock import ManualClock
from tests.fakes.memory_artifacts import MemoryArtifacts
from tests.strategies.tone import reviews
from tests.unit.services.reputation.domain.test_tone_data import CARD


@pytest.fixture(scope="module")
def model() -> ToneModel:
    return fit_tone(labelled_texts(*reviews(800)))


class Models:
    """A store of tone models in memory."""

    def __init__(self) -> None:
        self.clock, self.artifacts = ManualClock(), MemoryArtifacts()
        self.manifests = Manifests(MemoryDocuments(), self.artifacts, self.clock)  # type: ignore[arg-type]
        self.store = ToneModelStore(self.manifests, self.artifacts)  # type: ignore[arg-type]

    async def put(self, model: ToneModel, version: str) -> None:
        blob = await self.artifacts.put(encode_tone_model(model))
        await self.store.promote(version, blob.digest, CARD, self.clock.now())


@pytest.fixture
async def models() -> AsyncIterator[Models]:
    made = Models()
    await made.manifests.open()
    yield made


def test_a_model_reads_back_as_it_was_and_the_same_one_is_the_same_blob(model: ToneModel) -> None:
    content = encode_tone_model(model)
    read = decode_tone_model(content)
    assert np.array_equal(read.weights, model.weights)
    assert np.array_equal(read.squares, model.squares)
    assert replace(read, weights=model.weights, squares=model.squares) == model
    assert encode_tone_model(read) == content
    assert read.judge("好吃", "zh") == model.judge("好吃", "zh")


def test_what_is_no_model_is_refused(model: ToneModel) -> None:
    content = encode_tone_model(model)
    for wrong in (b"", b"no zip", content[:-40], content.replace(b"meta.npy", b"meto.npy")):
        with pytest.raises(ToneModelUnreadableError):
            decode_tone_model(wrong)


async def test_the_model_in_force_is_followed(models: Models, model: ToneModel) -> None:
    tone = ToneInForce(models.store)
    await tone.refresh()
    assert tone.tone_of("好吃", "zh") is None
    await models.put(model, "tone-1")
    await tone.refresh()
    assert tone.version == "tone-1"
    judged = tone.tone_of("好吃 新鲜", "zh")
    assert judged is not None
    assert judged.label == "positive"
    assert tone.tone_of("delicious", "en") is None


async def test_a_blob_that_cannot_be_read_leaves_the_model_that_stands(models: Models, model: ToneModel) -> None:
    await models.put(model, "tone-1")
    tone = ToneInForce(models.store)
    await tone.refresh()
    broken = await models.artifacts.put(b"broken")
    await models.store.promote("tone-2", broken.digest, CARD, models.clock.now())
    await tone.refresh()
    assert tone.version == "tone-1"
    assert tone.tone_of("好吃", "zh") is not None


async def test_an_earlier_model_can_be_gone_back_to(models: Models, model: ToneModel) -> None:
    assert await models.store.in_force() is None
    await models.put(model, "tone-1")
    await models.put(replace(model, intercept=9.0), "tone-2")
    assert [each.version for each in await models.store.history()] == ["tone-2", "tone-1"]
    back = await models.store.go_back("tone-1")
    assert (back.version, back.number, back.card) == ("tone-1", 3, CARD)
    assert (await models.store.go_back("tone-1")).number == 3
    in_force = await models.store.in_force()
    assert in_force is not None
    assert in_force.version == "tone-1"
    with pytest.raises(ToneModelNotFoundError):
        await models.store.go_back("tone-9")
