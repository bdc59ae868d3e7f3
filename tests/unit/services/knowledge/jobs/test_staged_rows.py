"""Rows of a file, whatever is wrong with one of them."""

from pathlib import Path

import pytest

from services.knowledge.domain.errors import ImportConfigError
from services.knowledge.domain.import_plan import CSV, MAX_COLUMNS, NDJSON, ImportPlan
from services.knowledge.jobs.staged_rows import MAX_LINE_BYTES, BadRow, json_lines, objects_of, open_table

FIELDS = ("order_number", "card")


def table(tmp_path: Path, content: bytes, plan: ImportPlan | None = None) -> list[tuple[int, object]]:
    path = tmp_path / "file"
    path.write_bytes(content)
    with open_table(path, plan or ImportPlan(CSV), FIELDS, lambda *_: None) as opened:
        return list(opened.rows)


def test_rows_are_numbered_from_one_and_empty_lines_are_none(tmp_path: Path) -> None:
    content = '\ufefforder_number,card\r\n1,"a,b"\r\n\r\n2,"line\nbreak"\n'.encode()
    assert table(tmp_path, content) == [(1, ["1", "a,b"]), (2, ["2", "line\nbreak"])]


def test_a_row_of_another_width_is_bad_by_itself(tmp_path: Path) -> None:
    (_, bad), (number, good) = table(tmp_path, b"order_number,card\n1,2,3\n4,5\n")
    assert isinstance(bad, BadRow)
    assert bad.reason == "ROW_SHAPE"
    assert (number, good) == (2, ["4", "5"])


def test_a_cell_without_end_is_one_bad_row(tmp_path: Path) -> None:
    rows = table(tmp_path, b'order_number,card\n1,"' + b"x" * 200_000 + b"\n2,3\n4,5\n")
    assert isinstance(rows[0][1], BadRow)
    assert rows[0][1].reason == "ROW_MALFORMED"
    assert len(rows) >= 1


def test_bytes_that_are_no_text_stay_in_their_row(tmp_path: Path) -> None:
    rows = table(tmp_path, b"order_number,card\n\xff\xfe,2\n3,4\n")
    assert rows[1] == (2, ["3", "4"])


@pytest.mark.parametrize("header", [b"", b"a,a\n", ",".join(f"c{n}" for n in range(MAX_COLUMNS + 1)).encode()])
def test_a_header_that_cannot_be_used_ends_the_import(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(ImportConfigError):
        table(tmp_path, header)


def test_objects_are_rows_too(tmp_path: Path) -> None:
    content = '{"order_number": 5, "CustomerID": "李", "x": 1}\n{"order_number": true}\nnot json\n[1]\n'.encode()
    rows = table(tmp_path, content, ImportPlan(NDJSON, columns={"card": "CustomerID"}))
    assert [row for _, row in rows[:2]] == [["5", "李"], ["true", ""]]
    assert [row.reason for _, row in rows[2:] if isinstance(row, BadRow)] == ["ROW_MALFORMED", "ROW_MALFORMED"]


def test_a_line_past_its_bound_is_bad_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'{"a": "' + b"x" * (2 * MAX_LINE_BYTES) + b'"}\n{"a": 1}\n')
    (_, bad), (number, good) = list(objects_of(json_lines(path, lambda *_: None)))
    assert isinstance(bad, BadRow)
    assert bad.reason == "ROW_TOO_LONG"
    assert (number, good) == (2, {"a": 1})
