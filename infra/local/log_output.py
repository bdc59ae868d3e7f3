"""Shows the lines of every process, each under its name in its own colour, and keeps them in a file per process."""

import asyncio
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.text import Text

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red")
LINE_LIMIT_BYTES = 64 * 1024
FILE_LIMIT_BYTES = 20 * 1024 * 1024
NAME_WIDTH = 14
# Access lines are kept in the files; on a terminal they would drown what a person looks for.
ACCESS_LINES = (b"call answered", b"request answered")


class LogOutput:
    """Where the processes' lines go."""

    def __init__(self, folder: Path, console: Console | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._console = console
        self._colours: dict[str, str] = {}

    def path(self, name: str) -> Path:
        """Return the file that keeps the lines of a process."""
        return self._folder / f"{name}.log"

    async def follow(self, name: str, stream: asyncio.StreamReader) -> None:
        """Copy a process's lines until it closes its output."""
        self._rotate(name)
        with self.path(name).open("ab", buffering=0) as kept:
            while True:
                try:
                    line = await stream.readuntil(b"\n")
                except asyncio.IncompleteReadError as end:
                    self._write(name, end.partial, kept)
                    return
                except asyncio.LimitOverrunError as overrun:
                    line = await stream.readexactly(overrun.consumed)
                self._write(name, line, kept)

    def say(self, text: str, *, style: str = "bold") -> None:
        """Write a line of the supervisor's own."""
        if self._console is not None:
            self._console.print(Text(text, style=style))

    def _write(self, name: str, line: bytes, kept: BinaryIO) -> None:
        if not line:
            return
        kept.write(line if line.endswith(b"\n") else line + b"\n")
        if self._console is None or any(words in line for words in ACCESS_LINES):
            return
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        prefix = Text(f"{name:<{NAME_WIDTH}}", style=colour)
        prefix.append_text(Text.from_ansi(line.decode("utf-8", "replace").rstrip("\n")))
        self._console.print(prefix, soft_wrap=True)

    def _rotate(self, name: str) -> None:
        """Keep one old file, so that the logs of a long run stay bounded."""
        path = self.path(name)
        if path.exists() and path.stat().st_size > FILE_LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))
