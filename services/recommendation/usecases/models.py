"""Model versions: list, promote by hand, judge and promote what was trained, follow what is in force."""

import asyncio
from dataclasses import replace

import numpy as np

from services.chassis.artifacts.manifest import ManifestConflictError
from services.chassis.artifacts.port import ArtifactStore
from services.chassis.logs import get_log
from services.recommendation.domain.errors import ModelNotFoundError, VersionMismatchError
from services.recommendation.domain.fold_in import fold_in
from services.recommendation.domain.model import InForce, ModelVersion, Promotion, Ranker
from services.recommendation.store.blobs import decode_model
from services.recommendation.store.models import ARRAYS, ModelStore, Standing
from services.recommendation.store.serving import ServingModel
from services.recommendation.store.world import World
from services.recommendation.usecases.taste import Profiles

log = get_log("models")

BY_HAND_REASON_LIMIT = 500  # characters
ACTOR_LIMIT = 80
ANY_NUMBER = 0


class ModelInForce:
    """Keeps the world's model equal to the manifest. A request in flight finishes on the model that it began with."""

    def __init__(self, models: ModelStore, artifacts: ArtifactStore, world: World, profiles: Profiles) -> None:
        self._models, self._artifacts, self._world, self._profiles = models, artifacts, world, profiles
        self._manifest_version = 0
        self._refreshing = asyncio.Lock()

    @property
    def manifest_version(self) -> int:
        """The manifest's version that answers now, 0 for none."""
        return self._manifest_version

    async def refresh(self) -> None:
        """Load what is in force if it is not what answers; the swap itself is one assignment."""
        async with self._refreshing:
            standing = await self._models.standing()
            if standing.in_force is None or standing.manifest_version == self._manifest_version:
                return
            content = await self._artifacts.read(standing.arrays_digest)
            model = await asyncio.to_thread(_serving_model, content, standing.in_force)
            model.columns(self._world.shelf)
            model.places_of_ledger(self._world.ledger)
            self._world.model = model
            self._profiles.forget()
            self._manifest_version = standing.manifest_version
            log.info("model in force", version=model.version, ranker=model.ranker.value)


async def keep_trained(model: ModelVersion, models: ModelStore, *, seen: Standing, dry_run: bool) -> ModelVersion:
    """Keep a trained version and put it in force, its factor model only if it earned that.

    ``seen``: what was in force when training began. If another was promoted meanwhile, by hand or by another replica,
    that decision stands and this version only waits in the list.
    """
    if dry_run:
        words = f"{model.verdict.words}; judged only, as asked"
        model = replace(model, verdict=replace(model.verdict, words=words))
        await models.add(model)
        return model
    await models.add(model)
    ranker = Ranker.ALS if model.verdict.earned else Ranker.ITEM_TO_ITEM
    try:
        await models.promote(model, ranker, reason=model.verdict.words, expected_version=seen.manifest_version)
    except ManifestConflictError:
        log.warning("another model was promoted while this one was trained", version=model.version)
    return model


async def promote_by_hand(
    version: str, reason: str, models: ModelStore, *, actor: str = "", expected_number: int = ANY_NUMBER
) -> tuple[ModelVersion, InForce]:
    """Put a version and its factor model in force whatever its verdict; an older one: that is how one rolls back.

    ``expected_number``: of the promotion that the decision saw. Raises ModelNotFoundError, VersionMismatchError.
    """
    model = await models.get(version)
    if ARRAYS not in model.blobs:
        raise ModelNotFoundError(f"the arrays of {version} are gone", resource="model", id=version)
    said = f"by hand: {reason[:BY_HAND_REASON_LIMIT]}" if reason else "by hand"
    wanted, actor = InForce(version, Ranker.ALS, said), actor[:ACTOR_LIMIT]
    while True:
        seen = await models.standing()
        if expected_number not in (ANY_NUMBER, seen.manifest_version):
            newest = (await models.promotions())[:1]
            if newest and (newest[0].number, newest[0].in_force, newest[0].actor) == (
                expected_number + 1,
                wanted,
                actor,
            ):
                return model, wanted  # the same call again, whose answer was lost
            raise VersionMismatchError(
                "another model was put in force meanwhile; look again", id=version, version=seen.manifest_version
            )
        try:
            standing = await models.promote(
                model, Ranker.ALS, reason=said, expected_version=seen.manifest_version, actor=actor
            )
        except ManifestConflictError:
            continue
        return model, standing.in_force or wanted


async def list_promotions(models: ModelStore) -> tuple[Promotion, ...]:
    """Return what was put in force by whom, the present one first."""
    return await models.promotions()


async def list_models(
    models: ModelStore, *, after: str | None, limit: int
) -> tuple[tuple[ModelVersion, ...], str | None, InForce | None]:
    """Return versions, newest first, the position after the last, and what is in force."""
    found, position = await models.newest(after=after, limit=limit)
    return found, position, (await models.standing()).in_force


def _serving_model(content: bytes, in_force: InForce) -> ServingModel:
    model = ServingModel(in_force.version, in_force.ranker, decode_model(content))
    if len(model):
        # The first fold-in of a process loads code; the first shopper shall not wait for it.
        fold_in(model.factors, np.zeros(1, dtype=np.int32), np.ones(1, dtype=np.float32))
    return model
