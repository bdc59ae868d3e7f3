"""Nobody reaches another shopper's data: every route that a browser's key or token opens, asked for somebody else."""

import json
from typing import Any

import pytest

from gateway.openapi import FILE
from gateway.principals import Role
from tests.fakes.gateway_services import ORDER_ID
from tests.fakes.gateway_shop import OTHER_VISITOR, Shop, problem_of

DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
VALUES = {"{id}": "p-1", "{placement}": "popular", "{purpose}": "marketing"}
BROWSERS = (Role.PUBLISHABLE, Role.SHOPPER)


def _routes_with(parameter: str) -> list[tuple[str, str]]:
    return [
        (method.upper(), path)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        if any(each["name"] == parameter for each in operation["parameters"])
        and {role.value for role in BROWSERS} & set(operation["x-principals"])
    ]


def _filled(path: str) -> str:
    for name, value in VALUES.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize("role", BROWSERS)
@pytest.mark.parametrize(("method", "path"), _routes_with("identifier"))
async def test_somebody_elses_identifier_is_refused(shop: Shop, method: str, path: str, role: Role) -> None:
    for other in ("login:somebody", "card:1000231", f"visitor:{OTHER_VISITOR}"):
        response = await shop.send(method, _filled(path), role, params={"identifier": other})
        problem = problem_of(response, 403, "IDENTIFIER_NOT_ALLOWED")
        assert other not in json.dumps(problem), "the answer repeats nobody's identifier"
    assert not shop.services.asked


def test_there_are_such_routes() -> None:
    assert len(_routes_with("identifier")) >= 2


async def test_a_shoppers_order_is_asked_for_as_theirs_alone(shop: Shop) -> None:
    await shop.get(f"/v1/orders/{ORDER_ID}", Role.SHOPPER)
    assert list(shop.services.last("GetOrder").only_identifiers), "the service is told whose it must be"
    for role in (Role.SHOP, Role.STAFF):
        await shop.get(f"/v1/orders/{ORDER_ID}", role)
        assert not list(shop.services.last("GetOrder").only_identifiers)


@pytest.mark.parametrize("path", ["/v1/orders/{id}", "/v1/orders/{id}/stream"])
async def test_a_link_to_an_order_opens_no_other(shop: Shop, path: str) -> None:
    other = path.replace("{id}", "o-2")
    problem_of(await shop.get(other, Role.ORDER), 403, "TOKEN_FOR_ANOTHER_ORDER")
    token = shop.keys[Role.ORDER]
    problem_of(await shop.get(other, None, params={"access_token": token}), 403, "TOKEN_FOR_ANOTHER_ORDER")
    assert not shop.services.asked


@pytest.mark.parametrize("role", [*BROWSERS, Role.ORDER])
async def test_no_browser_reads_a_customer_by_id(shop: Shop, role: Role) -> None:
    for path, methods in DOCUMENT["paths"].items():
        if path.startswith("/v1/customers") and "get" in methods:
            response = await shop.get(_filled(path).replace("{", "").replace("}", ""), role)
            assert response.status_code == 403, path
    assert not shop.services.asked


@pytest.mark.parametrize("extra", ["role", "scope_of_all", "owner_role", "id", "create_time"])
async def test_a_body_with_a_field_that_the_form_lacks_is_refused(shop: Shop, extra: str) -> None:
    for path, body in (
        ("/v1/keys", {"name": "fresh", "kind": "publishable"}),
        ("/v1/staff", {"id": "li.na", "name": "Li Na", "roles": ["desk"]}),
        ("/v1/shopper-tokens", {"identifiers": ["login:a"]}),
    ):
        if extra in body:
            continue
        problem_of(await shop.post(path, Role.OPERATOR, json={**body, extra: "admin"}), 400, "INVALID_ARGUMENT")
    assert await shop.parts.staff.members.list() == []


@pytest.mark.parametrize("extra", ["password_hash", "must_change", "generation", "version", "password"])
async def test_an_account_is_made_of_nothing_but_its_form(shop: Shop, extra: str) -> None:
    body = {"id": "li.na", "name": "Li Na", "roles": ["desk"], extra: "x"}
    problem_of(await shop.post("/v1/staff", Role.OPERATOR, json=body), 400, "INVALID_ARGUMENT")
