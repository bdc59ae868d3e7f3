"""The fold, by rule: one answer for every arrival, pieces conserved whatever is told, no step back from an end."""

from random import Random

from hypothesis import given, settings

from services.orders.domain.events import OrderEvent
from services.orders.domain.folding import fold_order
from services.orders.domain.lifecycle import TERMINAL
from services.orders.domain.order import OrderState
from services.orders.domain.remarks import Doubt
from tests.strategies.orders import arrivals, consistent_histories, consistent_history, shuffled, wild_histories

SEQUENCES = 2_000


def assert_balanced(state: OrderState) -> None:
    for each in state.lines:
        assert each.line.quantity == each.open + each.shipped + each.cancelled
        assert min(each.open, each.shipped, each.cancelled, each.returned) >= 0
        assert each.returned <= each.delivered <= each.shipped
        if state.placing is not None and not state.placing.handed_over:
            assert each.shipped == sum(parcel.contents.get(each.line.number, 0) for parcel in state.parcels)
    if state.placing is not None:
        assert 0 <= state.payment.refunded_minor <= state.payment.captured_minor


@settings(max_examples=SEQUENCES, deadline=None)
@given(arrivals(wild_histories()))
def test_whatever_is_told_pieces_are_conserved_and_every_arrival_gives_one_answer(
    told: tuple[list[OrderEvent], list[OrderEvent]],
) -> None:
    events, arriving = told
    state = fold_order(events)
    assert_balanced(state)
    assert fold_order(arriving) == state
    assert len(state.history) == len(events), "every fact is kept once"


@settings(max_examples=SEQUENCES, deadline=None)
@given(arrivals(wild_histories()))
def test_what_finds_no_place_is_remarked_to_the_piece(told: tuple[list[OrderEvent], list[OrderEvent]]) -> None:
    state = fold_order(told[0])
    if state.placing is None:
        return
    live = [event for event in state.history if event.id not in state.void]
    lines = {each.line.number: each for each in state.lines}
    for line in lines.values():
        asked = sum(
            portion.quantity
            for event in live
            if event.type == "line-cancelled"
            for portion in event.portions
            if portion.line == line.line.number and portion.quantity is not None
        )
        over = sum(
            remark.quantity
            for remark in state.remarks
            if remark.doubt is Doubt.OVER_CANCELLED and remark.line == line.line.number
        )
        assert asked - over <= line.cancelled
    for event in live:
        for portion in event.portions:
            if event.type in ("line-cancelled", "return-received") and portion.line not in lines:
                assert any(
                    remark.doubt is Doubt.LINE_UNKNOWN and remark.event_id == event.id for remark in state.remarks
                )


@settings(max_examples=300, deadline=None)
@given(arrivals(consistent_histories()))
def test_nothing_that_arrives_takes_an_order_back_from_its_end(
    told: tuple[list[OrderEvent], list[OrderEvent]],
) -> None:
    known: list[OrderEvent] = []
    ended = None
    for event in told[1]:
        known.append(event)
        headline = fold_order(known).headline
        assert ended is None or headline in TERMINAL, f"back from {ended} to {headline} by {event.type}"
        ended = headline if headline in TERMINAL else None


def test_consistent_lives_are_remarked_nowhere_but_for_times() -> None:
    rng = Random(5)
    for _ in range(500):
        state = fold_order(consistent_history(rng))
        assert_balanced(state)
        assert {remark.doubt for remark in state.remarks} <= {
            Doubt.SCANNED_AFTER_END,
            Doubt.HANDED_OVER_BEFORE_PAYMENT,
            Doubt.BEFORE_ORDER,
        }


def test_a_shuffled_life_is_the_same_life() -> None:
    rng = Random(9)
    for _ in range(200):
        events = consistent_history(rng)
        assert fold_order(shuffled(events, rng)) == fold_order(events)
