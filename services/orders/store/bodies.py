"""How facts and parcels are written into documents."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.orders.domain.events import OrderEvent, ParcelRef, Portion
from services.orders.domain.order import OrderRef

Body = dict[str, Any]

_RECORD: Final = ("shop", "number", "kind", "synthetic")


def ref_body(ref: OrderRef) -> Body:
    """Return how an order is named in a document."""
    return {name: getattr(ref, name) for name in _RECORD}


def ref_from_body(body: Mapping[str, Any]) -> OrderRef:
    """Invert ``ref_body``."""
    return OrderRef(body["shop"], body["number"], body["kind"], body["synthetic"])


def fact_body(fact: OrderEvent) -> list[Any]:
    """Return a fact as a list: an order has many, and names would take more room than what they name."""
    parcel = fact.parcel
    return [
        fact.id,
        fact.seq,
        fact.type,
        fact.occurred_us,
        fact.zone,
        fact.recorded_us,
        fact.source,
        fact.source_event_id,
        [[portion.line, portion.quantity] for portion in fact.portions],
        None if parcel is None else [parcel.carrier, parcel.tracking_number, parcel.ship_date],
        fact.return_id,
        list(fact.corrects),
        dict(fact.details),
    ]


def fact_from_body(body: Sequence[Any]) -> OrderEvent:
    """Invert ``fact_body``."""
    parcel = body[9]
    return OrderEvent(
        id=body[0],
        seq=body[1],
        type=body[2],
        occurred_us=body[3],
        zone=body[4],
        recorded_us=body[5],
        source=body[6],
        source_event_id=body[7],
        portions=tuple([Portion(line, quantity) for line, quantity in body[8]]),
        parcel=None if parcel is None else ParcelRef(*parcel),
        return_id=body[10],
        corrects=tuple(body[11]),
        details=body[12],
    )
