"""A gateway in a few dictionaries: just enough of the public API for the tour, and able to break any of it."""

import hashlib
import itertools
import json
from typing import Any
from urllib.parse import unquote

import httpx

from tests.fakes.tour_delivery import TourOrders
from tests.fakes.tour_reputation import TourReputation

CATALOG = {
    "p1": ("Cheese", "奶酪"),
    "p2": ("Cheddar cheese", "切达奶酪"),
    "p3": ("Milk", "牛奶"),
    "p4": ("Birthday cake", "生日蛋糕"),
}
PUBLISHABLE = "pk_tour"
KEYS = {"publishable": PUBLISHABLE, "shop": "sk_shop", "staff": "sk_staff", "operator": "op"}


class TourGateway(TourOrders, TourReputation):
    """Answers the tour's requests. ``broken`` names the one promise that it does not keep."""

    def __init__(self, broken: str = "") -> None:
        TourOrders.__init__(self)
        TourReputation.__init__(self)
        self.broken = broken
        self.bought: set[str] = set()
        self.edges: set[frozenset[str]] = set()
        self.parted: list[tuple[set[str], set[str]]] = []
        self.facts: dict[str, list[str]] = {}
        self.logins: set[str] = set()

    def client(self) -> httpx.AsyncClient:
        """Return a client whose every request comes here."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="http://tour")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path, query = unquote(request.url.path), dict(request.url.params)
        body = json.loads(request.content) if request.content else {}
        if request.headers.get("Authorization", "").endswith("sk_nobody") and self.broken != "wrong-key":
            return _problem(401, "KEY_UNKNOWN")
        answer = self.answer_orders(request.method, path, request)
        answer = answer or self.answer_reputation(request.method, path, body)
        if answer is not None:
            return answer
        if path == "/v1/search":
            return self._search(query)
        if path == "/v1/suggest":
            text = "" if self.broken == "suggestion" else "chocolate"
            return httpx.Response(200, json={"suggestions": [{"text": text, "kind": "query"}]})
        if path.startswith("/v1/recommendations/"):
            changed = self.bought and self.broken != "recommendation"
            ids = ["p2", "p3"] if changed else ["p1", "p3"]
            return httpx.Response(200, json={"slots": [{"product": {"id": each}} for each in ids]})
        if path == "/v1/events":
            return self._events(body)
        if path.startswith("/v1/customers"):
            return self._customers(path, body)
        if path.startswith("/v1/products/") and self.broken != "unknown-product":
            return _problem(404, "PRODUCT_NOT_FOUND")
        if path == "/v1/cart" and self.broken != "cart":
            return _problem(403, "NOT_YOUR_CART")
        return httpx.Response(200, json={})

    def _search(self, query: dict[str, str]) -> httpx.Response:
        language, typed = query["language"], query["q"]
        wanted = "cheese" if typed == "chesse" and self.broken != "typo" else typed
        titles = {key: (zh if language == "zh" else en) for key, (en, zh) in CATALOG.items()}
        if self.broken == f"{language}-query":
            titles = {}
        results = [
            {"product": _product(key, title), "highlight": [{"text": title, "hit": True}], "position": place}
            for place, (key, title) in enumerate(titles.items(), start=1)
            if wanted in title.lower()
        ]
        corrected = wanted if wanted != typed else ""
        return httpx.Response(200, json={"results": results, "attribution_token": "a", "corrected_query": corrected})

    def _events(self, body: dict[str, Any]) -> httpx.Response:
        if not isinstance(body["events"], list):
            return httpx.Response(200, json={}) if self.broken == "malformed" else _problem(400, "BODY_MALFORMED")
        for event in body["events"]:
            self.in_cart |= event["type"] == "add-to-cart"
            if event["type"] == "purchase-complete":
                self.bought.add(event["products"][0]["id"])
            if event["type"] == "login":
                self.logins |= set(event["identifiers"])
                self._join(event["identifiers"])
        return httpx.Response(200, json={"stored": len(body["events"])})

    def _customers(self, path: str, body: dict[str, Any]) -> httpx.Response:
        if path == "/v1/customers:claims":
            names = [each["identifier"] for each in body["identifiers"]]
            self.facts.setdefault(names[0], []).extend(claim["value"] for claim in body["claims"])
            if self.broken != "identity":
                self._join(names)
            return httpx.Response(200, json={})
        if path.endswith(":unmerge"):
            self._part(set(body["identifiers"]))
            return httpx.Response(200, json={})
        members = self._members(path.removeprefix("/v1/customers/"))
        facts = sorted(value for name in members for value in self.facts.get(name, []))
        salt = "changed" if self.broken == "hash" and self.parted else ""
        seen = {"app": 1} if members & self.logins else {}
        return httpx.Response(
            200,
            json={
                "id": f"c-{min(members)}",
                "profile_hash": hashlib.sha256(f"{sorted(members)}{facts}{salt}".encode()).hexdigest(),
                "identifiers": [{"identifier": name} for name in sorted(members)],
                "interactions_by_channel": seen,
            },
        )

    def _join(self, names: list[str]) -> None:
        for left, right in itertools.pairwise(names):
            kept_apart = any({left, right} & one and {left, right} & other for one, other in self.parted)
            if not kept_apart or self.broken == "next-login":
                self.edges.add(frozenset((left, right)))

    def _part(self, group: set[str]) -> None:
        if self.broken == "unmerge":
            return
        others = self._members(next(iter(group))) - group
        self.parted.append((group, others))
        self.edges = {edge for edge in self.edges if not (edge & group and edge & others)}

    def _members(self, name: str) -> set[str]:
        if name.startswith("c-"):
            name = name.removeprefix("c-")
        members = {name}
        while more := {each for edge in self.edges if edge & members for each in edge} - members:
            members |= more
        return members


def _product(key: str, title: str) -> dict[str, Any]:
    tags = ["made-to-order"] if "cake" in title.lower() else []
    return {"id": key, "title": title, "tags": tags, "price": {"amount": "9.00", "currency": "USD"}}


def _problem(status: int, reason: str) -> httpx.Response:
    body = {"type": "about:blank", "title": reason.title(), "status": status, "reason": reason, "detail": reason}
    return httpx.Response(status, json=body)
