"""Folds production: which stages each line went through, and how far its template says that it is (stages.py).

A line's family is what a fact of its production says, else what this service wrote beside a promise, out of the
catalogue. A line without one has its stays in stages, and no progress but its end.
"""

from collections.abc import Collection, Mapping, Sequence

from services.kits.times import time_of
from services.orders.domain.events import OrderEvent
from services.orders.domain.lifecycle import (
    LIFECYCLE,
    PRODUCTION_COMPLETED,
    PROMISE_MADE,
    STAGE_COMPLETED,
    STAGE_ENTERED,
    Axis,
    Production,
)
from services.orders.domain.order import Placing, StageVisit
from services.orders.domain.remarks import Doubt, Remark
from services.orders.domain.stage_catalog import StageCatalog, own_stage_catalog
from services.orders.domain.stages import Progress, StageFact, advance, no_progress

WHOLE_ORDER = 0  # in place of a line's number
_PRODUCTION = frozenset(each.name for each in LIFECYCLE if each.axis is Axis.PRODUCTION)
_STAGES = (STAGE_ENTERED, STAGE_COMPLETED)
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


def families_of(production: Sequence[OrderEvent], promises: Sequence[OrderEvent]) -> dict[int, str]:
    """Return the family of each line that has one: what its production says goes before what we wrote."""
    found: dict[int, str] = {}
    for event in promises:
        if event.type == PROMISE_MADE:
            found |= {int(line): family for line, family in event.details.get("families", {}).items()}
    for event in production:
        family = event.details.get("family")
        if family:
            found |= {portion.line: family for portion in event.portions}
    return found


def production_facts(history: Sequence[OrderEvent], void: Collection[str]) -> list[OrderEvent]:
    """Return what holds of an order's production, in order."""
    return [fact for fact in history if fact.type in _PRODUCTION and fact.id not in void]


def stage_fact(event: OrderEvent, quantity: int | None) -> StageFact:
    """Return a fact as stages.py reads it; ``quantity`` of the line in question."""
    return StageFact(event.type, time_of(event.occurred_us), event.details.get("stage", ""), quantity)


def fold_progress(
    production: Sequence[OrderEvent],
    placing: Placing | None,
    families: Mapping[int, str],
    remarks: list[Remark],
    catalog: StageCatalog | None = None,
) -> dict[int, Progress]:
    """Return how far each line is that production was told of; rework and unregistered stages are remarked."""
    if not production:
        return {}
    catalog = catalog or own_stage_catalog()
    quantities = {line.number: line.quantity for line in placing.lines} if placing is not None else {}
    templates = {line: catalog.template(families.get(line, "")) for line in _lines_of(production)}
    found = {line: no_progress(template, max(quantities.get(line, 1), 1)) for line, template in templates.items()}
    for event in production:
        told = {portion.line: portion.quantity for portion in event.portions} or dict.fromkeys(found)
        for line, quantity in told.items():
            fact = stage_fact(event, quantity)
            before, template = found[line], templates[line]
            found[line] = advance(template, before, fact)
            if found[line].reworks > before.reworks:
                remarks.append(Remark(Doubt.REWORK, event.id, line))
            elif template is not None and event.type in _STAGES and template.place_of(fact.stage) is None:
                remarks.append(Remark(Doubt.STAGE_UNKNOWN, event.id, line))
    return found


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


def _lines_of(events: Sequence[OrderEvent]) -> set[int]:
    return {portion.line for event in events for portion in event.portions}


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
