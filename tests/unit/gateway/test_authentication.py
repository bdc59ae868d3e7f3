"""From headers to a principal: wrong, misplaced and revoked credentials, and the short memory of right ones."""

import pytest

from gateway.authentication import Authenticator
from gateway.limits import RateLimiter
from gateway.principals import Role
from gateway.tokens import OperatorToken
from tests.fakes.gateway_shop import OPERATOR, VISITOR, Shop, problem_of


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "CREDENTIALS_MISSING"),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, "CREDENTIALS_MISSING"),
        ({"Authorization": "Bearer"}, "CREDENTIALS_MISSING"),
        ({"Authorization": "Bearer sk_nobody"}, "KEY_UNKNOWN"),
        ({"Authorization": "Bearer sk_test-shop_" + "x" * 43}, "KEY_UNKNOWN"),
        ({"Authorization": "Bearer op_wrong"}, "TOKEN_INVALID"),
        ({"Authorization": "Bearer {publishable}"}, "KEY_MISPLACED"),
        ({"X-Api-Key": "{shop}"}, "KEY_MISPLACED"),
        ({"X-Api-Key": OPERATOR}, "KEY_MISPLACED"),
        ({"X-Api-Key": "pk_web_" + "x" * 43}, "KEY_UNKNOWN"),
    ],
)
async def test_wrong_credentials_each_have_their_reason(shop: Shop, headers: dict[str, str], reason: str) -> None:
    keys = {role.value: key for role, key in shop.keys.items()}
    filled = {name: value.format(**keys) for name, value in headers.items()}
    response = await shop.get("/v1/suggest", None, headers=filled)
    problem_of(response, 401, reason)
    assert not any(key in response.text for key in shop.keys.values())


async def test_a_revoked_key_ends_at_once_and_takes_its_tokens_along(shop: Shop) -> None:
    assert (await shop.get("/v1/cart", Role.SHOPPER)).status_code == 200
    assert (await shop.get("/v1/suggest", Role.SHOP)).status_code == 200
    await shop.send("DELETE", "/v1/keys/test-shop.1", Role.OPERATOR)
    problem_of(await shop.get("/v1/suggest", Role.SHOP), 401, "KEY_REVOKED")
    problem_of(await shop.get("/v1/cart", Role.SHOPPER), 401, "KEY_REVOKED")


async def test_a_key_that_another_process_revoked_ends_when_its_trust_does(shop: Shop) -> None:
    assert (await shop.get("/v1/suggest", Role.SHOP)).status_code == 200
    await shop.parts.keys.revoke("test-shop.1")
    shop.clock.advance(4.9)
    assert (await shop.get("/v1/suggest", Role.SHOP)).status_code == 200
    shop.clock.advance(0.2)
    problem_of(await shop.get("/v1/suggest", Role.SHOP), 401, "KEY_REVOKED")


async def test_bearer_wins_over_a_publishable_key_and_is_read_in_any_case(shop: Shop) -> None:
    headers = {"X-Api-Key": shop.keys[Role.PUBLISHABLE], "Authorization": f"bearer   {shop.keys[Role.SHOPPER]}"}
    await shop.get("/v1/search", None, headers=headers)
    assert shop.services.last("Search").shopper.identifiers[0] == "login:u42"


async def test_guessing_keys_is_slowed_down_by_address(open_with) -> None:
    shop = await open_with(failed_rate_per_s=1, failed_burst=3)
    wrong = {"Authorization": "Bearer sk_test-shop_" + "x" * 43}
    for _ in range(3):
        problem_of(await shop.get("/v1/suggest", None, headers=wrong), 401, "KEY_UNKNOWN")
    assert problem_of(await shop.get("/v1/suggest", None, headers=wrong), 429, "RATE_LIMITED")["metadata"]
    shop.clock.advance(1)
    problem_of(await shop.get("/v1/suggest", None, headers=wrong), 401, "KEY_UNKNOWN")


async def test_a_known_key_is_not_slowed_down_by_a_guesser_at_the_same_address(open_with) -> None:
    shop = await open_with(failed_rate_per_s=1, failed_burst=1)
    assert (await shop.get("/v1/suggest")).status_code == 200
    for _ in range(3):
        await shop.get("/v1/suggest", None, headers={"X-Api-Key": "pk_a_b"})
    assert (await shop.get("/v1/suggest")).status_code == 200


async def test_the_memory_of_right_keys_is_bounded(shop: Shop) -> None:
    parts = shop.parts
    authenticator = Authenticator(
        parts.keys,
        parts.tokens,
        OperatorToken(OPERATOR),
        RateLimiter(shop.clock),
        orders=parts.order_tokens,
        clock=shop.clock,
        settings=parts.settings,
        cache_limit=2,
    )
    known = [{b"authorization": f"Bearer {shop.keys[role]}".encode()} for role in (Role.SHOP, Role.STAFF, Role.LOAD)]
    for headers in known:
        await authenticator.identify(headers, "192.0.2.1")
    assert [authenticator.cached(headers) is not None for headers in known] == [False, True, True]


async def test_the_visitor_of_a_browser_key_is_no_credential(shop: Shop) -> None:
    problem_of(await shop.get("/v1/suggest", None, headers={"X-Visitor-Id": VISITOR}), 401, "CREDENTIALS_MISSING")
