"""What a row is that cannot be taken apart, and the bounds of rows."""

from dataclasses import dataclass
from typing import Any, Final

MAX_LINE_BYTES: Final = 1024 * 1024
MAX_ROW_LINES: Final = 100  # of one CSV row, whose quoted cells may hold line breaks
RAW_CHARACTERS: Final = 1_000  # of a bad row that are shown

ROW_ENCODING: Final = "ROW_ENCODING"
ROW_MALFORMED: Final = "ROW_MALFORMED"
ROW_SHAPE: Final = "ROW_SHAPE"
ROW_TOO_LONG: Final = "ROW_TOO_LONG"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be taken apart. ``raw``: what it says, cut, as far as it can be shown."""

    reason: str
    message: str
    raw: Any = None


def line_too_long(start: bytes) -> BadRow:
    """Return the row for a line past its bound, of which ``start`` was read."""
    return BadRow(ROW_TOO_LONG, f"a line takes at most {MAX_LINE_BYTES:,} bytes", shown(start))


def wrong_shape(cells: list[str], width: int) -> BadRow:
    """Return the row for one that has not its header's number of cells."""
    raw = [cell[:RAW_CHARACTERS] for cell in cells[: width + 1]]
    return BadRow(ROW_SHAPE, f"the row has {len(cells)} cells, the header {width}", raw)


def shown(text: bytes, encoding: str = "utf-8") -> str:
    """Return the beginning of a line for people to recognise it by."""
    return text[: 4 * RAW_CHARACTERS].decode(encoding, errors="replace").rstrip("\r\n")[:RAW_CHARACTERS]
