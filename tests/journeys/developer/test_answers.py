"""A developer who generates a client from the OpenAPI document: every answer of the real services has its form."""

import copy
import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import psutil
import pytest
from openapi_schema_validator import OAS31Validator

from gateway.openapi import FILE
from tests.journeys.callers import eventually
from tests.journeys.developer.desk_walk import walk_desks
from tests.journeys.platform import Platform

DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
VISITOR = "v-0123456789abcdefghijklmn"
PRODUCTS = (
    {
        "id": "p-1",
        "title": {"en": "Cheddar cheese", "zh": "切达奶酪"},
        "categories": [{"en": "Grocery > Cheese", "zh": "杂货 > 奶酪"}],
        "brands": ["Acme"],
        "price": {"amount": "19.90", "currency": "CNY"},
        "available_quantity": 5,
        "attributes": {"size": ["2 L"]},
    },
    {"id": "p-2", "title": "牛奶", "price": {"amount": "9.90", "currency": "CNY"}, "tags": ["own-label"]},
)
SETTLE_LIMIT_S = 180.0


def _closed_schemas() -> dict[str, Any]:
    """The document's schemas, but a field that they do not name is an error too."""
    schemas = copy.deepcopy(DOCUMENT["components"]["schemas"])
    for schema in schemas.values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return schemas


SCHEMAS = _closed_schemas()


def _content_of(content: dict[str, Any], media_type: str) -> Any:
    """Return what is documented of a media type, by its name or by a range: ``image/*``."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*")
    found = next((content[each] for each in ranges if each in content), None)
    assert found is not None, f"{media_type or 'no media type'} is not one of {sorted(content)}"
    return found


class Developer:
    """Calls the API and holds every answer against the document."""

    def __init__(self, platform: Platform) -> None:
        self.client = platform.operator()
        self.called: set[str] = set()

    def call(self, method: str, template: str, *, path: str = "", status: int = 200, **arguments: Any) -> Any:
        answer = self.client.request(method, path or template, **arguments)
        assert answer.status_code == status, f"{method} {path or template}: {answer.text}"
        self.called.add(f"{method} {template}")
        documented = DOCUMENT["paths"][template][method.lower()]["responses"][str(status)]
        media_type = answer.headers.get("content-type", "").split(";")[0]
        if not documented.get("content"):
            assert not answer.content
            return None
        schema = _content_of(documented["content"], media_type)["schema"]
        if media_type == "application/x-ndjson" or media_type.startswith("text/"):
            return answer.text
        if not media_type.endswith("json"):
            return answer.content
        body = answer.json()
        errors = list(OAS31Validator({**schema, "components": {"schemas": SCHEMAS}}).iter_errors(body))
        assert not errors, f"{method} {template}: {errors[0].json_path}: {errors[0].message}"
        return body

    def finish(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Wait for an operation."""
        end = time.monotonic() + SETTLE_LIMIT_S
        while time.monotonic() < end:
            seen = self.call("GET", "/v1/operations/{id}", path=f"/v1/operations/{operation['id']}")
            if seen["done"]:
                return dict(seen)
            time.sleep(0.1)
        pytest.fail(f"{operation['id']} does not end")

    def eventually(self, look: Any, otherwise: str) -> None:
        """Look until it holds; what is refused meanwhile, by a service that is busy, is asked again."""
        eventually(look, otherwise, limit_s=SETTLE_LIMIT_S)


# Orders and mentions are followed from door to door by journeys of their own (shopper/, pr/).
WALKED_ELSEWHERE = (
    "/v1/orders",
    "/v1/shipments",
    "/v1/returns",
    "/v1/carriers",
    "/v1/products/{id}/promise",
    "/v1/mentions",
    "/v1/sources",
    "/v1/brands",
    "/v1/alerts",
    "/v1/silences",
    "/v1/tone",
)


@pytest.fixture
def developer(empty_shop: Platform) -> Iterator[Developer]:
    caller = Developer(empty_shop)
    with caller.client:
        yield caller


def test_every_answer_of_the_real_services_has_its_documented_form(developer: Developer) -> None:
    _import_a_catalogue(developer)
    _shop(developer)
    _serve_at_the_desk(developer)
    _operate(developer)
    _tell_others(developer)
    walk_desks(developer)
    documented = {
        f"{method.upper()} {path}"
        for path, methods in DOCUMENT["paths"].items()
        if not path.startswith(WALKED_ELSEWHERE)
        for method in methods
    }
    assert {each for each in developer.called if not each.partition(" ")[2].startswith(WALKED_ELSEWHERE)} == documented


def _import_a_catalogue(developer: Developer) -> None:
    lines = "\n".join([*map(json.dumps, PRODUCTS), '{"id":"p-3"}', "no json"])
    ndjson = {"Content-Type": "application/x-ndjson"}
    started = developer.call("POST", "/v1/products:import", status=202, content=lines, headers=ndjson)
    progress = developer.finish(started)["progress"]
    assert (progress["rows"], progress["accepted"], progress["rejected"]) == (4, 2, 2)
    errors = developer.call("GET", "/v1/operations/{id}/errors", path=f"/v1/operations/{started['id']}/errors")
    assert [json.loads(line)["row"] for line in errors.splitlines()] == [3, 4]
    for noun in ("customers", "orders", "events"):
        started = developer.call(
            "POST", f"/v1/{noun}:import", status=202, content="{}\n", headers=ndjson, params={"dry_run": "true"}
        )
        assert developer.finish(started)["progress"]["rejected"] == 1


def _shop(developer: Developer) -> None:
    as_visitor = {"X-Visitor-Id": VISITOR}

    def found() -> bool:
        answer = developer.call(
            "GET", "/v1/search", params={"q": "奶酪", "facets": "brand,category,price,tag"}, headers=as_visitor
        )
        return bool(answer["results"])

    developer.eventually(found, "the imported product is not found")
    developer.call("GET", "/v1/search", params={"q": "no such thing at all"})
    developer.call("GET", "/v1/suggest", params={"q": "che", "language": "en"})
    product = developer.call("GET", "/v1/products/{id}", path="/v1/products/p-1")
    edited = developer.call(
        "PATCH", "/v1/products/{id}", path="/v1/products/p-1", json={"available_quantity": 4}, headers={"If-Match": "*"}
    )
    assert {**edited, "update_time": "", "version": 0} == {
        **product,
        "update_time": "",
        "version": 0,
        "available_quantity": 4,
    }, "an edit answers the same form as a read"
    developer.call(
        "PATCH",
        "/v1/products/{id}",
        path="/v1/products/p-1",
        status=412,
        json={"available_quantity": 3},
        headers={"If-Match": f'"v{product["version"]}"'},
    )
    events = [
        {
            "id": f"e-{number}",
            "type": kind,
            "time": datetime.now(UTC).isoformat(),
            "visitor_id": VISITOR,
            "products": [{"id": "p-1", "quantity": 2}],
        }
        for number, kind in enumerate(("detail-page-view", "add-to-cart"))
    ]
    for kind in ("stored", "duplicate"):
        assert developer.call("POST", "/v1/events", json={"events": events})[kind] == 2
    refused = developer.call("POST", "/v1/events", json={"events": [{"id": "e-9", "type": "dance"}]})
    assert refused["rejected"] == 1
    developer.call("POST", "/v1/events", status=400, json={"events": "none"})
    developer.eventually(lambda: developer.call("GET", "/v1/cart", headers=as_visitor)["lines"], "the cart stays empty")
    for placement in ("recommended-for-you", "similar-items", "recently-viewed", "popular"):
        developer.call(
            "GET",
            "/v1/recommendations/{placement}",
            path=f"/v1/recommendations/{placement}",
            params={"product_id": "p-1", "language": "en"},
            headers=as_visitor,
        )
    developer.call("POST", "/v1/shopper-tokens", status=201, json={"identifiers": ["login:u42"]})


def _serve_at_the_desk(developer: Developer) -> None:
    for number, identifiers in enumerate((["card:1000231", "login:u42"], ["login:u43"])):
        body = {
            "identifiers": [{"identifier": each, "verified": True} for each in identifiers],
            "claims": [{"field": "name", "value": f"客 {number}"}],
            "consents": {"marketing": "granted"},
            "account": "household:208",
            "source": "desk",
        }
        developer.call("POST", "/v1/customers:claims", json=body)
    developer.call("GET", "/v1/customers/{id}", path="/v1/customers/card:1000231")
    developer.call("GET", "/v1/customers/{id}", path="/v1/customers/card:404404", status=404)
    consent = {"granted": False, "source": "desk"}
    path = "/v1/customers/login:u42/consents/personalization"
    developer.call("PUT", "/v1/customers/{id}/consents/{purpose}", path=path, json=consent)
    merge = {"ids": ["card:1000231", "login:u43"], "reason": "same person"}
    merged = developer.call("POST", "/v1/customers:merge", json=merge)
    unmerge = {"identifiers": ["login:u43"], "reason": "two people after all"}
    developer.call("POST", "/v1/customers/{id}:unmerge", path=f"/v1/customers/{merged['id']}:unmerge", json=unmerge)
    for view in ("top", "rising", "empty", "weak"):
        developer.call("GET", "/v1/insights/queries", params={"view": view})


def _operate(developer: Developer) -> None:
    developer.call("GET", "/healthz")
    developer.call("GET", "/readyz")
    system = developer.call("GET", "/v1/system")
    assert system["ready"] is True
    key = developer.call("POST", "/v1/keys", status=201, json={"name": "k", "kind": "secret", "scope": "staff"})
    developer.call("GET", "/v1/keys")
    developer.call("DELETE", "/v1/keys/{id}", path=f"/v1/keys/{key['id']}", status=204)
    reader = next(each for each in system["services"] if each["service"] == "recommendation")["readers"][0]
    rebuilt = developer.call(
        "POST",
        "/v1/system/{service}/projections/{projection}:rebuild",
        path=f"/v1/system/recommendation/projections/{reader['projection']}:rebuild",
        status=202,
        json={},
    )
    developer.finish(rebuilt)
    letters = developer.call("GET", "/v1/system/{service}/dead-letters", path="/v1/system/recommendation/dead-letters")
    assert letters["dead_letters"] == []
    redriven = developer.call(
        "POST",
        "/v1/system/{service}/projections/{projection}/dead-letters:redrive",
        path=f"/v1/system/recommendation/projections/{reader['projection']}/dead-letters:redrive",
        status=202,
        json={},
    )
    developer.finish(redriven)
    trained = developer.call("POST", "/v1/models:train", status=202, json={"engine": "local", "dry_run": True})
    developer.finish(trained)
    models = developer.call("GET", "/v1/models")["models"]
    version = models[0]["version"] if models else "m-none"
    answer = {"status": 200} if models else {"status": 404}
    developer.call(
        "POST",
        "/v1/models/{version}:promote",
        path=f"/v1/models/{version}:promote",
        json={"reason": "by hand"},
        **answer,
    )
    scored = developer.call("POST", "/v1/models:score", status=202, json={"engine": "local"})
    developer.finish(scored)
    developer.call("GET", "/v1/operations/{id}/result", path=f"/v1/operations/{scored['id']}/result")


def _tell_others(developer: Developer) -> None:
    targets, target = "/v1/webhooks/{service}/targets", "/v1/webhooks/{service}/targets/{target}"
    at_orders = "/v1/webhooks/orders/targets"
    nobody_is_there = {"url": "https://93.184.216.34/hooks", "event_types": ["order.placed"]}
    made = developer.call("POST", targets, path=at_orders, status=201, json=nobody_is_there)
    one = f"{at_orders}/{made['id']}"
    developer.call("POST", target + ":test", path=f"{one}:test", status=202, json={})
    developer.call("POST", target + ":rotate-secret", path=f"{one}:rotate-secret", json={})
    developer.call("PATCH", target, path=one, json={"owner": "ERP"})
    developer.call("GET", target, path=one)
    developer.call("GET", targets, path=at_orders)
    deliveries = developer.call("GET", target + "/deliveries", path=f"{one}/deliveries", params={"body": "true"})
    assert deliveries["deliveries"][0]["body"]["type"] == "webhook.test"
    developer.call("POST", target + "/deliveries:replay", path=f"{one}/deliveries:replay", json={})
    developer.call("DELETE", target, path=one, status=204)
    developer.call("GET", target, path=one, status=404)


def test_while_search_hangs_the_other_routes_answer_and_search_itself_says_so(empty_shop: Platform) -> None:
    run = empty_shop.run_file()
    assert run is not None
    search = psutil.Process(run.pids["search"])
    with empty_shop.operator() as client:
        search.send_signal(signal.SIGSTOP)
        try:
            late = client.get("/v1/search", params={"q": "x"})
            assert late.status_code in {httpx.codes.GATEWAY_TIMEOUT, httpx.codes.SERVICE_UNAVAILABLE}, late.text
            assert late.headers["content-type"] == "application/problem+json"
            assert client.get("/v1/cart", headers={"X-Visitor-Id": VISITOR}).is_success
            assert client.get("/healthz").is_success
            missing = client.get("/readyz").json()
            assert (missing["reason"], missing["metadata"]["missing"]) == ("PARTS_MISSING", "search")
        finally:
            search.send_signal(signal.SIGCONT)
        assert client.get("/v1/search", params={"q": "x"}).is_success


def test_a_service_that_is_killed_costs_no_read_and_no_write(empty_shop: Platform) -> None:
    run = empty_shop.run_file()
    assert run is not None
    with empty_shop.operator() as client:
        for name in ("knowledge", "search"):
            psutil.Process(run.pids[name]).kill()
        event = {"id": "e-1", "type": "home-page-view", "time": "2026-11-23T10:00:00Z", "visitor_id": VISITOR}
        written = client.post("/v1/events", json={"events": [event]})
        assert written.is_success or written.status_code == httpx.codes.SERVICE_UNAVAILABLE, written.text
        if not written.is_success:
            assert int(written.headers["retry-after"]) >= 1

        def answered() -> bool:
            again = client.post("/v1/events", json={"events": [event]})
            return again.is_success and again.json()["stored"] + again.json()["duplicate"] == 1

        end = time.monotonic() + SETTLE_LIMIT_S
        while not answered():
            assert time.monotonic() < end, "knowledge did not come back"
