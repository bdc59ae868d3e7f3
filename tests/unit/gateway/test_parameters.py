"""Query strings as they come."""

from collections.abc import Callable
from urllib.parse import parse_qsl, quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ParameterUnknownError
from gateway.parameters import FIELDS_LIMIT, Flag, Integer, Query, Text, TextMap, Texts
from services.chassis.errors import InvalidArgumentError

QUERY = Query(
    Text("q", "", 40),
    Texts("filter", "", 40, 300),
    Integer("page_size", "", 1, 100, 24),
    Flag("exact", ""),
    TextMap("facts", ""),
)
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


def test_nothing_given_is_what_the_route_says() -> None:
    assert QUERY.read(b"") == {"q": "", "filter": (), "page_size": 24, "exact": False, "facts": {}}
    assert QUERY.read(b"&&") == QUERY.read(b"")


@given(ANY_TEXT, st.lists(ANY_TEXT, max_size=3), st.sampled_from([quote, quote_plus]))
def test_any_text_comes_through_however_it_was_encoded(
    text: str, more: list[str], encode: Callable[[str], str]
) -> None:
    raw = "&".join([f"q={encode(text)}", *(f"filter={encode(each)}" for each in more)])
    values = QUERY.read(raw.encode())
    assert (values["q"], values["filter"]) == (text, tuple(more))


@given(st.text("abc=%+ 2025E5zZé", max_size=20))
def test_what_is_read_is_what_urllib_reads(text: str) -> None:
    raw = f"q={text}".encode("latin-1")
    try:
        wanted = dict(parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict"))["q"]
    except UnicodeDecodeError:
        with pytest.raises(InvalidArgumentError):
            QUERY.read(raw)
    else:
        assert QUERY.read(raw)["q"] == wanted


@pytest.mark.parametrize("raw", ["q=é".encode(), b"q=%FF", b"q=%E7%89", b"%FF=1", b"q=\xff"])
def test_what_is_no_percent_encoded_utf_8_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        QUERY.read(raw)
    assert refused.value.metadata["field"] == "query"


def test_a_name_may_be_encoded_too_and_an_unknown_one_is_refused() -> None:
    assert QUERY.read(b"%71=x&page%5Fsize=7") == QUERY.read(b"q=x&page_size=7")
    assert QUERY.read(b"facts.card%2Etype=gold")["facts"] == {"card.type": "gold"}
    with pytest.raises(ParameterUnknownError):
        QUERY.read(b"Q=x")
    with pytest.raises(InvalidArgumentError):
        QUERY.read(b"facts=x")


def test_one_reading_leaves_nothing_for_the_next() -> None:
    QUERY.read(b"q=x&filter=a&facts.a=b")
    assert QUERY.read(b"")["facts"] == {}
    assert QUERY.read(b"")["filter"] == ()


def test_as_many_parameters_as_the_bound_are_read_and_one_more_is_refused() -> None:
    assert len(QUERY.read(b"&".join([b"filter=a"] * FIELDS_LIMIT))["filter"]) == FIELDS_LIMIT
    with pytest.raises(InvalidArgumentError):
        QUERY.read(b"&".join([b"filter=a"] * (FIELDS_LIMIT + 1)))


@pytest.mark.parametrize(
    "raw", [b"q=a&q=b", b"%71=a&q=b", b"page_size=0", b"page_size=1e1", b"exact=1", b"q=" + b"x" * 41]
)
def test_a_value_that_cannot_be_meant_is_refused_with_its_name(raw: bytes) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        QUERY.read(raw)
    assert refused.value.metadata["field"] in {"q", "page_size", "exact"}
