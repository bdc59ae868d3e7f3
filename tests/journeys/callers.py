"""Who calls the platform in a journey, and how long a journey waits for what copies learn a moment later."""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

SETTLE_LIMIT_S = 30.0  # how soon it is, benchmarks measure: a machine that runs tests may be doing anything
PAUSE_S = 0.05
OPERATION_LIMIT_S = 120.0

Seen = TypeVar("Seen")


def eventually(look: Callable[[], Seen], otherwise: str, *, limit_s: float = SETTLE_LIMIT_S) -> Seen | None:
    """Look until what is seen is true and return it; fail with ``otherwise`` after ``limit_s``.

    A refusal while looking (a customer who is not known yet) is "not yet", until the time is up.
    """
    end = time.monotonic() + limit_s
    while True:
        refusal: AssertionError | None = None
        seen: Seen | None = None
        try:
            seen = look()
        except AssertionError as error:
            refusal = error
        if seen:
            return seen
        assert time.monotonic() < end, f"{otherwise} within {limit_s:.0f} s: {refusal or seen!r}"
        time.sleep(PAUSE_S)


def fresh(prefix: str = "") -> str:
    """Return a name that nobody used before: journeys share one deployment."""
    return f"{prefix}{secrets.token_hex(5)}"


def fresh_phone() -> str:
    """Return a mobile number that is no placeholder and that no other journey has."""
    return f"phone:+86139{1 + secrets.randbelow(9)}{secrets.randbelow(10**7):07d}"


def fresh_visitor() -> str:
    """Return a new browser's visitor id."""
    return f"v-{secrets.token_urlsafe(24)}"


def an_event(kind: str, *products: str, **fields: Any) -> dict[str, Any]:
    """Return an event that happened just now."""
    event: dict[str, Any] = {"id": fresh("e-"), "type": kind, "time": datetime.now(UTC).isoformat()}
    if products:
        event["products"] = [{"id": product} for product in products]
    return event | fields


def hours_ago(hours: float) -> str:
    """Return a time in the past as it is written in events."""
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the problem that a refusal must be; fails for anything else."""
    assert answer.is_error, f"{answer.request.method} {answer.request.url} was not refused: {answer.text[:300]}"
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:300]
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    for name in ("type", "title", "detail", "reason", "domain", "request_id"):
        assert problem[name], f"the problem has no {name}: {problem}"
    return problem


@dataclass
class Caller:
    """One principal. ``credentials`` are its headers."""

    client: httpx.Client
    credentials: Mapping[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **rest: Any) -> httpx.Response:
        """Send one request and return what came back, whatever it is."""
        return self.client.request(method, path, headers={**self.credentials, **(headers or {})}, **rest)

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of a GET that must succeed."""
        return self._good(self.send("GET", path, params=query))

    def post(self, path: str, body: Any, **rest: Any) -> Any:
        """Return the JSON of a POST that must succeed."""
        return self._good(self.send("POST", path, json=body, **rest))

    def put(self, path: str, body: Any) -> Any:
        """Return the JSON of a PUT that must succeed."""
        return self._good(self.send("PUT", path, json=body))

    def patch(self, product: str, **change: Any) -> Any:
        """Change a product."""
        return self._good(self.send("PATCH", f"/v1/products/{product}", json=change))

    def refused(self, method: str, path: str, **rest: Any) -> dict[str, Any]:
        """Return the problem of a request that must be refused."""
        return problem_of(self.send(method, path, **rest))

    def search(self, query: str, language: str = "en", **rest: Any) -> Any:
        """Search."""
        return self.get("/v1/search", q=query, language=language, **rest)

    def found(self, query: str, language: str = "en", **rest: Any) -> list[str]:
        """Return the ids of the products on the page that a search answers."""
        return [each["product"]["id"] for each in self.search(query, language, **rest)["results"]]

    def pages(self, query: str, language: str = "en", **rest: Any) -> Iterator[Any]:
        """Yield every page of a search."""
        token = ""
        while True:
            page = self.search(query, language, page_token=token, **rest)
            yield page
            token = page["next_page_token"]
            if not token:
                return

    def slots(self, placement: str, **query: Any) -> list[str]:
        """Return the ids of the products in a placement."""
        return [each["product"]["id"] for each in self.recommendation(placement, **query)["slots"]]

    def recommendation(self, placement: str, **query: Any) -> Any:
        """Return a filled placement."""
        return self.get(f"/v1/recommendations/{placement}", **{"page_size": 12, "language": "en"} | query)

    def cart(self, **query: Any) -> dict[str, int]:
        """Return product id to quantity."""
        return {line["product"]["id"]: line["quantity"] for line in self.get("/v1/cart", **query)["lines"]}

    def tell(self, *events: Any) -> Any:
        """Write events; every one of them must be stored."""
        answer = self.verdicts(*events)
        assert answer["stored"] == len(events), answer
        return answer

    def verdicts(self, *events: Any) -> Any:
        """Write events and return what became of each."""
        return self.post("/v1/events", {"events": list(events)})

    def claim(self, *identifiers: str, unverified: Iterable[str] = (), **rest: Any) -> Any:
        """State that the identifiers name one person; ``unverified`` are claimed only."""
        named = [{"identifier": each, "verified": True} for each in identifiers]
        named += [{"identifier": each, "verified": False} for each in unverified]
        return self.post("/v1/customers:claims", {"identifiers": named, "source": "journey", **rest})

    def customer(self, name: str) -> Any:
        """Return a customer's record."""
        return self.get(f"/v1/customers/{name}")

    def consent(self, name: str, *, granted: bool) -> Any:
        """Say yes or no to personal answers."""
        body = {"granted": granted, "source": "journey"}
        return self.put(f"/v1/customers/{name}/consents/personalization", body)

    def bring(self, resource: str, rows: Iterable[Any], **query: Any) -> Any:
        """Import rows and return the finished progress."""
        started = self.send(
            "POST",
            f"/v1/{resource}:import",
            content="".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(),
            headers={"Content-Type": "application/x-ndjson"},
            params=query,
        )
        assert started.status_code == httpx.codes.ACCEPTED, started.text
        return self.finished(started.json()["id"])["progress"]

    def finished(self, operation: str, *, limit_s: float = OPERATION_LIMIT_S) -> Any:
        """Return an operation that has ended, and ended well."""

        def ended() -> Any:
            seen = self.get(f"/v1/operations/{operation}")
            return seen if seen["done"] else None

        done = eventually(ended, f"{operation} has not ended", limit_s=limit_s)
        assert not done.get("error"), done
        return done

    def _good(self, answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        return answer.json()


@dataclass(frozen=True)
class Shop:
    """One caller of each kind on one deployment."""

    url: str
    keys: Mapping[str, str]
    client: httpx.Client
    operator: Caller

    def browser(self, visitor: str = "") -> Caller:
        """Return a browser that nobody signed in to."""
        headers = {"X-Api-Key": self.keys["publishable"], "X-Visitor-Id": visitor or fresh_visitor()}
        return Caller(self.client, headers)

    def backend(self, key: str = "shop") -> Caller:
        """Return the holder of a secret key: shop, staff or load."""
        return Caller(self.client, {"Authorization": f"Bearer {self.keys[key]}"})

    @property
    def desk(self) -> Caller:
        """Return the service desk."""
        return self.backend("staff")

    def app(self, *identifiers: str) -> Caller:
        """Return the app of a shopper whom the shop's backend signed in as ``identifiers``."""
        token = self.backend().post("/v1/shopper-tokens", {"identifiers": list(identifiers)})["token"]
        return Caller(self.client, {"Authorization": f"Bearer {token}"})
