"""Every page of the console and every form on it × every role, with real sessions: one without a rule is a failure."""

import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from gateway.app import build_app
from gateway.console.answering import Console
from gateway.console.pages import ROOT, Page
from gateway.console.registry import AREAS
from gateway.principals import Role
from gateway.staff.cookies import SECURE_NAME
from gateway.staff.members import EVERY_STAFF_ROLE, StaffRole
from tests.fakes.console import whole
from tests.fakes.gateway_shop import Shop, open_shop

EVERYBODY = EVERY_STAFF_ROLE
PUBLIC: frozenset[StaffRole] = frozenset()
ADMIN = {StaffRole.ADMIN}
DESK = {StaffRole.DESK}
MERCHANDISER = {StaffRole.MERCHANDISER}
PR = {StaffRole.PR}
PUBLIC_OPINION = {StaffRole.PR, StaffRole.ANALYST, StaffRole.ADMIN}
INSIGHT = {StaffRole.MERCHANDISER, StaffRole.ANALYST}
# Written by hand, not read from the pages: a change of who may do what must be said twice.
RULES: dict[str, set[StaffRole] | frozenset[StaffRole]] = {
    "/": EVERYBODY,
    "/search": EVERYBODY,
    "/keys": EVERYBODY,
    "/preferences": PUBLIC,
    "/sign-in": PUBLIC,
    "/sign-out": PUBLIC,
    "/password": PUBLIC,
    "/account": EVERYBODY,
    "/products": EVERYBODY,
    "/products/{id}": EVERYBODY,
    "/orders": {StaffRole.DESK, StaffRole.ADMIN},
    "/orders/{id}": {StaffRole.DESK, StaffRole.ADMIN},
    "/queries": INSIGHT,
    "/queries/{query}": INSIGHT,
    "/models": INSIGHT | ADMIN,
    "/controls": INSIGHT,
    "/controls/new": MERCHANDISER,
    "/controls/{service}/{id}": INSIGHT,
    "/controls/{service}/{id}/edit": MERCHANDISER,
    "/controls/{service}/{id}/preview": INSIGHT,
    "/alerts": PUBLIC_OPINION,
    "/alerts/{id}": PUBLIC_OPINION,
    "/mentions": PUBLIC_OPINION,
    "/mentions/{id}": PUBLIC_OPINION,
    "/sources": PUBLIC_OPINION,
    "/sources/{id}": PUBLIC_OPINION,
    "/brands": PUBLIC_OPINION,
    "/brands/{id}": PUBLIC_OPINION,
    "/silences": PUBLIC_OPINION,
    "/cases": DESK,
    "/cases/{id}": DESK,
    "/contacts": DESK,
    "/contacts/{id}": DESK,
    "/customers": DESK,
    "/customers/{id}": DESK,
    "/privacy/{id}": DESK,
    "/erasures": DESK | ADMIN,
    "/erasures/{id}": DESK | ADMIN,
    "/scenes": INSIGHT,
    "/scenes/{id}": INSIGHT,
    "/system": ADMIN,
    "/dead-letters": ADMIN,
    "/dead-letters/{service}/{projection}/{id}": ADMIN,
    "/api-keys": ADMIN,
    "/webhooks": ADMIN,
    "/webhooks/{service}/{id}": ADMIN,
    "/shops": ADMIN,
    "/staff": ADMIN,
    "/staff/{id}": ADMIN,
    "/audit": ADMIN,
}
FORMS_OF_PR = (
    *(f"/alerts/{{id}}#{form}" for form in ("take", "mitigate", "comment", "resolve", "close", "reopen", "silence")),
    "/sources#new",
    *(f"/sources/{{id}}#{form}" for form in ("edit", "enable", "disable", "poll", "delete")),
    "/brands#new",
    "/brands/{id}#edit",
    "/brands/{id}#delete",
    "/silences#new",
    "/silences#end",
)
# Forms that fewer may send than may see their page.
NARROWER: dict[str, set[StaffRole]] = {
    "/products/{id}#edit": {StaffRole.MERCHANDISER},
    "/models#promote": MERCHANDISER | ADMIN,
    "/models#train": MERCHANDISER | ADMIN,
    "/controls/{service}/{id}#step": MERCHANDISER,
    "/scenes#new": MERCHANDISER,
    "/scenes/{id}#edit": MERCHANDISER,
    "/scenes/{id}#picture": MERCHANDISER,
    "/scenes/{id}#move": MERCHANDISER,
    **dict.fromkeys(FORMS_OF_PR, PR),
}
PAGES = {page.path: page for area in AREAS for page in area.pages}
FORMS = {f"{page.path}#{form.name}": page for page in PAGES.values() for form in page.forms}
# What has no rule yet fails one test and not each of them.
RULED = sorted(set(PAGES) & set(RULES))
RULED_FORMS = sorted(name for name in FORMS if name.partition("#")[0] in RULES)
_READS = ("Get", "List", "Count", "Search", "Find", "BatchGet", "Predict")  # begin the names of methods that read
PATH_VALUES = {"id": "p-1", "purpose": "marketing", "service": "search", "projection": "mined"}


@pytest.fixture
async def console() -> AsyncIterator[Shop]:
    shop = await open_shop()
    app = build_app(shop.parts, shop.metrics, pages=Console(shop.parts, shop.parts.staff.sessions).routes())
    shop.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://gateway.test")
    async with shop.client:
        yield shop


def _address(page: Page) -> str:
    values = {**PATH_VALUES, **page.example}
    return ROOT + re.sub(r"\{(\w+)(?::\w+)?\}", lambda match: values.get(match[1], "x-1"), page.path).rstrip("/")


async def _send(shop: Shop, page: Page, form: str, headers: dict[str, str]) -> httpx.Response:
    sent = {"Sec-Fetch-Site": "same-origin", **headers}
    return await shop.client.post(_address(page), data={"_form": form}, headers=sent)


def _is_refused(response: httpx.Response) -> bool:
    return response.status_code == HTTPStatus.FORBIDDEN


def _leads_to_sign_in(response: httpx.Response) -> bool:
    location = response.headers.get("location", "")
    return response.status_code == HTTPStatus.SEE_OTHER and location.startswith(f"{ROOT}/sign-in?next=")


def test_every_page_has_a_rule_and_every_rule_a_page() -> None:
    assert set(RULES) == set(PAGES)
    assert set(NARROWER) <= set(FORMS)


def test_pages_and_forms_say_what_the_rules_say() -> None:
    assert {path: set(page.roles) for path, page in PAGES.items()} == {
        path: set(roles) for path, roles in RULES.items()
    }
    said = {f"{page.path}#{form.name}": form.roles for page in PAGES.values() for form in page.forms}
    assert {
        name: set(roles) for name, roles in said.items() if roles is not None and roles != RULES[name.partition("#")[0]]
    } == NARROWER


@pytest.mark.parametrize("role", list(StaffRole))
@pytest.mark.parametrize("path", RULED)
async def test_a_role_sees_its_pages_and_no_others(console: Shop, path: str, role: StaffRole) -> None:
    response = await console.client.get(_address(PAGES[path]), headers=await console.signed_in(role))
    if RULES[path] and role not in RULES[path]:
        assert _is_refused(response)
        whole(response.text)
        assert not console.services.asked, "a refused request reaches no service"
    else:
        assert not _is_refused(response) and not _leads_to_sign_in(response)
        assert response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR


@pytest.mark.parametrize("path", RULED)
async def test_nobody_is_led_to_the_sign_in_whatever_else_they_hold(console: Shop, path: str) -> None:
    session = await console.signed_in(StaffRole.ADMIN)
    await console.parts.staff.accounts.sign_out_everywhere(_Operator(), "admin")
    keys = [console.headers(role) for role in Role]
    for headers in ({}, session, {"Cookie": f"{SECURE_NAME}={'x' * 43}"}, *keys):
        response = await console.client.get(_address(PAGES[path]), headers=headers)
        if RULES[path]:
            assert _leads_to_sign_in(response), headers
        else:
            assert response.status_code in {HTTPStatus.OK, HTTPStatus.SEE_OTHER}
    assert not console.services.asked


@pytest.mark.parametrize("role", [*StaffRole, None])
@pytest.mark.parametrize("name", RULED_FORMS)
async def test_a_form_is_taken_from_its_roles_alone(console: Shop, name: str, role: StaffRole | None) -> None:
    path, _, form = name.partition("#")
    allowed: Any = NARROWER.get(name, RULES[path])
    headers = await console.signed_in(role) if role else {}
    before = await console.parts.staff.members.list()
    response = await _send(console, FORMS[name], form, headers)
    if not RULES[path] or role in allowed:
        assert not _is_refused(response)
        assert response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
        return
    assert response.status_code == (HTTPStatus.FORBIDDEN if role else HTTPStatus.UNAUTHORIZED)
    assert not console.services.asked
    assert await console.parts.staff.members.list() == before


@pytest.mark.parametrize("name", RULED_FORMS)
@pytest.mark.parametrize(
    "origin",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://gateway.test:8443"},
        {"Sec-Fetch-Site": "", "Origin": "null"},
        {"Sec-Fetch-Site": ""},
    ],
)
async def test_no_form_is_taken_from_another_origin(console: Shop, name: str, origin: dict[str, str]) -> None:
    path, _, form = name.partition("#")
    role = next((role for role in StaffRole if role in RULES[path]), StaffRole.ADMIN)
    headers = {**await console.signed_in(role), **origin}
    response = await _send(console, FORMS[name], form, headers)
    assert (response.status_code, response.json()["reason"]) == (403, "CROSS_SITE_REQUEST")
    assert not console.services.asked


async def test_no_form_takes_a_field_that_it_does_not_name(console: Shop) -> None:
    headers = {**await console.signed_in(*StaffRole), "Sec-Fetch-Site": "same-origin"}
    before = await console.parts.staff.members.list()
    for name, page in FORMS.items():
        sent = {"_form": name.partition("#")[2], "owner_of_all": "me"}
        response = await console.client.post(_address(page), data=sent, headers=headers)
        if page.roles:  # a page whose thing the fakes do not have is not found when it is to be shown again
            assert response.status_code in {HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.NOT_FOUND}, name
        assert "set-cookie" not in response.headers, name
    assert not {name for name, _ in console.services.asked if not name.startswith(_READS)}
    assert await console.parts.staff.members.list() == before


async def test_a_link_does_nothing(console: Shop) -> None:
    """A page of another site may lead anybody here: what GET and HEAD ask of services reads alone."""
    headers = {**await console.signed_in(*StaffRole), "Sec-Fetch-Site": "cross-site"}
    before = await console.parts.staff.members.list()
    for name, page in FORMS.items():
        sent = {"_form": name.partition("#")[2], "_submit": "s" * 20, "confirm": "erase", "granted": "yes", "name": "x"}
        for method in ("GET", "HEAD"):
            response = await console.client.request(method, _address(page), params=sent, headers=headers)
            assert response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR, name
    assert not {name for name, _ in console.services.asked if not name.startswith(_READS)}
    assert await console.parts.staff.members.list() == before
    account = await console.client.get(f"{ROOT}/account", headers=headers)
    assert account.status_code == HTTPStatus.OK, "nobody was signed out"


@pytest.mark.parametrize("role", [StaffRole.ADMIN, None])
async def test_no_page_leads_out_of_the_console(console: Shop, role: StaffRole | None) -> None:
    headers = await console.signed_in(role) if role else {}
    for wanted in ("https://evil.example/", "//evil.example", "/\\evil.example", "/console\\@evil.example", "/shop"):
        for path in [_address(PAGES[path]) for path in RULED] + [f"{ROOT}/{wanted}", f"{ROOT}{wanted}"]:
            params = dict.fromkeys(("next", "back", "url", "redirect", "return_to"), wanted)
            response = await console.client.get(path, params=params, headers=headers)
            location = response.headers.get("location", ROOT)
            assert location == ROOT or location.startswith((f"{ROOT}/", f"{ROOT}?")), (path, wanted)
            assert not location.startswith((f"{ROOT}//", f"{ROOT}/\\")), (path, wanted)


class _Operator:
    actor = "operator"
