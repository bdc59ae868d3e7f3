"""What holds of every arrangement, said without the code that makes it: used by the unit test and by the benchmark."""

import itertools
from collections import Counter
from collections.abc import Sequence

from services.kits.controls.arranging import Origin, Placed, arrange
from services.kits.controls.control import Action, ActionType, CapPer, Control, Target
from services.kits.controls.plan import Plan
from tests.strategies.controls import Case, SmallCatalogue, facts_of

CATALOGUE = SmallCatalogue()


def arranged(case: Case) -> tuple[Placed, ...]:
    plan = Plan(case.controls, CATALOGUE)
    return arrange(plan, case.ranked, case.fill, case.count, may_pin=lambda each: each not in case.unpinnable)


def violations(case: Case, slots: Sequence[Placed]) -> list[str]:
    """Return every rule of the order of business that an arrangement breaks."""
    found: list[str] = []
    shown = [slot.product_id for slot in slots]
    if len(shown) > case.count or len(set(shown)) < len(shown):
        found.append("more slots than asked for, or a product twice")
    if [slot.position for slot in slots] != list(range(1, len(slots) + 1)):
        found.append("positions do not count from 1")
    if any(not is_eligible(product_id, case.controls) for product_id in shown):
        found.append("exclude or filter is not kept")
    found += [
        name for name in (_pins(case, slots), _caps(case, slots), _order(case, slots), _fill(case, slots)) if name
    ]
    return found


def belongs(target: Target, product_id: str) -> bool:
    facts = facts_of(int(product_id[1:]))
    named = ((target.categories, facts.categories), (target.brands, facts.brands), (target.tags, facts.tags))
    return (not target.product_ids or product_id in target.product_ids) and all(
        not wanted or set(wanted) & has for wanted, has in named
    )


def is_eligible(product_id: str, controls: Sequence[Control]) -> bool:
    actions = [each.action for each in controls]
    excluded = any(each.type is ActionType.EXCLUDE and belongs(each.target, product_id) for each in actions)
    filtered = any(each.type is ActionType.FILTER and not belongs(each.target, product_id) for each in actions)
    return not excluded and not filtered


def factor(product_id: str, controls: Sequence[Control]) -> float:
    product = 1.0
    for action in (each.action for each in controls):
        if action.type is ActionType.BOOST and belongs(action.target, product_id):
            product /= action.strength + 1
        if action.type is ActionType.BURY and belongs(action.target, product_id):
            product *= action.strength + 1
    return product


def counters(action: Action, product_id: str) -> list[str]:
    facts = facts_of(int(product_id[1:]))
    if not belongs(action.target, product_id):
        return []
    return list(facts.brands) if action.per is CapPer.BRAND else [facts.leaf] if action.per else [""]


def _pins(case: Case, slots: Sequence[Placed]) -> str:
    """Pins that no other one touches stand where they were put, or last where too little else is there."""
    pins = [pin for each in case.controls for pin in each.action.pins]
    free = [pin for pin in pins if pin.product_id not in case.unpinnable and is_eligible(pin.product_id, case.controls)]
    places = {slot.product_id: slot for slot in slots}
    pinned = {pin.product_id for pin in free}
    for pin in free:
        alone = all(pin.position != each.position for each in pins if each is not pin)
        once = [each.product_id for each in free].count(pin.product_id) == 1
        calm = len({each.position for each in free}) == len(free) == len(pinned)
        if not (alone and once and calm) or pin.position > case.count:
            continue
        slot = places.get(pin.product_id)
        if slot is None or slot.origin is not Origin.PINNED:
            return "a pin that may be shown is not"
        others_after = any(each.origin is not Origin.PINNED for each in slots[slot.position :])
        if slot.position > pin.position or (slot.position < pin.position and others_after):
            return "a pin is not in its place"
    return "" if all(s.product_id in pinned for s in slots if s.origin is Origin.PINNED) else "pinned without a pin"


def _caps(case: Case, slots: Sequence[Placed]) -> str:
    for action in (each.action for each in case.controls):
        if action.type is ActionType.CAP:
            of = Counter(name for slot in slots for name in counters(action, slot.product_id))
            pinned = Counter(
                name for slot in slots if slot.origin is Origin.PINNED for name in counters(action, slot.product_id)
            )
            if any(count > max(action.maximum, pinned[name]) for name, count in of.items()):
                return "a cap is not kept"
    return ""


def _order(case: Case, slots: Sequence[Placed]) -> str:
    """Those from the ranking come by rank times factor, and none that could be shown is passed over but for a cap."""
    ranks = {product_id: rank for rank, product_id in enumerate(case.ranked, 1)}
    keys = [
        (ranks[slot.product_id] * factor(slot.product_id, case.controls), slot.rank)
        for slot in slots
        if slot.origin is Origin.RANKED
    ]
    if any(earlier[0] > later[0] + 1e-9 for earlier, later in itertools.pairwise(keys)):
        return "boosts and buries are not kept"
    if any(slot.rank != ranks[slot.product_id] for slot in slots if slot.origin is Origin.RANKED):
        return "a rank of the trace is wrong"
    return ""


def _fill(case: Case, slots: Sequence[Placed]) -> str:
    """Filling comes last, and where slots stay empty nothing was left that might have filled them."""
    others = [slot.origin for slot in slots if slot.origin is not Origin.PINNED]
    if Origin.FILLED in others and Origin.RANKED in others[others.index(Origin.FILLED) :]:
        return "filled before the ranking was through"
    if len(slots) < case.count:
        caps = [each.action for each in case.controls if each.action.type is ActionType.CAP]
        shown = {slot.product_id for slot in slots}
        for product_id in (*case.ranked, *case.fill):
            capped = any(counters(action, product_id) for action in caps)
            if product_id not in shown and is_eligible(product_id, case.controls) and not capped:
                return "a slot stays empty though something was left"
    return ""
