"""What an event of ``order-events`` writes into documents: into each from the event and itself alone.

(docs/consistency.md rule 8.) An order's document holds its facts; what they amount to is folded when it is read, so a
rule that changes needs no rebuild.
"""

import asyncio
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

from services.chassis.canonical import canonical_json
from services.chassis.documents.port import DocumentStore
from services.chassis.eventlog.generations import Resolve
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.projection import KeyedProjection
from services.kits.times import micros
from services.orders.domain.events import OrderEvent
from services.orders.domain.lifecycle import SHIPMENT_CREATED
from services.orders.domain.payloads import fact_of, order_of, parcel_of
from services.orders.store.bodies import Body, fact_body, ref_body
from services.orders.store.collections import ORDERS, PARCELS

EVENTS_KEPT: Final = 4_000  # facts of one order; intake refuses earlier, see MAX_ORDER_EVENTS
PARKED_KEPT: Final = 1_000  # scans of one tracking number that wait for an order
LINKS_KEPT: Final = 100  # parcels of one tracking number


class OrderProjection:
    """Orders and parcels, read once for both."""

    def __init__(self, documents: DocumentStore, name: str, resolve: Resolve) -> None:
        self.name = name
        self._orders = KeyedProjection(documents, resolve(ORDERS), name=name, keys=_order_keys, fold=_fold_order)
        self._parcels = KeyedProjection(documents, resolve(PARCELS), name=name, keys=_parcel_keys, fold=_fold_parcel)

    async def apply(self, events: Sequence[Event]) -> None:
        # Different documents, one commit: where one of the two fails, the events come again and the other passes them.
        await asyncio.gather(self._orders.apply(events), self._parcels.apply(events))


def fact_of_event(event: Event) -> OrderEvent:
    """Return the fact that an event of the log tells."""
    return fact_of(
        event.type,
        event.payload,
        occurred_us=micros(event.occurred_time),
        recorded_us=micros(event.recorded_time),
        seq=event.seq,
    )


def parcel_key(carrier: str, tracking_number: str, *, synthetic: bool) -> str:
    """Return the key of what is known of a tracking number."""
    return blake2b(canonical_json([carrier, tracking_number, synthetic]), digest_size=16).hexdigest()


def _order_keys(event: Event) -> Sequence[str]:
    order = order_of(event.payload, synthetic=event.synthetic)
    return () if order is None else (order.id,)


def _fold_order(_key: str, body: Body | None, event: Event) -> Body | None:
    fact = fact_of_event(event)
    if body is None:
        order = order_of(event.payload, synthetic=event.synthetic)
        assert order is not None
        body = {**ref_body(order), "version": 0, "dropped": 0, "facts": []}
    facts: list[list[Any]] = body["facts"]
    if any(known[0] == fact.id for known in facts):
        return None
    if len(facts) >= EVENTS_KEPT:
        body["dropped"] += 1
    else:
        facts.append(fact_body(fact))
    body["version"] = event.seq
    return body


def _parcel_keys(event: Event) -> Sequence[str]:
    parcel = parcel_of(event.payload)
    if parcel is None:
        return ()
    return (parcel_key(parcel.carrier, parcel.tracking_number, synthetic=event.synthetic),)


def _fold_parcel(_key: str, body: Body | None, event: Event) -> Body | None:
    fact, order = fact_of_event(event), order_of(event.payload, synthetic=event.synthetic)
    if body is None:
        if order is not None and event.type != SHIPMENT_CREATED:
            return None  # a scan that names its order waits for nobody
        body = {"links": [], "parked": {}}
    if order is None:
        return _park(body, fact, event)
    changed = body["parked"].pop(fact.id, None) is not None
    link = [fact.parcel.ship_date if fact.parcel else "", fact.occurred_us, ref_body(order)]
    if event.type == SHIPMENT_CREATED and link not in body["links"] and len(body["links"]) < LINKS_KEPT:
        body["links"].append(link)
        changed = True
    return body if changed else None


def _park(body: Body, fact: OrderEvent, event: Event) -> Body | None:
    if fact.id in body["parked"] or len(body["parked"]) >= PARKED_KEPT:
        return None
    body["parked"][fact.id] = {
        "type": event.type,
        "occurred_us": fact.occurred_us,
        "shop": event.shop,
        "channel": event.channel,
        "synthetic": event.synthetic,
        "payload": dict(event.payload),
    }
    return body
