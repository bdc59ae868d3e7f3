"""Shows the lines of every process, each under its name in its own colour, and keeps them in a file per process."""

import asyncio
from pathlib import Path

from rich.console import Console
from rich.text import Text

from infra.local.kept_lines import KeptLines

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red")
LINE_LIMIT_BYTES = 64 * 1024
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
        kept = KeptLines(self.path(name))
        try:
            while True:
                try:
                    line = await stream.readuntil(b"\n")
                except asyncio.IncompleteReadError as end:
                    self._write(name, end.partial, kept)
                    return
                except asyncio.LimitOverrunError as overrun:
                    line = await stream.readexactly(overrun.consumed)
                self._write(name, line, kept)
        finally:
            kept.close()

    def say(self, text: str, *, style: str = "bold") -> None:
        """Write a line of the supervisor's own."""
        self._show(Text(text, style=style))

    def _write(self, name: str, line: bytes, kept: KeptLines) -> None:
        if not line:
            return
        kept.write(line)
        if self._console is None or any(words in line for words in ACCESS_LINES):
            return
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        prefix = Text(f"{name:<{NAME_WIDTH}}", style=colour)
        prefix.append_text(Text.from_ansi(line.decode("utf-8", "replace").rstrip("\n")))
        self._show(prefix, soft_wrap=True)

    def _show(self, text: Text, *, soft_wrap: bool = False) -> None:
        """Show it while somebody looks; a file in its place that takes no more is no reason to stop."""
        if self._console is not None:
            try:
                self._console.print(text, soft_wrap=soft_wrap)
            except OSError:
                self._console = None
