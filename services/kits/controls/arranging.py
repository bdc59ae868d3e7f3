"""The order of business: eligibility -> retrieve -> blend -> boost and bury -> caps -> pins -> fill.

What is retrieved and blended comes in ranked; here the rest is done, and each slot gets its trace. Exclude beats pin:
what a plan does not allow is shown nowhere. Pins beat caps: a pinned product is shown however full its cap is; it takes
room there, though, so that the others of its cap keep to what is left.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from services.kits.controls.plan import Effect, PinRule, Plan, Verdict

NO_RANK: Final = 0


class Origin(StrEnum):
    """How a slot was won."""

    RANKED = "ranked"
    PINNED = "pinned"
    FILLED = "filled"


class Placed(NamedTuple):
    """One slot. ``position`` and ``rank`` (in the blend, before Controls; 0: it was not there) count from 1."""

    product_id: str
    position: int
    rank: int
    origin: Origin
    effects: tuple[Effect, ...]


def arrange(
    plan: Plan,
    ranked: Sequence[str],
    fill: Iterable[str],
    count: int,
    *,
    may_pin: Callable[[str], bool],
) -> tuple[Placed, ...]:
    """Return at most ``count`` slots. ``ranked``: product ids best first; ``fill``: what else may be shown.

    ``may_pin`` says whether a pinned product may be shown to this request at all: sellable, not left out by it. What
    the plan does not allow is left out of all three. No product stands twice.
    """
    pinned = pinned_places(plan, count, may_pin)
    taken = {rule.pin.product_id for rule, _ in pinned}
    ranks = {product_id: rank for rank, product_id in enumerate(ranked, 1)}
    room = _Room(plan, taken)
    others: list[tuple[str, Origin, Verdict]] = []
    wanted = count - len(pinned)
    for origin, ids in ((Origin.RANKED, _moved(plan, ranked)), (Origin.FILLED, fill)):
        for product_id in ids:
            if len(others) >= wanted:
                break
            if product_id in taken:
                continue
            verdict = plan.verdict(product_id)
            if verdict.allowed and room.takes(verdict):
                taken.add(product_id)
                others.append((product_id, origin, verdict))
    return _woven(pinned, others, ranks)


def pinned_places(plan: Plan, count: int, may_pin: Callable[[str], bool]) -> list[tuple[PinRule, int]]:
    """Return the pins that are shown, with their places, ascending.

    Of two pins on one place the Control made first has it and the other the next free place; of a product that is
    pinned twice the higher place counts.
    """
    by_place: dict[int, PinRule] = {}
    seen: set[str] = set()
    for rule in plan.pins:
        product_id, place = rule.pin.product_id, rule.pin.position
        if product_id in seen or not plan.allows(product_id) or not may_pin(product_id):
            continue
        while place in by_place:
            place += 1
        if place <= count:
            seen.add(product_id)
            by_place[place] = rule
    return [(by_place[place], place) for place in sorted(by_place)]


def _moved(plan: Plan, ranked: Sequence[str]) -> Sequence[str]:
    """Return the ranking after boosts and buries: a product's rank times its factor, ties to the boosted one."""
    if not plan.is_ranking:
        return ranked
    factors = plan.factors(ranked)
    if factors.count(1.0) == len(factors):
        return ranked
    keys = [rank * factor for rank, factor in enumerate(factors, 1)]
    return [ranked[place] for place in sorted(range(len(keys)), key=lambda place: (keys[place], factors[place]))]


class _Room:
    """How much room the caps have left."""

    def __init__(self, plan: Plan, pinned: Iterable[str]) -> None:
        self._maxima = plan.maxima
        self._used: dict[tuple[int, str], int] = {}
        if plan.maxima:
            for product_id in pinned:
                self._use(plan.verdict(product_id))

    def takes(self, verdict: Verdict) -> bool:
        """Take a product in if all its caps have room."""
        used, maxima = self._used, self._maxima
        for cap in verdict.caps:
            if used.get(cap, 0) >= maxima[cap[0]]:
                return False
        self._use(verdict)
        return True

    def _use(self, verdict: Verdict) -> None:
        for cap in verdict.caps:
            self._used[cap] = self._used.get(cap, 0) + 1


def _woven(
    pinned: Sequence[tuple[PinRule, int]], others: Sequence[tuple[str, Origin, Verdict]], ranks: dict[str, int]
) -> tuple[Placed, ...]:
    """Put the pins in their places; where too few others are, they move up and keep their order."""
    rows = [(product_id, origin, verdict.effects) for product_id, origin, verdict in others]
    for rule, place in pinned:  # ascending, so that each stands where those before it leave it
        rows.insert(place - 1, (rule.pin.product_id, Origin.PINNED, (rule.effect,)))
    filled, rank_of = Origin.FILLED, ranks.get
    return tuple(
        Placed(product_id, position, NO_RANK if origin is filled else rank_of(product_id, NO_RANK), origin, effects)
        for position, (product_id, origin, effects) in enumerate(rows, 1)
    )
