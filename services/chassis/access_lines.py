"""The line that every answered call leaves: assembled without structlog's chain, and written a few at a time.

It is the one line that is written thousands of times a second; the chain and a system call for each cost more than the
rest of what happens around a call (benchmarks/calls.py). Lines wait at most FLUSH_S, and never longer than the next
line of another kind, so a file stays in order; a process that is killed loses those that wait. They promise nothing.
Lines for which the disk has no room are lost too, and those of a pipe that nobody reads any more: a call that is
answered must not fail for its line.
"""

import asyncio
import contextlib
import time
from typing import Any, Final, TextIO

import orjson

FLUSH_S: Final = 0.1
WAITING_LIMIT_BYTES: Final = 64 * 1024


class LineWriter:
    """Where all lines of a process go. ``wait_s`` 0: nothing waits."""

    def __init__(self, target: TextIO, *, wait_s: float = FLUSH_S) -> None:
        self._target, self._wait_s = target, wait_s
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._flush_is_due = False

    def write(self, text: str) -> None:
        """Write now, after what waits."""
        if self._waiting:
            self.flush()
        self._put(text)

    def flush(self) -> None:
        """Write what waits; also what a stream of its own would hold back."""
        if self._waiting:
            text = b"".join(self._waiting).decode()
            self._waiting.clear()
            self._bytes = 0
            self._put(text)
        with contextlib.suppress(OSError):
            self._target.flush()

    def write_soon(self, line: bytes) -> None:
        """Write with others, within ``wait_s``."""
        self._waiting.append(line)
        self._bytes += len(line)
        if self._wait_s == 0 or self._bytes >= WAITING_LIMIT_BYTES:
            self.flush()
        elif not self._flush_is_due:
            try:
                asyncio.get_running_loop().call_later(self._wait_s, self._flush_when_due)
            except RuntimeError:  # no loop: nothing would come back to it
                self.flush()
            else:
                self._flush_is_due = True

    def close(self) -> None:
        """Write what waits, at the process's end; a stream that is closed already takes nothing more."""
        with contextlib.suppress(ValueError):
            self.flush()

    def _put(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._target.write(text)

    def _flush_when_due(self) -> None:
        self._flush_is_due = False
        self.flush()


class AccessLines:
    """Assembles the lines of one process as its other JSON lines are."""

    def __init__(self, service: str, writer: LineWriter) -> None:
        self._service, self._writer = service, writer
        self._second, self._second_text = 0, ""

    def write(self, logger_name: str, event: str, fields: dict[str, Any], call: dict[str, str]) -> None:
        """Write one line at level info; what is no JSON is refused by a TypeError, for fields here are known."""
        line = {"time": self._time(), "level": "info", "event": event, "logger_name": logger_name}
        line.update(fields, service=self._service, **call)
        self._writer.write_soon(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def _time(self) -> str:
        microseconds = time.time_ns() // 1_000
        second, rest = divmod(microseconds, 1_000_000)
        if second != self._second:
            self._second, self._second_text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second_text}.{rest:06d}Z"
