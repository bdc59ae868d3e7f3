"""Reads a file line by line in bounded memory, however long a line is."""

from typing import BinaryIO, Final

from services.kits.rows.bad_row import MAX_LINE_BYTES

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class LineReader:
    """Reads lines with their ends; a byte order mark before the first is left out."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._is_first = True

    def read(self) -> bytes:
        """Return the next line, b"" after the last; a line past the bound comes cut, one byte too long."""
        line = self._file.readline(MAX_LINE_BYTES + 1)
        piece = line
        while len(piece) > MAX_LINE_BYTES and not piece.endswith(b"\n"):
            piece = self._file.readline(MAX_LINE_BYTES + 1)
        if self._is_first:
            self._is_first = False
            line = line.removeprefix(BYTE_ORDER_MARK)
        return line
