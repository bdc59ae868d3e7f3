"""Runs a process that computes, beside the service: follows its lines, counts, ends it, says what it died of."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson

from services.chassis.logs import get_log
from services.chassis.operation_run import OperationRun
from services.recommendation.domain.errors import ClusterLostError, NothingToTrainOnError, TrainingFailedError
from services.recommendation.domain.model import EngineName
from services.recommendation.jobs.cluster_numbers import CLUSTER_REASONS, ClusterNumbers
from services.recommendation.jobs.engines import ONE_THREAD

TRAIN_LIMIT_S = 3 * 3_600.0  # a sweep of a large shop on two cores
STOP_LIMIT_S = 5.0
LINE_LIMIT_BYTES = 1024 * 1024
ERRORS_KEPT_BYTES = 4_000
FINISHING_STEPS = 2  # what is left for the service when the trainer is through

log = get_log("trainer")

Heard = Callable[[Mapping[str, Any]], Awaitable[None]]


async def run_trainer(
    command: Sequence[str],
    run: OperationRun,
    numbers: ClusterNumbers,
    *,
    heard: Heard | None = None,
    failed: type[TrainingFailedError] = TrainingFailedError,
) -> dict[str, Any]:
    """Start the trainer, follow its lines, return its result. A group of its own: its Ray ends with it.

    Raises NothingToTrainOnError, ``failed``; its metadata ``cause`` names what a Ray cluster did.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **ONE_THREAD},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE_LIMIT_BYTES,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(TRAIN_LIMIT_S):
            said, errors = await asyncio.gather(_follow(process, run, heard), _tail(process))
            code = await process.wait()
    except TimeoutError as error:
        raise failed("it took longer than it may", limit_s=TRAIN_LIMIT_S) from error
    finally:
        await _end(process)
    if "result" in said:
        result: dict[str, Any] = said["result"]
        if run.arguments["engine"] == EngineName.RAY:
            numbers.worked()
        return result
    failure = said.get("error") or _unsaid(said, code, errors)
    reason = failure["reason"]
    log.error("trainer failed", code=code, reason=reason, message=failure["message"], said=errors)
    if reason == NothingToTrainOnError.reason:
        raise NothingToTrainOnError(failure["message"])
    if reason in CLUSTER_REASONS:
        numbers.failed(reason)
    raise failed(failure["message"], stage=said.get("stage", ""), code=code, cause=reason)


def _unsaid(said: Mapping[str, Any], code: int, errors: str) -> dict[str, str]:
    """Say for a trainer that ended without a word what it died of: Ray ends a process whose cluster went away so."""
    if "cluster" in said and code > 0 and "Traceback" not in errors:
        return {"reason": ClusterLostError.reason, "message": f"the Ray cluster at {said['cluster']} went away"}
    return {"reason": "TRAINER_DIED", "message": f"the trainer ended with {code}"}


async def _follow(process: asyncio.subprocess.Process, run: OperationRun, heard: Heard | None) -> dict[str, Any]:
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
        if heard is not None:
            await heard(spoken)
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
