"""Owns reading CSV so that one bad row costs one row.

The csv module takes a quote that nobody closes for a cell that goes on to the end of the file, and everything in
between with it. Here a row ends in an error when its cells break CSV's rules or it takes more lines than any row does:
then its first line alone is refused, and reading goes on at its second.
"""

import csv
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from services.kits.rows.bad_row import (
    MAX_LINE_BYTES,
    MAX_ROW_LINES,
    ROW_ENCODING,
    ROW_MALFORMED,
    ROW_TOO_LONG,
    BadRow,
    line_too_long,
    shown,
)
from services.kits.rows.line_reader import LineReader

UTF8: Final = "utf-8"
# What spreadsheets write. In all of them a line feed is a byte of its own, so that lines are found before decoding.
ENCODINGS: Final = (UTF8, "gb18030", "big5", "windows-1252")
DELIMITERS: Final = {",": ",", ";": ";", "|": "|", "\t": "\t", "tab": "\t"}
DIALECT_OPTIONS: Final = frozenset({"delimiter", "encoding"})


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How a CSV file is written. ``encoding`` is one of ENCODINGS."""

    delimiter: str = ","
    encoding: str = UTF8


def csv_dialect(options: Mapping[str, str]) -> CsvDialect:
    """Read the options ``delimiter`` and ``encoding``; raises ValueError with words for people."""
    delimiter = DELIMITERS.get(options.get("delimiter", ","))
    if delimiter is None:
        raise ValueError("delimiter is one of , ; | tab")
    encoding = options.get("encoding", UTF8).lower()
    if encoding not in ENCODINGS:
        raise ValueError(f"encoding is one of {', '.join(ENCODINGS)}")
    return CsvDialect(delimiter, encoding)


def csv_rows(file: BinaryIO, dialect: CsvDialect) -> Iterator[list[str] | BadRow]:
    """Yield the cells of each row, the header's too; empty lines are no rows."""
    lines = _Lines(file, dialect.encoding)
    reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    while True:
        lines.begin_row()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield lines.refuse_first(error)
            continue
        except _LineTooLongError as error:
            yield line_too_long(error.start)
            continue
        if lines.is_foreign:
            yield lines.foreign_row()
        elif row:
            yield row


class _LineTooLongError(Exception):
    """A row begins with a line past the bound."""

    def __init__(self, start: bytes) -> None:
        super().__init__()
        self.start = start


class _Lines:
    """The lines that the csv module asks for. ``is_foreign``: whether one of the row's is not of the encoding."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._reader, self._encoding = LineReader(file), encoding
        self._returned: deque[bytes] = deque()
        self._taken: list[bytes] = []
        self.is_foreign = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else self._reader.read()
        if not line:
            raise StopIteration
        taken = self._taken
        if len(line) > MAX_LINE_BYTES and not taken:
            raise _LineTooLongError(line)
        if len(line) > MAX_LINE_BYTES or len(taken) == MAX_ROW_LINES:
            self._returned.appendleft(line)
            raise StopIteration  # within a quoted cell, where the csv module calls it an error
        taken.append(line)
        try:
            return line.decode(self._encoding)
        except UnicodeDecodeError:
            self.is_foreign = True
            return line.decode(self._encoding, errors="replace")

    def begin_row(self) -> None:
        """Forget the lines of the row before."""
        self._taken.clear()
        self.is_foreign = False

    def refuse_first(self, error: csv.Error) -> BadRow:
        """Return the row for the first line taken; the others will be read again."""
        first, *others = self._taken
        self._returned.extendleft(reversed(others))
        raw, words = shown(first, self._encoding), str(error)
        if "field limit" in words:
            return BadRow(ROW_TOO_LONG, f"a cell has at most {csv.field_size_limit():,} characters", raw)
        if "end of data" in words:
            words = f"a quote is opened and closed neither within {MAX_ROW_LINES} lines nor by the end of the file"
        return BadRow(ROW_MALFORMED, f"the row is no CSV: {words}", raw)

    def foreign_row(self) -> BadRow:
        """Return the row for lines that are not of the encoding."""
        words = f"the row is not {self._encoding}; save the file as UTF-8 or give the option encoding"
        return BadRow(ROW_ENCODING, words, shown(self._taken[0], self._encoding))
