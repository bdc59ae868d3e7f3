"""The shop of the erasure benchmark: customers with canaries, what they did, and everything that is asked of it."""

import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import orjson

from tests.journeys.callers import Caller
from tests.journeys.platform import Platform

BATCH = 500
PRODUCTS = 40
SETTLE_S = 180.0
REBUILT = (
    ("knowledge", "shopping"),
    ("knowledge", "statements"),
    ("search", "search-log"),
    ("orders", "orders"),
    ("recommendation", "interactions"),
    ("recommendation", "people"),
    ("reputation", "hearing"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """A customer. Each token is nobody else's."""

    number: int
    token: str

    @property
    def card(self) -> str:
        return f"card:ER{self.number:06d}"

    @property
    def login(self) -> str:
        return f"login:user{self.token}"

    @property
    def phone(self) -> str:
        return f"phone:+86138{10_000_000 + self.number}"

    @property
    def email(self) -> str:
        return f"email:mail{self.token}@example.com"

    @property
    def visitor(self) -> str:
        return f"v-visitor{self.token}0000"

    @property
    def address(self) -> str:
        return f"addr{self.token}"

    @property
    def note(self) -> str:
        return f"note{self.token}"

    @property
    def query(self) -> str:
        return f"find{self.token}"

    @property
    def review(self) -> str:
        return f"word{self.token}"

    @property
    def canaries(self) -> tuple[str, ...]:
        """What must not be found: telephone, mail, postal address, an order's note, a search, a review, names."""
        bare = [name.partition(":")[2] for name in (self.phone, self.email, self.card, self.login)]
        return (*bare, self.visitor, self.address, self.note, self.query, self.review)


def make_people(count: int) -> list[Person]:
    """Return customers whom nobody else is."""
    return [Person(number, secrets.token_hex(8)) for number in range(1, count + 1)]


@dataclass
class Deployment:
    """A deployment with the API's callers."""

    platform: Platform
    operator: Caller
    shop: Caller
    loaded: dict[str, int] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def started(cls, data: Path) -> Iterator[Self]:
        """Start one and stop it at the end."""
        platform = Platform.at(data)
        platform.up()
        try:
            client = platform.operator()
            operator = Caller(client, dict(client.headers))
            key = operator.post(
                "/v1/keys", {"name": "bench-shop", "kind": "secret", "scope": "shop", "shop": "main", "channel": "web"}
            )
            yield cls(platform, operator, Caller(client, {"Authorization": f"Bearer {key['key']}"}))
            client.close()
        finally:
            platform.down()

    def load(self, people: Sequence[Person]) -> None:
        """Bring the catalogue, the customers, and what they did."""
        products = [
            {"id": f"p-{each}", "title": {"en": f"thing {each}"}, "price": {"amount": "9.90", "currency": "CNY"}}
            for each in range(PRODUCTS)
        ]
        self._bring("products", products)
        self._bring("customers", [_row(person) for person in people])
        for batch in _batches([event for person in people for event in _events(person)]):
            self._stored("/v1/events", {"events": batch})
        for batch in _batches([_order(person) for person in people]):
            self._stored("/v1/orders/events", {"events": batch})
        for batch in _batches([_review(person) for person in people]):
            self._stored("/v1/mentions", {"mentions": batch})
        self.settle()

    def settle(self) -> None:
        """Wait until every reader has read everything."""
        end = time.monotonic() + SETTLE_S
        while time.monotonic() < end:
            status = self.operator.get("/v1/system")
            readers = [each.get("readers") for each in status["services"]]  # None: too busy to say
            if all(each is not None and not any(one["lag_events"] for one in each) for each in readers):
                time.sleep(1.0)
                return
            time.sleep(0.5)
        raise SystemExit("the readers do not catch up")

    def expect_all(self, kept: Iterable[Person]) -> None:
        """Fail unless these customers are still known with all their names."""
        for person in kept:
            record = self.operator.get(f"/v1/customers/{person.card}")
            names = {each["identifier"] for each in record["identifiers"]}
            assert {person.card, person.login, person.phone, person.email} <= names, names
            assert record["purchases"]["orders"] == 1, record["purchases"]

    def token_of(self, person: Person) -> Caller:
        """Return the shopper as their own app."""
        answer = self.shop.post("/v1/shopper-tokens", {"identifiers": [person.card]})
        return Caller(self.shop.client, {"Authorization": f"Bearer {answer['token']}"})

    def erase_one_export(self, person: Person) -> int:
        """Export a person who is erased afterwards; return the files of the archive."""
        app = self.token_of(person)
        started = app.post("/v1/me:export", {})
        end = time.monotonic() + SETTLE_S
        while (state := app.get(f"/v1/me/exports/{started['id']}"))["state"] == "running":
            assert time.monotonic() < end, "the export does not end"
            time.sleep(0.2)
        assert state["state"] == "ready", state
        content = app.send("GET", f"/v1/me/exports/{started['id']}/archive").content
        missing = [each for each in person.canaries if each.encode() not in content]
        assert not missing, f"not in the archive: {missing}"
        return len(state["files"])

    def erase(self, person: Person) -> str:
        """Ask for a person's erasure in their own name; return the receipt's id."""
        return str(self.token_of(person).post("/v1/me:erase", {"confirm": "erase"})["id"])

    def receipt(self, receipt_id: str) -> Any:
        """Return a receipt, without any key."""
        answer = self.shop.client.get(f"/v1/erasures/{receipt_id}", headers={"Authorization": ""})
        if answer.status_code in (503, 504):  # a busy platform is asked again
            return {"state": "not told"}
        assert answer.is_success, answer.text
        return answer.json()

    def found_by_api(self, people: Sequence[Person]) -> set[str]:
        """Return the canaries that any read of the API still answers."""
        found: set[str] = set()
        for person in people:
            texts = [self._text(f"/v1/customers/{name}") for name in (person.card, person.phone, person.email)]
            texts.append(self._text("/v1/mentions", text=person.review))
            texts.append(self._text("/v1/recommendations/recently-viewed", identifier=person.card))
            insight = self.operator.send("GET", f"/v1/insights/queries/{person.query} thing").json()
            if insight.get("insight", {}).get("searches"):  # what was asked for is repeated, known or not
                found.add(person.query)
            texts.append(self._text("/v1/suggest", q=person.query[:20]))
            order = self.loaded_order(person)
            texts.append(self._text(f"/v1/orders/{order}") if order else "")
            found.update(each for each in person.canaries if any(_tells(text, each) for text in texts))
        return found

    def loaded_order(self, person: Person) -> str:
        """Return the id of a person's order."""
        answer = self.shop.send("POST", "/v1/orders/events", json={"events": [_scan(person)]}).json()
        return str(answer["verdicts"][0].get("order_id") or "")

    def send_late(self, people: Sequence[Person]) -> tuple[int, int]:
        """Send one more thing of each through one of the doors; return how many were sent and refused as erased."""
        refused = 0
        for place, person in enumerate(people):
            door = place % 5
            if door == 0:
                event = _events(person, late="late")[0]
                refused += _reason(self.shop.post("/v1/events", {"events": [event]})) == "SUBJECT_ERASED"
            elif door == 1:
                order = {**_order(person), "order": {**_order(person)["order"], "number": f"L{person.number}"}}
                refused += _reason(self.shop.post("/v1/orders/events", {"events": [order]})) == "SUBJECT_ERASED"
            elif door == 2:
                review = {**_review(person), "id": f"late-{person.number}"}
                refused += _reason(self.shop.post("/v1/mentions", {"mentions": [review]})) == "SUBJECT_ERASED"
            elif door == 3:
                claim = {"identifiers": [{"identifier": person.phone, "verified": True}], "source": "late"}
                answer = self.shop.send("POST", "/v1/customers:claims", json=claim)
                refused += answer.json().get("reason") == "SUBJECT_ERASED"
            else:
                progress = self._bring("customers", [_row(person)])
                refused += progress["rejected_by_reason"].get("SUBJECT_ERASED", 0)
        return len(people), refused

    def rebuild_equal(self, people: Sequence[Person]) -> bool:
        """Rebuild every projection that keeps people; tell whether every answer is what it was."""
        before = self._answers(people)
        for service, projection in REBUILT:
            started = self.operator.post(f"/v1/system/{service}/projections/{projection}:rebuild", {})
            self.operator.finished(started["id"], limit_s=SETTLE_S)
        self.settle()
        after = self._answers(people)
        if before != after:
            changed = [name for name in before if before[name] != after[name]]
            for name in changed[:2]:
                one, two = str(before[name]), str(after[name])
                at = next((place for place, pair in enumerate(zip(one, two, strict=False)) if len(set(pair)) > 1), 0)
                start = max(0, at - 200)
                sys.stderr.write(f"changed: {name}\n  {one[start : at + 200]}\n  {two[start : at + 200]}\n")
        return before == after

    def consent_blocked_ms(self, person: Person) -> float:
        """Grant, see something personal, withdraw, and return how long anything personal was still answered."""
        app = self.token_of(person)
        app.put("/v1/me/consents/personalization", {"granted": True})
        self._until(lambda: _is_personal(app), "nothing personal with consent")
        begun = time.monotonic()
        app.put("/v1/me/consents/personalization", {"granted": False})
        self._until(lambda: not _is_personal(app), "personal without consent")
        return (time.monotonic() - begun) * 1_000

    def _until(self, holds: Any, otherwise: str) -> None:
        end = time.monotonic() + 20.0
        while not holds():
            assert time.monotonic() < end, otherwise
            time.sleep(0.02)

    def _answers(self, people: Sequence[Person]) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        for person in people:
            for path in (f"/v1/customers/{person.card}", f"/v1/insights/queries/{person.query} thing"):
                answers[path] = self._comparable(path)
            answers[f"viewed {person.number}"] = self._comparable(
                "/v1/recommendations/recently-viewed", identifier=person.card
            )
            answers[f"said {person.number}"] = self._comparable("/v1/mentions", text=person.review)
        return answers

    def _comparable(self, path: str, **query: Any) -> Any:
        answer = self.operator.send("GET", path, params={"shop": "main", **query} if "mentions" in path else query)
        body = answer.json()
        for name in (
            "engine_us",
            "attribution_token",
            "as_of_time",
            "request_id",
            "classes",
            "promotions",
            "profile_hash",
            "took_ms",
        ):
            body.pop(name, None)
        return answer.status_code, body

    def _text(self, path: str, **query: Any) -> str:
        return self.operator.send("GET", path, params=query).text

    def _bring(self, resource: str, rows: Iterable[Any]) -> Any:
        return self.operator.bring(resource, rows)

    def _stored(self, path: str, body: Any) -> None:
        answer = self.shop.post(path, body)
        assert answer["rejected"] == 0, [each for each in answer["verdicts"] if each["status"] == "rejected"][:3]


def _is_personal(app: Caller) -> bool:
    answer = app.recommendation("recently-viewed")
    return bool(answer["slots"]) and not answer["fallback_reason"]


def _tells(text: str, canary: str) -> bool:
    """Tell whether an answer says it; a refusal that repeats what was asked for says nothing."""
    return canary in text and '"reason"' not in text and f'"query":"{canary}"' not in text.replace(" ", "")


def _reason(answer: Any) -> str:
    return str((answer["verdicts"][0].get("error") or {}).get("reason", ""))


def _row(person: Person) -> dict[str, Any]:
    bare = {name: getattr(person, name).partition(":")[2] for name in ("card", "login", "phone", "email")}
    return {
        **bare,
        "visitor": person.visitor,
        "phone_verified": "true",
        "email_verified": "true",
        "consent_personalization": "true",
        "address": f"{person.address} Canary Road",
        "source": "crm",
    }


def _events(person: Person, late: str = "") -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    product = f"p-{person.number % PRODUCTS}"
    names = [person.card, f"visitor:{person.visitor}"]
    return [
        {
            "id": f"s{late}-{person.number}",
            "type": "search",
            "time": (now - timedelta(minutes=3)).isoformat(),
            "identifiers": names,
            "search": {"query": f"{person.query} thing"},
        },
        {
            "id": f"v{late}-{person.number}",
            "type": "detail-page-view",
            "time": (now - timedelta(minutes=2)).isoformat(),
            "identifiers": names,
            "products": [{"id": product}],
        },
    ]


def _order(person: Person) -> dict[str, Any]:
    product = f"p-{person.number % PRODUCTS}"
    money = {"amount": "9.90", "currency": "CNY"}
    return {
        "type": "order-placed",
        "id": f"o-{person.number}",
        "source": "shop",
        "time": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
        "order": {"number": f"N{person.number}", "kind": "sale", "total": money},
        "identifiers": [person.card, person.phone],
        "products": [{"id": product, "quantity": 1, "price": money}],
        "raw": {"note": f"please ring twice, {person.note}"},
    }


def _scan(person: Person) -> dict[str, Any]:
    return {
        "type": "payment-captured",
        "id": f"paid-{person.number}",
        "source": "shop",
        "time": datetime.now(UTC).isoformat(),
        "order": {"number": f"N{person.number}"},
    }


def _review(person: Person) -> dict[str, Any]:
    return {
        "source": "reviews",
        "id": f"r-{person.number}",
        "published": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
        "author": person.login.partition(":")[2],
        "text": f"the thing is good, says {person.review}, and I would buy it again",
        "rating": 5,
        "product_id": f"p-{person.number % PRODUCTS}",
    }


def _batches(items: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), BATCH):
        yield list(items[start : start + BATCH])


def as_bytes(value: Any) -> bytes:
    """Return a value as the platform would write it."""
    return orjson.dumps(value)
