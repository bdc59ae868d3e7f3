"""Identifiers have one written form, and what is no identifier is refused without repeating it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kits.text import identifiers
from services.kits.text.identifiers import normalise_card, normalise_email, normalise_phone


@pytest.mark.parametrize(
    "written",
    [
        "13800138000",
        "138 0013 8000",
        "138-0013-8000",
        "138‑0013‑8000",
        "+86 138 0013 8000",
        "＋８６１３８００１３８０００",
        "１３８００１３８０００",
        "008613800138000",
        "\u202a13800138000\u202c",
        " 13800138000\t",
    ],
)
def test_every_way_to_write_a_phone_number_is_one_identifier(written: str) -> None:
    assert normalise_phone(written) == "+8613800138000"


def test_a_number_with_a_country_code_keeps_its_country() -> None:
    assert normalise_phone("+1 (212) 555-2368") == "+12125552368"
    assert normalise_phone("010-62781234") == "+861062781234"


@pytest.mark.parametrize(
    "junk",
    ["", " ", "\u200b", "1", "12345678901", "1-800-FLOWERS", "tel:13800138000", "010-62781234 ext 5", "打我电话", "💥"],
)
def test_what_is_no_phone_number_is_refused(junk: str) -> None:
    with pytest.raises(ValueError, match="phone number"):
        normalise_phone(junk)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Li.Lei@Example.com", "li.lei@example.com"),
        ("ｌｉｌｅｉ＠ｅｘａｍｐｌｅ．ｃｏｍ", "lilei@example.com"),
        ("lilei@example。com", "lilei@example.com"),
        ("\u200blilei@example.com ", "lilei@example.com"),
        ("李雷@例子.中国", "李雷@例子.中国"),
        ("test@test.com", "test@test.com"),
    ],
)
def test_every_way_to_write_an_address_is_one_identifier(written: str, expected: str) -> None:
    assert normalise_email(written) == expected


@pytest.mark.parametrize(
    "junk", ["", "lilei", "@example.com", "a@b", "a b@example.com", "a@@example.com", "a@exa mple.com"]
)
def test_what_is_no_address_is_refused(junk: str) -> None:
    with pytest.raises(ValueError, match="e-mail address"):
        normalise_email(junk)


def test_a_card_number_loses_separators_and_case_but_no_leading_zero() -> None:
    assert normalise_card(" ００12-34 ab ") == "001234AB"


@pytest.mark.parametrize("junk", ["", "--", "12", "12*34", "会员卡一二三"])
def test_what_is_no_card_number_is_refused(junk: str) -> None:
    with pytest.raises(ValueError, match="card number"):
        normalise_card(junk)


@pytest.mark.parametrize(
    ("normalise", "limit"),
    [
        (normalise_phone, identifiers.MAX_PHONE_CHARACTERS),
        (normalise_email, identifiers.MAX_EMAIL_CHARACTERS),
        (normalise_card, identifiers.MAX_CARD_CHARACTERS),
    ],
)
def test_one_character_past_the_limit_is_refused(normalise, limit) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="longer than"):
        normalise("1" * (limit + 1))


@given(st.text(max_size=60))
def test_no_text_whatever_makes_anything_but_a_value_error(text: str) -> None:
    for normalise in (normalise_phone, normalise_email, normalise_card):
        try:
            written = normalise(text)
        except ValueError:
            continue
        assert normalise(written) == written
