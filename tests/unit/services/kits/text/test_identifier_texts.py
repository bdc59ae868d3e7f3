"""Text forms of identifiers: one spelling whatever came."""

import pytest

from services.kits.text.identifiers import (
    MAX_IDENTIFIER_CHARACTERS,
    MAX_LOGIN_CHARACTERS,
    IdentifierInvalidError,
    anonymous_identifier,
    by_strength,
    is_anonymous,
    parse_identifier,
)

BROWSER = f"visitor:v-{'a' * 22}"


@pytest.mark.parametrize(
    ("came", "written"),
    [
        ("card:1000-231", "card:1000231"),
        ("card:ｃｊ０００９００", "card:CJ000900"),
        ("phone:139 1122 3344", "phone:+8613911223344"),
        ("phone:+86-139-1122-3344", "phone:+8613911223344"),
        ("phone:１３９１１２２３３４４", "phone:+8613911223344"),
        ("email:Li.Wei@Shop.CN", "email:li.wei@shop.cn"),
        ("login:张三", "login:张三"),
        ("login: u42 ", "login:u42"),
        ("login:a\u200bb", "login:ab"),
        (BROWSER, BROWSER),
    ],
)
def test_what_names_the_same_is_written_the_same(came: str, written: str) -> None:
    assert parse_identifier(came) == written
    assert parse_identifier(written) == written


@pytest.mark.parametrize(
    "came",
    [
        "",
        "card",
        "card:",
        "card:12",
        "passport:123",
        "CARD:1000231",
        "phone:12",
        "phone:not a number",
        "email:li",
        "email:a@b",
        "login:",
        "login:a\x00b",
        "login:a\nb",
        "login:" + "x" * (MAX_LOGIN_CHARACTERS + 1),
        "visitor:v-short",
        "visitor:v-" + "a" * 65,
        "visitor:v-" + "中" * 22,
        "visitor:" + "a" * 30,
        "login:" + "x" * MAX_IDENTIFIER_CHARACTERS,
    ],
)
def test_what_names_nobody_is_refused_without_being_repeated(came: str) -> None:
    with pytest.raises(IdentifierInvalidError) as refused:
        parse_identifier(came)
    value = came.partition(":")[2]
    assert len(value) < 3 or value not in refused.value.message


def test_a_login_at_its_bound_is_taken() -> None:
    assert parse_identifier("login:" + "x" * MAX_LOGIN_CHARACTERS)


def test_the_strongest_identifier_comes_first_and_each_once() -> None:
    assert by_strength([BROWSER, "email:a@b.cn", "login:u", "card:123", "phone:+8613911223344", "login:u"]) == (
        "card:123",
        "login:u",
        "phone:+8613911223344",
        "email:a@b.cn",
        BROWSER,
    )


def test_orders_of_nobody_are_each_a_visitor_of_their_own() -> None:
    names = {anonymous_identifier("main", "1"), anonymous_identifier("main", "2"), anonymous_identifier("other", "1")}
    assert len(names) == 3
    assert all(parse_identifier(each) == each and is_anonymous(each) for each in names)
    assert not is_anonymous(BROWSER)
