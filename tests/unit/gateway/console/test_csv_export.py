"""A CSV file is data to a spreadsheet, whatever customers and the public wrote into it."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.csv_export import CELL_LIMIT, guarded, written

HOSTILE = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1+1",
    " =1+1",
    "　@x",
    "-2+3+cmd|' /C calc'!A0",
    '="a"',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_begins_like_a_formula_becomes_text(text: str) -> None:
    assert guarded(text).startswith("'")


@pytest.mark.parametrize("text", ["-12.5", "+3", "-1e5", "12", "milk", "a=b", ""])
def test_numbers_and_words_stay_as_they_are(text: str) -> None:
    assert guarded(text) == text


@given(st.text(max_size=50))
def test_no_text_gets_through_as_a_formula(text: str) -> None:
    cell = guarded(text)
    assert not cell.lstrip(" \u3000").startswith(("=", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n"))
    if cell.lstrip(" \u3000").startswith(("+", "-")):
        float(cell)


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_characters="\x00\r", exclude_categories=("Cs",)), max_size=20),
            min_size=2,
            max_size=2,
        )
    )
)
def test_what_is_written_is_read_again(rows: list[list[str]]) -> None:
    content = written(["a", "b"], rows).decode("utf-8-sig")
    read = list(csv.reader(io.StringIO(content, newline="")))
    assert read == [["a", "b"], *[[guarded(cell) for cell in row] for row in rows]]


def test_half_a_character_breaks_no_file() -> None:
    assert written(["a"], [["x\ud800"]]).decode("utf-8-sig").startswith("a\r\nx?")


def test_a_huge_cell_is_cut_and_a_note_stands_last() -> None:
    lines = written(["a"], [["x" * (CELL_LIMIT + 1)]], note="more").decode("utf-8-sig").split("\r\n")
    assert len(lines[1]) == CELL_LIMIT
    assert lines[2] == "more"
