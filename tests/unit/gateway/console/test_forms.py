"""What a form's fields are read as, whatever a browser or somebody else sends."""

import pytest
from pydantic import ValidationError

from gateway.console.forms import DEPTH_LIMIT, ROWS_LIMIT, Sent, read_form
from gateway.console.pages import FormModel


class Row(FormModel):
    name: str


class Rows(FormModel):
    rows: tuple[Row, ...] = ()
    title: str = ""


def _read(**fields: str) -> FormModel:
    return read_form(Rows, Sent({name: [value] for name, value in fields.items()}, {}))


def test_rows_come_in_the_order_of_their_numbers() -> None:
    read = _read(**{"rows.10.name": "c", "rows.2.name": "b", "rows.0.name": "a", "rows.1.name": ""})
    assert read == Rows(rows=(Row(name="a"), Row(name="b"), Row(name="c")))


def test_rows_past_the_limit_are_dropped() -> None:
    read = _read(**{f"rows.{number}.name": "x" for number in range(ROWS_LIMIT + 1)})
    assert isinstance(read, Rows) and len(read.rows) == ROWS_LIMIT


@pytest.mark.parametrize(
    "name",
    [
        f"rows.{'9' * 5_000}.name",
        "rows.\u0663.name",
        "rows.-1.name",
        "rows" + ".0" * DEPTH_LIMIT,
        "rows" + ".0" * 5_000,
        "rows..",
        "owner",
        "owner.0.name",
    ],
)
def test_names_that_no_page_of_ours_has_are_refused_as_wrong_fields(name: str) -> None:
    with pytest.raises(ValidationError):
        _read(**{name: "x"})


def test_a_digest_covers_every_field_and_its_order() -> None:
    digests = {
        Sent(fields, {}).digest
        for fields in (
            {},
            {"a": ["1"]},
            {"a": ["1", "2"]},
            {"a": ["2", "1"]},
            {"a": ["1"], "b": ["2"]},
            {"a": ["12"]},
            {"_version": ["1"]},
            {"\udc80": ["\udc80"]},
        )
    }
    assert len(digests) == 8
    assert Sent({"a": ["1"], "b": ["2"]}, {}).digest == Sent({"b": ["2"], "a": ["1"]}, {}).digest
