"""Supervises the program that trains a tone model, and promotes what it brings: the worker of the operation."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.logs import get_log
from services.chassis.operation_run import OperationRun, RowError
from services.reputation.domain.errors import ToneDataError, ToneNotEarnedError, ToneTrainingFailedError
from services.reputation.store.tone_models import ToneModelStore, card_from_body
from services.reputation.usecases.tone import ToneInForce

TRAIN_LIMIT_S: Final = 2 * 3_600.0
STOP_LIMIT_S: Final = 5.0
LINE_LIMIT_BYTES: Final = 1024 * 1024
ERRORS_KEPT_BYTES: Final = 4_000
ONE_THREAD: Final = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
KIND: Final = "text"
MODEL_FILE: Final = "model.npz"

Command = Callable[[Path, Path], Sequence[str]]

log = get_log("tone-trainer")


def train_command(data: Path, out: Path) -> Sequence[str]:
    """Return the command line of one training."""
    return [sys.executable, "-m", "services.reputation.jobs.train_tone", "--data", str(data), "--out", str(out)]


class ToneTrainer:
    """Trains on a file that an operator sent. Run again from its beginning it makes the same model."""

    def __init__(
        self,
        models: ToneModelStore,
        in_force: ToneInForce,
        artifacts: ArtifactStore,
        clock: Clock,
        *,
        command: Command = train_command,
    ) -> None:
        self._models, self._in_force, self._artifacts = models, in_force, artifacts
        self._clock, self._command = clock, command

    async def train(self, run: OperationRun) -> None:
        """The worker. Arguments: ``file`` (digest), ``dry_run``.

        Raises ToneDataError, ToneNotEarnedError, ToneTrainingFailedError.
        """
        data = await self._artifacts.open_path(run.arguments["file"])
        with TemporaryDirectory(prefix="zhike-tone-") as folder:
            out = Path(folder) / MODEL_FILE
            card = card_from_body(await self._trained(self._command(data, out), run))
            blob = await self._artifacts.put_file(out)
        run.progress.accept(KIND, card.texts)
        run.progress.rows = run.progress.accepted + run.progress.rejected
        if card.shortcoming:
            raise ToneNotEarnedError(card.shortcoming, accuracy=card.accuracy, majority=card.majority)
        now = self._clock.now()
        version = f"tone-{now:%Y%m%d-%H%M%S}-{blob.digest[:8]}"
        if not run.arguments["dry_run"]:
            await self._models.promote(version, blob.digest, card, now)
            await self._in_force.refresh()
        run.progress.done_bytes = run.progress.total_bytes
        log.info("tone model trained", version=version, accuracy=card.accuracy, texts=card.texts)

    async def _trained(self, command: Sequence[str], run: OperationRun) -> Mapping[str, Any]:
        """Start the program, follow its lines, return its result."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **ONE_THREAD},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT_BYTES,
        )
        try:
            async with asyncio.timeout(TRAIN_LIMIT_S):
                said, errors = await asyncio.gather(_follow(process, run), _tail(process))
                code = await process.wait()
        except TimeoutError as error:
            raise ToneTrainingFailedError("it took longer than it may", limit_s=TRAIN_LIMIT_S) from error
        finally:
            await _end(process)
        if "result" in said:
            result: Mapping[str, Any] = said["result"]
            return result
        failure = said.get("error")
        if failure and failure["reason"] == ToneDataError.reason:
            raise ToneDataError(failure["message"], **failure["metadata"])
        log.error("tone training failed", code=code, said=errors)
        raise ToneTrainingFailedError(f"the training ended with {code}", stage=said.get("stage", ""), code=code)


async def _follow(process: asyncio.subprocess.Process, run: OperationRun) -> dict[str, Any]:
    """Count the program's steps and refusals in the operation; return what it said last of each kind."""
    assert process.stdout is not None
    said: dict[str, Any] = {}
    async for line in process.stdout:
        try:
            spoken = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue  # a library's own words
        if rejected := spoken.get("rejected"):
            raw = rejected.pop("raw")
            run.reject(RowError(**rejected), raw)
            continue
        said |= spoken
        if "total" in spoken:
            run.progress.total_bytes, run.progress.done_bytes = spoken["total"], spoken["done"]
        await run.report()
    return said


async def _tail(process: asyncio.subprocess.Process) -> str:
    """Drain standard error and return its end."""
    assert process.stderr is not None
    kept = b""
    while chunk := await process.stderr.read(LINE_LIMIT_BYTES):
        kept = (kept + chunk)[-ERRORS_KEPT_BYTES:]
    return kept.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Stop what is left of it: politely, then for good."""
    for stop in (process.terminate, process.kill):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_LIMIT_S):
                await process.wait()
