"""Keys: wrong, misplaced, revoked, out of scope, changed without a gap; and how a refusal says so."""

import json
from typing import Any

import httpx
import pytest

from tests.journeys.callers import Caller, Shop, an_event, fresh, fresh_visitor
from tests.journeys.platform import Platform

SEARCH = "/v1/search"


def _with(shop: Shop, headers: dict[str, str]) -> Caller:
    return Caller(shop.client, headers)


def _bearer(shop: Shop, key: str) -> Caller:
    return _with(shop, {"Authorization": f"Bearer {key}"})


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "CREDENTIALS_MISSING"),
        ({"X-Api-Key": "pk_nobody"}, "KEY_UNKNOWN"),
        ({"Authorization": "Bearer sk_nobody_xxxxxxxx"}, "KEY_UNKNOWN"),
        ({"Authorization": "Bearer zo_nobody"}, "TOKEN_INVALID"),
        ({"Authorization": "Bearer a.b.c"}, "TOKEN_INVALID"),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, "CREDENTIALS_MISSING"),
        ({"X-Api-Key": "sk_nobody_xxxxxxxx"}, "KEY_MISPLACED"),
        ({"Authorization": "Bearer pk_nobody"}, "KEY_MISPLACED"),
    ],
    ids=str,
)
def test_credentials_that_are_none_are_a_401_with_their_reason(
    shop: Shop, headers: dict[str, str], reason: str
) -> None:
    problem = _with(shop, headers).refused("GET", SEARCH)
    assert (problem["status"], problem["reason"]) == (401, reason)


def test_a_right_key_in_the_wrong_place_is_told_where_it_belongs(shop: Shop) -> None:
    publishable, secret = shop.keys["publishable"], shop.keys["shop"]
    assert _bearer(shop, publishable).refused("GET", SEARCH)["reason"] == "KEY_MISPLACED"
    misplaced = _with(shop, {"X-Api-Key": secret, "X-Visitor-Id": fresh_visitor()})
    problem = misplaced.refused("GET", SEARCH)
    assert problem["reason"] == "KEY_MISPLACED"
    assert secret not in json.dumps(problem)


def test_a_key_is_shown_once_and_never_again(shop: Shop) -> None:
    name = fresh("once-")
    made = shop.operator.post("/v1/keys", {"name": name, "kind": "secret", "scope": "shop"})
    assert made["key"].startswith("sk_")
    listed = [each for each in shop.operator.get("/v1/keys")["keys"] if each["name"] == name]
    assert len(listed) == 1
    assert "key" not in listed[0]
    assert made["key"].rpartition("_")[2] not in json.dumps(shop.operator.get("/v1/keys"))
    _revoke(shop, made["id"])


def test_a_revoked_key_and_the_tokens_that_it_made_end_at_once(shop: Shop) -> None:
    made = shop.operator.post("/v1/keys", {"name": fresh("gone-"), "kind": "secret", "scope": "shop"})
    backend = _bearer(shop, made["key"])
    token = backend.post("/v1/shopper-tokens", {"identifiers": ["login:u42"]})["token"]
    app = _bearer(shop, token)
    assert app.send("GET", SEARCH).is_success
    _revoke(shop, made["id"])
    for caller in (backend, app):
        problem = caller.refused("GET", SEARCH)
        assert (problem["status"], problem["reason"]) == (401, "KEY_REVOKED")
    assert shop.operator.refused("DELETE", "/v1/keys/nobody.1")["status"] == 404


def test_a_key_is_changed_without_a_gap_and_without_doubling_what_it_wrote(shop: Shop) -> None:
    name = fresh("turn-")
    form = {"name": name, "kind": "secret", "scope": "shop"}
    first = shop.operator.post("/v1/keys", form)
    event = an_event("home-page-view", identifiers=[fresh("login:j")])
    _bearer(shop, first["key"]).tell(event)
    second = shop.operator.post("/v1/keys", form)
    for key in (first, second):
        assert _bearer(shop, key["key"]).verdicts(event)["duplicate"] == 1, "a key's writes are its owner's"
    third = shop.operator.refused("POST", "/v1/keys", json=form)
    assert (third["status"], third["reason"]) == (409, "KEY_LIMIT")
    other = shop.operator.refused("POST", "/v1/keys", json=form | {"scope": "staff"})
    assert other["status"] == 409
    _revoke(shop, first["id"])
    assert _bearer(shop, second["key"]).verdicts(event)["duplicate"] == 1
    _revoke(shop, second["id"])


def test_the_same_event_id_of_two_owners_is_two_events(shop: Shop) -> None:
    event = an_event("home-page-view", identifiers=[fresh("login:j")])
    shop.backend().tell(event)
    shop.backend("load").tell(event)
    shop.operator.tell(event)


def test_the_same_event_id_from_two_shops_is_two_events(shop: Shop) -> None:
    event = an_event("home-page-view", identifiers=[fresh("login:j")])
    shop.backend().tell(event | {"shop": "north"})
    shop.backend().tell(event | {"shop": "south"})
    assert shop.backend().verdicts(event | {"shop": "north"})["duplicate"] == 1


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("shop", "GET", "/v1/customers/login:x"),
        ("shop", "GET", "/v1/insights/queries"),
        ("shop", "POST", "/v1/customers:merge"),
        ("shop", "GET", "/v1/keys"),
        ("shop", "POST", "/v1/models:train"),
        ("load", "GET", "/v1/customers/login:x"),
        ("load", "GET", "/v1/keys"),
        ("staff", "POST", "/v1/events"),
        ("staff", "PATCH", "/v1/products/p1"),
        ("staff", "POST", "/v1/products:import"),
        ("staff", "POST", "/v1/shopper-tokens"),
        ("staff", "POST", "/v1/keys"),
        ("staff", "POST", "/v1/system/search/projections/product-index:rebuild"),
    ],
)
def test_a_key_out_of_its_scope_is_a_403(shop: Shop, scope: str, method: str, path: str) -> None:
    problem = shop.backend(scope).refused(method, path)
    assert (problem["status"], problem["reason"]) == (403, "SCOPE_MISSING")


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"name": "Upper", "kind": "secret", "scope": "shop"},
        {"name": "ok", "kind": "secret"},
        {"name": "ok", "kind": "publishable", "scope": "shop"},
        {"name": "ok", "kind": "golden"},
        {"name": "ok", "kind": "secret", "scope": "operator"},
        {"name": "o" * 41, "kind": "publishable"},
        {"name": "ok", "kind": "publishable", "colour": "red"},
    ],
    ids=str,
)
def test_a_key_that_makes_no_sense_is_not_made(shop: Shop, form: dict[str, Any]) -> None:
    problem = shop.operator.refused("POST", "/v1/keys", json=form)
    assert problem["status"] == 400
    assert problem["errors"]


def test_the_command_makes_lists_and_revokes_keys(shop: Shop, demo_shop: Platform) -> None:
    name = fresh("cmd-")
    made = demo_shop.zhike("keys", "create", name, "--kind", "secret", "--scope", "shop")
    assert made.returncode == 0, made.stderr
    key = next(word for word in made.stdout.split() if word.startswith("sk_"))
    assert _bearer(shop, key).send("GET", SEARCH).is_success
    assert demo_shop.zhike("keys", "create", "Not A Name").returncode != 0
    assert demo_shop.zhike("keys", "revoke", f"{name}.1").returncode == 0
    assert _bearer(shop, key).refused("GET", SEARCH)["reason"] == "KEY_REVOKED"
    again = demo_shop.zhike("keys", "revoke", "nobody.7")
    assert again.returncode not in {0, 1}
    assert "Traceback" not in again.stderr
    listed = demo_shop.zhike("keys", "list")
    assert name in listed.stdout
    assert key not in listed.stdout


def _revoke(shop: Shop, key_id: str) -> None:
    assert shop.operator.send("DELETE", f"/v1/keys/{key_id}").status_code == httpx.codes.NO_CONTENT
