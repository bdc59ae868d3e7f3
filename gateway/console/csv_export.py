"""A table as a CSV file that a spreadsheet opens as text, never as formulas."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

ROWS_LIMIT: Final = 10_000
CELL_LIMIT: Final = 32_000  # characters; spreadsheets end at 32,767
BOM: Final = "\ufeff"  # without it Excel reads Chinese as another encoding
_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded(text: str) -> str:
    """Return a cell that no spreadsheet runs: what begins like a formula, and is no number, gets an apostrophe."""
    text = text.replace("\x00", "")[:CELL_LIMIT]
    if text.lstrip(" \u3000").startswith(_DANGEROUS) and not _is_number(text):
        return f"'{text}"
    return text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and text.strip() == text


def written(heads: Sequence[str], rows: Iterable[Sequence[str]], *, note: str = "") -> bytes:
    """Return the file; ``note`` is its last line, where rows are missing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(map(guarded, heads))
    writer.writerows(map(guarded, row) for row in rows)
    if note:
        writer.writerow([guarded(note)])
    return (BOM + out.getvalue()).encode(errors="replace")  # half a surrogate pair is no text
