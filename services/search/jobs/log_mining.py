"""Mines the search log and user events into numbers of queries and products (projection ``search-log``, singleton)."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final

from services.chassis.documents.port import Body, DocumentStore
from services.chassis.eventlog.generations import Resolve
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.projection import KeyedProjection
from services.chassis.eventlog.record import micros_from_time
from services.search.domain.attribution import Attribution, attribution_in
from services.search.domain.insights import Act, with_act
from services.search.domain.mining import (
    attribution_tokens,
    served_search,
    shard_of,
    user_act,
    wanted_products,
)
from services.search.domain.popularity import WEIGHTS, Faded, added
from services.search.store.mined import (
    MINED,
    body_from_query_day,
    popularity_key,
    query_day_from_body,
    query_day_key,
    shard_in,
    sums_in,
)

SEARCHES_LOG: Final = "searches"
SERVED: Final = "SearchServed"


class LogMiner:
    """What an event changes and how. What a load test did teaches nothing."""

    def __init__(self, secret: bytes, zone: tzinfo) -> None:
        self._secret = secret
        self._zone = zone

    def keys(self, event: Event) -> Sequence[str]:
        """Return the documents that an event moves."""
        if event.synthetic:
            return ()
        act = self._act(event)
        keys = [query_day_key(act.day, act.query_key)] if act else []
        if event.log != SEARCHES_LOG:
            keys += [popularity_key(shard_of(product)) for product in wanted_products(event.type, event.payload)]
        return keys

    def fold(self, key: str, body: dict[str, Any] | None, event: Event) -> Body | None:
        """Return the document after the event."""
        if key.startswith("p/"):
            return self._wanted(key, body, event)
        act = self._act(event)
        if act is None:
            return None
        return body_from_query_day(with_act(query_day_from_body(body) if body else None, act))

    def _wanted(self, key: str, body: dict[str, Any] | None, event: Event) -> Body:
        sums = sums_in(body)
        products = sums["products"]
        time_s = event.occurred_time.timestamp()
        shard = shard_in(key)
        for product_id in wanted_products(event.type, event.payload):
            if shard_of(product_id) == shard:
                before = Faded(*products[product_id]) if product_id in products else None
                after = added(before, WEIGHTS[event.type], time_s)
                products[product_id] = [after.value, after.time_s]
        return sums

    def _act(self, event: Event) -> Act | None:
        day, time_us = self._day(event.occurred_time), micros_from_time(event.occurred_time)
        if event.log == SEARCHES_LOG:
            return served_search(event.payload, day=day, time_us=time_us) if event.type == SERVED else None
        return user_act(event.type, event.payload, attributed=self._attributed(event), day=day, time_us=time_us)

    def _attributed(self, event: Event) -> Attribution | None:
        for token in attribution_tokens(event.payload):
            found = attribution_in(token, self._secret)
            if found is not None:
                return found
        return None

    def _day(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).strftime("%Y%m%d")


def miner_projection(documents: DocumentStore, miner: LogMiner) -> Callable[[str, Resolve], KeyedProjection]:
    """Return what builds the projection of a generation."""

    def build(name: str, resolve: Resolve) -> KeyedProjection:
        return KeyedProjection(documents, resolve(MINED), name=name, keys=miner.keys, fold=miner.fold)

    return build
