"""The order of business: eligibility -> retrieve -> blend -> boost and bury -> caps -> pins -> fill.

What is retrieved and blended comes in ranked; here the rest is done, and each slot gets its trace. Exclude beats pin:
what a plan does not allow is shown nowhere. Pins beat caps: a pinned product is shown however full its cap is; it takes
room there, though, so that the others of its cap keep to what is left.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple
from weakref import ref

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


class Kept:
    """The last arrangement of somebody's ranking: made again only when something that it was made from is another."""

    __slots__ = ("made_from", "placed")

    def __init__(self) -> None:
        self.made_from: tuple[object, ...] = ()
        self.placed: tuple[Placed, ...] = ()


_Row = tuple[str, int, Origin, tuple[Effect, ...]]  # product id, rank, and the rest of a Placed


def arrange(
    plan: Plan,
    ranked: Sequence[str],
    fill: Iterable[str],
    count: int,
    *,
    may_pin: Callable[[str], bool],
    kept: Kept | None = None,
) -> tuple[Placed, ...]:
    """Return at most ``count`` slots. ``ranked``: product ids best first; ``fill``: what else may be shown.

    ``may_pin`` says whether a pinned product may be shown to this request at all: sellable, not left out by it. What
    the plan does not allow is left out of all three. No product stands twice. ``kept``: where the arrangement of a
    ranking that nothing fills is kept.
    """
    pinned = pinned_places(plan, count, may_pin)
    if kept is None:
        return _arranged(plan, ranked, fill, count, pinned)
    made_from = (ref(plan), plan.stamp, count, pinned, ranked)  # a plan of before is not held by what it placed
    if kept.made_from != made_from:
        kept.placed = _arranged(plan, ranked, fill, count, pinned)
        kept.made_from = made_from
    return kept.placed


def _arranged(
    plan: Plan, ranked: Sequence[str], fill: Iterable[str], count: int, pinned: list[tuple[PinRule, int]]
) -> tuple[Placed, ...]:
    taken = {rule.pin.product_id for rule, _ in pinned}
    room, wanted = _Room(plan, taken), count - len(pinned)
    verdicts, origin = plan.verdicts_of(ranked), Origin.RANKED
    others: list[_Row] = []
    for place in _order(plan, verdicts):
        if len(others) >= wanted:
            break
        product_id, verdict = ranked[place], verdicts[place]
        if verdict.allowed and product_id not in taken and (not verdict.caps or room.takes(verdict)):
            taken.add(product_id)
            others.append((product_id, place + 1, origin, verdict.effects))
    if len(others) < wanted:
        others += _filled(plan, fill, taken, room, wanted - len(others))
    return _woven(pinned, others, ranked)


def _filled(plan: Plan, fill: Iterable[str], taken: set[str], room: "_Room", wanted: int) -> list["_Row"]:
    """Return the first of what fills that may be shown."""
    found: list[_Row] = []
    for product_id in fill:
        if len(found) >= wanted:
            break
        verdict = plan.verdicts[product_id]
        if verdict.allowed and product_id not in taken and room.takes(verdict):
            taken.add(product_id)
            found.append((product_id, NO_RANK, Origin.FILLED, verdict.effects))
    return found


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


def _order(plan: Plan, verdicts: Sequence[Verdict]) -> Iterable[int]:
    """Return the places of the ranking after boosts and buries: by rank times factor, ties to the boosted one.

    Of two that tie the boosted one is the one whose rank is the greater: a stable sort from the last to the first does.
    """
    if not plan.is_moving:
        return range(len(verdicts))
    keys = [rank * verdict.factor for rank, verdict in enumerate(verdicts, 1)]
    return sorted(range(len(keys) - 1, -1, -1), key=keys.__getitem__)


class _Room:
    """How much room the caps have left."""

    def __init__(self, plan: Plan, pinned: Iterable[str]) -> None:
        self._maxima = plan.maxima
        self._used: dict[tuple[int, str], int] = {}
        if plan.maxima:
            for product_id in pinned:
                self._use(plan.verdicts[product_id])

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


def _woven(pinned: Sequence[tuple[PinRule, int]], others: list[_Row], ranked: Sequence[str]) -> tuple[Placed, ...]:
    """Put the pins in their places; where too few others are, they move up and keep their order."""
    for rule, place in pinned:  # ascending, so that each stands where those before it leave it
        product_id = rule.pin.product_id
        rank = ranked.index(product_id) + 1 if product_id in ranked else NO_RANK
        others.insert(place - 1, (product_id, rank, Origin.PINNED, (rule.effect,)))
    return tuple(
        [
            Placed(product_id, position, rank, origin, effects)
            for position, (product_id, rank, origin, effects) in enumerate(others, 1)
        ]
    )
