"""Anything may stand in a text: no route answers it with a 5xx, and every refusal is a problem that says why."""

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from gateway.openapi import FILE
from tests.journeys.callers import Caller, Shop, an_event, eventually, fresh, fresh_visitor, problem_of

DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
NASTY = (
    "",
    " ",
    "\t\r\n",
    "\x00",
    "a\x00b",
    "\x1b[31m\x07\x7f\x85",
    "\ufeff\u200b\u200d\u2028\u2029",
    "\u202eesrever",
    "牛奶🥛👨‍👩‍👧‍👦",
    "ＦＵＬＬ　ｗｉｄｔｈ１２３",
    "e\u0301\u0301\u0301\u0301",
    "\U0010ffff\ufffe",
    "ﷺ" * 8,
    "İıſK",
    "'; DROP TABLE products; --",
    '" OR 1=1 /*',
    '{"$gt": ""}',
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%00%ff%zz",
    "a AND (b OR NOT c) title:x^9 y~2 [a TO z] {* TO *} z* ?",
    '+-&&||!(){}[]^"~*?:\\/',
    "\\",
    "a,b\\,c;d|e",
    "-1",
    "1e309",
    "NaN",
    "9" * 40,
    "true",
    "null",
    "[]",
    "x" * 129,
    "字" * 3_000,
    "card:",
    "card:\x00",
    "login:" + "😀" * 40,
    "phone:+8613900000000000000000",
    "email:a@b",
    "visitor:v-",
    "c-" + "0" * 300,
)


def _has_no_end(operation: dict[str, Any]) -> bool:
    """Tell whether the answer is a stream of events, for which no caller waits to the end."""
    return "text/event-stream" in operation["responses"]["200"].get("content", {})


GET_ROUTES = [
    (path, operation["parameters"])
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if method == "get" and operation.get("parameters") and not _has_no_end(operation)
]
LINE_TEMPLATES: dict[str, dict[str, Any]] = {
    "products": {
        "id": "p-nasty",
        "title": {"zh": "灯", "en": "Lamp"},
        "description": {"en": "x"},
        "categories": [{"en": "A > B", "zh": "甲 > 乙"}],
        "brands": ["B"],
        "price": {"amount": "1.00", "currency": "USD"},
        "availability": "in-stock",
        "attributes": {"size": ["2 L"]},
        "tags": ["t"],
        "uri": "https://shop.example/x",
        "images": ["https://shop.example/x.png"],
        "shop": "main",
    },
    "customers": {"card": "J1", "login": "j1", "phone": "", "email": "", "name": "X", "household": "H1", "source": "x"},
    "orders": {
        "order_number": "n-1",
        "line": "1",
        "occurred_time": "2026-01-01T00:00:00Z",
        "card": "J1",
        "product_id": "p1",
        "quantity": "1",
        "unit_price": "1.00",
        "currency": "USD",
    },
    "events": {"id": "e-1", "type": "home-page-view", "time": "2026-01-01T00:00:00Z", "identifiers": ["login:j1"]},
}


def _body_templates() -> dict[tuple[str, str], dict[str, Any]]:
    money = {"amount": "1.00", "currency": "USD"}
    event = an_event(
        "purchase-complete",
        identifiers=["login:nasty"],
        visitor_id=fresh_visitor(),
        shop="main",
        channel="web",
        language="zh",
        products=[{"id": "p1", "quantity": 1, "price": money, "discount": money, "kind": "goods"}],
        search={"query": "x", "attribution_token": "t"},
        attribution_token="t",
        placement="similar-items",
        order={"number": "1", "total": money, "kind": "sale"},
        attributes={"name": "value"},
    )
    return {
        ("POST", "/v1/events"): {"events": [event]},
        ("POST", "/v1/shopper-tokens"): {"identifiers": ["login:nasty"]},
        ("POST", "/v1/customers:claims"): {
            "identifiers": [{"identifier": fresh("card:N"), "verified": True}],
            "claims": [{"field": "name", "value": "x"}],
            "source": "crm",
            "account": "household:1",
            "consents": {"marketing": "granted"},
            "request_id": "r",
        },
        ("POST", "/v1/customers:merge"): {"ids": ["login:na", "login:nb"], "reason": "r", "request_id": "r"},
        ("POST", "/v1/customers/login:na:unmerge"): {"identifiers": ["login:nb"], "reason": "r", "request_id": "r"},
        ("PUT", "/v1/customers/login:na/consents/marketing"): {"granted": True, "source": "s", "request_id": "r"},
        ("PATCH", "/v1/products/no-such"): {"price": money, "original_price": money, "availability": "in-stock"},
        ("POST", "/v1/models/no-such:promote"): {"reason": "r"},
        ("POST", "/v1/models:train"): {"engine": "ray"},
        ("POST", "/v1/keys"): {"name": "n", "kind": "secret", "scope": "shop", "owner": "n", "channel": "web"},
    }


BODIES = _body_templates()


@pytest.fixture
def operator(shop: Shop) -> Caller:
    return shop.operator


def _check(answer: httpx.Response, what: str) -> None:
    assert answer.status_code < 500, f"{what}: {answer.status_code} {answer.text[:500]}"
    if answer.is_error:
        problem_of(answer)
    elif answer.status_code != httpx.codes.NO_CONTENT:
        assert answer.headers["content-type"].split(";")[0].endswith("json"), what
        answer.json()


def _replacements(template: Any) -> Iterator[tuple[str, Any]]:
    """Yield (where, a copy in which one text, or one name of a free mapping, is a mark)."""
    for where, _ in list(_leaves(template)):
        changed = copy.deepcopy(template)
        holder = changed
        for step in where[:-1]:
            holder = holder[step]
        holder[where[-1]] = _MARK
        yield ".".join(map(str, where)), changed


_MARK = "\x01MARK\x01"


def _leaves(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _leaves(each, (*where, name))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _leaves(each, (*where, place))
    elif isinstance(value, str):
        yield where, value


def _marked(value: Any, text: str) -> str:
    return json.dumps(value).replace(json.dumps(_MARK)[1:-1], json.dumps(text)[1:-1])


@pytest.mark.parametrize(("path", "parameters"), GET_ROUTES, ids=[path for path, _ in GET_ROUTES])
def test_every_parameter_of_every_read_takes_any_text(
    operator: Caller, path: str, parameters: list[dict[str, Any]]
) -> None:
    sound = {"id": "no-such", "placement": "similar-items"}
    for parameter in parameters:
        for text in NASTY:
            what = f"GET {path} {parameter['name']}={text[:60]!r}"
            filled = sound | ({parameter["name"]: text} if parameter["in"] == "path" else {})
            target = path
            for name, value in filled.items():
                target = target.replace(f"{{{name}}}", quote(value, safe=""))
            query = {parameter["name"]: text} if parameter["in"] == "query" else {}
            if parameter["in"] == "header":
                if any(ord(char) < 32 or ord(char) == 127 for char in text) or text != text.strip():
                    continue  # no client sends them
                answer = operator.client.get(target, headers=[(parameter["name"].encode(), text.encode())])
            else:
                answer = operator.send("GET", target, params=query)
            _check(answer, what)


@pytest.mark.parametrize(("method", "path"), BODIES, ids=[f"{method} {path}" for method, path in BODIES])
def test_every_text_of_every_body_takes_any_text(operator: Caller, method: str, path: str) -> None:
    for where, body in _replacements(BODIES[method, path]):
        for text in NASTY:
            answer = operator.send(
                method, path, content=_marked(body, text), headers={"Content-Type": "application/json"}
            )
            _check(answer, f"{method} {path} {where}={text[:60]!r}")
            if path == "/v1/keys" and answer.is_success:
                operator.send("DELETE", f"/v1/keys/{answer.json()['id']}")


@pytest.mark.parametrize("path", ["/v1/keys/{}", "/v1/customers/{}:unmerge", "/v1/models/{}:promote"])
def test_every_name_in_a_path_that_writes_takes_any_text(operator: Caller, path: str) -> None:
    body = {"identifiers": ["login:x"], "reason": "r"} if "unmerge" in path else {"reason": "r"}
    for text in NASTY:
        if "keys" in path:
            answer = operator.send("DELETE", path.format(quote(text, safe="")))
        else:
            answer = operator.send("POST", path.format(quote(text, safe="")), json=body)
        assert answer.is_error, text
        _check(answer, f"{path} {text[:60]!r}")
    for text in NASTY:
        name = quote(text, safe="")
        _check(operator.send("PATCH", f"/v1/products/{name}", json={"available_quantity": 1}), text)
        consent = {"granted": True, "source": "s"}
        _check(operator.send("PUT", f"/v1/customers/login:nc/consents/{name}", json=consent), text)
        _check(operator.send("PUT", f"/v1/customers/{name}/consents/marketing", json=consent), text)
        _check(operator.send("POST", f"/v1/system/{name}/projections/{name}:rebuild", json={}), text)


@pytest.mark.parametrize("resource", LINE_TEMPLATES)
def test_every_text_of_every_row_takes_any_text_and_every_row_is_accounted_for(operator: Caller, resource: str) -> None:
    lines = [
        _marked(row, text) for where, row in _replacements(LINE_TEMPLATES[resource]) for text in NASTY if where != "id"
    ]
    lines += [_marked(LINE_TEMPLATES[resource] | {name: _MARK}, "x") for name in LINE_TEMPLATES[resource]]
    lines += ["null", "[]", '"text"', "5", "{", "no json", '{"id": }', "{" * 5_000, '{"id": "\\ud800"}', "\x00"]
    answer = operator.send(
        "POST",
        f"/v1/{resource}:import",
        content="\n".join(lines).encode() + b"\n\xff\xfe\n",
        headers={"Content-Type": "application/x-ndjson"},
        params={"dry_run": "true"},
    )
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    progress = operator.finished(answer.json()["id"])["progress"]
    assert progress["rows"] == len(lines) + 1
    assert progress["accepted"] + progress["duplicate"] + progress["rejected"] == progress["rows"]
    assert sum(progress["rejected_by_reason"].values()) == progress["rejected"] > 0
    refused = operator.send("GET", f"/v1/operations/{answer.json()['id']}/errors").content.rstrip(b"\n").split(b"\n")
    assert len(refused) == progress["rejected"], "every refused row is told"
    assert all(json.loads(line)["reason"] for line in refused)


def test_what_any_text_left_behind_stops_no_reader_and_no_import_leaves_one_out(shop: Shop, operator: Caller) -> None:
    """Not a dry run: whatever of it was accepted goes through every log, index, copy and model's input."""
    mark = fresh("n")
    for resource, template in LINE_TEMPLATES.items():
        own = {name: f"{mark}-{value}" for name, value in template.items() if name in {"id", "order_number"}}
        rows = [json.loads(_marked(row, text)) for _, row in _replacements(template | own) for text in NASTY]
        for number, row in enumerate(rows):
            if isinstance(row.get("id"), str) and row["id"].startswith(mark):
                row["id"] = f"{mark}-{number}"
        progress = operator.bring(resource, rows, shop=mark)
        assert progress["accepted"] > 0, progress
        assert progress["accepted"] + progress["duplicate"] + progress["rejected"] == len(rows)

    def settled() -> bool:
        system = operator.get("/v1/system")
        return all(reader["lag_events"] == 0 for service in system["services"] for reader in service["readers"])

    eventually(settled, "a reader is stuck", limit_s=30)
    for service in operator.get("/v1/system")["services"]:
        assert [reader for reader in service["readers"] if reader["dead_letters"]] == []
        assert [job for job in service["jobs"] if job["last_error"]] == []
    browser = shop.browser()
    for text in NASTY:
        query = text[:256]
        for each in browser.get("/v1/search", q=query, language="zh")["results"]:
            assert "".join(part["text"] for part in each["highlight"]) == each["product"]["title"]
    for page in operator.pages("", filter=f"shop:{mark}", page_size=100):
        for each in page["results"]:
            name = quote(each["product"]["id"], safe="")
            assert operator.get(f"/v1/products/{name}")["id"] == each["product"]["id"]
            operator.slots("similar-items", product_id=each["product"]["id"])


def test_headers_that_are_no_text_are_refused_or_ignored(shop: Shop) -> None:
    for name in ("X-Visitor-Id", "X-Api-Key", "Authorization", "Accept-Language", "If-None-Match", "X-Request-Id"):
        for value in (b"\xff\xfe", "令牌".encode(), b"x" * 4_000, b"Bearer \xff", b"Bearer", b'W/"v1"'):
            headers = [(b"X-Api-Key", shop.keys["publishable"].encode()), (name.encode(), value)]
            _check(shop.client.get("/v1/search", headers=headers), f"{name}: {value[:20]!r}")
