"""Folds returns: what was asked back, what came back, how each stands."""

from collections.abc import Mapping, Sequence
from typing import Final

from services.orders.domain.balance import LineBalance
from services.orders.domain.events import OrderEvent, Portion
from services.orders.domain.lifecycle import (
    RETURN_APPROVED,
    RETURN_CANCELLED,
    RETURN_IN_TRANSIT,
    RETURN_RECEIVED,
    RETURN_REJECTED,
    RETURN_REQUESTED,
    Returning,
)
from services.orders.domain.order import ReturnState
from services.orders.domain.remarks import Doubt, Remark

_STATES: Final = {
    RETURN_REQUESTED: Returning.REQUESTED,
    RETURN_APPROVED: Returning.APPROVED,
    RETURN_REJECTED: Returning.REJECTED,
    RETURN_CANCELLED: Returning.CANCELLED,
    RETURN_IN_TRANSIT: Returning.IN_TRANSIT,
}
# Goods that are on their way or here hold against words that are dated otherwise.
_STRENGTH: Final = {
    Returning.REQUESTED: 0,
    Returning.APPROVED: 1,
    Returning.CANCELLED: 2,
    Returning.REJECTED: 2,
    Returning.IN_TRANSIT: 3,
}
_OVER_ALL: Final = (
    Returning.IN_TRANSIT,
    Returning.APPROVED,
    Returning.REQUESTED,
    Returning.REJECTED,
    Returning.CANCELLED,
)

Received = list[tuple[OrderEvent, Sequence[Portion]]]


def fold_returns(events: Sequence[OrderEvent], remarks: list[Remark]) -> tuple[list[ReturnState], Received]:
    """Return the returns, and the facts of goods received with what each brought back."""
    by_return: dict[str, list[OrderEvent]] = {}
    for event in events:
        by_return.setdefault(event.return_id, []).append(event)
    received: Received = []
    states = [_fold_return(name, own, received, remarks) for name, own in by_return.items()]
    received.sort(key=lambda each: each[0].sort_key)
    return states, received


def returning_of(returns: Sequence[ReturnState], lines: Sequence[LineBalance]) -> Returning:
    """Return how the order stands on the axis of return."""
    returned = sum(each.returned for each in lines)
    if returned:
        return Returning.RETURNED if returned == sum(each.delivered for each in lines) else Returning.PARTIALLY_RETURNED
    states = {each.state for each in returns}
    return next((state for state in _OVER_ALL if state in states), Returning.NONE)


def _fold_return(name: str, events: Sequence[OrderEvent], received: Received, remarks: list[Remark]) -> ReturnState:
    request = next((event for event in events if event.type == RETURN_REQUESTED), None)
    if request is None:
        remarks.append(Remark(Doubt.RETURN_UNKNOWN, events[0].id))
    asked = request.portions if request is not None else ()
    came: dict[int, int] = {}
    state = Returning.REQUESTED
    for event in events:
        if event.type == RETURN_RECEIVED:
            portions = event.portions or asked
            received.append((event, portions))
            for portion in portions:
                came[portion.line] = came.get(portion.line, 0) + (portion.quantity or 0)
        elif event.type == RETURN_REQUESTED and event is not request:
            remarks.append(Remark(Doubt.RETURN_REQUESTED_TWICE, event.id))
        else:
            told = _STATES.get(event.type, state)
            state = told if _STRENGTH[told] >= _STRENGTH[state] else state
    requested = _pieces(asked)
    if any(event.type == RETURN_RECEIVED for event in events):
        everything = all(came.get(line, 0) >= pieces for line, pieces in requested.items())
        state = Returning.RETURNED if everything else Returning.PARTIALLY_RETURNED
    return ReturnState(name, state, requested, came, max(event.occurred_us for event in events))


def _pieces(portions: Sequence[Portion]) -> Mapping[int, int]:
    pieces: dict[int, int] = {}
    for portion in portions:
        pieces[portion.line] = pieces.get(portion.line, 0) + (portion.quantity or 0)
    return pieces
