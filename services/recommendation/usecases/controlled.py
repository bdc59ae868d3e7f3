"""Placements under Controls: a request as conditions see it, and the order of business after the blend."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from services.kits.controls.arranging import Origin, arrange
from services.kits.controls.live_controls import ControlSet
from services.kits.controls.matching import Asked
from services.kits.controls.plan import Plan
from services.recommendation.domain.prediction import Prediction, Request, Slot, Source
from services.recommendation.domain.reasons import Reason, ReasonCode
from services.recommendation.store.world import World

POOL: Final = 40  # products that boosts, buries and caps choose among: a page of the longest and its neighbours
PICKED: Final = Reason(ReasonCode.PICKED)

Fill = Callable[[Request], Prediction]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What answers under Controls need: those in force, and which segments a person is in at a moment."""

    controls: ControlSet
    segments: Callable[[Sequence[str], datetime], Sequence[str]]


def asked_of(request: Request, ruling: Ruling, now: datetime) -> Asked:
    """Return a request as conditions see it; only what some condition asks for is looked up."""
    tables, catalogue = ruling.controls.tables, ruling.controls.catalogue
    categories, segments = frozenset[str](), frozenset[str]()
    if tables.asks_about_categories and request.product_ids:
        found = (catalogue.facts(each) for each in request.product_ids)
        categories = frozenset().union(*(facts.categories for facts in found if facts is not None))
    if tables.segments and request.identifiers:
        segments = frozenset(ruling.segments(request.identifiers, now))
    return Asked(
        placement=request.placement,
        product_ids=request.product_ids,
        categories=categories,
        segments=segments,
        channel=request.channel,
        shop=request.shop,
    )


def controlled(world: World, request: Request, plan: Plan, fill: Fill) -> Prediction:
    """Retrieve and blend what the plan allows, then boost and bury, cap, pin and fill."""
    wide = replace(request, plan=plan, page_size=max(POOL, request.page_size) if plan.is_ranking else request.page_size)
    prediction = fill(wide)
    slots = {slot.product_id: slot for slot in prediction.slots}
    own, filling = list(slots), list[str]()
    if prediction.slots and is_filling(prediction.slots[-1], prediction.source):  # what fills stands last
        own = [slot.product_id for slot in prediction.slots if not is_filling(slot, prediction.source)]
        filling = list(slots)[len(own) :]
    without = request.excluded.union(request.product_ids)
    sellable = world.shelf.sellable
    placed = arrange(plan, own, filling, request.page_size, may_pin=lambda each: each not in without and sellable(each))
    shown = tuple(slots.get(each.product_id) or _pinned(each.product_id) for each in placed)
    return replace(prediction, slots=shown, placed=placed)


def is_filling(slot: Slot, source: Source) -> bool:
    """Tell whether a slot only fills what the placement's own source left empty."""
    return slot.source is Source.CATALOG or (slot.source is Source.POPULAR and source is not Source.POPULAR)


def origins(prediction: Prediction) -> Iterable[tuple[Slot, int, Origin]]:
    """Yield each slot of a prediction that no Control touched, with its rank and how it was won."""
    for rank, slot in enumerate(prediction.slots, 1):
        filling = is_filling(slot, prediction.source)
        yield slot, 0 if filling else rank, Origin.FILLED if filling else Origin.RANKED


def _pinned(product_id: str) -> Slot:
    return Slot(product_id, 0.0, PICKED, Source.PINNED)
