"""What a service knows a request by: equal for a repetition, another for whoever else uses the same key."""

from typing import Any

import pytest

from gateway.principals import Principal, Role
from tests.fakes.gateway_shop import SHOPPER_IDENTIFIERS, Shop, problem_of

KEY = {"Idempotency-Key": "erase-me-1"}
BACKEND = Principal(Role.SHOP, name="test-shop", owner="owner-shop", shop="main")
ROUTES: tuple[tuple[str, str, Any, str], ...] = (
    ("POST", "/v1/me:erase", {"confirm": "erase"}, "EraseCustomer"),
    ("POST", "/v1/me:export", {}, "ExportCustomer"),
    ("PUT", "/v1/me/consents/marketing", {"granted": False}, "SetConsent"),
    ("POST", "/v1/me/cases", {"kind": "question", "title": "where", "text": "where is it"}, "CreateCase"),
)


async def _request_id(shop: Shop, route: tuple[str, str, Any, str], *identifiers: str) -> str:
    method, path, body, asked = route
    token = shop.parts.tokens.mint(BACKEND, "test-shop.1", identifiers, life_s=60)
    answer = await shop.send(method, path, headers={"Authorization": f"Bearer {token}", **KEY}, json=body)
    assert answer.status_code < 300, answer.text
    text: str = shop.services.last(asked).request_id
    return text


@pytest.mark.parametrize("route", ROUTES, ids=[each[1] for each in ROUTES])
async def test_two_shoppers_of_one_shop_with_one_key_are_two_requests(
    shop: Shop, route: tuple[str, str, Any, str]
) -> None:
    first = await _request_id(shop, route, "login:anna")
    assert await _request_id(shop, route, "login:bo") != first
    assert await _request_id(shop, route, "login:anna") == first, "a repetition is the same request"


async def test_the_order_of_a_shoppers_names_changes_nothing(shop: Shop) -> None:
    first = await _request_id(shop, ROUTES[0], *SHOPPER_IDENTIFIERS)
    assert await _request_id(shop, ROUTES[0], *reversed(SHOPPER_IDENTIFIERS)) == first


async def test_without_a_key_every_request_is_its_own(shop: Shop) -> None:
    for _ in range(2):
        await shop.post("/v1/me:erase", Role.SHOPPER, json={"confirm": "erase"})
    asked: list[Any] = [request for name, request in shop.services.asked if name == "EraseCustomer"]
    assert len({request.request_id for request in asked}) == 2


async def test_two_keys_in_one_request_and_one_too_long_are_refused(shop: Shop) -> None:
    body = {"confirm": "erase", "request_id": "another"}
    problem_of(await shop.post("/v1/me:erase", Role.SHOPPER, json=body, headers=KEY), 400, "IDEMPOTENCY_KEY_MALFORMED")
    long = {"Idempotency-Key": "k" * 256}
    refused = await shop.post("/v1/me:erase", Role.SHOPPER, json={"confirm": "erase"}, headers=long)
    problem_of(refused, 400, "IDEMPOTENCY_KEY_MALFORMED")
