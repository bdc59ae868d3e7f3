"""Mines the logs into numbers of queries and products (projection ``search-log``, singleton).

What an order counts is decided first, in a document of its own: another log may tell of it too, the two are read in no
order, and what was ordered may have been cancelled. Then what each event changes is known for good, and its changes are
made wherever they are not made yet.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from services.chassis.documents.port import Body, DocumentStore
from services.chassis.eventlog.generations import Resolve
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.projection import KeyedProjection
from services.chassis.eventlog.record import micros_from_time, time_from_micros
from services.kits.pieces import lines_of, moves_pieces, step_of
from services.kits.purchases import ORDER_EVENTS, ORDER_PLACED, RETURN, SALE, authority_of, order_key, tells_of_purchase
from services.search.domain.attribution import Attribution, attribution_in
from services.search.domain.counting import Effect, Heard, Said, Telling, effect_of, with_heard
from services.search.domain.insights import Act, with_act, without_purchase
from services.search.domain.mining import (
    attribution_tokens,
    served_search,
    shard_of,
    user_act,
    wanted_products,
)
from services.search.domain.popularity import WEIGHTS
from services.search.store.mined import (
    COUNTED_ORDERS,
    LATEST_KEY,
    MINED,
    add_to,
    body_from_heard,
    body_from_query_day,
    heard_from_body,
    later,
    popularity_key,
    query_day_from_body,
    query_day_key,
    sums_in,
)

SEARCHES_LOG: Final = "searches"
SERVED: Final = "SearchServed"
QUARTER_US: Final = 15 * 60 * 1_000_000
NOBODY: Final = "search:"  # begins the subject of a search of which nobody said whose it is
DAYS_CACHED: Final = 1_024  # quarters of an hour


class LogMiner:
    """What an event says. What a load test did teaches nothing."""

    def __init__(self, secret: bytes, zone: tzinfo) -> None:
        self._secret = secret
        self._zone = zone
        self._day_of_quarter = lru_cache(DAYS_CACHED)(self._day)

    def order_keys(self, event: Event) -> Sequence[str]:
        """Return the sale that the event tells of, by the key under which it counts once; none without a number."""
        if event.synthetic or not (tells_of_purchase(event.type) or _moves_pieces(event)):
            return ()
        order = event.payload.get("order") or {}
        number = order.get("number")
        return (order_key(event.shop, SALE, number),) if number and order.get("kind") != RETURN else ()

    def fold_order(self, _key: str, body: dict[str, Any] | None, event: Event) -> Body | None:
        """Return what was heard of the order after the event, None where it can never matter."""
        heard = with_heard(heard_from_body(body), self._heard(event))
        return None if heard is None else body_from_heard(heard)

    def effect(self, event: Event, orders: Mapping[str, Body]) -> Effect:
        """Return what an event changes. ``orders``: what was heard of those that it tells of, by key."""
        if event.synthetic:
            return Effect()
        for key in self.order_keys(event):
            return effect_of(heard_from_body(orders.get(key)), event.key)
        return Effect(self.said(event))

    def said(self, event: Event) -> Said:
        """Return what an event says, of an order as if nobody else told of it."""
        wanted = () if event.log == SEARCHES_LOG else wanted_products(event.type, event.payload)
        return Said(self._act(event), wanted, event.occurred_time.timestamp() if wanted else 0.0)

    def _heard(self, event: Event) -> Heard:
        time_us = micros_from_time(event.occurred_time)
        step = step_of(event.type, event.payload, key=event.key, time_us=time_us) if _moves_pieces(event) else None
        if step is not None:
            return step
        rank = (int(authority_of(event.type, event.payload)), micros_from_time(event.recorded_time), event.key)
        said = self.said(event)
        return Telling(rank, said, lines_of(event.payload, said.wanted))

    def _act(self, event: Event) -> Act | None:
        time_us = micros_from_time(event.occurred_time)
        day = self._day_of_quarter(time_us // QUARTER_US)
        if event.log == SEARCHES_LOG:
            act = served_search(event.payload, day=day, time_us=time_us) if event.type == SERVED else None
        else:
            act = user_act(event.type, event.payload, attributed=self._attributed(event), day=day, time_us=time_us)
        return replace(act, searcher=self._searcher(event.subject)) if act is not None and act.search else act

    def _searcher(self, subject: str) -> str:
        """Return who searched as a keyed hash, "" where nobody said who."""
        if subject.startswith(NOBODY):
            return ""
        return blake2b(subject.encode("utf-8", "replace"), key=self._secret, digest_size=8).hexdigest()

    def _attributed(self, event: Event) -> Attribution | None:
        for token in attribution_tokens(event.payload):
            found = attribution_in(token, self._secret)
            if found is not None:
                return found
        return None

    def _day(self, quarter: int) -> str:
        """Return the shop's day of a quarter of an hour: since 1972 no zone's day begins inside one."""
        return time_from_micros(quarter * QUARTER_US).astimezone(self._zone).strftime("%Y%m%d")


class MinedNumbers:
    """The projection of one generation: which orders count how, then the numbers of queries and products."""

    def __init__(self, documents: DocumentStore, name: str, resolve: Resolve, miner: LogMiner) -> None:
        self.name = name
        self._documents, self._mined, self._miner = documents, resolve(MINED), miner
        self._orders = KeyedProjection(
            documents, resolve(COUNTED_ORDERS), name=name, keys=miner.order_keys, fold=miner.fold_order
        )

    async def apply(self, events: Sequence[Event]) -> None:
        orders = await self._orders.apply_and_read(events)
        changes = {id(event): _Changes(self._miner.effect(event, orders), event) for event in events}
        numbers = KeyedProjection(
            self._documents,
            self._mined,
            name=self.name,
            keys=lambda event: changes[id(event)].keys,
            fold=lambda key, body, event: changes[id(event)].fold(key, body),
        )
        await numbers.apply(events)


class _Changes:
    """What an effect does to which document. There are a dozen for each order, so they are grouped, not listed."""

    __slots__ = ("_acts", "_time_s", "_wanted", "keys")

    def __init__(self, effect: Effect, event: Event) -> None:
        worth = 0.0 if event.synthetic else WEIGHTS.get(event.type, 0.0)
        weight = WEIGHTS[ORDER_PLACED] if _moves_pieces(event) else worth
        self._time_s = event.occurred_time.timestamp()
        parts = ((effect.added, 1), (effect.taken_back, -1))
        self._acts = [(_key_of(said.act), said.act, sign) for said, sign in parts if said.act is not None]
        self._wanted = [(_by_shard(said.wanted), weight * sign, said.time_s) for said, sign in parts if said.wanted]
        self.keys = (*(key for key, _, _ in self._acts), *(key for shards, _, _ in self._wanted for key in shards))
        if worth:  # also of what changes nothing: whether it does may depend on what was read first
            self.keys = (LATEST_KEY, *self.keys)

    def fold(self, key: str, body: dict[str, Any] | None) -> Body | None:
        """Return a document after the changes; it may be changed in place."""
        if key == LATEST_KEY:
            return later(body, self._time_s)
        for act_key, act, sign in self._acts:
            if act_key == key:
                day = query_day_from_body(body) if body else None
                body = body_from_query_day(with_act(day, act) if sign > 0 else without_purchase(day, act))
        for shards, weight, time_s in self._wanted:
            if key in shards:
                body = sums_in(body)
                add_to(body, shards[key], weight, time_s)
        return body


def miner_projection(documents: DocumentStore, miner: LogMiner) -> Callable[[str, Resolve], MinedNumbers]:
    """Return what builds the projection of a generation."""
    return lambda name, resolve: MinedNumbers(documents, name, resolve, miner)


def _moves_pieces(event: Event) -> bool:
    """Tell whether the event says what was sent of an order, or cancelled."""
    return event.log == ORDER_EVENTS and moves_pieces(event.type, event.payload)


def _key_of(act: Act) -> str:
    return query_day_key(act.day, act.query_key)


def _by_shard(product_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
    shards: dict[str, list[str]] = {}
    for product_id in product_ids:
        shards.setdefault(popularity_key(shard_of(product_id)), []).append(product_id)
    return shards
