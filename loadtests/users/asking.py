"""What a script asks and what it learns: the words between a script of requests and whoever sends them."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Literal
from urllib.parse import quote, urlencode

import orjson

from infra.demo.queries import QuerySet

Key = Literal["load", "staff"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. ``route``: the name that figures and gates go by; ``events``: those that the body carries.

    ``before``: of a price edit, the price that the product had when it was first seen.
    """

    route: str
    method: Literal["GET", "POST", "PATCH"]
    path: str
    body: bytes = b""
    events: Sequence[Mapping[str, Any]] = ()
    before: Mapping[str, str] | None = None
    key: Key = "load"
    visitor: str = ""


# A script yields what it asks and is sent the JSON of the answer, None when there was none to be used.
Script = Generator[Ask, Any, None]


@dataclass
class Actor:
    """Who plays a script: an own chance, own ids and the run's queries."""

    number: int
    run: str
    rng: Random
    queries: QuerySet
    now: Callable[[], datetime]
    _events: int = field(default=0, init=False)

    def event(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Return an event that happens now, under an id that no other has."""
        self._events += 1
        event = {"id": f"{self.run}-{self.number}-{self._events}", "type": kind, "time": self.now().isoformat()}
        return event | {name: value for name, value in fields.items() if value}

    def visitor_id(self) -> str:
        """Return a new browser's id."""
        return f"v-load{self.rng.getrandbits(96):024x}"


def get(route: str, path: str, *, visitor: str = "", key: Key = "load", **query: Any) -> Ask:
    """Return a GET."""
    return Ask(route, "GET", f"{path}?{urlencode(query)}" if query else path, visitor=visitor, key=key)


def tell(route: str, events: Sequence[Mapping[str, Any]], *, visitor: str = "") -> Ask:
    """Return a batch of events."""
    return Ask(route, "POST", "/v1/events", orjson.dumps({"events": events}), events, visitor=visitor)


def product_path(product: str) -> str:
    """Return where a product is."""
    return f"/v1/products/{quote(product, safe='')}"
