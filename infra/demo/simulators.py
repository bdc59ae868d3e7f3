"""Simulates what the data lacks: visits to the shop's app and website with searches, views and carts.

Every event says ``"simulated": "true"`` among its attributes, and none is a purchase: purchases come from the data
alone, so that no figure about it is mixed with invention. Chance is a passed generator; a visitor's visits depend on
that visitor's own generator only, so a part of the households gives a part of the same events.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
import orjson

from infra.demo.customers import DemoCustomer
from infra.demo.products import CURRENCY, PROGRESS_EVERY, CatalogItem, Progress
from infra.demo.queries import Query, QuerySet

SPAN: Final = timedelta(weeks=8)
SIGNED_IN_SHARE: Final = 0.85
MEMBER_VISITS: Final = 4.0
GUEST_VISITS: Final = 1.6
APP_SHARE: Final = 0.7
HOME_PAGE_SHARE: Final = 0.6
# Of the looks for a whole category, how many go by its page instead of by a search.
CATEGORY_PAGE_SHARE: Final = 0.9
MORE_SEARCHES: Final = 0.45
MAX_SEARCHES: Final = 6
SHOWN: Final = 10
# Chance to look at a result falls with its place; members look twice as often at what they already buy.
FIRST_CLICK: Final = 0.34
CLICK_DECAY: Final = 0.75
OWN_GOODS_LIFT: Final = 2.0
CART_SHARE: Final = 0.36
REMOVE_SHARE: Final = 0.06
SECONDS_BETWEEN: Final = 24.0
# Busy hours of the app, local time, 0 to 23.
_HOURS: Final = (1, 1, 0, 0, 0, 1, 2, 4, 5, 6, 6, 7, 8, 7, 6, 6, 7, 9, 11, 12, 12, 10, 6, 3)
_BLOCK: Final = 256


@dataclass(frozen=True, slots=True)
class Visitor:
    """Someone who visits: a member with a login, or a guest. ``own``: places in the catalogue of what they buy."""

    id: str
    login: str
    own: frozenset[int]


@dataclass(frozen=True, slots=True)
class ShopFloor:
    """What visitors find: the catalogue and the queries that lead into it."""

    items: Sequence[CatalogItem]
    queries: QuerySet
    shop: str
    zone: ZoneInfo


class _Chance:
    """Uniform numbers drawn in blocks: a draw of one costs twenty times one of a block."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._block: Iterator[float] = iter(())

    def next(self) -> float:
        for value in self._block:
            return value
        self._block = iter(self._rng.random(_BLOCK).tolist())
        return next(self._block)

    def below(self, share: float) -> bool:
        return self.next() < share

    def seconds(self, mean: float) -> timedelta:
        return timedelta(seconds=1.0 - mean * float(np.log1p(-self.next())))


def visitors_of(
    customer: DemoCustomer, own: frozenset[int], rng: np.random.Generator
) -> list[tuple[Visitor, np.random.Generator]]:
    """Return the visitors that come of one customer, each with a chance of their own: a member if there is a login, and
    a guest for each member. ``own``: places in the catalogue of what the household buys most."""
    if not customer.login:
        return []
    member = Visitor(f"v-simulated-member-{customer.household:06d}", customer.login, own)
    guest = Visitor(f"v-simulated-guest-{customer.household:07d}", "", frozenset())
    return list(zip((member, guest), rng.spawn(2), strict=True))


def event_lines(
    floor: ShopFloor,
    visitors: Sequence[tuple[Visitor, np.random.Generator]],
    *,
    end_time: datetime,
    progress: Progress | None = None,
) -> Iterator[bytes]:
    """Yield the events of all visitors in the eight weeks before ``end_time``, oldest first, one NDJSON line each."""
    lines: list[tuple[datetime, bytes]] = []
    for done, (visitor, rng) in enumerate(visitors, start=1):
        for time, event in visitor_events(floor, visitor, rng, end_time=end_time):
            lines.append((time, orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)))
        if progress is not None and (done % PROGRESS_EVERY == 0 or done == len(visitors)):
            progress(done, len(visitors))
    lines.sort()
    for _, line in lines:
        yield line


def visitor_events(
    floor: ShopFloor, visitor: Visitor, rng: np.random.Generator, *, end_time: datetime
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Yield one visitor's events, visit by visit."""
    chance = _Chance(rng)
    visits = int(rng.poisson(MEMBER_VISITS if visitor.login else GUEST_VISITS))
    number = 0
    for start in sorted(_visit_time(floor, rng, end_time) for _ in range(visits)):
        visit = _Visit(floor, visitor, chance, start)
        for time, event in visit.events():
            if time >= end_time:
                break
            event["id"] = f"{visitor.id}-{number}"
            number += 1
            yield time, event


class _Visit:
    """One visit as it goes on: time passes, a cart fills."""

    def __init__(self, floor: ShopFloor, visitor: Visitor, chance: _Chance, start: datetime) -> None:
        self._floor, self._visitor, self._chance = floor, visitor, chance
        self._time = start
        self._signed_in = bool(visitor.login) and chance.below(SIGNED_IN_SHARE)
        self._channel: Literal["app", "web"] = "app" if visitor.login and chance.below(APP_SHARE) else "web"
        self._cart: list[int] = []

    def events(self) -> Iterator[tuple[datetime, dict[str, Any]]]:
        if self._chance.below(HOME_PAGE_SHARE):
            yield self._event("home-page-view")
        for _ in range(MAX_SEARCHES):
            query = self._floor.queries.pick(self._chance.next())
            browses = query.kind == "category" and self._chance.below(CATEGORY_PAGE_SHARE)
            yield from self._browse(query, "category-page-view" if browses else "search")
            if not self._chance.below(MORE_SEARCHES):
                break
        if self._cart:
            yield self._event("shopping-cart-page-view", products=[self._product(place) for place in self._cart])

    def _browse(
        self, query: Query, kind: Literal["search", "category-page-view"]
    ) -> Iterator[tuple[datetime, dict[str, Any]]]:
        shown = query.products[:SHOWN]
        yield self._searched(kind, query, [{"id": self._floor.items[place].id} for place in shown])
        for position, place in enumerate(shown):
            lift = OWN_GOODS_LIFT if place in self._visitor.own else 1.0
            if not self._chance.below(FIRST_CLICK * lift * CLICK_DECAY**position):
                continue
            view = self._searched("detail-page-view", query, [self._product(place)])
            view[1]["position"] = position
            yield view
            yield from self._consider(place, query)

    def _consider(self, place: int, query: Query) -> Iterator[tuple[datetime, dict[str, Any]]]:
        if self._floor.items[place].stock == 0 or not self._chance.below(CART_SHARE):
            return
        quantity = 1 + int(self._chance.below(0.2)) + int(self._chance.below(0.05))
        yield self._event("add-to-cart", query.language, [self._product(place, quantity)])
        if self._chance.below(REMOVE_SHARE):
            yield self._event("remove-from-cart", query.language, [self._product(place, quantity)])
        else:
            self._cart.append(place)

    def _searched(self, kind: str, query: Query, products: list[dict[str, Any]]) -> tuple[datetime, dict[str, Any]]:
        time, event = self._event(kind, query.language, products)
        event["search"] = {"query": query.text}
        return time, event

    def _event(
        self, kind: str, language: str = "", products: Sequence[dict[str, Any]] = ()
    ) -> tuple[datetime, dict[str, Any]]:
        self._time += self._chance.seconds(SECONDS_BETWEEN)
        event: dict[str, Any] = {
            "id": "",
            "type": kind,
            "time": self._time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "visitor_id": self._visitor.id,
            "shop": self._floor.shop,
            "channel": self._channel,
            "attributes": {"simulated": "true"},
        }
        if language:
            event["language"] = language
        if self._signed_in:
            event["identifiers"] = [f"login:{self._visitor.login}"]
        if products:
            event["products"] = list(products)
        return self._time, event

    def _product(self, place: int, quantity: int = 1) -> dict[str, Any]:
        item = self._floor.items[place]
        price = {"amount": f"{item.price_cents // 100}.{item.price_cents % 100:02d}", "currency": CURRENCY}
        return {"id": item.id, "quantity": quantity, "price": price}


def _visit_time(floor: ShopFloor, rng: np.random.Generator, end_time: datetime) -> datetime:
    """Return a time within the span, at an hour of the shop's day as busy as it is."""
    weights = np.asarray(_HOURS, dtype=np.float64)
    day = (end_time - SPAN * float(rng.random())).astimezone(floor.zone)
    hour = int(rng.choice(len(weights), p=weights / weights.sum()))
    minute, second = divmod(int(rng.integers(3600)), 60)
    return day.replace(hour=hour, minute=minute, second=second, microsecond=0).astimezone(UTC)
