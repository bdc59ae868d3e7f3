"""Owns which lines of an order were cancelled, read off the facts of ``order-events`` in any order (rule 17).

The order's own arithmetic in short (services/orders keeps the long one): facts take their pieces by when they happened,
a parcel and a cancellation each what is open then. So what had been sent is not cancelled any more, unless its parcel
came back, was lost or cancelled; a parcel that was handed over holds against all of these. What a correction names is
void.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from services.kits.purchases import CHARGE

NAME_BYTES: Final = 8  # of a fact's name are kept
PORTIONS_LIMIT: Final = 500  # of one fact
ORDER_CANCELLED: Final = "order-cancelled"


class Move(StrEnum):
    """What a fact does to pieces. Kept by value, so values never change."""

    SHIP = "ship"
    DELIVER = "deliver"
    OPEN = "open"  # what the parcel held is open again
    CANCEL = "cancel"
    CORRECT = "correct"


MOVES: Final[Mapping[str, Move]] = {
    "shipment-created": Move.SHIP,
    "shipment-delivered": Move.DELIVER,
    "shipment-returned": Move.OPEN,
    "shipment-lost": Move.OPEN,
    "shipment-cancelled": Move.OPEN,
    "line-cancelled": Move.CANCEL,
    ORDER_CANCELLED: Move.CANCEL,
    "correction": Move.CORRECT,
}


class Line(NamedTuple):
    """A line of a sale; ``product``: its place among the products that the sale speaks for."""

    number: int
    product: int
    pieces: int


class Portion(NamedTuple):
    """Some pieces of a line, None for all that are open."""

    line: int
    pieces: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one fact does to an order's pieces. ``name``: what corrections call it; no ``portions``: all that is open.

    ``key``: the event's own, which it keeps when it is redriven under another number.
    """

    key: str
    name: str
    move: Move
    time_us: int
    parcel: str = ""
    portions: tuple[Portion, ...] = ()
    voids: tuple[str, ...] = ()


def lines_of(payload: Mapping[str, Any], wanted: Sequence[str]) -> tuple[Line, ...]:
    """Return the lines of a sale that can be cancelled: none of one whose goods left with the customer."""
    if payload.get("handed_over"):
        return ()
    products = payload.get("products") or ()
    own = [product.get("line") for product in products]
    are_numbered = all(isinstance(number, int) for number in own) and len(set(own)) == len(own)
    numbers = own if are_numbered else range(1, len(own) + 1)
    places = {product_id: place for place, product_id in enumerate(wanted)}
    return tuple(
        Line(number, places[product["id"]], int(product.get("quantity") or 1))
        for number, product in zip(numbers, products, strict=True)
        if product.get("id") in places and product.get("kind") != CHARGE
    )


def step_of(event_type: str, payload: Mapping[str, Any], *, key: str, time_us: int) -> Step | None:
    """Return what a fact does to pieces, None for one that moves none."""
    move = MOVES.get(event_type)
    if move is None:
        return None
    source, shipment = payload.get("source", ""), payload.get("shipment") or {}
    return Step(
        key=key,
        name=_name(source, payload.get("source_event_id", "")),
        move=move,
        time_us=time_us,
        parcel=_name(shipment.get("carrier", ""), shipment.get("tracking_number", "")) if shipment else "",
        portions=() if event_type == ORDER_CANCELLED else _portions(payload),
        voids=tuple(_name(each.get("source", source), each["id"]) for each in payload.get("corrects") or ()),
    )


def cancelled_lines(lines: Sequence[Line], steps: Iterable[Step]) -> frozenset[int]:
    """Return the numbers of the lines of which every piece was cancelled before it was sent."""
    told = list(steps)
    void = {name for step in told for name in step.voids if name != step.name}
    live = sorted((step for step in told if step.name not in void), key=_when)
    delivered = {step.parcel for step in live if step.move is Move.DELIVER}
    reopened = {step.parcel for step in live if step.move is Move.OPEN} - delivered
    still_open = {line.number: line.pieces for line in lines}
    sent: set[int] = set()
    for step in live:
        ships = step.move is Move.SHIP and step.parcel not in reopened
        if not ships and step.move is not Move.CANCEL:
            continue
        for number, pieces in step.portions or [Portion(number) for number in still_open]:
            there = still_open.get(number, 0)
            taken = there if pieces is None else min(pieces, there)
            if taken:
                still_open[number] -= taken
                if ships:
                    sent.add(number)
    return frozenset(number for number, pieces in still_open.items() if not pieces and number not in sent)


def _when(step: Step) -> tuple[int, bool, str]:
    return step.time_us, step.move is Move.CANCEL, step.name


def _portions(payload: Mapping[str, Any]) -> tuple[Portion, ...]:
    if "items" in payload:
        return tuple(Portion(each["line"], each.get("quantity")) for each in payload["items"][:PORTIONS_LIMIT])
    return (Portion(payload["line"], payload.get("quantity")),) if "line" in payload else ()


def _name(*parts: str) -> str:
    return blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=NAME_BYTES).hexdigest()
