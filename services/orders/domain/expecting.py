"""What is still to come of an order, and what its past teaches about how long things take.

Both are read off the folded order. Every piece that has not arrived is a question for ``estimate``: those that are not
packed yet by their stages, those in a parcel by the parcel. What is ready to be collected has arrived.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.kits.purchases import RETURN
from services.kits.times import micros, time_of
from services.orders.domain.events import OrderEvent
from services.orders.domain.lead_times import PICK_GROUPS, Assumptions, lane_groups, parcel_groups, stage_groups
from services.orders.domain.lifecycle import PARCEL_STATES, Parcel
from services.orders.domain.making import production_facts, stage_fact
from services.orders.domain.order import LineState, OrderState, ParcelState
from services.orders.domain.parcels import parcel_id
from services.orders.domain.promise import (
    COMING,
    LONGEST_PASSED,
    MAX_LINE_QUANTITY,
    ParcelNews,
    Question,
    WorkPlaces,
)
from services.orders.domain.stage_catalog import StageCatalog
from services.orders.domain.stages import StageTemplate, advance, no_progress

SHORTEST_LESSON_S: Final = 60.0  # what is shorter was told in a row, not lived


@dataclass(frozen=True, slots=True)
class Lesson:
    """One observation. ``id``: the same whenever the order is read again."""

    id: str
    groups: tuple[str, ...]
    seconds: float


def is_promised(state: OrderState) -> bool:
    """Whether an order is of the kind that is promised at all: a sale whose goods did not leave at once."""
    placing = state.placing
    return placing is not None and placing.kind != RETURN and not placing.handed_over


def questions_of(
    state: OrderState, families: Mapping[str, str], catalog: StageCatalog
) -> dict[int, tuple[Question, ...]]:
    """Return what is open of each line; a line that is there, or will not come, has none.

    ``families``: by product id, of the catalogue; what was told of the line itself goes before it.
    """
    if not is_promised(state):
        return {}
    found = {}
    for line in state.lines:
        if not line.line.is_charge:
            family = line.family or families.get(line.line.product_id, "")
            questions = tuple(_questions(state, line, family, catalog.template(family)))
            if questions:
                found[line.line.number] = questions
    return found


def lessons_of(state: OrderState, catalog: StageCatalog, assumed: Assumptions, places: WorkPlaces) -> Iterator[Lesson]:
    """Yield what an order teaches: stays in stages, packing, parcels' ways and the ends of them."""
    placing = state.placing
    if placing is None:
        return
    key = placing.event_id
    for line in state.lines:
        template = catalog.template(line.family)
        if template is not None:
            yield from _stage_lessons(state, line, template, assumed, places, key)
    yield from _pick_lessons(state, places, key)
    for parcel in state.parcels:
        yield from _parcel_lessons(state, parcel, places, placing.destination)


def _questions(state: OrderState, line: LineState, family: str, template: StageTemplate | None) -> Iterator[Question]:
    placing, number = state.placing, line.line.number
    assert placing is not None
    if line.open > 0:
        ready_us = _ready_us(state, line, family)
        yield Question(
            quantity=min(line.open, MAX_LINE_QUANTITY),
            family=family,
            template=template,
            progress=line.progress,
            ready_time=time_of(ready_us) if ready_us is not None else None,
            expected_ready_time=_expected_of_line(state, number),
            destination=placing.destination,
        )
    for parcel in state.parcels:
        coming = parcel.state in COMING and parcel.state is not Parcel.PICKUP_READY
        if coming and parcel.contents.get(number):
            packed = parcel.created_us or parcel.handed_over_us or parcel.changed_us
            news = ParcelNews(
                state=parcel.state,
                packed_time=time_of(packed),
                since=time_of(parcel.changed_us),
                carrier=parcel.ref.carrier,
                expected_time=_expected_of_parcel(state, parcel),
            )
            quantity = min(parcel.contents[number], MAX_LINE_QUANTITY)
            yield Question(quantity=quantity, parcel=news, destination=placing.destination)


def _ready_us(state: OrderState, line: LineState, family: str) -> int | None:
    """Return since when a line waits to be packed: made, or in stock and paid, or in stock and placed."""
    placing = state.placing
    assert placing is not None
    if line.progress is not None:
        since = line.progress.since
        made = line.progress.is_complete and since is not None
        return micros(since) if made and since is not None else None
    if family:
        return None
    return max(state.payment.paid_us or placing.placed_us, placing.placed_us)


def _expected_of_line(state: OrderState, line: int) -> datetime | None:
    told = [fact for fact in production_facts(state.history, state.void) if _is_of(fact, line)]
    return _last_expected(told)


def _expected_of_parcel(state: OrderState, parcel: ParcelState) -> datetime | None:
    scans = set(parcel.scans)
    return _last_expected([fact for fact in state.history if fact.id in scans])


def _last_expected(facts: Sequence[OrderEvent]) -> datetime | None:
    for fact in reversed(facts):
        text = fact.details.get("expected_time")
        if text:
            return datetime.fromisoformat(text)
    return None


def _is_of(fact: OrderEvent, line: int) -> bool:
    return not fact.portions or any(portion.line == line for portion in fact.portions)


def _stage_lessons(
    state: OrderState, line: LineState, template: StageTemplate, assumed: Assumptions, places: WorkPlaces, key: str
) -> Iterator[Lesson]:
    """Yield how long each stage lasted: from being reached until the next one is, loops and rework included."""
    number, quantity = line.line.number, line.line.quantity
    progress, reached = no_progress(template, max(quantity, 1)), -1
    since: datetime | None = None
    for fact in production_facts(state.history, state.void):
        if not _is_of(fact, number):
            continue
        portion = next((each.quantity for each in fact.portions if each.line == number), None)
        told = stage_fact(fact, portion)
        progress = advance(template, progress, told)
        steps = len(progress.units) if progress.is_complete else progress.reached - 1
        if steps <= reached:
            continue
        if since is not None and 0 <= reached < len(template.stages):
            stage = template.stages[reached].name
            each = assumed.stages.get(stage)
            more_s = each.each_s * (quantity - 1) if each is not None else 0.0
            passed_s = places.workshop.working_time(since, told.time).total_seconds() - more_s
            if passed_s >= SHORTEST_LESSON_S:
                yield Lesson(f"{key}/{number}/{stage}", stage_groups(template.family, stage), passed_s)
        reached, since = steps, told.time


def _pick_lessons(state: OrderState, places: WorkPlaces, key: str) -> Iterator[Lesson]:
    packed = [parcel.created_us for parcel in state.parcels if parcel.created_us is not None]
    ready = [_ready_us(state, line, line.family) for line in state.lines if not line.line.is_charge]
    known = [each for each in ready if each is not None]
    if not packed or len(known) < len(ready) or not known or min(packed) <= max(known):
        return
    start, end = time_of(max(known)), time_of(min(packed))
    if end - start > LONGEST_PASSED:
        return
    seconds = places.warehouse.working_time(start, end).total_seconds()
    if seconds >= SHORTEST_LESSON_S:
        yield Lesson(f"{key}/pick", PICK_GROUPS, seconds)


def _parcel_lessons(state: OrderState, parcel: ParcelState, places: WorkPlaces, destination: str) -> Iterator[Lesson]:
    start_us, end_us = parcel.created_us or parcel.handed_over_us, parcel.delivered_us
    if start_us is None or end_us is None or not 0 < end_us - start_us <= LONGEST_PASSED.total_seconds() * 1e6:
        return
    end, carrier, key = time_of(end_us), parcel.ref.carrier, parcel_id(parcel.ref)
    way_s = places.carrier.working_time(time_of(start_us), end).total_seconds()
    if way_s >= SHORTEST_LESSON_S:
        yield Lesson(f"{key}/way", lane_groups(carrier, destination), way_s)
    scans = set(parcel.scans)
    last: dict[Parcel, int] = {}
    for fact in state.history:
        told = PARCEL_STATES.get(fact.type)
        if fact.id in scans and told is not None and fact.occurred_us < end_us:
            last[told] = fact.occurred_us
    for told, since_us in last.items():
        left_s = places.carrier.working_time(time_of(since_us), end).total_seconds()
        if left_s >= SHORTEST_LESSON_S:
            yield Lesson(f"{key}/{told}", parcel_groups(carrier, told), left_s)
