"""One bad row of a CSV file costs one row; every line of the file comes out in one row or another."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kits.rows.bad_row import (
    MAX_LINE_BYTES,
    MAX_ROW_LINES,
    RAW_CHARACTERS,
    ROW_ENCODING,
    ROW_MALFORMED,
    ROW_TOO_LONG,
    BadRow,
    wrong_shape,
)
from services.kits.rows.csv_rows import ENCODINGS, CsvDialect, csv_dialect, csv_rows


def rows(content: bytes, **options: str) -> list[list[str] | str]:
    """Return the cells of good rows and the reasons of bad ones."""
    return [
        each.reason if isinstance(each, BadRow) else each for each in csv_rows(BytesIO(content), CsvDialect(**options))
    ]


def bad(content: bytes, **options: str) -> BadRow:
    (row,) = [each for each in csv_rows(BytesIO(content), CsvDialect(**options)) if isinstance(each, BadRow)]
    return row


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n\r\n\n", []),
        (b"a,b", [["a", "b"]]),
        (b"a,b\r\nc,d\r\n", [["a", "b"], ["c", "d"]]),
        (b"\xef\xbb\xbfa,b\n", [["a", "b"]]),
        (b'"a, or b","say ""hi"""\n', [["a, or b", 'say "hi"']]),
        (b'"two\nlines",x\nnext,y\n', [["two\nlines", "x"], ["next", "y"]]),
        (b'a 5" plate,x\n', [['a 5" plate', "x"]]),
        (b",,\n", [["", "", ""]]),
        ("编号,名称\n１２,奶酪\n".encode(), [["编号", "名称"], ["１２", "奶酪"]]),
        (b"a\x00b,c\n", [["a\x00b", "c"]]),
    ],
)
def test_rows_come_as_they_were_written(content: bytes, expected: list[list[str]]) -> None:
    assert rows(content) == expected


def test_a_quote_that_nobody_closes_costs_its_own_row_only() -> None:
    content = b'1,"open\n2,x\n3,y\n'
    assert rows(content) == [ROW_MALFORMED, ["2", "x"], ["3", "y"]]
    assert bad(content).raw == '1,"open'
    assert "a quote is opened" in bad(content).message


def test_a_quote_that_nobody_closes_in_a_long_file_swallows_no_row() -> None:
    lines = [b"%d,x" % number for number in range(1_000)]
    lines[10] = b'10,"x'
    found = rows(b"\n".join(lines))
    assert len(found) == 1_000
    assert found[10] == ROW_MALFORMED
    assert found[11:] == [[str(number), "x"] for number in range(11, 1_000)]


def test_text_after_a_closing_quote_is_refused() -> None:
    assert rows(b'"a"b,c\nd,e\n') == [ROW_MALFORMED, ["d", "e"]]


def test_a_cell_may_take_as_many_lines_as_the_bound_and_not_one_more() -> None:
    whole = b'"' + b"x\n" * (MAX_ROW_LINES - 1) + b'x"\n'
    (row,) = rows(whole)
    assert row == ["x\n" * (MAX_ROW_LINES - 1) + "x"]
    assert rows(b'"' + b"x\n" * MAX_ROW_LINES + b'x"\n')[0] == ROW_MALFORMED


def test_a_line_may_be_as_long_as_the_bound_and_not_one_byte_more() -> None:
    cell = b"x" * 100_000 + b","
    fits = (cell * 11)[: MAX_LINE_BYTES - 1] + b"\n"
    assert [len(row) for row in rows(fits)] == [11]
    assert rows(b"x" + fits + b"a,b\n") == [ROW_TOO_LONG, ["a", "b"]]


def test_a_line_of_ten_megabytes_is_one_refused_row_of_which_the_beginning_is_shown() -> None:
    content = b"a,b\n" + b"long," * 2_000_000 + b"\nc,d\n"
    assert rows(content) == [["a", "b"], ROW_TOO_LONG, ["c", "d"]]
    assert bad(content).raw == ("long," * RAW_CHARACTERS)[:RAW_CHARACTERS]


def test_a_long_line_within_an_open_quote_ends_the_row_that_opened_it() -> None:
    assert rows(b'a,"b\n' + b"x" * (MAX_LINE_BYTES + 1) + b"\nc,d\n") == [ROW_MALFORMED, ROW_TOO_LONG, ["c", "d"]]


def test_a_cell_past_its_bound_is_refused() -> None:
    assert rows(b"x" * 131_072 + b"\n") == [["x" * 131_072]]
    assert rows(b"x" * 131_073 + b"\na\n") == [ROW_TOO_LONG, ["a"]]


def test_bytes_of_another_encoding_cost_their_row_only() -> None:
    content = "名称,a\n".encode() + "奶酪,b\n".encode("gb18030") + b"c,d\n"
    assert rows(content) == [["名称", "a"], ROW_ENCODING, ["c", "d"]]
    assert "utf-8" in bad(content).message


def test_a_row_of_two_lines_with_foreign_bytes_is_one_refused_row() -> None:
    assert rows(b'"a\n\xff",b\nc,d\n') == [ROW_ENCODING, ["c", "d"]]


@pytest.mark.parametrize("encoding", [each for each in ENCODINGS if each != "windows-1252"])
def test_a_file_is_read_in_the_encoding_that_the_option_names(encoding: str) -> None:
    assert rows("名,價\n茶,一\n".encode(encoding), encoding=encoding) == [["名", "價"], ["茶", "一"]]


def test_a_western_file_is_read_in_its_encoding() -> None:
    assert rows("Crème,£5\n".encode("windows-1252"), encoding="windows-1252") == [["Crème", "£5"]]


def test_lines_that_end_in_a_carriage_return_alone_are_no_csv() -> None:
    assert rows(b"a,b\rc,d\re,f") == [ROW_MALFORMED]


@pytest.mark.parametrize("delimiter", [";", "|", "\t", "tab"])
def test_cells_are_parted_by_what_the_option_names(delimiter: str) -> None:
    dialect = csv_dialect({"delimiter": delimiter})
    assert rows(f"a,b{dialect.delimiter}c\n".encode(), delimiter=dialect.delimiter) == [["a,b", "c"]]


@pytest.mark.parametrize("options", [{"delimiter": ""}, {"delimiter": "||"}, {"delimiter": '"'}, {"delimiter": "\n"}])
def test_what_cannot_part_cells_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="delimiter is one of"):
        csv_dialect(options)


@pytest.mark.parametrize("encoding", ["utf-16", "rot13", ""])
def test_an_encoding_whose_lines_cannot_be_told_is_refused(encoding: str) -> None:
    with pytest.raises(ValueError, match="encoding is one of"):
        csv_dialect({"encoding": encoding})


def test_a_row_of_another_width_shows_no_more_than_it_must() -> None:
    row = wrong_shape(["x" * 5_000] * 500, 3)
    assert row.message == "the row has 500 cells, the header 3"
    assert row.raw == ["x" * RAW_CHARACTERS] * 4


@given(st.lists(st.sampled_from(["a,b", '"a,b', 'a",b', '"a","b"', '"', "", "é,茶", '"x\ny",z', '""', ',"'])))
def test_no_line_is_lost_whatever_the_quotes(lines: list[str]) -> None:
    marked = [
        f"{place}:{line}" if not line.startswith('"') else f'"{place}:{line[1:]}' for place, line in enumerate(lines)
    ]
    found = list(csv_rows(BytesIO("\n".join(marked).encode()), CsvDialect()))
    text = " ".join(str(each.raw) if isinstance(each, BadRow) else " ".join(each) for each in found)
    assert all(f"{place}:" in text for place in range(len(lines)))
