"""Imports a file of mentions: every row is stored, a duplicate, or refused with its reason; nothing is dropped.

Safe to run again from its beginning: what an interrupted run wrote is met again as a duplicate.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.erasure.suppression import Suppression
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.eventlog.port import EventLog
from services.chassis.operation_run import OperationRun, RowError
from services.kits.rows.bad_row import BadRow, shown
from services.kits.rows.json_rows import json_lines
from services.reputation.domain.mentions import MentionForm, MentionRules
from services.reputation.usecases.intake import DUPLICATE, STORED, BatchVerdict, RefusedForm, Writer, write_mentions
from services.reputation.wire.mentions import read_mention

BATCH_ROWS: Final = 200  # between two looks at other work: about 20 ms of reading and checking
BUSY_WAIT_S: Final = 0.25
BUSY_TRIES: Final = 240
KIND: Final = "mention"


@dataclass(frozen=True, slots=True)
class MentionImport:
    """What imports take."""

    artifacts: ArtifactStore
    log: EventLog
    clock: Clock
    suppression: Suppression | None = None

    async def run(self, run: OperationRun) -> None:
        """Do the work of one import. Arguments: ``file`` (digest), ``shop``, ``owner``, ``synthetic``, ``dry_run``."""
        path = await self.artifacts.open_path(run.arguments["file"])
        run.progress.total_bytes = path.stat().st_size
        batch: list[_Row] = []
        with path.open("rb") as file:
            for row in _rows(file):
                run.progress.rows += 1
                if row.error is not None:
                    run.reject(row.error, row.raw)
                else:
                    batch.append(row)
                if len(batch) >= BATCH_ROWS:
                    await self._write(run, batch)
                    run.progress.done_bytes = file.tell()
                    await run.report()
                    await asyncio.sleep(0)
            await self._write(run, batch)
        run.progress.done_bytes = run.progress.total_bytes

    async def _write(self, run: OperationRun, batch: list["_Row"]) -> None:
        """Write the batch, count it, and empty it."""
        forms = [row.form for row in batch if row.form is not None]
        if forms:
            verdict = await self._verdict(forms, run.arguments)
            for row, item in zip(batch, verdict.items, strict=True):
                if item.error is not None:
                    error = RowError(row.number, item.error.reason, item.error.message, item.error.field)
                    run.reject(error, row.raw)
                elif item.status == DUPLICATE:
                    run.progress.duplicate += 1
                elif item.status == STORED:
                    run.progress.accept(KIND)
        batch.clear()

    async def _verdict(self, forms: list[MentionForm], arguments: Mapping[str, Any]) -> BatchVerdict:
        """Write patiently: wait while the log or its store is busy with others."""
        rules = MentionRules(self.clock.now(), arguments["shop"])
        writer = Writer(arguments["owner"], arguments["synthetic"])
        for attempt in range(BUSY_TRIES):
            try:
                return await write_mentions(
                    self.log,
                    forms,
                    rules,
                    writer,
                    dry_run=arguments["dry_run"],
                    suppression=self.suppression,
                )
            except ZhikeError as error:
                if error.kind not in (ErrorKind.UNAVAILABLE, ErrorKind.EXHAUSTED) or attempt == BUSY_TRIES - 1:
                    raise
            await asyncio.sleep(BUSY_WAIT_S)
        raise AssertionError("unreachable")


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the file: a mention, or why it is none. ``raw`` is what the row said."""

    number: int
    raw: str
    form: MentionForm | None = None
    error: RowError | None = None


def _rows(file: BinaryIO) -> Iterator[_Row]:
    for number, line in enumerate(json_lines(file), 1):
        if isinstance(line, BadRow):
            yield _Row(number, str(line.raw), error=RowError(number, line.reason, line.message, "row"))
            continue
        read = read_mention(line)
        if isinstance(read, RefusedForm):
            error = RowError(number, read.error.reason, read.error.message, read.error.field)
            yield _Row(number, shown(line), error=error)
        else:
            yield _Row(number, shown(line), read)
