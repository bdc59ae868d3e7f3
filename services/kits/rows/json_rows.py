"""Owns reading NDJSON: one JSON object a line."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from services.kits.rows.bad_row import MAX_LINE_BYTES, ROW_ENCODING, ROW_MALFORMED, BadRow, line_too_long, shown
from services.kits.rows.line_reader import LineReader


def json_lines(file: BinaryIO) -> Iterator[bytes | BadRow]:
    """Yield each line that is not empty, without surrounding space."""
    reader = LineReader(file)
    while line := reader.read():
        if len(line) > MAX_LINE_BYTES:
            yield line_too_long(line)
        elif text := line.strip():
            yield text


def json_object(line: bytes | BadRow) -> dict[str, Any] | BadRow:
    """Return the JSON object of a line."""
    if isinstance(line, BadRow):
        return line
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return _not_json(line, error)
    if isinstance(value, dict):
        return value
    return BadRow(ROW_MALFORMED, "the line is no JSON object", shown(line))


def _not_json(line: bytes, error: orjson.JSONDecodeError) -> BadRow:
    """Return the row for a line that cannot be read, and why."""
    try:
        line.decode()
    except UnicodeDecodeError as fault:
        return BadRow(ROW_ENCODING, f"byte {fault.start + 1} of the line is not UTF-8", shown(line))
    return BadRow(ROW_MALFORMED, f"the line is no JSON: {error.msg} at character {error.pos + 1}", shown(line))
