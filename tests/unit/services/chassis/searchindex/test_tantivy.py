"""What only the embedded adapter has: a directory that one process writes, damage, a disk that fails."""

import asyncio
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from services.chassis.searchindex.port import (
    Entry,
    IndexLockedError,
    IndexQuery,
    IndexSchema,
    IndexUnavailableError,
    LongField,
    Outcome,
    Put,
    Term,
    TextField,
)
from services.chassis.searchindex.tantivy import TantivySearchIndex
from services.chassis.searchindex.tantivy_branch import Branch

SCHEMA = IndexSchema("things", (TextField("title"), LongField("price")))


async def opened(folder: Path, **options: Any) -> TantivySearchIndex:
    index = TantivySearchIndex(folder, **options)
    if await index.declare(SCHEMA) is None:
        await index.promote("things", await index.open_branch("things"), expected=None)
    return index


def put(entry_id: str, version: int = 1) -> Put:
    return Put(Entry(entry_id, version, {"title": "milk"}))


async def test_a_second_writer_of_the_same_directory_is_refused(tmp_path: Path) -> None:
    first = await opened(tmp_path)
    second = TantivySearchIndex(tmp_path)
    with pytest.raises(IndexLockedError):
        await second.declare(SCHEMA)
    await first.close()
    assert await second.declare(SCHEMA) is not None
    await second.close()


async def test_a_damaged_branch_counts_as_absent(tmp_path: Path) -> None:
    first = await opened(tmp_path)
    await first.bulk("things", [put("a")])
    await first.refresh("things")
    await first.close()
    (meta,) = tmp_path.rglob("meta.json")  # noqa: ASYNC240 - a test's own folder
    meta.write_text("{broken")
    second = TantivySearchIndex(tmp_path)
    assert await second.declare(SCHEMA) is None
    await second.promote("things", await second.open_branch("things"), expected=None)
    assert await second.count("things") == 0
    await second.close()


async def test_a_live_branch_whose_directory_is_gone_counts_as_absent(tmp_path: Path) -> None:
    first = await opened(tmp_path)
    await first.close()
    for branch in tmp_path.rglob("b0*"):  # noqa: ASYNC240 - a test's own folder
        shutil.rmtree(branch)
    second = TantivySearchIndex(tmp_path)
    assert await second.declare(SCHEMA) is None
    await second.close()


async def test_after_a_failed_commit_the_batch_can_be_written_again(tmp_path: Path) -> None:
    index = await opened(tmp_path)
    branch = next(iter(index._indexes["things"].branches.values()))
    await index.bulk("things", [put("a")])

    class FailingWriter:
        """The disk is full."""

        def commit(self) -> int:
            raise OSError("No space left on device")

    branch._writer = FailingWriter()  # type: ignore[assignment]
    with pytest.raises(IndexUnavailableError):
        await index.refresh("things")
    (result,) = await index.bulk("things", [put("a")])
    assert result.outcome is Outcome.APPLIED
    await index.refresh("things")
    assert await index.count("things") == 1
    await index.close()


async def test_a_large_index_is_searched_off_the_event_loop(tmp_path: Path) -> None:
    index = await opened(tmp_path, inline_entries=0)
    await index.bulk("things", [put("a")])
    await index.refresh("things")
    seen: list[str] = []
    branch = next(iter(index._indexes["things"].branches.values()))
    state = branch.state()
    searcher = state.searcher

    class Watching:
        """Notes the thread that searches."""

        def __getattr__(self, name: str) -> Any:
            seen.append(threading.current_thread().name)
            return getattr(searcher, name)

    state.searcher = Watching()  # type: ignore[assignment]
    page = await index.search("things", IndexQuery(text=Term("title", "milk")))
    assert [hit.id for hit in page.hits] == ["a"]
    assert any(name.startswith("index-search") for name in seen)
    state.searcher = searcher
    await index.close()


async def test_searches_go_on_while_many_write(tmp_path: Path) -> None:
    index = await opened(tmp_path)

    async def write(start: int) -> None:
        for number in range(start, start + 5):
            await index.bulk("things", [put(f"p{number:03}")])
            await index.refresh("things")

    async def search() -> None:
        for _ in range(20):
            await index.search("things", IndexQuery(text=Term("title", "milk")))
            await asyncio.sleep(0)

    await asyncio.gather(*(write(start) for start in range(0, 40, 5)), *(search() for _ in range(4)))
    assert await index.count("things") == 40
    await index.close()


def test_a_closed_branch_takes_nothing(tmp_path: Path) -> None:
    branch = Branch(tmp_path, SCHEMA)
    branch.close()
    branch.close()
    with pytest.raises(IndexUnavailableError):
        branch.apply([put("a")])


@pytest.mark.parametrize("names", [("id",), ("a", "a"), ("A",), ("1a",), ("a" * 65,)])
async def test_a_schema_that_breaks_the_naming_rules_is_a_defect(tmp_path: Path, names: tuple[str, ...]) -> None:
    index = TantivySearchIndex(tmp_path)
    with pytest.raises(ValueError, match="names"):
        await index.declare(IndexSchema("things", tuple(TextField(name) for name in names)))
    await index.close()
