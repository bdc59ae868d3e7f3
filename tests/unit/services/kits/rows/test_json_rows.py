"""One bad line of an NDJSON file costs one row."""

from io import BytesIO

import pytest

from services.kits.rows.bad_row import (
    MAX_LINE_BYTES,
    RAW_CHARACTERS,
    ROW_ENCODING,
    ROW_MALFORMED,
    ROW_TOO_LONG,
    BadRow,
)
from services.kits.rows.json_rows import json_lines, json_object


def objects(content: bytes) -> list[object]:
    """Return the objects of good lines and the reasons of bad ones."""
    found = [json_object(line) for line in json_lines(BytesIO(content))]
    return [each.reason if isinstance(each, BadRow) else each for each in found]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n  \r\n\n", []),
        (b'{"a": 1}', [{"a": 1}]),
        (b'\xef\xbb\xbf{"a": 1}\r\n{"b": 2}\r\n', [{"a": 1}, {"b": 2}]),
        ('{"名称": "１２"}\n'.encode(), [{"名称": "１２"}]),
        (b'{"a": 1}\n{broken\n\n{"b": 2}\n', [{"a": 1}, ROW_MALFORMED, {"b": 2}]),
        (b"[1, 2]\n7\nnull\n", [ROW_MALFORMED] * 3),
        (b'{"a": "\xff"}\n{"b": 2}\n', [ROW_ENCODING, {"b": 2}]),
        (b"\xff\n", [ROW_ENCODING]),
        (b'{"a": NaN}\n', [ROW_MALFORMED]),
    ],
)
def test_each_line_is_an_object_or_one_bad_row(content: bytes, expected: list[object]) -> None:
    assert objects(content) == expected


def test_a_line_may_be_as_long_as_the_bound_and_not_one_byte_more() -> None:
    fits = b'{"a": "' + b"x" * (MAX_LINE_BYTES - 10) + b'"}\n'
    assert len(fits) == MAX_LINE_BYTES
    assert [isinstance(each, dict) for each in objects(fits)] == [True]
    assert objects(b" " + fits + b"{}\n") == [ROW_TOO_LONG, {}]


def test_a_line_of_ten_megabytes_is_one_refused_row_of_which_the_beginning_is_shown() -> None:
    rows = list(json_lines(BytesIO(b"{}\n" + b"x" * 10_000_000 + b"\n{}")))
    assert [type(each) for each in rows] == [bytes, BadRow, bytes]
    assert isinstance(rows[1], BadRow)
    assert rows[1].reason == ROW_TOO_LONG
    assert rows[1].raw == "x" * RAW_CHARACTERS


def test_a_bad_line_says_where_it_is_wrong() -> None:
    broken = json_object(b'{"a": 1,}')
    assert isinstance(broken, BadRow)
    assert "character" in broken.message
    assert broken.raw == '{"a": 1,}'
    foreign = json_object(b'{"a": "\xb0\xa1"}')
    assert isinstance(foreign, BadRow)
    assert foreign.message == "byte 8 of the line is not UTF-8"
