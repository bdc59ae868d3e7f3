"""Promises before a purchase, and carriers' calls passed on untouched."""

from http import HTTPStatus
from typing import Any

import pytest

from gateway.limits import Rate
from gateway.principals import Role
from gateway.routers import promises
from tests.fakes.gateway_delivery import CARRIER
from tests.fakes.gateway_shop import Shop, problem_of

CALL = f"/v1/carriers/{CARRIER}/webhook"
SIGNED = {"Content-Type": "application/json", "Aftership-Hmac-Sha256": "c2lnbmVk"}


async def test_a_promise_says_when_how_sure_and_why(shop: Shop) -> None:
    response = await shop.get(
        "/v1/products/p-1/promise", Role.PUBLISHABLE, params={"quantity": 3, "destination": "CN-31"}
    )
    assert response.status_code == HTTPStatus.OK
    request = shop.services.last("EstimatePromise")
    assert (request.product_id, request.quantity, request.destination) == ("p-1", 3, "CN-31")
    found = response.json()
    assert (found["available"], found["made_to_order"], found["estimate"]["confidence"]) == (True, True, "medium")
    assert found["estimate"]["promise_day_words"] == {"zh": "2月2日", "en": "2 Feb"}
    assert found["estimate"]["reasons"][0]["reason"] == "rework"
    assert response.headers["cache-control"] == "private, max-age=60"


async def test_without_a_quantity_it_is_one_piece_anywhere(shop: Shop) -> None:
    await shop.get("/v1/products/p-1/promise", Role.SHOP)
    request = shop.services.last("EstimatePromise")
    assert (request.quantity, request.destination) == (1, "")


async def test_an_id_with_a_slash_has_a_promise_and_a_page(shop: Shop) -> None:
    await shop.get("/v1/products/a/b/promise", Role.SHOP)
    assert shop.services.last("EstimatePromise").product_id == "a/b"
    await shop.get("/v1/products/a/b", Role.SHOP)
    assert shop.services.last("GetProduct").id == "a/b"


async def test_what_cannot_be_had_has_no_estimate(shop: Shop) -> None:
    found = (await shop.get("/v1/products/p-1/promise", Role.SHOP, params={"quantity": 100})).json()
    assert (found["available"], found["estimate"]) == (False, None)


@pytest.mark.parametrize(
    ("path", "params", "status", "reason"),
    [
        ("p-none", {}, HTTPStatus.NOT_FOUND, "PRODUCT_UNKNOWN"),
        ("x" * 129, {}, HTTPStatus.NOT_FOUND, "NOT_FOUND"),
        ("p-1", {"quantity": 0}, HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT"),
        ("p-1", {"quantity": 100_001}, HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT"),
        ("p-1", {"destination": "US-OHIO-45"}, HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT"),
    ],
)
async def test_a_question_that_cannot_be_is_refused(
    shop: Shop, path: str, params: dict[str, Any], status: HTTPStatus, reason: str
) -> None:
    response = await shop.get(f"/v1/products/{path}/promise", Role.SHOP, params=params)
    problem_of(response, status, reason)


async def test_a_carriers_call_goes_on_byte_by_byte_with_what_signs_it_alone(shop: Shop) -> None:
    body = b'{"msg":  {"tracking_number": "1"}}'
    response = await shop.post(CALL, None, content=body, headers={**SIGNED, "X-Secret": "not for others"})
    assert (response.status_code, response.content) == (HTTPStatus.OK, b"{}")
    request = shop.services.last("ReceiveCarrierCall")
    assert (request.carrier, request.body, request.shop) == (CARRIER, body, "main")
    assert dict(request.headers) == {"aftership-hmac-sha256": "c2lnbmVk"}


async def test_a_form_is_taken_as_well(shop: Shop) -> None:
    form = {**SIGNED, "Content-Type": "application/x-www-form-urlencoded"}
    assert (await shop.post(CALL, None, content=b"param=%7B%7D&sign=AA", headers=form)).status_code == HTTPStatus.OK


@pytest.mark.parametrize(
    ("path", "headers", "status", "reason"),
    [
        (CALL, {"Content-Type": "application/json"}, HTTPStatus.UNAUTHORIZED, "CARRIER_SIGNATURE"),
        ("/v1/carriers/dragon/webhook", SIGNED, HTTPStatus.NOT_FOUND, "CARRIER_NOT_FOUND"),
        (f"/v1/carriers/{'x' * 65}/webhook", SIGNED, HTTPStatus.NOT_FOUND, "NOT_FOUND"),
        (CALL, {**SIGNED, "Content-Type": "text/xml"}, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
async def test_a_call_that_is_none_is_refused(
    shop: Shop, path: str, headers: dict[str, str], status: HTTPStatus, reason: str
) -> None:
    response = await shop.post(path, None, content=b"{}", headers=headers)
    problem_of(response, status, reason)


async def test_one_sender_calls_only_so_often(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promises, "CARRIER_RATE", Rate(1.0, 2))
    statuses = [(await shop.post(CALL, None, content=b"{}", headers=SIGNED)).status_code for _ in range(3)]
    assert statuses == [HTTPStatus.OK, HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS]


async def test_the_desk_lists_late_orders_page_by_page(shop: Shop) -> None:
    response = await shop.get("/v1/orders:late", Role.STAFF, params={"page_size": 1, "page_token": "here"})
    request = shop.services.last("ListLateOrders")
    assert (request.page_size, request.page_token) == (1, "here")
    found = response.json()
    assert (found["total"], found["next_page_token"]) == (9, "more")
    assert (found["orders"][0]["number"], found["orders"][0]["reason"]["reason"]) == ("7", "rework")
    assert (await shop.get("/v1/orders:late", Role.SHOP)).status_code == HTTPStatus.FORBIDDEN
    refused = await shop.get("/v1/orders:late", Role.STAFF, params={"page_size": 201})
    assert refused.status_code == HTTPStatus.BAD_REQUEST
