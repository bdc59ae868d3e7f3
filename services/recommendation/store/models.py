"""Model versions as documents, and which of them is in force: a manifest promoted by compare and set."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.chassis.artifacts.manifest import Manifest, Manifests
from services.chassis.documents.port import Collection, Document, DocumentStore, Index, KeyTakenError
from services.recommendation.domain.errors import ModelNotFoundError
from services.recommendation.domain.model import (
    AlsParameters,
    EngineName,
    InForce,
    ModelVersion,
    Promotion,
    Ranker,
    TrainedThrough,
    Verdict,
    WindowResult,
)
from services.recommendation.store.ledger import USER_EVENTS

BY_TIME = "by_time"
MODELS = Collection("models", (Index(BY_TIME, ("kind", "create_time_us")),))
KIND = "model"
MANIFEST = "model"
ARRAYS = "arrays"  # the role of the blob that serving reads
NAMED_VERSIONS = 8  # newest versions whose blobs are kept beside those of the manifest's history


@dataclass(frozen=True, slots=True)
class Standing:
    """What is in force and the manifest's version that says so (0 before the first promotion)."""

    in_force: InForce | None
    manifest_version: int
    arrays_digest: str


class ModelStore:
    """The versions of one shop. ``declare()`` before use."""

    def __init__(self, documents: DocumentStore, manifests: Manifests) -> None:
        self._documents, self._manifests = documents, manifests

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(MODELS)

    async def add(self, model: ModelVersion) -> None:
        """Keep a version; the same version again changes nothing."""
        try:
            await self._documents.insert(MODELS, model.version, _body(model))
        except KeyTakenError:
            return

    async def get(self, version: str) -> ModelVersion:
        """Return a version. Raises ModelNotFoundError."""
        document = await self._documents.get(MODELS, version)
        if document is None:
            raise ModelNotFoundError(f"there is no model {version}", resource="model", id=version)
        return _model(document)

    async def newest(self, *, after: str | None, limit: int) -> tuple[tuple[ModelVersion, ...], str | None]:
        """Return versions, newest first, and the position after the last."""
        page = await self._documents.find(MODELS, BY_TIME, {"kind": KIND}, after=after, limit=limit, descending=True)
        return tuple(_model(document) for document in page.documents), page.next_after

    async def standing(self) -> Standing:
        """Return what is in force."""
        manifest = await self._manifests.current(MANIFEST)
        if manifest is None:
            return Standing(None, 0, "")
        return Standing(_in_force(manifest), manifest.version, manifest.blobs[ARRAYS])

    async def promotions(self) -> tuple[Promotion, ...]:
        """Return what was put in force, the present one first, as far back as is kept."""
        history = await self._manifests.history(MANIFEST)
        return tuple(
            Promotion(each.version, _in_force(each), each.metadata.get("actor", ""), each.promoted_time)
            for each in history
        )

    async def promote(
        self, model: ModelVersion, ranker: Ranker, *, reason: str, expected_version: int, actor: str = ""
    ) -> Standing:
        """Put a version in force. Raises ManifestConflictError, BlobMissingError."""
        manifest = await self._manifests.promote(
            MANIFEST,
            dict(model.blobs),
            expected_version=expected_version,
            metadata={"version": model.version, "ranker": ranker.value, "reason": reason, "actor": actor},
        )
        return Standing(_in_force(manifest), manifest.version, manifest.blobs[ARRAYS])

    async def named_blobs(self) -> frozenset[str]:
        """Return the blobs of the newest versions; the manifest names those in force and before."""
        models, _ = await self.newest(after=None, limit=NAMED_VERSIONS)
        return frozenset(digest for model in models for digest in model.blobs.values())


def _in_force(manifest: Manifest) -> InForce:
    said = manifest.metadata
    return InForce(said["version"], Ranker(said["ranker"]), said["reason"])


def _body(model: ModelVersion) -> dict[str, Any]:
    return {
        "kind": KIND,
        "create_time_us": _micros(model.create_time),
        "engine": model.engine.value,
        "parameters": {name: getattr(model.parameters, name) for name in AlsParameters.__slots__},
        "windows": [_window_body(window) for window in model.windows],
        "earned": model.verdict.earned,
        "verdict": model.verdict.words,
        "logs": {
            name: {"generation": each.generation, "seqs": [[partition, seq] for partition, seq in each.seqs.items()]}
            for name, each in model.trained_through.items()
        },
        "anchor_s": model.anchor_s,
        "blobs": dict(model.blobs),
        "actor": model.actor,
    }


def _model(document: Document) -> ModelVersion:
    body = document.body
    return ModelVersion(
        version=document.key,
        engine=EngineName(body["engine"]),
        parameters=AlsParameters(**body["parameters"]),
        windows=tuple(window_from_body(each) for each in body["windows"]),
        verdict=Verdict(body["earned"], body["verdict"]),
        trained_through={
            name: TrainedThrough(each["generation"], dict(each["seqs"])) for name, each in _logs(body).items()
        },
        anchor_s=body["anchor_s"],
        create_time=_time(body["create_time_us"]),
        blobs=body["blobs"],
        actor=body.get("actor", ""),
    )


def _logs(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how far each log was read; a version from before there were two of them names none."""
    logs: Mapping[str, Any] = body.get("logs") or {USER_EVENTS: {name: body[name] for name in ("generation", "seqs")}}
    return logs


def _window_body(window: WindowResult) -> dict[str, Any]:
    body = {name: getattr(window, name) for name in WindowResult.__slots__}
    return {**body, "start_time": _micros(window.start_time)}


def window_from_body(body: Mapping[str, Any]) -> WindowResult:
    """Read a window as this store and the trainer write it."""
    return WindowResult(**{**body, "start_time": _time(body["start_time"])})


def window_to_body(window: WindowResult) -> dict[str, Any]:
    """Write a window down."""
    return _window_body(window)


def _micros(time: datetime) -> int:
    return round(time.timestamp() * 1_000_000)


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
