"""What was cancelled of an order is what the order's own fold says, whatever order its facts are read in."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.kits.pieces import (
    MOVES,
    ORDER_CANCELLED,
    STEPS_LIMIT,
    Line,
    Move,
    Portion,
    Step,
    cancelled_lines,
    cancelled_pieces,
    lines_of,
    row_of_step,
    step_from_row,
    step_of,
    with_step,
)
from services.kits.purchases import ORDER_PLACED
from services.orders.domain.folding import fold_order
from services.orders.domain.lifecycle import TYPES
from services.orders.domain.payloads import fact_of

PRODUCTS = ({"id": "a", "quantity": 2}, {"id": "fee", "kind": "charge"}, {"id": "b"}, {"id": "a"})
WANTED = ("a", "b")
HALF_A_DAY_US = 43_200_000_000


def said(number: int, **rest: Any) -> dict[str, Any]:
    order = {"id": "o", "shop": "main", "number": "7"}
    return {"source": "shop", "source_event_id": f"e{number}", "occurred_zone": "", "order": order, **rest}


@st.composite
def facts(draw: st.DrawFn) -> list[tuple[str, dict[str, Any], int]]:
    """(type, payload, time): no two of one time, for equal ones go by hashes of the orders' own."""
    kinds = draw(st.lists(st.sampled_from([*sorted(MOVES), "shipment-in-transit"]), max_size=8))
    times = draw(st.permutations(range(1, len(kinds) + 1)))
    found = []
    for number, kind in enumerate(kinds):
        payload: dict[str, Any] = said(number)
        portions = st.lists(
            st.builds(
                lambda line, pieces: {"line": line} if pieces is None else {"line": line, "quantity": pieces},
                st.integers(1, 5),
                st.none() | st.integers(1, 3),
            ),
            min_size=1,
            max_size=3,
            unique_by=lambda portion: portion["line"],
        )
        if kind.startswith("shipment-"):
            days = ["2026-11-23", "2026-11-24"]
            day = draw(st.sampled_from(days if kind == "shipment-created" else [*days, None]))
            payload["shipment"] = {"carrier": "sf", "tracking_number": draw(st.sampled_from("xy"))}
            payload["shipment"] |= {"ship_date": day} if day else {}
        if kind == "line-cancelled" or (kind == "shipment-created" and draw(st.booleans())):
            payload["items"] = draw(portions)
        if kind in ("correction", "shipment-in-transit", "shipment-returned"):
            payload["corrects"] = [{"id": f"e{draw(st.integers(0, 8))}"}]
        found.append((kind, payload, times[number] * HALF_A_DAY_US))
    return found


@given(facts(), st.randoms(use_true_random=False), st.booleans())
def test_it_agrees_with_the_fold_of_orders_in_any_order_of_arrival(
    told: list[tuple[str, dict[str, Any], int]], chance: Any, handed_over: bool
) -> None:
    placing = said(99, products=PRODUCTS, **({"handed_over": True} if handed_over else {}))
    events = [fact_of(kind, payload, occurred_us=time_us) for kind, payload, time_us in told]
    state = fold_order([fact_of(ORDER_PLACED, placing, occurred_us=0), *events])
    goods = [each for each in state.lines if not each.line.is_charge]
    read = list(told)
    chance.shuffle(read)
    steps = [step_of(kind, payload, key=payload["source_event_id"], time_us=time_us) for kind, payload, time_us in read]
    known, lines = [step for step in steps if step is not None], lines_of(placing, WANTED)
    assert cancelled_pieces(lines, known) == {each.line.number: each.cancelled for each in goods if each.cancelled}
    assert cancelled_lines(lines, known) == {each.line.number for each in goods if each.cancelled == each.line.quantity}


def test_a_parcel_that_was_kept_without_its_day_is_that_of_every_fact_of_its_number() -> None:
    parcel, lines = {"carrier": "sf", "tracking_number": "x"}, [Line(1, 0, 2)]
    told = [
        step_of("shipment-created", said(1, shipment=parcel, items=[{"line": 1}]), time_us=1),
        step_of("shipment-lost", said(2, shipment={**parcel, "ship_date": "2026-11-23"}), time_us=2),
        step_of(ORDER_CANCELLED, said(3), time_us=3),
    ]
    assert cancelled_pieces(lines, [step for step in told if step is not None]) == {1: 2}


def test_a_scan_that_corrects_another_takes_it_back() -> None:
    scan = step_of("shipment-in-transit", said(2, corrects=[{"id": "e1"}]), time_us=2)
    lost = step_of("shipment-lost", said(1), time_us=1)
    assert scan is not None and lost is not None
    assert (scan.move, scan.voids) == (Move.CORRECT, (lost.name,))
    assert step_of("shipment-in-transit", said(2), time_us=2) is None
    assert step_of(ORDER_PLACED, said(2, corrects=[{"id": "e1"}]), time_us=2) is None, "it is a telling"


def test_every_fact_that_moves_pieces_is_one_that_orders_tells() -> None:
    assert set(MOVES) <= set(TYPES)
    assert step_of("payment-captured", said(1), key="k", time_us=1) is None


def lines(products: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    return lines_of({"products": products}, WANTED)


def test_lines_have_their_own_numbers_or_their_places() -> None:
    assert lines(PRODUCTS) == (Line(1, 0, 2), Line(3, 1, 1), Line(4, 0, 1))
    assert lines([{"id": "b", "line": 20}, {"id": "a", "line": 10}]) == (Line(20, 1, 1), Line(10, 0, 1))
    assert lines([{"id": "b", "line": 20}, {"id": "a"}]) == (Line(1, 1, 1), Line(2, 0, 1))
    assert lines([{"id": "b", "line": 2}, {"id": "a", "line": 2}]) == (Line(1, 1, 1), Line(2, 0, 1))


def test_a_charge_goes_with_the_goods_and_is_cancelled_by_name_alone() -> None:
    told = (Line(1, 0, 2), Line(2, 1, 1, is_charge=True))
    rest, fee = Step("r", "r", Move.CANCEL, 1), Step("f", "f", Move.CANCEL, 1, portions=(Portion(2),))
    assert cancelled_pieces(told, [rest]) == {1: 2}
    assert cancelled_pieces(told, [fee]) == {2: 1}


def test_steps_are_kept_once_as_they_happened_and_of_too_many_the_first_whichever_came_first() -> None:
    def step(number: int) -> Step:
        return Step(f"k{number}", f"n{number}", Move.SHIP, number, "p", (Portion(1, 2), Portion(3)), ("v",))

    def read(numbers: Sequence[int]) -> tuple[Step, ...]:
        kept: tuple[Step, ...] = ()
        for number in numbers:
            kept = with_step(kept, step(number)) or kept
        return kept

    assert with_step(read([1, 2]), step(2)) is None, "told before"
    numbers = range(STEPS_LIMIT + 1)
    assert read(numbers) == read(numbers[::-1]) == tuple(map(step, range(STEPS_LIMIT)))
    assert with_step(read(numbers), step(STEPS_LIMIT)) is None, "one too many"


def test_a_step_is_written_and_read() -> None:
    step = Step("k", "n", Move.CORRECT, 7, "p", (Portion(1, 2), Portion(3)), ("v",))
    assert step_from_row(orjson.loads(orjson.dumps(row_of_step(step)))) == step
