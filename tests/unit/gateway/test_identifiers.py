"""Identifiers as they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identifiers import LOGIN_LIMIT, REMEMBERED_LIMIT, normalise_identifier
from services.chassis.errors import InvalidArgumentError


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("card:100-0231", "card:1000231"),
        ("login:ｕ４２", "login:u42"),
        ("login: 张三 ", "login:张三"),
        ("login:a:b", "login:a:b"),
        ("phone:138 0013 8111", "phone:+8613800138111"),
        ("email:ＡNNA@Example.com", "email:anna@example.com"),
        ("visitor:v-0123456789abcdefghijkl", "visitor:v-0123456789abcdefghijkl"),
        (f"login:{'x' * LOGIN_LIMIT}", f"login:{'x' * LOGIN_LIMIT}"),
    ],
)
def test_one_written_form(text: str, normal: str) -> None:
    assert normalise_identifier(text) == normal


@pytest.mark.parametrize(
    "text", [f"login:{'x' * (LOGIN_LIMIT + 1)}", "login:", "login:a\x00b", "login:a\u202eb", "Card:1"]
)
def test_what_is_no_identifier_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        normalise_identifier(text)


def test_what_was_refused_once_is_refused_again_and_the_memory_is_bounded() -> None:
    for _ in range(2):
        with pytest.raises(InvalidArgumentError):
            normalise_identifier("phone:1")
    normalise_identifier.cache_clear()
    for number in range(REMEMBERED_LIMIT + 1):
        assert normalise_identifier(f"card: {number:06d}") == f"card:{number:06d}"
    assert normalise_identifier.cache_info().currsize == REMEMBERED_LIMIT
    assert normalise_identifier("card: 000000") == "card:000000"


@given(st.text(max_size=60), st.sampled_from(["card", "login", "phone", "email", "visitor", "x"]))
def test_any_text_is_normalised_once_or_refused_without_repeating_it(text: str, kind: str) -> None:
    try:
        normal = normalise_identifier(f"{kind}:{text}")
    except InvalidArgumentError as error:
        assert len(text) < 8 or text not in error.message
    else:
        assert normalise_identifier(normal) == normal
