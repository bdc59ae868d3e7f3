"""Placements under Controls: what of a person conditions may know, and the order of business after the blend."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from services.kits.controls.arranging import Origin, arrange
from services.kits.controls.live_controls import ControlSet
from services.kits.controls.matching import Asked
from services.kits.controls.plan import Plan
from services.recommendation.domain.interactions import DAY_S, Kind
from services.recommendation.domain.prediction import Prediction, Request, Slot, Source
from services.recommendation.domain.reasons import Reason, ReasonCode
from services.recommendation.store.people import Person
from services.recommendation.store.world import World

POOL: Final = 60  # products that boosts, buries and caps choose among: a page of the longest and its neighbours
VISITOR, MEMBER, NEWCOMER, BUYER, REGULAR = "visitor", "member", "newcomer", "buyer", "regular"
# Known by the browser alone, or by name; never bought, bought, bought on three days of the last ninety.
SEGMENTS: Final = (VISITOR, MEMBER, NEWCOMER, BUYER, REGULAR)
FROM_HISTORY: Final = frozenset({NEWCOMER, BUYER, REGULAR})
REGULAR_DAYS, REGULAR_WITHIN_DAYS = 3, 90
VISITOR_PREFIX: Final = "visitor:"
PICKED: Final = Reason(ReasonCode.PICKED)

Fill = Callable[[Request], Prediction]


def asked_of(request: Request, world: World, person: Person, controls: ControlSet, *, may_know: bool, now_s: int) -> Asked:
    """Return a request as conditions see it; only what some condition asks for is looked up.

    ``may_know``: the person consented and that is fresh; otherwise nobody is in a segment that history decides.
    """
    tables, categories = controls.tables, frozenset[str]()
    if tables.asks_about_categories and request.product_ids:
        found = (controls.catalogue.facts(each) for each in request.product_ids)
        categories = frozenset().union(*(facts.categories for facts in found if facts is not None))
    return Asked(
        placement=request.placement,
        product_ids=request.product_ids,
        categories=categories,
        segments=segments_of(world, person, tables.segments, may_know=may_know, now_s=now_s),
        channel=request.channel,
        shop=request.shop,
    )


def segments_of(
    world: World, person: Person, wanted: frozenset[str], *, may_know: bool, now_s: int
) -> frozenset[str]:
    """Return which of the ``wanted`` segments a person is in."""
    if not wanted:
        return wanted
    named = any(not each.startswith(VISITOR_PREFIX) for each in person.identifiers)
    found = {MEMBER if named else VISITOR}
    if may_know and wanted & FROM_HISTORY:
        history = world.ledger.history(world.ledger.actor_places(person.identifiers))
        bought = history.time_s[history.kind == Kind.PURCHASE]
        found.add(BUYER if len(bought) else NEWCOMER)
        recent = bought[bought >= now_s - REGULAR_WITHIN_DAYS * DAY_S]
        if len(np.unique(recent // DAY_S)) >= REGULAR_DAYS:
            found.add(REGULAR)
    return wanted & found


def controlled(world: World, request: Request, plan: Plan, fill: Fill) -> Prediction:
    """Retrieve and blend what the plan allows, then boost and bury, cap, pin and fill."""
    wide = replace(request, plan=plan, page_size=max(POOL, request.page_size) if plan.is_ranking else request.page_size)
    prediction = fill(wide)
    slots = {slot.product_id: slot for slot in prediction.slots}
    own = [slot.product_id for slot in prediction.slots if not is_filling(slot, prediction.source)]
    filling = [slot.product_id for slot in prediction.slots if is_filling(slot, prediction.source)]
    without = request.excluded.union(request.product_ids)
    sellable = world.shelf.sellable
    placed = arrange(
        plan, own, filling, request.page_size, may_pin=lambda each: each not in without and sellable(each)
    )
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
