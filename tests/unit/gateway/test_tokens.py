"""Secret files and signing secrets."""

import stat
from pathlib import Path

import pytest

from gateway.errors import TokenInvalidError
from gateway.principals import Principal, Role
from gateway.tokens import OperatorToken, ShopperTokens, load_operator_token, load_secrets
from tests.fakes.clock import ManualClock

BACKEND = Principal(Role.SHOP, name="backend", owner="shop-front", shop="main", channel="app")
OLD, NEW = "the old secret of thirty-two bytes or more", "the new secret of thirty-two bytes or more"


def test_the_operators_token_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "operator.token"
    text = load_operator_token(path)
    assert text.startswith("op_") and len(text) > 40
    assert load_operator_token(path) == text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["operator.token"]


def test_a_secret_file_that_others_could_read_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "shopper-token.secret"
    path.write_text(f"{NEW.replace(' ', '-')}\n{OLD.replace(' ', '-')}\n", encoding="ascii")
    path.chmod(0o644)
    assert len(load_secrets(path)) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_operators_token_is_compared_whole() -> None:
    token = OperatorToken("op_abc")
    assert token.matches("op_abc")
    assert not any(map(token.matches, ("", "op_ab", "op_abcd", "OP_ABC")))


def test_a_new_signing_secret_in_front_lets_old_tokens_live() -> None:
    clock = ManualClock()
    old = ShopperTokens((OLD,), clock).mint(BACKEND, "backend.1", ("login:a",), life_s=60)
    rotated = ShopperTokens((NEW, OLD), clock)
    read = rotated.read(old)
    assert (read.principal.role, read.principal.identifiers, read.key_id) == (Role.SHOPPER, ("login:a",), "backend.1")
    assert (read.principal.owner, read.principal.shop, read.principal.channel) == ("shop-front", "main", "app")
    fresh = rotated.mint(BACKEND, "backend.1", ("login:a",), life_s=60)
    with pytest.raises(TokenInvalidError):
        ShopperTokens((OLD,), clock).read(fresh)
