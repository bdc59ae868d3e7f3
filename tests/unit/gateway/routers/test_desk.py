"""Customers at the desk."""

from urllib.parse import quote

import pytest

from gateway.principals import Role
from tests.fakes.gateway_shop import Shop, problem_of


async def test_a_customer_is_shown_in_the_public_form(shop: Shop) -> None:
    customer = (await shop.get("/v1/customers/c-1", Role.STAFF)).json()
    assert customer["purchases"]["spend"] == {"amount": "1234.50", "currency": "CNY"}
    assert customer["purchases"]["average_order"] is None
    assert customer["classes"][0]["explanation"] == {"en": "large", "zh": "大客户"}
    assert customer["first_seen_time"] == "2026-01-02T03:04:05Z"
    assert customer["facts"] == []


@pytest.mark.parametrize("name", ["card:1000231", "phone:+8613800138111", "email:a@b.cn", "login:张三", "login:a b"])
async def test_a_customer_is_found_by_identifier(shop: Shop, name: str) -> None:
    response = await shop.get(f"/v1/customers/{quote(name, safe='')}", Role.STAFF)
    assert response.json()["identifiers"][0]["identifier"] == name


async def test_an_unknown_customer_is_a_404(shop: Shop) -> None:
    problem_of(await shop.get("/v1/customers/card:999", Role.STAFF), 404, "NOT_FOUND")
    problem_of(await shop.get("/v1/customers/" + "x" * 261, Role.STAFF), 404, "NOT_FOUND")


async def test_unmerge_names_the_first_group(shop: Shop) -> None:
    body = {"identifiers": ["card:1000231"], "reason": "two people", "request_id": "r"}
    answer = (await shop.post("/v1/customers/c-1:unmerge", Role.STAFF, json=body)).json()
    assert [each["id"] for each in answer["customers"]] == ["c-1", "c-2"]
    asked = shop.services.last("UnmergeCustomer")
    assert (asked.id, list(asked.identifiers), asked.reason, asked.owner) == (
        "c-1",
        ["card:1000231"],
        "two people",
        "owner-staff",
    )


async def test_a_customer_is_parted_by_identifier_too(shop: Shop) -> None:
    body = {"identifiers": ["card:1000231"], "reason": "two people"}
    await shop.post("/v1/customers/card:1000231:unmerge", Role.STAFF, json=body)
    assert shop.services.last("UnmergeCustomer").id == "card:1000231"


async def test_merge_takes_exactly_two(shop: Shop) -> None:
    body = {"ids": ["c-1", "card:1000231"], "reason": "same person"}
    assert (await shop.post("/v1/customers:merge", Role.STAFF, json=body)).json()["id"] == "c-1"
    for ids in (["c-1"], ["c-1", "c-2", "c-3"]):
        response = await shop.post("/v1/customers:merge", Role.STAFF, json={**body, "ids": ids})
        problem_of(response, 400, "INVALID_ARGUMENT")


async def test_claims_answer_a_receipt_and_not_the_record(shop: Shop) -> None:
    body = {
        "identifiers": [{"identifier": "card:1000231", "verified": True}, {"identifier": "login:u42"}],
        "claims": [{"field": "name", "value": "张三 🧀"}],
        "source": "crm",
        "account": "household:208",
        "consents": {"marketing": "denied"},
    }
    answer = (await shop.post("/v1/customers:claims", Role.SHOP, json=body)).json()
    assert set(answer) == {"id", "account_id", "consents", "refused_identifiers"}
    asked = shop.services.last("WriteClaims")
    assert [(each.identifier, each.verified) for each in asked.identifiers] == [
        ("card:1000231", True),
        ("login:u42", False),
    ]
    assert (asked.claims[0].value, asked.account, dict(asked.consents)) == (
        "张三 🧀",
        "household:208",
        {"marketing": "denied"},
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"identifiers": []},
        {"identifiers": [{"identifier": f"card:{number}"} for number in range(9)]},
        {"claims": [{"field": "f", "value": ""}] * 51},
        {"claims": [{"field": "f", "value": "x" * 1_025}]},
        {"source": ""},
        {"consents": {"marketing": "maybe"}},
        {"surprise": 1},
    ],
)
async def test_claims_past_their_bounds_are_refused(shop: Shop, wrong: dict[str, object]) -> None:
    body = {"identifiers": [{"identifier": "card:1000231"}], "source": "crm", **wrong}
    problem_of(await shop.post("/v1/customers:claims", Role.SHOP, json=body), 400, "INVALID_ARGUMENT")
    assert not shop.services.asked


async def test_consent_is_kept_by_purpose(shop: Shop) -> None:
    body = {"granted": False, "source": "preference-centre"}
    response = await shop.send("PUT", "/v1/customers/login:u42/consents/personalization", Role.SHOP, json=body)
    assert response.json()["consents"][0]["purpose"] == "personalization"
    asked = shop.services.last("SetConsent")
    assert (asked.id, asked.purpose, asked.granted, asked.owner) == (
        "login:u42",
        "personalization",
        False,
        "owner-shop",
    )


async def test_a_wrong_body_does_not_repeat_what_was_sent(shop: Shop) -> None:
    body = {"identifiers": [{"identifier": "phone:13800138111", "verified": "13800138111"}], "source": "crm"}
    response = await shop.post("/v1/customers:claims", Role.STAFF, json=body)
    problem_of(response, 400, "INVALID_ARGUMENT")
    assert "13800138111" not in response.text
