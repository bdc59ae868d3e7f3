"""Nobody reaches another shopper's data: every route that a browser's key or token opens, asked for somebody else."""

import json
from typing import Any

import pytest

from gateway.openapi import FILE
from gateway.principals import Principal, Role
from tests.fakes.gateway_desk import CASE_ID
from tests.fakes.gateway_privacy import EXPORT_ID
from tests.fakes.gateway_services import ORDER_ID
from tests.fakes.gateway_shop import OTHER_VISITOR, Shop, problem_of

DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
VALUES = {"{id}": "p-1", "{placement}": "popular", "{purpose}": "marketing"}
BROWSERS = (Role.PUBLISHABLE, Role.SHOPPER)
STRANGER = "login:stranger"
# What of a shopper's own is reached by an id that somebody else may learn, with what a service is asked for it.
OWN = {
    "GET /v1/orders/{id}": (ORDER_ID, "GetOrder"),
    "GET /v1/orders/{id}/stream": (ORDER_ID, "GetOrder"),
    "GET /v1/me/cases/{id}": (CASE_ID, "GetCase"),
    "POST /v1/me/cases/{id}:write": (CASE_ID, "WriteCase"),
    "GET /v1/me/exports/{id}": (EXPORT_ID, "GetExport"),
    "GET /v1/me/exports/{id}/archive": (EXPORT_ID, "GetExport"),
}
EVERYBODYS = {"GET /v1/products/{id}", "GET /v1/products/{id}/promise"}
# Batches, whose events are judged one by one by their owner, and what carriers write in their own forms.
OPEN_BODIES = {"POST /v1/events", "POST /v1/orders/events", "POST /v1/mentions", "POST /v1/carriers/{carrier}/webhook"}


def _routes_with(parameter: str) -> list[tuple[str, str]]:
    return [
        (method.upper(), path)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        if any(each["name"] == parameter for each in operation["parameters"])
        and {role.value for role in BROWSERS} & set(operation["x-principals"])
    ]


def _filled(path: str) -> str:
    for name, value in {**VALUES, "{service}": "orders" if "webhooks" in path else "search"}.items():
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


def test_every_route_to_something_of_a_shoppers_own_is_tried() -> None:
    with_an_id = {
        f"{method.upper()} {path}"
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        if "{id}" in path and Role.SHOPPER.value in operation["x-principals"]
    }
    assert with_an_id == set(OWN) | EVERYBODYS


@pytest.mark.parametrize("route", OWN)
async def test_what_is_another_shoppers_is_refused_as_if_it_were_not_there(shop: Shop, route: str) -> None:
    method, _, path = route.partition(" ")
    thing, asked = OWN[route]
    arguments: dict[str, Any] = {"json": {"text": "mine?"}} if method == "POST" else {}
    response = await shop.send(
        method, path.replace("{id}", thing), headers={"Authorization": f"Bearer {_token(shop, STRANGER)}"}, **arguments
    )
    assert response.json()["reason"] in {"ORDER_NOT_YOURS", "CASE_NOT_FOUND", "NOT_FOUND", "EXPORT_NOT_FOUND"}
    assert response.status_code in {403, 404}
    assert [name for name, _ in shop.services.asked] == [asked], "the refusal is the last of it"
    request: Any = shop.services.last(asked)
    request = getattr(request, "deed", request)
    named = getattr(request, "only_customers", None) or request.only_identifiers
    assert list(named) == [STRANGER], "whose it must be stands in the token alone"


async def test_a_shoppers_lists_and_writes_are_about_themselves_alone(shop: Shop) -> None:
    headers = {"Authorization": f"Bearer {_token(shop, STRANGER)}"}
    problem_of(await shop.client.get("/v1/me/cases?customer=login:u42", headers=headers), 400, "PARAMETER_UNKNOWN")
    await shop.client.get("/v1/me/cases", headers=headers)
    assert list(shop.services.last("ListCases").only_customers) == [STRANGER]
    problem_of(await shop.client.get("/v1/me?id=login:u42", headers=headers), 400, "PARAMETER_UNKNOWN")
    await shop.client.get("/v1/me", headers=headers)
    assert shop.services.last("GetCustomer").id == STRANGER
    shop.services.asked.clear()
    for method, path, body in (
        ("POST", "/v1/me/cases", {"kind": "question", "title": "a", "text": "b", "customer": "login:u42"}),
        ("POST", "/v1/me:export", {"id": "login:u42"}),
        ("POST", "/v1/me:erase", {"confirm": "erase", "id": "login:u42"}),
        ("PUT", "/v1/me/consents/marketing", {"granted": True, "id": "login:u42"}),
    ):
        problem_of(await shop.client.request(method, path, headers=headers, json=body), 400, "INVALID_ARGUMENT")
    assert not shop.services.asked


def _token(shop: Shop, *identifiers: str) -> str:
    backend = Principal(Role.SHOP, name="test-shop", owner="owner-shop", shop="main")
    return shop.parts.tokens.mint(backend, "test-shop.1", identifiers, life_s=60)


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


def _json_routes() -> list[str]:
    return [
        f"{method.upper()} {path}"
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]


@pytest.mark.parametrize("route", sorted(set(_json_routes()) - OPEN_BODIES))
async def test_no_form_of_the_api_takes_a_field_that_it_does_not_name(shop: Shop, route: str) -> None:
    method, _, path = route.partition(" ")
    role = DOCUMENT["paths"][path][method.lower()]["x-principals"][-1]
    response = await shop.send(method, _filled(path), role, json={"owner_of_all": "me"})
    problem = problem_of(response, 400, "INVALID_ARGUMENT")
    assert "owner_of_all" in {each["field"] for each in problem["errors"]}, problem
    assert not [name for name, _ in shop.services.asked if not name.startswith("Get")]
