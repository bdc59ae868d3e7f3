"""What of an order was cancelled before it was sent, read off the facts of ``order-events`` in any order (rule 17).

The order's own arithmetic in short (services/orders keeps the long one): facts take their pieces by when they happened,
a parcel and a cancellation each what is open then. So what had been sent is not cancelled any more, unless its parcel
came back, was lost or cancelled; a parcel that was handed over holds against all of these. One that is told again is
not sent again. What a correction names is
void. Facts that name a parcel alone, whose order was not known when they came, move nothing here. Charges are not sent
with a parcel, nor cancelled with the rest: they go with the goods, unless they are cancelled by name.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from services.kits.purchases import CHARGE, MAX_ORDER_LINES, tells_of_purchase
from services.kits.times import DAY_US

NAME_BYTES: Final = 8  # of a fact's name are kept
PORTIONS_LIMIT: Final = MAX_ORDER_LINES  # of one fact; orders takes no more
STEPS_LIMIT: Final = 256  # facts of one order that move its pieces
ORDER_CANCELLED: Final = "order-cancelled"
DAY_MARK: Final = "@"  # between a parcel's number and its day
CLOCK_TOLERANCE_US: Final = DAY_US  # a fact dated this long before its parcel was packed may still be of it


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
    is_charge: bool = False


class Portion(NamedTuple):
    """Some pieces of a line, None for all that are open."""

    line: int
    pieces: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one fact does to an order's pieces. ``name``: what corrections call it; no ``portions``: all that is open.

    ``parcel``: its number, and the day on which it was packed where the fact says so. ``key``: the event's own, which
    it keeps when it is redriven under another number; "" where nobody asks for it, for the name tells an order's facts
    apart as well.
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
    places = {product_id: place for place, product_id in enumerate(wanted)}
    return tuple(
        Line(number, places[product["id"]], int(product.get("quantity") or 1))
        for number, product in zip(line_numbers(products), products, strict=True)
        if product.get("id") in places and product.get("kind") != CHARGE
    )


def line_numbers(products: Sequence[Mapping[str, Any]]) -> Sequence[int]:
    """Return the lines' own numbers where each has one and no two are alike, else their places from 1."""
    own = [product.get("line") for product in products]
    are_numbered = all(isinstance(number, int) for number in own) and len(set(own)) == len(own)
    return [int(number) for number in own if number is not None] if are_numbered else range(1, len(own) + 1)


def moves_pieces(event_type: str, payload: Mapping[str, Any]) -> bool:
    """Tell whether a fact of ``order-events`` moves pieces, or takes back another that may have."""
    return event_type in MOVES or (bool(payload.get("corrects")) and not tells_of_purchase(event_type))


def step_of(event_type: str, payload: Mapping[str, Any], *, time_us: int, key: str = "") -> Step | None:
    """Return what a fact does to pieces, None for one that moves none."""
    if not moves_pieces(event_type, payload):
        return None
    source, shipment = payload.get("source", ""), payload.get("shipment") or {}
    return Step(
        key=key,
        name=_name(source, payload.get("source_event_id", "")),
        move=MOVES.get(event_type, Move.CORRECT),
        time_us=time_us,
        parcel=_parcel(shipment) if shipment else "",
        portions=() if event_type == ORDER_CANCELLED else _portions(payload),
        voids=tuple(_name(each.get("source", source), each["id"]) for each in payload.get("corrects") or ()),
    )


def with_step(steps: Sequence[Step], new: Step) -> tuple[Step, ...] | None:
    """Return the steps with one more as they happened, None where it changes nothing: told before, or one too many.

    Of more than STEPS_LIMIT those that happened first are kept, so that what is kept is the same in any order of
    arrival.
    """
    if any(each.name == new.name for each in steps):
        return None
    kept = tuple(sorted((*steps, new), key=_when)[:STEPS_LIMIT])
    return kept if new in kept else None


def row_of_step(step: Step) -> list[Any]:
    """Write a step, as an array: there are a few of each order."""
    portions = [list(portion) for portion in step.portions]
    return [step.move.value, step.key, step.name, step.time_us, step.parcel, portions, list(step.voids)]


def step_from_row(row: Sequence[Any]) -> Step:
    """Read a step."""
    move, key, name, time_us, parcel, portions, voids = row
    return Step(key, name, Move(move), time_us, parcel, tuple(Portion(*portion) for portion in portions), tuple(voids))


def cancelled_lines(lines: Sequence[Line], steps: Iterable[Step]) -> frozenset[int]:
    """Return the numbers of the lines of which every piece was cancelled before it was sent."""
    cancelled = cancelled_pieces(lines, steps)
    return frozenset(line.number for line in lines if cancelled.get(line.number) == line.pieces)


def cancelled_pieces(lines: Sequence[Line], steps: Iterable[Step]) -> dict[int, int]:
    """Return how many pieces of which line were cancelled before they were sent; a line without any is left out."""
    told = list(steps)
    if not any(step.move is Move.CANCEL for step in told):
        return {}
    void = {name for step in told for name in step.voids if name != step.name}
    live = sorted((step for step in told if step.name not in void), key=_when)
    packed = _packed(live)
    delivered = {_parcel_of(step, packed) for step in live if step.move is Move.DELIVER}
    reopened = {_parcel_of(step, packed) for step in live if step.move is Move.OPEN} - delivered
    still_open = {line.number: line.pieces for line in lines}
    everything = [Portion(line.number) for line in lines if not line.is_charge]
    cancelled: Counter[int] = Counter()
    for step in live:
        ships = packed.get(step.parcel) is step and step.parcel not in reopened
        if not ships and step.move is not Move.CANCEL:
            continue
        for number, pieces in step.portions or everything:
            there = still_open.get(number, 0)
            taken = there if pieces is None else min(pieces, there)
            if taken:
                still_open[number] -= taken
                if not ships:
                    cancelled[number] += taken
    return dict(cancelled)


def _when(step: Step) -> tuple[int, bool, str]:
    return step.time_us, step.move is Move.CANCEL, step.name


def _packed(live: Iterable[Step]) -> dict[str, Step]:
    """Return the first telling of each parcel: one that is told again is not sent again."""
    packed: dict[str, Step] = {}
    for step in live:
        if step.move is Move.SHIP:
            packed.setdefault(step.parcel, step)
    return packed


def _parcel_of(step: Step, packed: Mapping[str, Step]) -> str:
    """Return which parcel a fact is of: without a day the last of its number that was packed before it."""
    if step.parcel in packed:
        return step.parcel
    number, _, day = step.parcel.partition(DAY_MARK)
    if day:  # of a packing kept without its day, by an earlier version
        return number
    known = [each for each in packed.values() if each.parcel.partition(DAY_MARK)[0] == number]
    before = [each for each in known if each.time_us <= step.time_us + CLOCK_TOLERANCE_US]
    return before[-1].parcel if before else known[0].parcel if known else step.parcel


def _parcel(shipment: Mapping[str, Any]) -> str:
    number, day = _name(shipment.get("carrier", ""), shipment.get("tracking_number", "")), shipment.get("ship_date", "")
    return f"{number}{DAY_MARK}{day}" if day else number


def _portions(payload: Mapping[str, Any]) -> tuple[Portion, ...]:
    if "items" in payload:
        return tuple(Portion(each["line"], each.get("quantity")) for each in payload["items"][:PORTIONS_LIMIT])
    return (Portion(payload["line"], payload.get("quantity")),) if "line" in payload else ()


def _name(*parts: str) -> str:
    return blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=NAME_BYTES).hexdigest()
