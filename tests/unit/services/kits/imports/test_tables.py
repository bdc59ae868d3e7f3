"""Rows of a file, whatever is wrong with one of them."""

from pathlib import Path

import pytest

from services.kits.imports.errors import ImportConfigError
from services.kits.imports.plan import CSV, MAX_COLUMNS, NDJSON, ImportPlan
from services.kits.imports.tables import REPORT_EVERY_ROWS, json_objects, open_table
from services.kits.rows.bad_row import MAX_LINE_BYTES, BadRow

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
    (number, bad), *rest = table(tmp_path, b'order_number,card\n1,"' + b"x" * 100_000 + b"\n2,3\n4,5\n")
    assert isinstance(bad, BadRow)
    assert (number, bad.reason) == (1, "ROW_MALFORMED")
    assert rest == [(2, ["2", "3"]), (3, ["4", "5"])]


def test_bytes_that_are_no_text_stay_in_their_row(tmp_path: Path) -> None:
    rows = table(tmp_path, b"order_number,card\n\xff\xfe,2\n3,4\n")
    assert isinstance(rows[0][1], BadRow)
    assert rows[0][1].reason == "ROW_ENCODING"
    assert rows[1] == (2, ["3", "4"])


def test_a_file_in_another_encoding_is_read_when_it_says_so(tmp_path: Path) -> None:
    plan = ImportPlan(CSV, columns={"card": "会员号"}, options={"encoding": "gb18030", "delimiter": "tab"})
    assert table(tmp_path, "order_number\t会员号\n1\t李\n".encode("gb18030"), plan) == [(1, ["1", "李"])]


def test_a_header_line_alone_is_no_rows(tmp_path: Path) -> None:
    assert table(tmp_path, b"order_number,card\r\n") == []


def test_how_far_it_is_is_told_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"order_number\n" + b"1\n" * (REPORT_EVERY_ROWS + 1))
    told: list[tuple[int, int]] = []
    with open_table(path, ImportPlan(CSV), FIELDS, lambda *where: told.append(where)) as opened:
        assert sum(1 for _ in opened.rows) == REPORT_EVERY_ROWS + 1
    assert [rows for rows, _ in told] == [REPORT_EVERY_ROWS, REPORT_EVERY_ROWS + 1]
    assert told[-1][1] == path.stat().st_size


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\n\n",
        b"card,card\n",
        b"card,Country\n",
        b'"card\n',
        b"card\xff\n",
        ",".join(f"c{n}" for n in range(MAX_COLUMNS + 1)).encode(),
    ],
)
def test_a_header_that_cannot_be_used_ends_the_import(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(ImportConfigError):
        table(tmp_path, header)


def test_objects_are_rows_too(tmp_path: Path) -> None:
    lines = [
        '{"order_number": 5, "CustomerID": "李", "x": 1}',
        '{"order_number": 5, "CustomerID": "李"}',
        '{"order_number": true}',
        "not json",
        "[1]",
    ]
    content = "\n".join(lines).encode()
    rows = table(tmp_path, content, ImportPlan(NDJSON, columns={"card": "CustomerID"}))
    assert [row for _, row in rows[1:3]] == [["5", "李"], ["true", ""]]
    reasons = [row.reason for _, row in rows if isinstance(row, BadRow)]
    assert reasons == ["UNKNOWN_FIELD", "ROW_MALFORMED", "ROW_MALFORMED"]


def test_a_line_past_its_bound_is_bad_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'{"a": "' + b"x" * (2 * MAX_LINE_BYTES) + b'"}\n{"a": 1}\n')
    (_, bad), (number, good) = list(json_objects(path, lambda *_: None))
    assert isinstance(bad, BadRow)
    assert bad.reason == "ROW_TOO_LONG"
    assert (number, good) == (2, {"a": 1})
