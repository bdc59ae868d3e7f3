"""Supervises the trainer process and keeps what it brings: the worker of the ``train`` operation."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.logs import get_log
from services.chassis.operation_run import OperationRun
from services.recommendation.domain.errors import NothingToTrainOnError, TrainingFailedError
from services.recommendation.domain.model import AlsParameters, EngineName, ModelVersion, TrainedThrough, Verdict
from services.recommendation.jobs.engines import ONE_THREAD
from services.recommendation.jobs.train import MODEL_FILE
from services.recommendation.store.blobs import encode_training_set
from services.recommendation.store.models import ARRAYS, ModelStore, window_from_body
from services.recommendation.store.world import World
from services.recommendation.usecases.models import ModelInForce, keep_trained

TRAIN_LIMIT_S = 3 * 3_600.0  # a sweep of a large shop on two cores
STOP_LIMIT_S = 5.0
LINE_LIMIT_BYTES = 1024 * 1024
ERRORS_KEPT_BYTES = 4_000
FINISHING_STEPS = 2  # what is left for the service when the trainer is through

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
        trained_through: Callable[[], TrainedThrough],
        clock: Clock,
        command: Command,
    ) -> None:
        self._world, self._models, self._in_force, self._artifacts = world, models, in_force, artifacts
        self._trained_through, self._clock, self._command = trained_through, clock, command

    async def train(self, run: OperationRun) -> None:
        """The worker of the operation. Raises NothingToTrainOnError, TrainingFailedError."""
        seen = await self._models.standing()
        through, digest = await self._put_training_set(run)
        try:
            with TemporaryDirectory(prefix="zhike-train-") as folder:
                result = await self._run_process(run, await self._artifacts.open_path(digest), Path(folder))
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
        )
        run.progress.done_bytes = run.progress.total_bytes - 1
        model = await keep_trained(model, self._models, seen=seen, dry_run=run.arguments["dry_run"])
        await self._in_force.refresh()
        run.progress.done_bytes = run.progress.total_bytes
        log.info("model trained", version=model.version, earned=model.verdict.earned, engine=model.engine.value)

    async def _put_training_set(self, run: OperationRun) -> tuple[TrainedThrough, str]:
        """Store what may train: persons as numbers, products that the shelf knows, nothing synthetic or simulated."""
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

    async def _run_process(self, run: OperationRun, training_set: Path, folder: Path) -> dict[str, Any]:
        """Start the trainer, follow its lines, return its result. A group of its own: its Ray ends with it."""
        process = await asyncio.create_subprocess_exec(
            *self._command(training_set, folder, run.arguments),
            env={**os.environ, **ONE_THREAD},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT_BYTES,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(TRAIN_LIMIT_S):
                said, errors = await asyncio.gather(_follow(process, run), _tail(process))
                code = await process.wait()
        except TimeoutError as error:
            raise TrainingFailedError("training took longer than it may", limit_s=TRAIN_LIMIT_S) from error
        finally:
            await _end(process)
        if "result" in said:
            result: dict[str, Any] = said["result"]
            return result
        failure = said.get("error") or {"reason": "TRAINER_DIED", "message": f"the trainer ended with {code}"}
        log.error("trainer failed", code=code, reason=failure["reason"], said=errors)
        if failure["reason"] == NothingToTrainOnError.reason:
            raise NothingToTrainOnError(failure["message"])
        raise TrainingFailedError(failure["message"], stage=said.get("stage", ""), code=code, cause=failure["reason"])


async def _follow(process: asyncio.subprocess.Process, run: OperationRun) -> dict[str, Any]:
    """Count the trainer's steps in the operation; return what it said, merged."""
    if process.stdout is None:
        raise RuntimeError("the trainer's output is not piped")
    said: dict[str, Any] = {}
    async for line in process.stdout:
        try:
            spoken = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue  # a library's own words
        said |= spoken
        if "total" in spoken:
            run.progress.total_bytes = spoken["total"] + FINISHING_STEPS
            run.progress.done_bytes = spoken["done"]
            await run.report()
    return said


async def _tail(process: asyncio.subprocess.Process) -> str:
    """Drain standard error and return its end."""
    if process.stderr is None:
        raise RuntimeError("the trainer's errors are not piped")
    kept = b""
    while chunk := await process.stderr.read(LINE_LIMIT_BYTES):
        kept = (kept + chunk)[-ERRORS_KEPT_BYTES:]
    return kept.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Stop what is left of the trainer's process group: politely, then for good."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_LIMIT_S):
                await process.wait()
