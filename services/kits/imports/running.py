"""Runs an import: a process stages the file, this one appends what was staged and counts every row.

Safe to run again from its beginning when what is appended carries ids made of its content: what an interrupted run
wrote is met again as a duplicate.
"""

import asyncio
import shutil
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.eventlog.port import EventLog, NewEvent, Verdict
from services.chassis.operation_run import OperationRun, RowError
from services.kits.imports.errors import ImportConfigError, StagingFailedError
from services.kits.imports.plan import ImportPlan
from services.kits.imports.staging import ERRORS, STAGED, StagingTask, staged_item
from services.kits.imports.wire import plan_from_arguments
from services.kits.times import micros

BATCH_ROWS: Final = 500
BATCH_BYTES: Final = 128 * 1024  # of staged lines: about 20 ms of work in which nothing else is served
BATCHES_IN_FLIGHT: Final = 3
STAGING_SHARE: Final = 0.3  # of the progress bar
BUSY_WAIT_S: Final = 0.25
BUSY_TRIES: Final = 240

Items = list[dict[str, Any]]
Stager = Callable[[StagingTask], AsyncGenerator[Mapping[str, Any], None]]


@dataclass(frozen=True, slots=True)
class ImportParts:
    """What every import takes. ``folder``: where staged files may lie; ``rules``: what staging is told of the shop."""

    folder: Path
    artifacts: ArtifactStore
    clock: Clock
    new_id: Callable[[], str]
    stage: Stager
    rules: Mapping[str, str] = field(default_factory=dict)


class ImportRun:
    """One run of one import; the service says how a batch of staged items is appended and counted."""

    def __init__(self, parts: ImportParts, kind: str, run: OperationRun) -> None:
        self._parts, self._kind, self._run = parts, kind, run
        self.plan: ImportPlan = plan_from_arguments(run.arguments)
        self.now_us = micros(parts.clock.now())
        # One of its own for every run: a staging process that outlived its parent still writes where it began.
        self._folder = parts.folder / f"{run.id}-{parts.new_id()}"

    async def carry_out(
        self,
        append: Callable[[Items], Awaitable[None]],
        *,
        in_flight: int = BATCHES_IN_FLIGHT,
        prepare: Callable[[Items], Awaitable[Items]] | None = None,
    ) -> None:
        """Stage, count what was refused, append the rest batch by batch; in a dry run count it instead.

        ``in_flight`` batches wait for the disk at once; they are stored in order all the same. ``prepare`` sees each
        batch before it is one of them.
        """
        progress = self._run.progress
        progress.total_bytes = self._run.arguments["total_bytes"]
        await asyncio.to_thread(_clear_away, self._parts.folder, self._run.id)
        await asyncio.to_thread(self._folder.mkdir, parents=True)
        try:
            kinds = await self._stage()
            await self._take_refusals()
            if self.plan.dry_run:
                self.accept(kinds)
            else:
                await self._append_all(append, in_flight, prepare)
            progress.done_bytes = progress.total_bytes
        finally:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def accept(self, kinds: Mapping[str, int]) -> None:
        """Count rows by what they became."""
        for kind, count in kinds.items():
            self._run.progress.accept(kind, count)

    async def _stage(self) -> dict[str, int]:
        path = await self._parts.artifacts.open_path(self._run.arguments["upload"])
        task = StagingTask(
            kind=self._kind,
            path=str(path),
            folder=str(self._folder),
            plan=asdict(self.plan),
            now_us=self.now_us,
            rules=dict(self._parts.rules),
        )
        progress = self._run.progress
        last: Mapping[str, Any] = {}
        async with aclosing(self._parts.stage(task)) as messages:
            async for last in messages:
                if "failure" in last:
                    failure = last["failure"]
                    raise ImportConfigError(failure["message"], field=failure["field"])
                progress.rows = last["rows"]
                progress.done_bytes = int(last.get("bytes", 0) * STAGING_SHARE) or progress.done_bytes
                await self._run.report()
        if not last.get("done"):
            raise StagingFailedError("the process that reads the file ended early")
        kinds: dict[str, int] = last["kinds"]
        return kinds

    async def _take_refusals(self) -> None:
        with (self._folder / ERRORS).open("rb") as file:
            for lines in _batches(file):
                for line in lines:
                    error = orjson.loads(line)
                    raw = error.pop("raw")
                    self._run.reject(RowError(**error), raw)
                await asyncio.sleep(0)

    async def _append_all(
        self,
        append: Callable[[Items], Awaitable[None]],
        in_flight: int,
        prepare: Callable[[Items], Awaitable[Items]] | None,
    ) -> None:
        progress = self._run.progress
        path = self._folder / STAGED
        size = max(1, path.stat().st_size)
        done, begun = 0, progress.done_bytes
        waiting: deque[tuple[asyncio.Task[None], int]] = deque()
        try:
            with path.open("rb") as file:
                for lines in _batches(file):
                    items = [staged_item(line) for line in lines]
                    if prepare is not None:
                        items = await prepare(items)
                    waiting.append((asyncio.ensure_future(append(items)), sum(len(line) for line in lines)))
                    await asyncio.sleep(0)
                    while len(waiting) >= in_flight:
                        done += await _first(waiting)
                        progress.done_bytes = begun + int((progress.total_bytes - begun) * done / size)
                        await self._run.report()
            while waiting:
                await _first(waiting)
        finally:
            for task, _ in waiting:
                task.cancel()
            await asyncio.gather(*(task for task, _ in waiting), return_exceptions=True)


async def append_patiently(log: EventLog, events: Sequence[NewEvent]) -> tuple[Verdict, ...]:
    """Append; wait while the log or its store is busy with others."""
    for attempt in range(BUSY_TRIES):
        try:
            return await log.append(events)
        except ZhikeError as error:
            if error.kind not in (ErrorKind.UNAVAILABLE, ErrorKind.EXHAUSTED) or attempt == BUSY_TRIES - 1:
                raise
        await asyncio.sleep(BUSY_WAIT_S)
    raise AssertionError("unreachable")


async def _first(waiting: deque[tuple[asyncio.Task[None], int]]) -> int:
    """Wait for the batch that was sent first; return its size in bytes."""
    task, size = waiting[0]
    await task
    waiting.popleft()
    return size


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield runs of lines within BATCH_ROWS and, but for a line that is longer by itself, BATCH_BYTES."""
    batch: list[bytes] = []
    held = 0
    for line in lines:
        if batch and (len(batch) == BATCH_ROWS or held + len(line) > BATCH_BYTES):
            yield batch
            batch, held = [], 0
        batch.append(line)
        held += len(line)
    if batch:
        yield batch


def _clear_away(folder: Path, run_id: str) -> None:
    """Remove what earlier runs of the operation left behind."""
    for left in folder.glob(f"{run_id}-*"):
        shutil.rmtree(left, ignore_errors=True)
