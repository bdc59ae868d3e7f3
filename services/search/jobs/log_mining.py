"""Mines the search log and user events into numbers of queries and products (projection ``search-log``, singleton)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from typing import Any, Final

from services.chassis.documents.port import Body, DocumentStore
from services.chassis.eventlog.generations import Resolve
from services.chassis.eventlog.port import READ_LIMIT, Event
from services.chassis.eventlog.projection import KeyedProjection
from services.chassis.eventlog.record import micros_from_time, time_from_micros
from services.search.domain.attribution import Attribution, attribution_in
from services.search.domain.insights import Act, with_act
from services.search.domain.mining import (
    attribution_tokens,
    served_search,
    shard_of,
    user_act,
    wanted_products,
)
from services.search.domain.popularity import WEIGHTS
from services.search.store.mined import (
    MINED,
    add_to,
    body_from_query_day,
    popularity_key,
    query_day_from_body,
    query_day_key,
    sums_in,
)

SEARCHES_LOG: Final = "searches"
SERVED: Final = "SearchServed"
QUARTER_US: Final = 15 * 60 * 1_000_000
DAYS_CACHED: Final = 1_024  # quarters of an hour


@dataclass(frozen=True, slots=True)
class _Said:
    """What an event says: its act and the document that it moves, and the products it speaks for by document."""

    act: Act | None
    act_key: str
    wanted: Mapping[str, Sequence[str]]
    time_s: float


class LogMiner:
    """What an event changes and how. What a load test did teaches nothing.

    An event moves a document for each dozen of its products, so what it says is read once and remembered: by the event
    itself and not by its name, whose content an erasure may have changed.
    """

    def __init__(self, secret: bytes, zone: tzinfo) -> None:
        self._secret = secret
        self._zone = zone
        self._read: dict[int, tuple[Event, _Said]] = {}
        self._day_of_quarter = lru_cache(DAYS_CACHED)(self._day)

    def keys(self, event: Event) -> Sequence[str]:
        """Return the documents that an event moves."""
        if event.synthetic:
            return ()
        said = self._said(event)
        return (said.act_key, *said.wanted) if said.act else tuple(said.wanted)

    def fold(self, key: str, body: dict[str, Any] | None, event: Event) -> Body | None:
        """Return the document after the event."""
        said = self._said(event)
        if key in said.wanted:
            sums = sums_in(body)
            add_to(sums, said.wanted[key], WEIGHTS[event.type], said.time_s)
            return sums
        if said.act is None:
            return None
        return body_from_query_day(with_act(query_day_from_body(body) if body else None, said.act))

    def _said(self, event: Event) -> _Said:
        known = self._read.get(id(event))
        if known is not None and known[0] is event:
            return known[1]
        said = self._said_anew(event)
        if len(self._read) >= READ_LIMIT:
            self._read.clear()
        self._read[id(event)] = (event, said)  # held, so that nothing else can have its id meanwhile
        return said

    def _said_anew(self, event: Event) -> _Said:
        act = self._act(event)
        wanted: dict[str, list[str]] = {}
        if event.log != SEARCHES_LOG:
            for product in wanted_products(event.type, event.payload):
                wanted.setdefault(popularity_key(shard_of(product)), []).append(product)
        act_key = query_day_key(act.day, act.query_key) if act else ""
        return _Said(act, act_key, wanted, event.occurred_time.timestamp())

    def _act(self, event: Event) -> Act | None:
        time_us = micros_from_time(event.occurred_time)
        day = self._day_of_quarter(time_us // QUARTER_US)
        if event.log == SEARCHES_LOG:
            return served_search(event.payload, day=day, time_us=time_us) if event.type == SERVED else None
        return user_act(event.type, event.payload, attributed=self._attributed(event), day=day, time_us=time_us)

    def _attributed(self, event: Event) -> Attribution | None:
        for token in attribution_tokens(event.payload):
            found = attribution_in(token, self._secret)
            if found is not None:
                return found
        return None

    def _day(self, quarter: int) -> str:
        """Return the shop's day of a quarter of an hour: since 1972 no zone's day begins inside one."""
        return time_from_micros(quarter * QUARTER_US).astimezone(self._zone).strftime("%Y%m%d")


def miner_projection(documents: DocumentStore, miner: LogMiner) -> Callable[[str, Resolve], KeyedProjection]:
    """Return what builds the projection of a generation."""

    def build(name: str, resolve: Resolve) -> KeyedProjection:
        return KeyedProjection(documents, resolve(MINED), name=name, keys=miner.keys, fold=miner.fold)

    return build
