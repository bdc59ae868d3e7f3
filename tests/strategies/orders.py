"""Hypothesis strategies of orders: whole histories of small orders, consistent ones and wild ones."""

from collections.abc import Sequence
from random import Random

from hypothesis import strategies as st

from services.orders.domain.events import OrderEvent, ParcelRef, Portion, event_id
from services.orders.domain.lifecycle import LIFECYCLE, SHIPMENT_CREATED, Axis

SHOP, SOURCE, ZONE = "main", "erp", "+08:00"
MINUTE_US = 60_000_000
_WAY = ("shipment-picked-up", "shipment-in-transit", "shipment-out-for-delivery")


def told(name: str, type_: str, at: int, **fields: object) -> OrderEvent:
    """Return a fact; ``at`` in minutes."""
    return OrderEvent(event_id(SHOP, SOURCE, name), SOURCE, name, type_, at * MINUTE_US, ZONE, **fields)  # type: ignore[arg-type]


def placed(*quantities: int, name: str = "placed", at: int = 0, **details: object) -> OrderEvent:
    """Return a placing with a line of each quantity, at 10.00 a piece."""
    products = [
        {"id": f"p-{number}", "quantity": quantity, "line": number, "price": {"amount": "10.00", "currency": "CNY"}}
        for number, quantity in enumerate(quantities, 1)
    ]
    body = {"order": {"number": "7", "kind": "sale"}, "products": products, "channel": "web", **details}
    return told(name, "order-placed", at, details=body)


def parcel(number: int, *, day: str = "2026-11-23") -> ParcelRef:
    return ParcelRef("sf-express", f"SF{number}", day)


def portions(pieces: dict[int, int]) -> tuple[Portion, ...]:
    return tuple(Portion(line, quantity) for line, quantity in pieces.items())


@st.composite
def consistent_histories(draw: st.DrawFn) -> list[OrderEvent]:
    """A whole life in which nothing contradicts: parcels, cancelled pieces and returns within what is there."""
    rng = Random(draw(st.integers(0, 2**32)))
    return consistent_history(rng)


def consistent_history(rng: Random) -> list[OrderEvent]:
    """Return one of these by a generator of chance, for loops that Hypothesis would be too slow for."""
    quantities = [rng.randint(1, 4) for _ in range(rng.randint(1, 3))]
    events, at = [placed(*quantities)], 1
    open_ = dict(enumerate(quantities, 1))
    events.append(told("paid", "payment-captured", rng.randint(0, 30)))
    for number in range(rng.randint(0, 3)):
        at += rng.randint(0, 20)
        taken = {line: rng.randint(0, count) for line, count in open_.items()}
        taken = {line: count for line, count in taken.items() if count}
        if not taken:
            continue
        for line, count in taken.items():
            open_[line] -= count
        if rng.random() < 0.25:
            events += [
                told(f"cancel-{number}-{line}", "line-cancelled", at, portions=(Portion(line, count),))
                for line, count in taken.items()
            ]
            continue
        events += _shipment(rng, number, taken, at)
    return events


def _shipment(rng: Random, number: int, taken: dict[int, int], at: int) -> list[OrderEvent]:
    ref = parcel(number)
    events = [told(f"pack-{number}", SHIPMENT_CREATED, at, parcel=ref, portions=portions(taken))]
    for step, type_ in enumerate(_WAY[: rng.randint(0, 3)]):
        events.append(told(f"scan-{number}-{step}", type_, at + rng.randint(0, 60), parcel=ref))
    if rng.random() < 0.7:
        events.append(told(f"deliver-{number}", "shipment-delivered", at + 40, parcel=ref))
        if rng.random() < 0.4:
            back = {line: rng.randint(1, count) for line, count in taken.items()}
            events.append(
                told(f"ask-{number}", "return-requested", at + 50, return_id=f"r{number}", portions=portions(back))
            )
            if rng.random() < 0.7:
                events.append(told(f"back-{number}", "return-received", at + 55, return_id=f"r{number}"))
    return events


_TYPES = [each.name for each in LIFECYCLE if each.name != "order-placed"] + ["of-a-later-version"]
_BY_NAME = {each.name: each for each in LIFECYCLE}


@st.composite
def wild_histories(draw: st.DrawFn) -> list[OrderEvent]:
    """Anything that anybody may tell: too much, too early, of lines and parcels that do not exist, corrected or not."""
    return wild_history(Random(draw(st.integers(0, 2**32))), draw(st.integers(1, 12)))


def wild_history(rng: Random, size: int) -> list[OrderEvent]:
    """Return one of these. Drawn from one seed: thousands of histories fact by fact would take Hypothesis minutes."""
    events = [
        placed(*(rng.randint(1, 5) for _ in range(rng.randint(1, 3))), name=f"placed-{number}", at=rng.randint(0, 30))
        for number in range(rng.choice((0, 1, 1, 1, 2)))
    ]
    for number in range(size):
        type_ = rng.choice(_TYPES)
        axis = _BY_NAME[type_].axis if type_ in _BY_NAME else Axis.RECORD
        names_others = bool(events) and (type_ == "correction" or rng.random() < 0.1)
        events.append(
            told(
                f"e-{number}",
                type_,
                rng.randint(-20, 60),
                portions=tuple(_portion(rng) for _ in range(rng.randint(0, 3))),
                parcel=_parcel(rng) if axis is Axis.SHIPMENT else None,
                return_id=rng.choice(("r1", "r2")) if axis is Axis.RETURN else "",
                corrects=tuple(rng.choice(events).id for _ in range(rng.randint(0, 2))) if names_others else (),
                details=rng.choice(_DETAILS),
            )
        )
    return events


def _portion(rng: Random) -> Portion:
    return Portion(rng.randint(1, 4), rng.choice((None, *range(1, 10))))


def _parcel(rng: Random) -> ParcelRef:
    return ParcelRef("sf-express", rng.choice(("SF1", "SF2")), rng.choice(("", "2026-11-23", "2026-11-24")))


_DETAILS = (
    {},
    {"stage": "baking"},
    {"carrier_word": "飞走了"},
    {"amount": {"amount": "15.00", "currency": "CNY"}},
    {"amount": {"amount": "15.00", "currency": "USD"}},
)


@st.composite
def arrivals(
    draw: st.DrawFn, histories: st.SearchStrategy[list[OrderEvent]]
) -> tuple[list[OrderEvent], list[OrderEvent]]:
    """A history, and the same facts as they arrive: shuffled, each 1 to 5 times."""
    events = draw(histories)
    rng = Random(draw(st.integers(0, 2**32)))
    return events, shuffled(events, rng)


def shuffled(events: Sequence[OrderEvent], rng: Random) -> list[OrderEvent]:
    """Return the facts in any order, each 1 to 5 times."""
    arriving = [event for event in events for _ in range(rng.randint(1, 5))]
    rng.shuffle(arriving)
    return arriving
