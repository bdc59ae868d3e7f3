"""Folds production: which stages each line went through. What a stage means, its template says (stages.py)."""

from collections.abc import Mapping, Sequence

from services.orders.domain.events import OrderEvent
from services.orders.domain.lifecycle import PRODUCTION_COMPLETED, STAGE_COMPLETED, STAGE_ENTERED, Production
from services.orders.domain.order import StageVisit

WHOLE_ORDER = 0  # in place of a line's number
_STRENGTH = {Production.NONE: 0, Production.COMPLETED: 1, Production.QUEUED: 2, Production.IN_PROGRESS: 3}


def fold_stages(events: Sequence[OrderEvent]) -> tuple[list[StageVisit], dict[int, Production]]:
    """Return the stays in stages, in order, and how each line stands that is made to order."""
    visits: list[StageVisit] = []
    states: dict[int, Production] = {}
    for event in events:
        for line in [portion.line for portion in event.portions] or [WHOLE_ORDER]:
            if event.type == STAGE_ENTERED:
                visits.append(_visit(event, line, None))
            elif event.type == STAGE_COMPLETED:
                _leave(visits, event, line)
            states[line] = _next(states.get(line, Production.NONE), event.type)
    if states.get(WHOLE_ORDER) is Production.COMPLETED:
        states = dict.fromkeys(states, Production.COMPLETED)
    return visits, states


def production_of(states: Mapping[int, Production]) -> Production:
    """Return how the order stands on the axis of production: as the line that has longest to go."""
    return max(states.values(), key=_STRENGTH.__getitem__, default=Production.NONE)


def _next(state: Production, type_: str) -> Production:
    """Completed is the end: a stage that is told later, or entered again, is a remark and no step back."""
    if type_ == PRODUCTION_COMPLETED or state is Production.COMPLETED:
        return Production.COMPLETED
    if type_ in (STAGE_ENTERED, STAGE_COMPLETED):
        return Production.IN_PROGRESS
    return Production.QUEUED if state is Production.NONE else state


def _leave(visits: list[StageVisit], event: OrderEvent, line: int) -> None:
    """End the line's last stay in the stage; one that nobody saw begin begins and ends at once."""
    stage = event.details.get("stage", "")
    for place in range(len(visits) - 1, -1, -1):
        visit = visits[place]
        if visit.line == line and visit.stage == stage and visit.left_us is None:
            visits[place] = StageVisit(
                line, stage, visit.entered_us, event.occurred_us, visit.quantity, visit.event_id, visit.details
            )
            return
    visits.append(_visit(event, line, event.occurred_us))


def _visit(event: OrderEvent, line: int, left_us: int | None) -> StageVisit:
    quantity = next((portion.quantity for portion in event.portions if portion.line == line), None)
    return StageVisit(
        line, event.details.get("stage", ""), event.occurred_us, left_us, quantity, event.id, event.details
    )
