"""Every route × every principal, from the OpenAPI document: a route without a rule here is a failure."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest

from gateway.openapi import FILE
from gateway.principals import Role
from gateway.staff.members import StaffRole
from tests.fakes.gateway_controls import CONTROL_ID
from tests.fakes.gateway_delivery import CARRIER
from tests.fakes.gateway_desk import CASE_ID, CONTACT_ID
from tests.fakes.gateway_scenes import MEDIA_ID, SCENE_ID
from tests.fakes.gateway_services import MODEL, ORDER_ID
from tests.fakes.gateway_shop import Shop, problem_of
from tests.fakes.gateway_webhooks import TARGET

DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PUBLIC: frozenset[Role] = frozenset()
SHOPPERS = {Role.PUBLISHABLE, Role.SHOPPER}
BACKEND = {Role.SHOP, Role.LOAD, Role.OPERATOR}
DESK = {Role.STAFF, Role.OPERATOR}
EVERYBODY = set(Role) - {Role.ORDER}  # a link to an order opens nothing else
FROM_SHOPS_AND_DESKS = ("GET /v1/cases", "GET /v1/cases/{id}", "POST /v1/cases", "POST /v1/cases/{id}:write")
FROM_SHOPPERS = ("GET /v1/me/cases", "GET /v1/me/cases/{id}", "POST /v1/me/cases", "POST /v1/me/cases/{id}:write")
FROM_DESKS = (
    "GET /v1/cases:count",
    *(f"POST /v1/cases/{{id}}:{verb}" for verb in ("assign", "close", "note", "reopen", "reply")),
    "GET /v1/contacts",
    "POST /v1/contacts",
    "GET /v1/contacts/{id}",
    "GET /v1/contacts:days",
    "POST /v1/contacts:plan",
    *(f"POST /v1/contacts/{{id}}:{verb}" for verb in ("cancel", "complete", "move")),
    "GET /v1/controls/{service}",
    "POST /v1/controls/{service}",
    *(f"POST /v1/controls/{{service}}:{verb}" for verb in ("check", "dryRun", "preview")),
    "GET /v1/controls/{service}/dry-runs/{operation}",
    "GET /v1/controls/{service}/{control}",
    "PUT /v1/controls/{service}/{control}",
    *(f"POST /v1/controls/{{service}}/{{control}}:{verb}" for verb in ("archive", "launch", "pause", "schedule")),
    "GET /v1/customers/{id}/purchases",
    "GET /v1/customers:find",
    "GET /v1/insights/queries/{query}",
    "GET /v1/scene-segments",
    "GET /v1/scenes",
    "POST /v1/scenes",
    "GET /v1/scenes/{id}",
    "PATCH /v1/scenes/{id}",
    *(f"POST /v1/scenes/{{id}}:{verb}" for verb in ("archive", "publish", "withdraw")),
    "POST /v1/media",
)
# Written by hand, not read from the routes: a change of who may do what must be said twice.
RULES: dict[str, set[Role] | frozenset[Role]] = {
    **{route: {Role.SHOP} | DESK for route in FROM_SHOPS_AND_DESKS},
    **{route: {Role.SHOPPER} for route in FROM_SHOPPERS},
    **dict.fromkeys(FROM_DESKS, DESK),
    "GET /v1/media/{id}": PUBLIC,
    "GET /v1/storefront/scenes": SHOPPERS | BACKEND,
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /v1/search": EVERYBODY,
    "GET /v1/suggest": EVERYBODY,
    "GET /v1/products/{id}": EVERYBODY,
    "GET /v1/products/{id}/promise": EVERYBODY,
    "POST /v1/carriers/{carrier}/webhook": PUBLIC,
    "GET /v1/recommendations/{placement}": SHOPPERS | BACKEND,
    "GET /v1/cart": SHOPPERS | BACKEND,
    "POST /v1/events": SHOPPERS | BACKEND,
    "POST /v1/shopper-tokens": BACKEND,
    "POST /v1/orders": BACKEND,
    "POST /v1/shipments": BACKEND,
    "POST /v1/returns": BACKEND,
    "POST /v1/orders/events": BACKEND,
    "GET /v1/orders:late": DESK,
    "GET /v1/orders/{id}": BACKEND | DESK | {Role.SHOPPER, Role.ORDER},
    "GET /v1/orders/{id}/stream": BACKEND | DESK | {Role.SHOPPER, Role.ORDER},
    "POST /v1/orders/{id}/access-tokens": BACKEND | DESK,
    "DELETE /v1/orders/{id}/access-tokens": BACKEND | DESK,
    "POST /v1/products:import": BACKEND,
    "POST /v1/customers:import": BACKEND,
    "POST /v1/orders:import": BACKEND,
    "POST /v1/events:import": BACKEND,
    "POST /v1/mentions:import": BACKEND,
    "POST /v1/mentions": BACKEND | DESK,
    "GET /v1/mentions": DESK,
    "GET /v1/mentions/{id}": DESK,
    "GET /v1/mentions:count": DESK,
    "GET /v1/sources": DESK,
    "POST /v1/sources": DESK,
    "GET /v1/sources/{id}": DESK,
    "PATCH /v1/sources/{id}": DESK,
    "DELETE /v1/sources/{id}": DESK,
    "POST /v1/sources/{id}:poll": DESK,
    "GET /v1/brands": DESK,
    "PUT /v1/brands/{id}": DESK,
    "DELETE /v1/brands/{id}": DESK,
    "GET /v1/alerts": DESK,
    "GET /v1/alerts/stream": DESK,
    "GET /v1/alerts/{id}": DESK,
    "POST /v1/alerts/{id}:acknowledge": DESK,
    "POST /v1/alerts/{id}:mitigate": DESK,
    "POST /v1/alerts/{id}:comment": DESK,
    "POST /v1/alerts/{id}:resolve": DESK,
    "POST /v1/alerts/{id}:close": DESK,
    "POST /v1/alerts/{id}:reopen": DESK,
    "POST /v1/silences": DESK,
    "GET /v1/silences": DESK,
    "GET /v1/silences/{id}": DESK,
    "POST /v1/silences/{id}:expire": DESK,
    "POST /v1/tone-models:train": {Role.OPERATOR},
    "GET /v1/tone-models": DESK,
    "POST /v1/tone-models/{version}:promote": {Role.OPERATOR},
    "PATCH /v1/products/{id}": BACKEND,
    "GET /v1/operations/{id}": BACKEND | DESK,
    "GET /v1/operations/{id}/errors": BACKEND | DESK,
    "GET /v1/operations/{id}/result": {Role.OPERATOR},
    "GET /v1/insights/queries": DESK,
    "GET /v1/customers/{id}": DESK,
    "POST /v1/customers/{id}:unmerge": DESK,
    "POST /v1/customers:merge": DESK,
    "POST /v1/customers:claims": BACKEND | DESK,
    "PUT /v1/customers/{id}/consents/{purpose}": BACKEND | DESK,
    "GET /v1/me": {Role.SHOPPER},
    "PUT /v1/me/consents/{purpose}": {Role.SHOPPER},
    "POST /v1/me:export": {Role.SHOPPER},
    "GET /v1/me/exports/{id}": {Role.SHOPPER},
    "GET /v1/me/exports/{id}/archive": {Role.SHOPPER},
    "POST /v1/me:erase": {Role.SHOPPER},
    "GET /v1/erasures/{id}": PUBLIC,
    "GET /v1/erasures": DESK,
    "POST /v1/customers/{id}:export": DESK,
    "POST /v1/customers/{id}:erase": DESK,
    "GET /v1/exports/{id}": DESK,
    "GET /v1/exports/{id}/archive": DESK,
    "GET /v1/models": DESK,
    "POST /v1/models:train": {Role.OPERATOR},
    "POST /v1/models:score": {Role.OPERATOR},
    "POST /v1/models/{version}:promote": {Role.OPERATOR},
    "POST /v1/keys": {Role.OPERATOR},
    "GET /v1/keys": {Role.OPERATOR},
    "DELETE /v1/keys/{id}": {Role.OPERATOR},
    "POST /v1/staff": {Role.OPERATOR},
    "GET /v1/staff": {Role.OPERATOR},
    "POST /v1/staff/{id}:reset": {Role.OPERATOR},
    "POST /v1/staff/{id}:disable": {Role.OPERATOR},
    "POST /v1/staff/{id}:enable": {Role.OPERATOR},
    "GET /v1/audit": {Role.OPERATOR},
    "GET /v1/system": {Role.OPERATOR},
    "POST /v1/system/{service}/projections/{projection}:rebuild": {Role.OPERATOR},
    "GET /v1/system/{service}/dead-letters": {Role.OPERATOR},
    "POST /v1/system/{service}/projections/{projection}/dead-letters:redrive": {Role.OPERATOR},
    "POST /v1/webhooks/{service}/targets": {Role.OPERATOR},
    "GET /v1/webhooks/{service}/targets": {Role.OPERATOR},
    "GET /v1/webhooks/{service}/targets/{target}": {Role.OPERATOR},
    "PATCH /v1/webhooks/{service}/targets/{target}": {Role.OPERATOR},
    "DELETE /v1/webhooks/{service}/targets/{target}": {Role.OPERATOR},
    "POST /v1/webhooks/{service}/targets/{target}:rotate-secret": {Role.OPERATOR},
    "POST /v1/webhooks/{service}/targets/{target}:test": {Role.OPERATOR},
    "GET /v1/webhooks/{service}/targets/{target}/deliveries": {Role.OPERATOR},
    "POST /v1/webhooks/{service}/targets/{target}/deliveries:replay": {Role.OPERATOR},
}
CONTROL = {
    "title": "no p-1",
    "condition": {"placements": ["popular"]},
    "action": {"type": "exclude", "target": {"product_ids": ["p-1"]}},
}
SCENE = {"name": "breakfast"}
CASE = {"kind": "question", "text": "When does it come?"}
DRY_RUN_DIGEST = "cd" * 32
DRY_RUN = {
    "unit": "customers",
    "looked_at": 10,
    "changed": 0,
    "redirected": 0,
    "slots": 10,
    "slots_changed": 0,
    "share": 0.0,
    "gained": [],
    "lost": [],
}
CONTACT = {"customer": "card:1000231", "kind": "telephone", "purpose": "service", "day": "2026-12-03"}
PATH_VALUES = {
    "id": "p-1",
    "placement": "popular",
    "purpose": "marketing",
    "version": MODEL,
    "service": "recommendation",
    "projection": "interactions",
    "target": TARGET,
    "carrier": CARRIER,
    "control": CONTROL_ID,
    "operation": "recommendation.0",
}
# What stands for the last part of a path where it is not the usual value.
VALUES_BELOW: dict[str, dict[str, str]] = {
    "/cases/": {"id": CASE_ID},
    "/contacts/": {"id": CONTACT_ID},
    "/media/": {"id": MEDIA_ID},
    "/orders/": {"id": ORDER_ID},
    "/scenes/": {"id": SCENE_ID},
    "/webhooks/": {"service": "orders"},
}
PARAMETERS = {"GET /v1/cases": {"customer": "card:1000231"}, "GET /v1/customers:find": {"q": "card:1000231"}}
BODIES: dict[str, dict[str, Any]] = {
    "POST /v1/events": {"events": []},
    "POST /v1/shopper-tokens": {"identifiers": ["login:a"]},
    "POST /v1/orders": {"number": "7", "time": "2026-01-05T08:00:00Z", "products": [{"id": "p-1"}]},
    "POST /v1/shipments": {
        "order": {"number": "7"},
        "carrier": "sf",
        "tracking_number": "SF1",
        "time": "2026-01-05T08:00:00Z",
    },
    "POST /v1/returns": {"order": {"number": "7"}, "time": "2026-01-05T08:00:00Z", "items": [{"line": 1}]},
    "POST /v1/orders/events": {"events": []},
    "POST /v1/mentions": {"mentions": []},
    "POST /v1/sources": {"id": "weibo", "kind": "push"},
    "PATCH /v1/sources/{id}": {"tier": 2},
    "PUT /v1/brands/{id}": {"kind": "own", "names": ["知客"]},
    **{f"POST /v1/alerts/{{id}}:{verb}": {} for verb in ("acknowledge", "mitigate", "resolve", "close", "reopen")},
    "POST /v1/alerts/{id}:comment": {"comment": "a test"},
    "POST /v1/silences": {
        "matchers": [{"name": "brand", "value": "own"}],
        "reason": "a test",
        "ends_time": "2026-01-06T00:00:00Z",
    },
    "POST /v1/orders/{id}/access-tokens": {},
    "PATCH /v1/products/{id}": {"available_quantity": 3},
    "POST /v1/customers/{id}:unmerge": {"identifiers": ["card:1000231"], "reason": "a test"},
    "POST /v1/customers:merge": {"ids": ["c-1", "c-2"], "reason": "a test"},
    "POST /v1/customers:claims": {"identifiers": [{"identifier": "card:1000231"}], "source": "crm"},
    "PUT /v1/customers/{id}/consents/{purpose}": {"granted": True, "source": "crm"},
    "PUT /v1/me/consents/{purpose}": {"granted": True},
    "POST /v1/me:export": {},
    "POST /v1/me:erase": {"confirm": "erase"},
    "POST /v1/customers/{id}:export": {},
    "POST /v1/customers/{id}:erase": {"confirm": "erase"},
    "POST /v1/models:train": {},
    "POST /v1/models:score": {},
    "POST /v1/models/{version}:promote": {"reason": "a test"},
    "POST /v1/tone-models/{version}:promote": {},
    "POST /v1/cases": {**CASE, "customer": "card:1000231"},
    "POST /v1/me/cases": CASE,
    **{f"POST /v1/cases/{{id}}:{verb}": {"text": "We look into it."} for verb in ("note", "reply", "write")},
    "POST /v1/me/cases/{id}:write": {"text": "And how?"},
    "POST /v1/cases/{id}:assign": {"owner": "li.na"},
    "POST /v1/cases/{id}:close": {"cause": "product-quality"},
    "POST /v1/cases/{id}:reopen": {"text": "again"},
    "POST /v1/contacts": CONTACT,
    "POST /v1/contacts:plan": {"abc_class": "A"},
    "POST /v1/contacts/{id}:cancel": {},
    "POST /v1/contacts/{id}:complete": {"outcome": "reached"},
    "POST /v1/contacts/{id}:move": {"owner": "li.na"},
    "POST /v1/controls/{service}": CONTROL,
    "PUT /v1/controls/{service}/{control}": CONTROL,
    "POST /v1/controls/{service}:check": {"content": CONTROL},
    "POST /v1/controls/{service}:preview": {"id": CONTROL_ID, "placement": "popular"},
    "POST /v1/controls/{service}:dryRun": {"id": CONTROL_ID, "sample": 10},
    **{f"POST /v1/controls/{{service}}/{{control}}:{verb}": {} for verb in ("archive", "launch", "pause", "schedule")},
    "POST /v1/scenes": SCENE,
    "PATCH /v1/scenes/{id}": {"name": "supper"},
    **{f"POST /v1/scenes/{{id}}:{verb}": {} for verb in ("archive", "publish", "withdraw")},
    "POST /v1/staff": {"id": "li.na", "name": "Li Na", "roles": ["desk"]},
    "POST /v1/keys": {"name": "fresh", "kind": "publishable"},
    "POST /v1/system/{service}/projections/{projection}:rebuild": {},
    "POST /v1/system/{service}/projections/{projection}/dead-letters:redrive": {},
    "POST /v1/webhooks/{service}/targets": {"url": "https://a.example/"},
    "PATCH /v1/webhooks/{service}/targets/{target}": {"state": "disabled"},
    "POST /v1/webhooks/{service}/targets/{target}:rotate-secret": {},
    "POST /v1/webhooks/{service}/targets/{target}:test": {},
    "POST /v1/webhooks/{service}/targets/{target}/deliveries:replay": {},
}


def _routes() -> list[str]:
    return [f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods]


async def _ask(shop: Shop, route: str, role: Role | None, more: Mapping[str, str] | None = None) -> Any:
    method, _, path = route.partition(" ")
    values = dict(PATH_VALUES)
    for part, own in VALUES_BELOW.items():
        if part in path:
            values |= own
    if "/dry-runs/" in path:
        shop.services._started("recommendation", None, b"")
        shop.services.artifacts[DRY_RUN_DIGEST] = (json.dumps(DRY_RUN).encode(),)
        shop.services.finish("recommendation.0", error_file=DRY_RUN_DIGEST)
    if "/staff/" in path:
        await shop.staffed(StaffRole.DESK)
        values["id"] = "desk"
    if "/keys/" in path:
        values["id"] = "test-load.1"
    if "/operations/" in path:
        shop.services._started("search", None, b"")
        values["id"] = "search.0"
        shop.services.finish("search.0")
    filled = re.sub(r"\{(\w+)\}", lambda match: values.get(match.group(1), "x-1"), path)
    parameters = PARAMETERS.get(route)
    if route == "GET /v1/cart" and role not in {*SHOPPERS, None}:
        parameters = {"identifier": "login:a"}
    arguments: dict[str, Any] = {"params": parameters}
    if path.endswith(":import") or path == "/v1/tone-models:train":
        arguments |= {"content": b"{}\n", "headers": {"Content-Type": "application/x-ndjson"}}
    elif path.startswith("/v1/carriers/"):
        signed = {"Content-Type": "application/json", "Aftership-Hmac-Sha256": "c2lnbmVk"}
        arguments |= {"content": b"{}", "headers": signed}
    elif path == "/v1/media" and method == "POST":
        arguments |= {"content": b"a picture", "headers": {"Content-Type": "image/png"}}
    elif route in BODIES:
        arguments["json"] = BODIES[route]
    arguments["headers"] = {**arguments.get("headers", {}), **(more or {})}
    async with _streams_end(shop):
        return await shop.send(method, filled, role, **arguments)


@asynccontextmanager
async def _streams_end(shop: Shop) -> AsyncIterator[None]:
    """End what streams, for this client waits for the end of an answer."""

    async def end() -> None:
        while True:
            shop.parts.order_streams.close_order(ORDER_ID)
            shop.parts.alert_streams.end_open()
            await asyncio.sleep(0.002)

    ending = asyncio.ensure_future(end())
    yield
    ending.cancel()


def test_every_documented_route_has_a_rule_and_every_rule_a_route() -> None:
    assert set(RULES) == set(_routes())


@pytest.mark.parametrize("route", _routes())
def test_the_document_says_who_may(route: str) -> None:
    method, _, path = route.partition(" ")
    declared = DOCUMENT["paths"][path][method.lower()]["x-principals"]
    assert declared == (sorted(RULES[route]) or ["public"])


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("route", _routes())
async def test_a_principal_may_do_what_its_rule_says_and_nothing_else(shop: Shop, route: str, role: Role) -> None:
    response = await _ask(shop, route, role)
    if RULES[route] and role not in RULES[route]:
        problem = problem_of(response, HTTPStatus.FORBIDDEN, "SCOPE_MISSING")
        assert problem["metadata"]["role"] == role.value
        assert not shop.services.asked, "a refused request reaches no service"
    else:
        assert response.is_success, response.text


@pytest.mark.parametrize("route", _routes())
async def test_without_credentials_only_public_routes_answer(shop: Shop, route: str) -> None:
    response = await _ask(shop, route, None)
    if RULES[route]:
        problem_of(response, HTTPStatus.UNAUTHORIZED, "CREDENTIALS_MISSING")
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert not shop.services.asked
    else:
        assert response.is_success, response.text


@pytest.mark.parametrize("route", _routes())
async def test_a_cookie_of_the_console_opens_no_route_of_the_api(shop: Shop, route: str) -> None:
    """The API is for keys and tokens: what pages of any origin may call must not act for who is signed in there."""
    for role in StaffRole:
        session = await shop.signed_in(role)
        response = await _ask(shop, route, None, session)
        if RULES[route]:
            problem_of(response, HTTPStatus.UNAUTHORIZED, "CREDENTIALS_MISSING")
            assert not shop.services.asked
        else:
            assert response.is_success, response.text


@pytest.mark.parametrize("route", _routes())
async def test_every_answer_is_one_that_the_document_names(shop: Shop, route: str) -> None:
    method, _, path = route.partition(" ")
    documented = DOCUMENT["paths"][path][method.lower()]["responses"]
    for role in (None, *Role):
        response = await _ask(shop, route, role)
        named = documented.get(str(response.status_code))
        assert named is not None, f"{route} answered {response.status_code}"
        if response.content:
            media_type = response.headers["content-type"].split(";")[0]
            assert {media_type, f"{media_type.partition('/')[0]}/*"} & set(named["content"])
