"""The supervisor keeps every line and shows a person those that matter."""

import asyncio
from io import StringIO
from pathlib import Path

from rich.console import Console

from infra.local.kept_lines import FILE_LIMIT_BYTES
from infra.local.log_output import LINE_LIMIT_BYTES, LogOutput


async def _follow(output: LogOutput, text: bytes, *, limit: int = LINE_LIMIT_BYTES) -> None:
    stream = asyncio.StreamReader(limit=limit)
    stream.feed_data(text)
    stream.feed_eof()
    await output.follow("search", stream)


async def test_every_line_is_kept_and_shown_under_its_name(tmp_path: Path) -> None:
    shown = StringIO()
    output = LogOutput(tmp_path, Console(file=shown, width=200))
    await _follow(output, "ready\n警告 disk\nlast without end".encode())
    assert (tmp_path / "search.log").read_text(encoding="utf-8") == "ready\n警告 disk\nlast without end\n"
    assert [line.split(maxsplit=1) for line in shown.getvalue().splitlines()] == [
        ["search", "ready"],
        ["search", "警告 disk"],
        ["search", "last without end"],
    ]


async def test_access_lines_are_kept_but_not_shown(tmp_path: Path) -> None:
    shown = StringIO()
    await _follow(LogOutput(tmp_path, Console(file=shown)), b'{"event":"call answered"}\n')
    assert not shown.getvalue()
    assert "call answered" in (tmp_path / "search.log").read_text()


async def test_a_line_without_end_is_cut_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    await _follow(LogOutput(tmp_path, None), b"x" * 1_000, limit=64)
    assert (tmp_path / "search.log").read_text().count("x") == 1_000


async def test_a_file_that_grew_past_its_limit_makes_room_once(tmp_path: Path) -> None:
    (tmp_path / "search.log").write_bytes(b"x" * (FILE_LIMIT_BYTES + 1))
    await _follow(LogOutput(tmp_path, None), b"new\n")
    assert (tmp_path / "search.log").read_text() == "new\n"
    assert (tmp_path / "search.log.1").exists()


async def test_a_screen_that_takes_no_more_stops_nobody(tmp_path: Path) -> None:
    class Full(StringIO):
        def write(self, text: str) -> int:
            raise OSError("no space left on device")

    output = LogOutput(tmp_path, Console(file=Full(), width=200))
    await _follow(output, b"one\ntwo\n")
    output.say("three")
    assert (tmp_path / "search.log").read_text() == "one\ntwo\n"
