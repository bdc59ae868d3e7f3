"""Tone models as blobs without pickles, and which of them is in force: a manifest promoted by compare and set.

A blob holds the features that say something, as numpy arrays, and the model's numbers as JSON; the manifest of each
promotion holds the model's card.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import orjson

from services.chassis.artifacts.manifest import Manifest, Manifests
from services.chassis.artifacts.port import ArtifactStore
from services.reputation.domain.errors import ToneModelNotFoundError, ToneModelUnreadableError
from services.reputation.domain.tone import FEATURES, ModelCard, ToneModel

FORM: Final = "tone-model-1"
MANIFEST: Final = "tone"
ARRAYS: Final = "arrays"
_META: Final = "meta"
_NUMBERS: Final = ("intercept", "slope", "offset", "unsure_below")


@dataclass(frozen=True, slots=True)
class Promotion:
    """A model that is or was in force. ``number`` counts promotions; ``version`` names the model."""

    number: int
    version: str
    digest: str
    card: ModelCard
    create_time: datetime
    promote_time: datetime


class ToneModelStore:
    """The tone models of this deployment."""

    def __init__(self, manifests: Manifests, artifacts: ArtifactStore) -> None:
        self._manifests, self._artifacts = manifests, artifacts

    async def in_force(self) -> Promotion | None:
        """Return what judges now, None before the first promotion."""
        manifest = await self._manifests.current(MANIFEST)
        return None if manifest is None else _promotion(manifest)

    async def history(self) -> tuple[Promotion, ...]:
        """Return the promotions that can be gone back to, the latest first."""
        return tuple(map(_promotion, await self._manifests.history(MANIFEST)))

    async def promote(self, version: str, digest: str, card: ModelCard, create_time: datetime) -> Promotion:
        """Put a model in force after whatever is there. Raises ManifestConflictError, BlobMissingError."""
        before = await self._manifests.current(MANIFEST)
        manifest = await self._manifests.promote(
            MANIFEST,
            {ARRAYS: digest},
            expected_version=0 if before is None else before.version,
            metadata={"version": version, "create_time": create_time.isoformat(), "card": asdict(card)},
        )
        return _promotion(manifest)

    async def go_back(self, version: str) -> Promotion:
        """Put an earlier model in force again. Raises ToneModelNotFoundError, ManifestConflictError."""
        history = await self.history()
        wanted = next((each for each in history if each.version == version), None)
        if wanted is None:
            raise ToneModelNotFoundError(f"there is no tone model {version}", resource="tone-model", id=version)
        if wanted.number == history[0].number:
            return wanted
        manifest = await self._manifests.roll_back(
            MANIFEST, to_version=wanted.number, expected_version=history[0].number
        )
        return _promotion(manifest)

    async def load(self, digest: str) -> ToneModel:
        """Return the model of a blob. Raises BlobMissingError, ToneModelUnreadableError."""
        return decode_tone_model(await self._artifacts.read(digest))


def encode_tone_model(model: ToneModel) -> bytes:
    """Write a model down."""
    places = np.flatnonzero(model.squares).astype(np.uint32)
    meta = {
        "form": FORM,
        "features": FEATURES,
        "languages": sorted(model.languages),
        **{name: getattr(model, name) for name in _NUMBERS},
    }
    arrays: dict[str, Any] = {
        _META: np.frombuffer(orjson.dumps(meta), dtype=np.uint8),
        "places": places,
        "weights": model.weights[places],
        "squares": model.squares[places],
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def decode_tone_model(content: bytes) -> ToneModel:
    """Read a model. Raises ToneModelUnreadableError for anything that is no model of this form."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as packed:
            arrays = {name: packed[name] for name in packed.files}
        meta: dict[str, Any] = orjson.loads(arrays[_META].tobytes())
        if meta["form"] != FORM or meta["features"] != FEATURES:
            raise ToneModelUnreadableError("this is a tone model of another form")
        weights, squares = np.zeros(FEATURES, dtype=np.float32), np.zeros(FEATURES, dtype=np.float32)
        weights[arrays["places"]], squares[arrays["places"]] = arrays["weights"], arrays["squares"]
        numbers = {name: float(meta[name]) for name in _NUMBERS}
        return ToneModel(weights, squares, languages=frozenset(meta["languages"]), **numbers)
    except (ValueError, KeyError, IndexError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ToneModelUnreadableError("this is no tone model") from error


def card_from_body(body: Mapping[str, Any]) -> ModelCard:
    """Read a card as the trainer and the manifest write it."""
    return ModelCard(**body)


def _promotion(manifest: Manifest) -> Promotion:
    said = manifest.metadata
    return Promotion(
        number=manifest.version,
        version=said["version"],
        digest=manifest.blobs[ARRAYS],
        card=card_from_body(said["card"]),
        create_time=datetime.fromisoformat(said["create_time"]),
        promote_time=manifest.promoted_time,
    )
