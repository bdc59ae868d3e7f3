"""What an event writes into documents: into each from the event and itself alone (docs/consistency.md rule 8)."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from services.chassis.documents.port import DocumentStore
from services.chassis.eventlog.generations import Resolve
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.projection import KeyedProjection
from services.kits.pieces import moves_pieces, step_of, with_step
from services.kits.purchases import ORDER_EVENTS, SALE, authority_of, buyer_of, order_key, tells_of_purchase
from services.kits.text.identifiers import EMAIL, PHONE, kind_of
from services.kits.times import micros
from services.knowledge.domain.identifiers import own_customer_id
from services.knowledge.domain.identity import LOGIN_EVENT, SAME_EVENT, Link
from services.knowledge.domain.purchases import order_from_payload
from services.knowledge.domain.statements import Record, empty_record, merged_record, records_of_event
from services.knowledge.domain.user_events import LOGIN
from services.knowledge.store.bodies import (
    COUNTERS_KEPT,
    TRUNK_LINKS_KEPT,
    is_placed,
    kept_neighbours,
    order_body,
    order_from_body,
    record_body,
    record_from_body,
    steps_body,
    steps_from_body,
)
from services.knowledge.store.collections import ACTIVITY, ORDERS, OWN_LABEL, STATEMENTS

OWN_LABEL_TAG = "own-label"

Body = dict[str, Any]


class ShoppingProjection:
    """Orders and activity out of user-events and order-events, each read once for both.

    What a load test did counts for nobody. Neither document depends on how the two logs were read beside each other: of
    an order the report that is believed most holds, and what was seen of an identifier are sums, firsts and lasts.
    """

    def __init__(self, documents: DocumentStore, name: str, resolve: Resolve) -> None:
        self.name = name
        self._orders = KeyedProjection(documents, resolve(ORDERS), name=name, keys=_order_keys, fold=_fold_order)
        self._activity = KeyedProjection(
            documents, resolve(ACTIVITY), name=name, keys=_activity_keys, fold=_fold_activity
        )

    async def apply(self, events: Sequence[Event]) -> None:
        # Different documents, one commit: where one of the two fails, the events come again and the other passes them.
        await asyncio.gather(self._orders.apply(events), self._activity.apply(events))


def statements_projection(documents: DocumentStore, name: str, resolve: Resolve) -> KeyedProjection:
    """Return what folds customer-claims."""
    statements = _Statements()
    return KeyedProjection(documents, resolve(STATEMENTS), name=name, keys=statements.keys, fold=statements.folded)


def own_label_projection(documents: DocumentStore, name: str, resolve: Resolve) -> KeyedProjection:
    """Return what keeps which products are of the shop's own label."""
    return KeyedProjection(documents, resolve(OWN_LABEL), name=name, keys=_product_keys, fold=_fold_product)


def shoppers_of(event: Event) -> Sequence[str]:
    """Return the identifiers that an event of either log shows shopping: nobody's in a load test's.

    Of an order's facts that is the placing alone; how the order goes on is done by others.
    """
    if event.synthetic or (event.log == ORDER_EVENTS and not tells_of_purchase(event.type)):
        return ()
    identifiers: Sequence[str] = event.payload["identifiers"]
    return identifiers


def stated_identifiers(event: Event) -> tuple[str, ...]:
    """Return the identifiers that an event of customer-claims speaks of."""
    return tuple(records_of_event(event.type, event.payload, micros(event.occurred_time)))


def _order_keys(event: Event) -> Sequence[str]:
    if event.synthetic:
        return ()
    order = event.payload.get("order") or {}
    kind, number = order.get("kind", SALE), order.get("number")
    if tells_of_purchase(event.type):
        return (order_key(event.shop, kind, number or f"event:{event.key}"),)
    return (order_key(event.shop, SALE, number),) if _moves_pieces(event) and kind == SALE and number else ()


def _fold_order(_key: str, body: Body | None, event: Event) -> Body | None:
    time_us = micros(event.occurred_time)
    if _moves_pieces(event):
        step = step_of(event.type, event.payload, time_us=time_us)
        steps = None if step is None else with_step(steps_from_body(body), step)
        return None if steps is None else {**(body or {}), **steps_body(steps)}
    order = order_from_payload(
        event.payload,
        authority=authority_of(event.type, event.payload),
        subject=buyer_of(event.type, event.payload, subject=event.subject),
        time_us=time_us,
        recorded_us=micros(event.recorded_time),
        event_key=event.key,
    )
    if body is not None and is_placed(body) and not order.outranks(order_from_body(body)):
        return None
    return order_body(order, steps_from_body(body))


def _moves_pieces(event: Event) -> bool:
    """Tell whether the event says what was sent of an order, or cancelled."""
    return event.log == ORDER_EVENTS and moves_pieces(event.type, event.payload)


def _activity_keys(event: Event) -> Sequence[str]:
    return [own_customer_id(identifier) for identifier in shoppers_of(event)]


def _fold_activity(key: str, body: Body | None, event: Event) -> Body:
    identifiers = event.payload["identifiers"]
    time_us = micros(event.occurred_time)
    place = 0
    if len(identifiers) > 1:
        place = next(at for at, each in enumerate(identifiers) if own_customer_id(each) == key)
    if body is None:
        body = {
            "identifier": identifiers[place],
            "first_us": time_us,
            "last_us": time_us,
            "channels": {},
            "links": {},
            "unverified": {},
        }
    body["first_us"] = min(body["first_us"], time_us)
    body["last_us"] = max(body["last_us"], time_us)
    counts = body["channels"].setdefault(event.channel, {})
    stronger = "\n".join(identifiers[:place])
    if stronger in counts or len(counts) < COUNTERS_KEPT:
        counts[stronger] = counts.get(stronger, 0) + 1
    if len(identifiers) > 1:
        _link(
            body, identifiers, place, Link(LOGIN_EVENT if event.type == LOGIN else SAME_EVENT, event.channel, time_us)
        )
    return body


def _link(body: Body, identifiers: Sequence[str], place: int, link: Link) -> None:
    """Join what came together; a phone or e-mail address in an event is typed in, not verified."""
    typed = kind_of(identifiers[place]) in (PHONE, EMAIL)
    for at, other in enumerate(identifiers):
        other_typed = kind_of(other) in (PHONE, EMAIL)
        if at == place or typed:
            continue
        edges = body["unverified" if other_typed else "links"]
        known = edges.get(other)
        if known is None or link.sort_key() < Link(*known).sort_key():
            edges[other] = [link.evidence, link.source, link.time_us]
            if len(edges) > TRUNK_LINKS_KEPT:
                kept = set(kept_neighbours(edges))
                for dropped in edges.keys() - kept:
                    del edges[dropped]


class _Statements:
    """What events of customer-claims say, by document. An event's documents are folded one after another, so that what
    the last one said is kept: to read it costs more than to fold it.
    """

    def __init__(self) -> None:
        self._last: tuple[Event | None, Mapping[str, Record]] = None, {}

    def keys(self, event: Event) -> Sequence[str]:
        return list(self._said(event))

    def folded(self, key: str, body: Body | None, event: Event) -> Body:
        said = self._said(event)[key]
        known = empty_record(said.identifier) if body is None else record_from_body(body)
        return record_body(merged_record(known, said))

    def _said(self, event: Event) -> Mapping[str, Record]:
        last, said = self._last
        if last is not event:
            records = records_of_event(event.type, event.payload, micros(event.occurred_time))
            said = {own_customer_id(identifier): record for identifier, record in records.items()}
            self._last = event, said
        return said


def _product_keys(event: Event) -> Sequence[str]:
    return (event.subject,)


def _fold_product(_key: str, body: Body | None, event: Event) -> Body | None:
    """Keep whether a product is of the own label, once it was; a redrive comes late and undoes no later version."""
    version, own_label = int(event.payload.get("version") or 0), _is_own_label(event.payload)
    if body is None and not own_label:
        return None
    if body is not None and version < int(body.get("version", 0)):
        return None
    return {"product_id": event.subject, "version": version, "own_label": own_label}


def _is_own_label(product: Mapping[str, Any]) -> bool:
    return OWN_LABEL_TAG in (product.get("tags") or ()) and not product.get("withdrawn")
