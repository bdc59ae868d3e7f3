"""What is the same of all imports: batches and their bounds, what waits, what ends early, what is left behind."""

from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest

from services.chassis.documents.port import StoreUnavailableError
from services.chassis.errors import ZhikeError
from services.chassis.eventlog.port import NewEvent
from services.chassis.operation_run import OperationRun, Progress
from services.kits.imports import running
from services.kits.imports.errors import ImportConfigError, StagingFailedError
from services.kits.imports.plan import CSV, NDJSON, ImportPlan
from services.kits.imports.running import ImportRun, Items, append_patiently
from services.kits.imports.staging import STAGED, Outcome, StagingTask, staged_line
from services.kits.imports.staging_process import stage_in_process
from tests.fakes.clock import ManualClock
from tests.fakes.imports import RunningImports

WORDS = "words"


def stage_words(task: StagingTask, outcome: Outcome) -> None:
    """A row is a word; those in capitals are refused."""
    with (Path(task.folder) / STAGED).open("wb") as staged:
        for row, word in enumerate(Path(task.path).read_text().split(), 1):
            outcome.report(row, row)
            if word == "unusable":
                raise ImportConfigError("this file is unusable", field="columns")
            if word.isupper():
                outcome.refuse(row, "TOO_LOUD", "words are written small", raw=word)
            else:
                outcome.kinds["word"] += 1
                staged.write(staged_line(task.now_us, {"word": word, "rule": task.rules["rule"]}))


class Words:
    """An import of words."""

    def __init__(self, folder: Path) -> None:
        self.running = RunningImports(folder, ManualClock(), {WORDS: stage_words}, {"rule": "shop"})
        self.appended: list[list[str]] = []
        self.prepared: list[str] = []
        self.rules: set[str] = set()

    async def run(self, text: str, *, in_flight: int = 3, **fields: Any) -> Progress:
        async def import_words(run: OperationRun) -> None:
            imports = ImportRun(self.running.parts, WORDS, run)

            async def prepare(items: Items) -> Items:
                self.prepared += [item["word"] for item in items]
                return [item for item in items if item["word"] != "known"]

            async def append(items: Items) -> None:
                self.rules |= {item["rule"] for item in items}
                self.appended.append([item["word"] for item in items])
                imports.accept({"word": len(items)})

            await imports.carry_out(append, in_flight=in_flight, prepare=prepare)

        return await self.running.run(import_words, text.encode(), ImportPlan(NDJSON, **fields))


@pytest.fixture
def words(tmp_path: Path) -> Words:
    return Words(tmp_path)


async def test_what_was_staged_is_prepared_and_appended_in_order_and_what_was_refused_is_kept(words: Words) -> None:
    progress = await words.run("a b LOUD known c")
    assert (progress.rows, progress.accepted, progress.rejected) == (5, 3, 1)
    assert (words.prepared, words.appended) == (["a", "b", "known", "c"], [["a", "b", "c"]])
    assert words.rules == {"shop"}
    (error,) = await words.running.errors(progress)
    assert (error["row"], error["reason"], error["raw"]) == (3, "TOO_LOUD", "LOUD")
    assert progress.done_bytes == progress.total_bytes
    assert list((words.running.folder / "imports").iterdir()) == []


async def test_a_dry_run_counts_and_appends_nothing(words: Words) -> None:
    progress = await words.run("a b LOUD", dry_run=True)
    assert (progress.accepted_by_kind, progress.rejected) == ({"word": 2}, 1)
    assert words.appended == words.prepared == []


@pytest.mark.parametrize(
    ("bound", "value", "appended"),
    [("BATCH_ROWS", 3, [3]), ("BATCH_ROWS", 2, [2, 1]), ("BATCH_BYTES", 1, [1, 1, 1]), ("BATCH_BYTES", 10_000, [3])],
)
@pytest.mark.parametrize("in_flight", [1, 3])
async def test_what_is_appended_at_once_is_bounded_by_rows_and_by_bytes(
    words: Words, monkeypatch: pytest.MonkeyPatch, bound: str, value: int, appended: list[int], in_flight: int
) -> None:
    monkeypatch.setattr(running, bound, value)
    await words.run("a b c", in_flight=in_flight)
    assert [len(batch) for batch in words.appended] == appended
    assert [word for batch in words.appended for word in batch] == ["a", "b", "c"]


async def test_a_file_that_cannot_be_read_ends_the_import_with_its_reason(words: Words) -> None:
    with pytest.raises(ImportConfigError, match="this file is unusable"):
        await words.run("a unusable")
    assert words.appended == []
    assert list((words.running.folder / "imports").iterdir()) == []


async def test_what_an_earlier_run_of_the_operation_left_behind_is_cleared_away(words: Words) -> None:
    left = words.running.folder / "imports" / "service.1-0"
    left.mkdir(parents=True)
    await words.run("a")
    assert not left.exists()


async def test_a_staging_that_ends_early_fails_the_import(words: Words) -> None:
    async def dies(_task: StagingTask) -> AsyncGenerator[Mapping[str, Any], None]:
        yield {"rows": 1, "bytes": 10}

    words.running.stage = dies
    with pytest.raises(StagingFailedError):
        await words.run("a")


async def test_a_task_that_the_process_cannot_do_is_an_error_not_a_silence(tmp_path: Path) -> None:
    task = StagingTask("events", str(tmp_path / "missing"), str(tmp_path), {"format": CSV}, 0)
    with pytest.raises(ZhikeError):
        async for _ in stage_in_process("services.knowledge.jobs.staging", task):
            pass


class BusyLog:
    """Refuses so often before it takes anything."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def append(self, events: Any) -> Any:
        if self.times:
            self.times -= 1
            raise StoreUnavailableError("away")
        return events


async def test_a_busy_log_is_asked_again_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BUSY_WAIT_S", 0.0)
    monkeypatch.setattr(running, "BUSY_TRIES", 3)
    events: list[NewEvent] = []
    assert await append_patiently(BusyLog(2), events) == events  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailableError):
        await append_patiently(BusyLog(3), events)  # type: ignore[arg-type]
