"""Access tokens of orders: nothing personal in them, a day at most, revocable at once, forged ones refused."""

import base64

import orjson
import pytest

from gateway import order_access
from gateway.errors import TokenExpiredError, TokenInvalidError, TokenRevokedError
from gateway.order_access import BY_TIME, LIFE_LIMIT_S, REVOCATIONS, TOKEN_LIMIT_CHARACTERS, OrderTokens
from gateway.principals import Role
from services.chassis.documents.memory import MemoryDocuments
from tests.fakes.clock import ManualClock

OLD, NEW = "the old secret of thirty-two bytes or more", "the new secret of thirty-two bytes or more"
ORDER = "o-" + "ab" * 16


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def open_tokens(clock: ManualClock, *secrets: str, documents: MemoryDocuments | None = None) -> OrderTokens:
    tokens = OrderTokens(secrets or (NEW,), documents or MemoryDocuments(), clock)
    await tokens.open()
    return tokens


def claims_of(token: str) -> list[object]:
    text = token.removeprefix("ot_").partition(".")[0]
    found: list[object] = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


async def test_a_token_shows_one_order_and_says_nothing_else(clock: ManualClock) -> None:
    tokens = await open_tokens(clock)
    text = tokens.mint(ORDER, "backend.1", life_s=3_600)
    read = await tokens.read(text)
    assert (read.principal.role, read.principal.order_id, read.key_id) == (Role.ORDER, ORDER, "backend.1")
    assert read.principal.identifiers == ()
    made_ms = int(clock.now().timestamp() * 1_000)
    assert claims_of(text) == [ORDER, made_ms, made_ms // 1_000 + 3_600, "backend.1"]
    assert len(text) < 150, "it goes into links"


async def test_a_token_ends(clock: ManualClock) -> None:
    tokens = await open_tokens(clock)
    text = tokens.mint(ORDER, "backend.1", life_s=60)
    clock.advance(59)
    await tokens.read(text)
    clock.advance(1)
    with pytest.raises(TokenExpiredError):
        await tokens.read(text)


async def test_no_token_lives_longer_than_a_day(clock: ManualClock) -> None:
    tokens = await open_tokens(clock)
    text = tokens.mint(ORDER, "backend.1", life_s=10 * LIFE_LIMIT_S)
    clock.advance(LIFE_LIMIT_S)
    with pytest.raises(TokenExpiredError):
        await tokens.read(text)


async def test_revoking_ends_what_was_made_until_then_and_nothing_later(clock: ManualClock) -> None:
    tokens = await open_tokens(clock)
    before, other = (tokens.mint(each, "backend.1", life_s=3_600) for each in (ORDER, "o-other"))
    await tokens.revoke(ORDER)
    clock.advance(0.001)
    after = tokens.mint(ORDER, "backend.1", life_s=3_600)
    with pytest.raises(TokenRevokedError):
        await tokens.read(before)
    await tokens.read(after)
    await tokens.read(other)


async def test_revoking_again_ends_what_was_made_since(clock: ManualClock) -> None:
    tokens = await open_tokens(clock)
    await tokens.revoke(ORDER)
    clock.advance(1)
    between = tokens.mint(ORDER, "backend.1", life_s=3_600)
    await tokens.revoke(ORDER)
    with pytest.raises(TokenRevokedError):
        await tokens.read(between)


async def test_a_revocation_is_kept_as_long_as_a_token_could_live(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = MemoryDocuments()
    tokens = await open_tokens(clock, documents=documents)
    for number in range(5):
        await tokens.revoke(f"o-{number}")
    clock.advance(LIFE_LIMIT_S)
    await tokens.revoke("o-fresh")
    assert await documents.count(REVOCATIONS) == 6
    clock.advance(10)
    monkeypatch.setattr(order_access, "FORGOTTEN_AT_ONCE", 3)
    await tokens.revoke("o-fresh")
    assert await documents.count(REVOCATIONS) == 3
    kept = await documents.find(REVOCATIONS, BY_TIME, {}, limit=10)
    assert kept.documents[-1].key == "o-fresh"


async def test_a_new_secret_in_front_lets_old_tokens_live(clock: ManualClock) -> None:
    text = (await open_tokens(clock, OLD)).mint(ORDER, "backend.1", life_s=60)
    await (await open_tokens(clock, NEW, OLD)).read(text)
    with pytest.raises(TokenInvalidError):
        await (await open_tokens(clock, NEW)).read(text)


async def test_what_was_not_made_here_is_refused(clock: ManualClock) -> None:
    tokens = await open_tokens(clock)
    text = tokens.mint(ORDER, "backend.1", life_s=60)
    claims, _, mac = text.removeprefix("ot_").partition(".")
    stolen = base64.urlsafe_b64encode(orjson.dumps(["o-other", *claims_of(text)[1:]])).rstrip(b"=").decode()
    for forged in (
        "",
        "ot_",
        "ot_.",
        f"ot_{claims}",
        f"ot_{claims}.",
        f"ot_{claims}.{mac[:-2]}",
        f"ot_{stolen}.{mac}",
        f"ot_{claims}=.{mac}",
        f"ot_{claims}.{mac}!",
        f"ot_{'a' * TOKEN_LIMIT_CHARACTERS}.{mac}",
        text.replace("ot_", "op_"),
        "ot_ü.ü",
    ):
        with pytest.raises(TokenInvalidError):
            await tokens.read(forged)


async def test_a_token_from_the_future_is_refused(clock: ManualClock) -> None:
    tokens = await open_tokens(clock)
    ahead = ManualClock()
    ahead.advance(4)
    await tokens.read((await open_tokens(ahead)).mint(ORDER, "k", life_s=60))
    ahead.advance(2)
    with pytest.raises(TokenInvalidError):
        await tokens.read((await open_tokens(ahead)).mint(ORDER, "k", life_s=60))
