"""Supervises the trainer process and keeps what it brings: the worker of the ``train`` operation."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.logs import get_log
from services.chassis.operation_run import OperationRun
from services.recommendation.domain.errors import NothingToTrainOnError
from services.recommendation.domain.model import AlsParameters, EngineName, ModelVersion, TrainedThrough, Verdict
from services.recommendation.jobs.cluster_numbers import ClusterNumbers
from services.recommendation.jobs.train import MODEL_FILE
from services.recommendation.jobs.trainer_process import run_trainer
from services.recommendation.store.blobs import encode_training_set
from services.recommendation.store.models import ARRAYS, ModelStore, window_from_body
from services.recommendation.store.world import World
from services.recommendation.usecases.models import ModelInForce, keep_trained

log = get_log("trainer")

Command = Callable[[Path, Path, Mapping[str, Any]], list[str]]


@dataclass(frozen=True, slots=True)
class TrainerOptions:
    """How the trainer runs."""

    workers: int
    ray_address: str = ""

    def command(self, training_set: Path, out: Path, arguments: Mapping[str, Any]) -> list[str]:
        """Return the command line of one training."""
        line = [sys.executable, "-m", "services.recommendation.jobs.train"]
        line += ["--training-set", str(training_set), "--out", str(out), "--engine", arguments["engine"]]
        line += ["--workers", str(self.workers)]
        line += ["--ray-address", self.ray_address] if self.ray_address else []
        return [*line, "--sweep"] if arguments["sweep"] else line


class Trainer:
    """Trains on what the copies hold now. Run again from its beginning it makes another, equal version."""

    def __init__(
        self,
        world: World,
        models: ModelStore,
        in_force: ModelInForce,
        artifacts: ArtifactStore,
        *,
        trained_through: Callable[[], Mapping[str, TrainedThrough]],
        clock: Clock,
        command: Command,
        numbers: ClusterNumbers,
    ) -> None:
        self._world, self._models, self._in_force, self._artifacts = world, models, in_force, artifacts
        self._trained_through, self._clock, self._command = trained_through, clock, command
        self._numbers = numbers

    async def train(self, run: OperationRun) -> None:
        """The worker of the operation. Raises NothingToTrainOnError, TrainingFailedError."""
        seen = await self._models.standing()
        through, digest = await self._put_training_set(run)
        try:
            with TemporaryDirectory(prefix="zhike-train-") as folder:
                command = self._command(await self._artifacts.open_path(digest), Path(folder), run.arguments)
                result = await run_trainer(command, run, self._numbers)
                blob = await self._artifacts.put_file(Path(folder) / MODEL_FILE)
        finally:
            await self._artifacts.delete(digest)
        create_time = self._clock.now()
        model = ModelVersion(
            version=f"m-{create_time:%Y%m%d-%H%M%S}-{blob.digest[:8]}",
            engine=EngineName(run.arguments["engine"]),
            parameters=AlsParameters(**result["parameters"]),
            windows=tuple(window_from_body(each) for each in result["windows"]),
            verdict=Verdict(result["earned"], result["verdict"]),
            trained_through=through,
            anchor_s=result["anchor_s"],
            create_time=create_time,
            blobs={ARRAYS: blob.digest},
            actor=run.arguments.get("actor", ""),
        )
        run.progress.done_bytes = run.progress.total_bytes - 1
        model = await keep_trained(model, self._models, seen=seen, dry_run=run.arguments["dry_run"])
        await self._in_force.refresh()
        run.progress.done_bytes = run.progress.total_bytes
        log.info("model trained", version=model.version, earned=model.verdict.earned, engine=model.engine.value)

    async def _put_training_set(self, run: OperationRun) -> tuple[Mapping[str, TrainedThrough], str]:
        """Store what may train: persons as numbers, products that the shelf knows, nothing synthetic or simulated.

        The set is the same in whichever order the logs were read beside each other.
        """
        world = self._world
        through, snapshot = self._trained_through(), world.ledger.snapshot()  # nothing happens between the two
        persons = world.people.persons_of(snapshot.actor_ids)
        kept = frozenset(world.shelf.ids())
        rows, product_ids = await asyncio.to_thread(snapshot.interactions, persons, kept)
        purchases = len(rows.purchases().item)
        if not purchases:
            raise NothingToTrainOnError("there are no purchases of known products to train on")
        run.progress.rows = run.progress.accepted = len(rows.item)
        run.progress.accepted_by_kind = {"purchase": purchases}
        content = await asyncio.to_thread(encode_training_set, rows, product_ids)
        return through, (await self._artifacts.put(content)).digest
