"""What all adapters check before they touch a store. The rest of it is seen through tests/contract/documents."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.documents.port import (
    BATCH_LIMIT,
    INDEXED_LIMIT_BYTES,
    KEY_LIMIT_BYTES,
    PAGE_LIMIT,
    Collection,
    DocumentFormError,
    DocumentLimitError,
    Index,
    Range,
    UnknownIndexError,
)
from services.chassis.documents.query import (
    check_batch,
    check_key,
    check_page_limit,
    index_value,
    index_values,
    plan_find,
    read_cursor,
    sort_key,
    write_cursor,
)

SCALARS = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_categories=("Cs",)), max_size=9)
PLACES = Collection("places", (Index("by_ab", ("a", "b")),))


def plan(**changes: Any):
    query = {"equals": {}, "range_": None, "after": None, "limit": 10, "descending": False, **changes}
    return plan_find(PLACES, "by_ab", query.pop("equals"), **query)


@given(SCALARS, st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20))
def test_a_cursor_reads_back_as_the_place_that_it_was_written_for(value: Any, key: str) -> None:
    find = plan(equals={"a": 1})
    place = read_cursor(write_cursor(find, key, {"a": 1, "b": value}), 1)
    assert (place.values, place.key) == ((value,), key)


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=5)))
def test_text_sorts_as_its_utf8_bytes(texts: list[str]) -> None:
    assert sorted(texts, key=sort_key) == sorted(texts, key=lambda text: text.encode())


def test_none_sorts_before_numbers_and_numbers_before_text() -> None:
    assert sorted(["a", 1, None, "", -5, 0], key=sort_key) == [None, -5, 0, 1, "", "a"]


def test_a_bool_is_indexed_as_a_plain_int() -> None:
    value = index_value(True, "x")
    assert (value, type(value)) == (1, int)


def test_index_values_walk_dotted_paths() -> None:
    assert index_values({"p": {"q": {"r": 5}}}, ("p.q.r", "p.q.x", "p.q.r.s", "z")) == (5, None, None, None)


@pytest.mark.parametrize("value", ["é" * (INDEXED_LIMIT_BYTES // 2 + 1), "a" * (INDEXED_LIMIT_BYTES + 1)])
def test_an_indexed_text_one_past_its_limit_is_refused(value: str) -> None:
    with pytest.raises(DocumentLimitError):
        index_value(value, "x")


def test_the_limits_hold_at_their_ends() -> None:
    check_key("k")
    check_key("k" * KEY_LIMIT_BYTES)
    check_batch([None] * BATCH_LIMIT)
    check_page_limit(1)
    check_page_limit(PAGE_LIMIT)
    for refused in (
        lambda: check_key(""),
        lambda: check_key("k" * (KEY_LIMIT_BYTES + 1)),
        lambda: check_batch([None] * (BATCH_LIMIT + 1)),
        lambda: check_page_limit(0),
        lambda: check_page_limit(PAGE_LIMIT + 1),
    ):
        with pytest.raises(DocumentLimitError):
            refused()


def test_a_plan_orders_the_equal_values_as_declared_and_names_the_rest() -> None:
    find = plan(equals={"b": 2, "a": 1})
    assert (find.equals, find.rest, find.ranged_type) == ((1, 2), (), None)
    find = plan(equals={"a": 1}, range_=Range(below="z"))
    assert (find.rest, find.ranged_type, find.below) == (("b",), str, "z")


def test_an_open_range_is_no_range() -> None:
    assert plan(equals={"a": 1, "b": 2}, range_=Range()).ranged_type is None


def test_a_plan_refuses_what_the_index_does_not_serve() -> None:
    with pytest.raises(UnknownIndexError):
        plan(equals={"b": 1})
    with pytest.raises(UnknownIndexError):
        plan(equals={"a": 1, "b": 1}, range_=Range(at_least=1))
    with pytest.raises(DocumentFormError):
        plan(range_=Range(at_least=1, below="a"))
    with pytest.raises(DocumentFormError):
        plan(after="no cursor")
