"""Uploads that name an erased person go, however the name is spelled in them; others stay."""

from pathlib import Path
from typing import Any

import pytest

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.erasure.files import OVERLAP_BYTES, WINDOW_BYTES, NameSearch
from services.chassis.errors import UnavailableError
from services.chassis.operation_run import Operation
from services.chassis.operations import OPERATIONS
from tests.unit.services.chassis.erasure.erasing_world import ANNA, World

NAMES = {
    "phone:+8613912345678": "r-1",
    "phone:+14155550123": "r-2",
    "card:AB100023": "r-3",
    "email:li.ming@example.com": "r-4",
    "login:a": "r-5",
    "login:李明明": "r-6",
}


def found(content: str | bytes, tmp_path: Path) -> str:
    path = tmp_path / "upload"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return NameSearch(NAMES).in_file(path)


@pytest.mark.parametrize(
    ("content", "receipt"),
    [
        ("name,phone\nAnna,+8613912345678\n", "r-1"),
        ("Anna,13912345678", "r-1"),
        ("Anna,(+86) 139-1234 5678", "r-1"),
        ("Anna,１３９‐１２３４‐5678", "r-1"),
        ("Bob,+1 (415) 555-0123", "r-2"),
        ('{"card": "ab 1000-23"}', "r-3"),
        ("Li.Ming@Example.com", "r-4"),
        ("ＬＩ.MING@EXAMPLE.COM", "r-4"),
        ("login,points\na,7", "r-5"),
        ("a", "r-5"),
        ("login,李明明,7", "r-6"),
        ("Anna,13912345679\ncard AB100024\nli.min@example.com\nab,李明", ""),
        ("", ""),
    ],
)
def test_a_name_is_found_in_any_spelling_and_a_short_one_as_a_word(content: str, receipt: str, tmp_path: Path) -> None:
    assert found(content, tmp_path) == receipt


@pytest.mark.parametrize("shift", [0, 1, 7, 13, OVERLAP_BYTES])
def test_a_name_is_found_across_two_pieces_of_a_file(shift: int, tmp_path: Path) -> None:
    filler = b"x" * (WINDOW_BYTES - 8 + shift - OVERLAP_BYTES) + b"\n"
    assert found(filler + b"+86 139 1234 5678" + b"\n" + b"y" * WINDOW_BYTES, tmp_path) == "r-1"
    assert found(b"b" * (WINDOW_BYTES + shift) + b"a" + b"b" * OVERLAP_BYTES, tmp_path) == ""


async def filled(tmp_path: Path) -> tuple[World, LocalArtifacts]:
    artifacts = LocalArtifacts(tmp_path)
    await artifacts.open()
    world = World(MemoryDocuments(), artifacts=artifacts)
    await world.open()
    return world, artifacts


async def operation(world: World, key: str, upload: str, *, done: bool, **progress: Any) -> None:
    body = {
        "service": "s",
        "done": done,
        "start_time_us": 1,
        "arguments": {"upload": upload},
        "progress": {"error_file": "", "result_file": "", "errors": [], **progress},
    }
    await world.documents.insert(OPERATIONS, key, body)


async def test_files_that_name_the_person_go_and_rows_that_are_quoted(tmp_path: Path) -> None:
    world, artifacts = await filled(tmp_path)
    file = (await artifacts.put(b"card,name\n139 1234 5678,Anna\n")).digest
    errors = (await artifacts.put(b'{"row": 1, "raw": "13912345678"}\n')).digest
    other = (await artifacts.put(b"card,name\n9,Carl\n")).digest
    quote = [1, "BAD_ROW", "139-1234-5678 is no card", "card"]
    await operation(world, "o-1", file, done=True, error_file=errors, errors=[quote])
    await operation(world, "o-2", other, done=True, errors=[[1, "BAD_ROW", "9 is no card", "card"]])
    await world.erase(ANNA)
    assert not await artifacts.exists(file) and not await artifacts.exists(errors)
    assert await artifacts.exists(other)
    page = await world.documents.scan(OPERATIONS)
    assert [len(document.body["progress"]["errors"]) for document in page.documents] == [0, 1]
    done = await world.outcome("copies", ANNA)
    assert done is not None and done.counts["r-1"]["files"] == 2
    await world.log.close()


async def test_an_operation_that_reads_such_a_file_ends_first(tmp_path: Path) -> None:
    world, artifacts = await filled(tmp_path)
    file = (await artifacts.put(b"Anna,13912345678\n")).digest
    await operation(world, "o-1", file, done=False)
    with pytest.raises(UnavailableError):
        await world.erase(ANNA)
    assert await artifacts.exists(file)
    assert await world.outcome("copies", ANNA) is None

    ended_before = world.operations.wait

    async def wait(operation_id: str, *, timeout_s: float) -> Operation:
        document = await world.documents.get(OPERATIONS, operation_id)
        assert document is not None and timeout_s > 0
        ended = {**document.body, "done": True}
        await world.documents.replace(OPERATIONS, operation_id, ended, expected_revision=document.revision)
        return await ended_before(operation_id, timeout_s=timeout_s)

    world.operations.wait = wait  # type: ignore[method-assign]
    await world.erase(ANNA)
    assert not await artifacts.exists(file)
    await world.log.close()
