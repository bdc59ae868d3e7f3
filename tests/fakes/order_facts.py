"""Order facts as the service ``orders`` writes them, for those who follow its log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.chassis.eventlog.port import Event, NewEvent
from services.kits.purchases import BY_SHOP, ORDER_PLACED, SALE

OWNER = "orders"


def order_fact(
    event_id: str,
    number: str,
    time: datetime,
    *,
    type: str = ORDER_PLACED,
    shop: str = "main",
    channel: str = "web",
    payload: Mapping[str, Any] | None = None,
    synthetic: bool = False,
) -> NewEvent:
    """Return a fact about an order; ``payload`` adds what its type says of itself."""
    said = {"source": "shop", "source_event_id": event_id, "order": {"shop": shop, "number": number}}
    return NewEvent(
        client_event_id=event_id,
        owner=OWNER,
        type=type,
        occurred_time=time,
        shop=shop,
        channel=channel,
        subject=f"order:{shop}/{number}",
        payload={**said, **(payload or {})},
        synthetic=synthetic,
    )


def placed(
    event_id: str,
    number: str,
    time: datetime,
    *,
    identifiers: Sequence[str] = ("card:1001",),
    products: Sequence[Mapping[str, Any]] = ({"id": "p-1", "quantity": 1},),
    kind: str = SALE,
    total: Mapping[str, str] | None = None,
    shop: str = "main",
    channel: str = "web",
    token: str = "",
    synthetic: bool = False,
) -> NewEvent:
    """Return the placing of an order: in the public form of a purchase, with what all order facts carry."""
    order: dict[str, Any] = {"shop": shop, "number": number, "kind": kind, "source": BY_SHOP}
    said: dict[str, Any] = {
        "type": ORDER_PLACED,
        "time": time.isoformat(),
        "identifiers": list(identifiers),
        "shop": shop,
        "channel": channel,
        "products": [dict(each) for each in products],
        "order": order if total is None else {**order, "total": dict(total)},
    }
    if token:
        said["attribution_token"] = token
    return order_fact(event_id, number, time, shop=shop, channel=channel, payload=said, synthetic=synthetic)


def stored(event: NewEvent, seq: int, *, log: str = "order-events", partition: int = 0) -> Event:
    """Return the event as a reader gets it."""
    return Event(
        log=log,
        partition=partition,
        seq=seq,
        key=f"{event.owner}/{event.client_event_id}",
        type=event.type,
        occurred_time=event.occurred_time,
        recorded_time=event.occurred_time,
        shop=event.shop,
        channel=event.channel,
        subject=event.subject,
        payload=event.payload,
        synthetic=event.synthetic,
    )
