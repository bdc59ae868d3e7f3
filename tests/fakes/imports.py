"""Runs imports end to end but for the process, and shows what became of every row."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.clock import Clock
from services.chassis.operation_run import Operation, OperationRun, OperationState, Progress
from services.kits.imports.plan import ImportPlan
from services.kits.imports.running import ImportParts, Stager
from services.kits.imports.staging import Stage, StagingTask, stage
from services.kits.imports.wire import arguments_of


def staged_here(stages: Mapping[str, Stage]) -> Stager:
    """Do what the process does, in this one."""

    async def staged(task: StagingTask) -> AsyncGenerator[Mapping[str, Any], None]:
        said: list[Mapping[str, Any]] = []
        stage(task, said.append, stages)
        for message in said:
            yield orjson.loads(orjson.dumps(message))

    return staged


class RunningImports:
    """Keeps uploads in a folder and runs one import after the other."""

    def __init__(self, folder: Path, clock: Clock, stages: Mapping[str, Stage], rules: Mapping[str, str]) -> None:
        self.folder, self.clock = folder, clock
        self.artifacts = LocalArtifacts(folder / "artifacts")
        self.stage: Stager = staged_here(stages)
        self.rules = rules
        self.number = 0

    @property
    def parts(self) -> ImportParts:
        """What an import takes, as it is now."""
        return ImportParts(
            folder=self.folder / "imports",
            artifacts=self.artifacts,
            clock=self.clock,
            new_id=lambda: str(self.number),
            stage=self.stage,
            rules=self.rules,
        )

    async def run(
        self,
        worker: Callable[[OperationRun], Awaitable[None]],
        content: bytes,
        plan: ImportPlan,
        *,
        operation: str = "",
    ) -> Progress:
        """Import a file. ``operation``: the id of one that is done again."""
        self.number += 1
        await self.artifacts.open()
        blob = await self.artifacts.put(content)
        state = Operation(
            operation or f"service.{self.number}",
            "import",
            OperationState.RUNNING,
            arguments_of(plan, blob.digest, blob.size_bytes),
            Progress(),
            self.clock.now(),
        )

        async def nobody_looks(run: OperationRun) -> None:
            return None

        run = OperationRun(state, nobody_looks, self.clock)
        with closing(run):
            await worker(run)
            await run.put_error_file(self.artifacts)
        return run.progress

    async def errors(self, progress: Progress) -> list[dict[str, Any]]:
        """Return the rows of an import's error file."""
        return [orjson.loads(line) for line in (await self.artifacts.read(progress.error_file)).splitlines()]
