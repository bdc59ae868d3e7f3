"""Names, mapping and documents, without a server."""

from datetime import UTC, datetime

import pytest

from services.chassis.searchindex.elastic_schema import (
    TOKEN_CHARACTERS,
    Names,
    branch_name,
    branch_number,
    creation,
    document,
    is_ours,
    is_sound,
    mapping_problem,
    token_of,
)
from services.chassis.searchindex.port import DateField, Entry, IndexSchema, KeywordField, LongField, TextField

SCHEMA = IndexSchema("things", (TextField("title"), KeywordField("tag"), LongField("price"), DateField("released")))
NAMES = Names("zhike-search", SCHEMA)


def test_names_belong_to_one_index_of_one_shape() -> None:
    index = NAMES.branch("b000012")
    assert (NAMES.branch_of(index), NAMES.is_branch(index)) == ("b000012", True)
    other_shape = Names("zhike-search", IndexSchema("things", (TextField("title"),)))
    assert (NAMES.branch_of(other_shape.branch("b000001")), NAMES.is_branch(other_shape.branch("b000001"))) == (
        None,
        True,
    )
    for foreign in ("zhike-search-things-x-b000001", f"{index}.writes", NAMES.live, f"zhike-{index}", "orders"):
        assert not NAMES.is_branch(foreign)
        assert NAMES.branch_of(foreign) is None
    assert branch_number(branch_name(7)) == 7


def test_a_mapping_is_ours_as_it_was_made_and_in_no_other_form() -> None:
    made = creation(NAMES, "b000001")["mappings"]
    assert mapping_problem(made, SCHEMA) == ""
    assert is_ours(made)
    properties = made["properties"]
    for changed in (
        {**made, "_meta": {}},
        {**made, "dynamic": "true"},
        {**made, "_source": {}},
        {**made, "properties": {**properties, "more": {"type": "long"}}},
        {**made, "properties": {**properties, "price": {"type": "integer"}}},
        {**made, "properties": {name: kind for name, kind in properties.items() if name != "tag"}},
    ):
        assert mapping_problem(changed, SCHEMA) != ""
    assert not is_ours({})


def test_a_document_has_what_an_entry_has() -> None:
    released = datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    entry = Entry(
        "a", 3, {"title": "可乐\u3000cola\t", "tag": ("x", "\ud800"), "price": -5, "released": released}, b"\x00"
    )
    assert document(entry, SCHEMA) == {
        "id": "a",
        "title": "可乐 cola",
        "tag": ["x", "?"],
        "price": -5,
        "released": -1,
        "payload": "AA==",
    }
    assert "payload" not in document(Entry("a", 1, {}), SCHEMA)


@pytest.mark.parametrize("length", [1, TOKEN_CHARACTERS, TOKEN_CHARACTERS + 1, 100_000])
def test_a_token_stays_one_token_of_the_engine(length: int) -> None:
    token = token_of("𠮷" * length)
    assert len(token.encode("utf-16-le")) // 2 <= 255
    assert token == token_of("𠮷" * length) != token_of("𠮷" * (length + 1))


def test_lone_surrogates_are_not_sound() -> None:
    assert is_sound("𠮷 é")
    assert not is_sound("a\udfff")
