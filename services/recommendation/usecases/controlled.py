"""Placements under Controls: a request as conditions see it, and the order of business after the blend."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from services.kits.controls.arranging import Origin, arrange
from services.kits.controls.live_controls import ControlSet
from services.kits.controls.matching import Asked
from services.kits.controls.plan import Plan
from services.recommendation.domain.prediction import Pool, Prediction, Request, Slot, Source
from services.recommendation.domain.reasons import Reason, ReasonCode
from services.recommendation.store.people import Person
from services.recommendation.store.world import World

# Products that boosts, buries and caps choose among: a page of the longest and its neighbours; more where caps let so
# few of them through that a page stays short.
POOLS: Final = (40, 160, 640)
NOTHING: Final = frozenset[str]()
PINNED_LIMIT: Final = 2_000  # slots of pinned products that are kept
PICKED: Final = Reason(ReasonCode.PICKED)

Fill = Callable[[Request], Prediction]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What answers under Controls need: those in force, and which segments a person is in at a moment."""

    controls: ControlSet
    segments: Callable[[Person, datetime], Sequence[str]]


def asked_of(request: Request, person: Person, ruling: Ruling, now: datetime) -> Asked:
    """Return a request as conditions see it; only what some condition asks for is looked up."""
    tables, catalogue = ruling.controls.tables, ruling.controls.catalogue
    categories, segments = NOTHING, NOTHING
    if tables.asks_about_categories and request.product_ids:
        found = (catalogue.facts(each) for each in request.product_ids)
        categories = NOTHING.union(*(facts.categories for facts in found if facts is not None))
    if tables.segments and request.identifiers:
        segments = frozenset(ruling.segments(person, now))
    return Asked(
        placement=request.placement,
        product_ids=request.product_ids,
        categories=categories,
        segments=segments,
        channel=request.channel,
        shop=request.shop,
    )


def controlled(world: World, request: Request, plan: Plan, fill: Fill) -> Prediction:
    """Retrieve and blend what the plan allows, then boost and bury, cap, pin and fill.

    Where caps leave slots empty, more is retrieved.
    """
    without = request.excluded.union(request.product_ids)
    sellable, count = world.shelf.sellable, request.page_size
    for size in POOLS:
        wide = Request(  # a third cheaper than replace()
            request.placement,
            request.identifiers,
            request.product_ids,
            max(size, count) if plan.is_ranking else count,
            request.excluded,
            request.language,
            request.shop,
            request.channel,
            plan,
        )
        prediction = fill(wide)
        pool, filling = _pool_of(prediction)
        fill_ids = [slot.product_id for slot in filling]
        placed = arrange(
            plan, pool.product_ids, fill_ids, count, may_pin=lambda each: each not in without and sellable(each)
        )
        is_all = len(pool.product_ids) + len(filling) < wide.page_size
        if len(placed) == count or is_all or not plan.maxima:
            break
    ranked = iter(pool.slots([each.rank - 1 for each in placed if each.rank]))
    others = {slot.product_id: slot for slot in filling}
    shown = tuple(
        [next(ranked) if each.rank else others.get(each.product_id) or _pinned(each.product_id) for each in placed]
    )
    return Prediction(prediction.placement, shown, prediction.source, prediction.fallback_reason, placed)


def _pool_of(prediction: Prediction) -> tuple[Pool, Sequence[Slot]]:
    """Return what Controls choose from, and the slots that only fill: these stand last."""
    if prediction.pool is not None:
        return prediction.pool, ()
    slots = prediction.slots
    own = len(slots)
    while own and is_filling(slots[own - 1], prediction.source):
        own -= 1
    ids = [slot.product_id for slot in slots[:own]]
    return Pool(ids, lambda places: [slots[place] for place in places]), slots[own:]


def is_filling(slot: Slot, source: Source) -> bool:
    """Tell whether a slot only fills what the placement's own source left empty."""
    return slot.source is Source.CATALOG or (slot.source is Source.POPULAR and source is not Source.POPULAR)


def origins(prediction: Prediction) -> Iterable[tuple[Slot, int, Origin]]:
    """Yield each slot of a prediction that no Control touched, with its rank and how it was won."""
    for rank, slot in enumerate(prediction.slots, 1):
        filling = is_filling(slot, prediction.source)
        yield slot, 0 if filling else rank, Origin.FILLED if filling else Origin.RANKED


@lru_cache(PINNED_LIMIT)
def _pinned(product_id: str) -> Slot:
    return Slot(product_id, 0.0, PICKED, Source.PINNED)
