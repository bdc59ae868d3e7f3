"""Page tokens are opaque, belong to one query, and a garbled one is an error, never a wrong page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import InvalidArgumentError
from services.chassis.paging import (
    TOKEN_LIMIT,
    InvalidPageTokenError,
    decode_page_token,
    encode_page_token,
    page_size,
)

QUERY = {"q": "牛奶", "filter": "brand:x", "order_by": ""}
POSITIONS = st.one_of(st.text(max_size=60), st.integers(0, 2**53), st.lists(st.text(max_size=9), max_size=5))


@given(POSITIONS)
def test_a_token_gives_the_position_back_to_its_query(position: object) -> None:
    token = encode_page_token(position, query=QUERY)
    assert decode_page_token(token, query=dict(reversed(QUERY.items()))) == position
    assert token.replace("-", "").replace("_", "").isalnum()


def test_no_token_is_the_first_page() -> None:
    assert decode_page_token("", query=QUERY) is None


def test_a_token_of_another_query_is_refused() -> None:
    token = encode_page_token("p-7", query={**QUERY, "filter": "brand:y"})
    with pytest.raises(InvalidPageTokenError):
        decode_page_token(token, query=QUERY)


@given(POSITIONS, st.data())
def test_a_token_with_any_character_changed_is_refused(position: object, data: st.DataObject) -> None:
    token = encode_page_token(position, query=QUERY)
    place = data.draw(st.integers(0, len(token) - 1))
    # The last character of unpadded base64 may hold bits that mean nothing; flip its highest bit, which always does.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = alphabet[alphabet.index(token[place]) ^ 32]
    with pytest.raises(InvalidPageTokenError):
        decode_page_token(token[:place] + other + token[place + 1 :], query=QUERY)


@given(st.text(max_size=80).filter(bool))
def test_text_that_never_was_a_token_is_refused(text: str) -> None:
    with pytest.raises(InvalidPageTokenError):
        decode_page_token(text, query=QUERY)


def test_a_token_past_the_limit_is_refused_and_never_made() -> None:
    with pytest.raises(InvalidPageTokenError):
        decode_page_token("A" * (TOKEN_LIMIT + 1), query=QUERY)
    with pytest.raises(ValueError, match="position"):
        encode_page_token("x" * TOKEN_LIMIT, query=QUERY)


def test_a_page_size_of_zero_is_the_default_and_too_many_are_the_maximum() -> None:
    assert [page_size(size, default=20, maximum=100) for size in (0, 1, 100, 101, 10**9)] == [20, 1, 100, 100, 100]
    with pytest.raises(InvalidArgumentError):
        page_size(-1, default=20, maximum=100)
