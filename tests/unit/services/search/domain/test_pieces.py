"""What was cancelled of an order is what the order's own fold says, whatever order its facts are read in."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.kits.purchases import ORDER_PLACED
from services.orders.domain.folding import fold_order
from services.orders.domain.lifecycle import TYPES
from services.orders.domain.payloads import fact_of
from services.search.domain.pieces import MOVES, Line, cancelled_lines, lines_of, step_of

PRODUCTS = ({"id": "a", "quantity": 2}, {"id": "fee", "kind": "charge"}, {"id": "b"}, {"id": "a"})
WANTED = ("a", "b")


def said(number: int, **rest: Any) -> dict[str, Any]:
    order = {"id": "o", "shop": "main", "number": "7"}
    return {"source": "shop", "source_event_id": f"e{number}", "occurred_zone": "", "order": order, **rest}


@st.composite
def facts(draw: st.DrawFn) -> list[tuple[str, dict[str, Any], int]]:
    """(type, payload, time): no two of one time, for equal ones go by hashes of the orders' own."""
    kinds = draw(st.lists(st.sampled_from(sorted(MOVES)), max_size=8))
    times = draw(st.permutations(range(1, len(kinds) + 1)))
    packed: set[str] = set()
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
            parcel = draw(st.sampled_from("xyz"))
            payload["shipment"] = {"carrier": "sf", "tracking_number": parcel, "ship_date": "2026-11-23"}
            if kind == "shipment-created":
                if parcel in packed:  # a parcel is packed once; orders keeps the second telling as a remark
                    continue
                packed.add(parcel)
        if kind == "line-cancelled" or (kind == "shipment-created" and draw(st.booleans())):
            payload["items"] = draw(portions)
        if kind == "correction":
            payload["corrects"] = [{"id": f"e{draw(st.integers(0, 8))}"}]
        found.append((kind, payload, times[number] * 1_000_000))
    return found


@given(facts(), st.randoms(use_true_random=False), st.booleans())
def test_it_agrees_with_the_fold_of_orders_in_any_order_of_arrival(
    told: list[tuple[str, dict[str, Any], int]], chance: Any, handed_over: bool
) -> None:
    placing = said(99, products=PRODUCTS, **({"handed_over": True} if handed_over else {}))
    events = [fact_of(kind, payload, occurred_us=time_us) for kind, payload, time_us in told]
    state = fold_order([fact_of(ORDER_PLACED, placing, occurred_us=0), *events])
    expected = {
        each.line.number for each in state.lines if each.cancelled == each.line.quantity and not each.line.is_charge
    }
    read = list(told)
    chance.shuffle(read)
    steps = [step_of(kind, payload, key=payload["source_event_id"], time_us=time_us) for kind, payload, time_us in read]
    assert cancelled_lines(lines_of(placing, WANTED), [step for step in steps if step is not None]) == expected


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
