"""Owns a log file: bounded, and never a reason to stop. What cannot be kept is counted and said when it can again.

A process whose lines nobody takes stands still at its next one, so a full disk must not end the reading of them.
"""

from pathlib import Path
from typing import BinaryIO

FILE_LIMIT_BYTES = 20 * 1024 * 1024  # one file of this size before it is kept beside


class KeptLines:
    """The file of one process."""

    def __init__(self, path: Path, *, limit_bytes: int = FILE_LIMIT_BYTES) -> None:
        self._path, self._limit_bytes = path, limit_bytes
        self._file: BinaryIO | None = None
        self._size = 0
        self._lost = 0

    def write(self, line: bytes) -> None:
        """Append a line, with an end of line if it has none."""
        whole = line if line.endswith(b"\n") else line + b"\n"
        try:
            if self._lost:
                self._append(f"{self._lost} line(s) not kept: the disk took no more\n".encode())
                self._lost = 0
            self._append(whole)
        except OSError:
            self._lost += 1
            self.close()

    def close(self) -> None:
        """Let go of the file; the next line opens it again."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _append(self, content: bytes) -> None:
        file = self._opened()
        written = file.write(content)
        self._size += written
        if written < len(content):  # the disk took a part and will say why at the next write
            raise OSError("cut short")

    def _opened(self) -> BinaryIO:
        if self._file is not None and self._size > self._limit_bytes:
            self.close()
        if self._file is None:
            if self._path.exists() and self._path.stat().st_size > self._limit_bytes:
                self._path.replace(self._path.with_suffix(".log.1"))
            self._file = self._path.open("ab", buffering=0)
            self._size = self._path.stat().st_size
        return self._file
