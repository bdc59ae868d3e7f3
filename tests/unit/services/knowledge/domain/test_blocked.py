"""Placeholders that name nobody."""

import pytest

from services.knowledge.domain.blocked import is_placeholder


@pytest.mark.parametrize(
    "identifier",
    [
        "phone:+8613800138000",
        "phone:+8613900000000",
        "email:test@test.com",
        "email:noreply@shop.cn",
        "email:123456@qq.com",
        "login:guest",
        "login:游客",
        "card:00000000",
        "card:12345678",
    ],
)
def test_known_placeholders_are_recognised(identifier: str) -> None:
    assert is_placeholder(identifier)


@pytest.mark.parametrize(
    "identifier",
    ["phone:+8613911223344", "email:tester@shop.cn", "login:guest42", "card:1000231", f"visitor:v-{'0' * 22}"],
)
def test_what_only_resembles_one_is_not(identifier: str) -> None:
    assert not is_placeholder(identifier)
