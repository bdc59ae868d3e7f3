"""What the Controls that apply to one request say of each product. Plans are kept, with what they found of products."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from services.kits.controls.catalogue import Catalogue, ProductFacts
from services.kits.controls.control import ActionType, CapPer, Control, Pin, Target

VERDICTS_LIMIT: Final = 200_000  # products of which a plan knows what it says
JUDGED_ANEW: Final = 100  # changes of the catalogue that are looked at one by one; after more, all is forgotten
LISTED_ANEW: Final = 200  # changes of the catalogue that are looked at one by one before a list is made anew


class Effect(NamedTuple):
    """One Control that touched a slot, and by what action."""

    control_id: str
    title: str
    action: ActionType


class Verdict(NamedTuple):
    """What a plan says of a product. ``factor`` multiplies its rank; ``caps``: the counters that it adds to."""

    allowed: bool
    factor: float
    caps: tuple[tuple[int, str], ...]
    effects: tuple[Effect, ...]
    refusals: tuple[Effect, ...] = ()


PLAIN: Final = Verdict(True, 1.0, (), ())


class _Verdicts(dict[str, Verdict]):
    """What a plan says of products: one that it was not asked about before is judged then."""

    def __init__(self, judged: Callable[[str], Verdict]) -> None:
        self._judged = judged

    def __missing__(self, product_id: str) -> Verdict:
        verdict = self[product_id] = self._judged(product_id)
        return verdict


@dataclass(frozen=True, slots=True)
class PinRule:
    """A pin with the Control that made it."""

    pin: Pin
    effect: Effect


class _Targets:
    """Targets by one of their fields, so that a product meets only those that may be about it."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = targets
        self._by: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._all: list[int] = []
        for number, target in enumerate(targets):
            for field in ("product_ids", "brands", "tags", "categories"):
                values: tuple[str, ...] = getattr(target, field)
                if values:
                    for value in values:
                        self._by[field, value].append(number)
                    break
            else:
                self._all.append(number)

    def of(self, product_id: str, facts: ProductFacts) -> list[int]:
        """Return the numbers of the targets that a product is one of, ascending."""
        if not self._targets:
            return []
        found = set(self._all)
        found.update(self._by.get(("product_ids", product_id), ()))
        for field, values in (("brands", facts.brands), ("tags", facts.tags), ("categories", facts.categories)):
            for value in values:
                found.update(self._by.get((field, value), ()))
        return sorted(number for number in found if is_in(self._targets[number], product_id, facts))


def is_in(target: Target, product_id: str, facts: ProductFacts) -> bool:
    """Tell whether a product is one of a target's: all its fields must hold."""
    return (
        (not target.product_ids or product_id in target.product_ids)
        and (not target.categories or not facts.categories.isdisjoint(target.categories))
        and (not target.brands or not facts.brands.isdisjoint(target.brands))
        and (not target.tags or not facts.tags.isdisjoint(target.tags))
    )


class _Listed(NamedTuple):
    """Products as they were listed at a position of the catalogue."""

    position: int
    product_ids: tuple[str, ...]
    members: frozenset[str]


class Plan:
    """The actions of the Controls that apply, by kind, in the order in which the Controls were made."""

    def __init__(self, controls: Iterable[Control], catalogue: Catalogue) -> None:
        self.controls = tuple(controls)
        self._catalogue = catalogue
        self._position = catalogue.position
        self.verdicts = _Verdicts(self._judged)  # by product
        self.stamp = 0  # moves when a verdict that was given is another now
        self._allowed: _Listed | None = None
        self._ids_known: dict[tuple[Target, int], _Listed] = {}
        effects = {each.id: Effect(each.id, each.content.title, each.action.type) for each in self.controls}
        of_type: defaultdict[ActionType, list[Control]] = defaultdict(list)
        for control in self.controls:
            of_type[control.action.type].append(control)
        self._excluding = of_type[ActionType.EXCLUDE]
        self._filtering = of_type[ActionType.FILTER]
        self._moving = sorted(
            (*of_type[ActionType.BOOST], *of_type[ActionType.BURY]), key=lambda each: (each.create_time, each.id)
        )
        self._capping = of_type[ActionType.CAP]
        self._effects = effects
        self._excluded = _Targets([each.action.target for each in self._excluding])
        self._filtered = [each.action.target for each in self._filtering]
        self._moved = _Targets([each.action.target for each in self._moving])
        self._capped = _Targets([each.action.target for each in self._capping])
        self.maxima = tuple(each.action.maximum for each in self._capping)
        pins = [PinRule(pin, effects[control.id]) for control in of_type[ActionType.PIN] for pin in control.action.pins]
        self.pins = tuple(sorted(pins, key=lambda each: each.pin.position))  # stable: the older Control first
        self.synonyms = tuple(of_type[ActionType.SYNONYMS])
        self.redirects = tuple(of_type[ActionType.REDIRECT])
        self.is_selective = bool(self._excluding or self._filtering)
        self.is_moving = bool(self._moving)
        self.is_ranking = self.is_moving or bool(self._capping)

    def __bool__(self) -> bool:
        return bool(self.controls)

    @property
    def exclusions(self) -> tuple[Target, ...]:
        """What must not be shown."""
        return tuple(each.action.target for each in self._excluding)

    @property
    def filters(self) -> tuple[Target, ...]:
        """What alone may be shown: a product must be one of each."""
        return tuple(self._filtered)

    def freshen(self) -> None:
        """Judge anew what was found of products that changed since; call it once before a request."""
        position = self._catalogue.position
        if position == self._position:
            return
        changed = self._catalogue.follow(self._position)
        self._position = position
        if changed is None or len(changed) > JUDGED_ANEW or len(self.verdicts) > VERDICTS_LIMIT:
            self.verdicts.clear()
            self.stamp += 1
            return
        for product_id in changed:
            known = self.verdicts.get(product_id)
            if known is not None and (verdict := self._judged(product_id)) != known:
                self.verdicts[product_id] = verdict
                self.stamp += 1

    def verdicts_of(self, product_ids: Iterable[str]) -> list[Verdict]:
        """Return what the plan says of each product."""
        return list(map(self.verdicts.__getitem__, product_ids))

    def allows(self, product_id: str) -> bool:
        """Tell whether a product may be shown: not excluded, and one of what every filter asks for."""
        return self.verdicts[product_id].allowed

    def allowing(self, sellable: Container[str]) -> Callable[[str], bool]:
        """Return what tells whether a product is one of the sellable ones and may be shown; asked of each candidate."""
        verdicts = self.verdicts

        def may_show(product_id: str) -> bool:
            return product_id in sellable and verdicts[product_id].allowed

        return may_show

    def allowed_ids(self) -> tuple[str, ...]:
        """Return the products that may be shown, in the catalogue's order."""
        self._allowed = self._listed(self._allowed, self.allows)
        return self._allowed.product_ids

    def ids_in(self, target: Target, *, limit: int) -> tuple[str, ...]:
        """Return products of a target, at most ``limit``, in the catalogue's order."""

        def belongs(product_id: str) -> bool:
            facts = self._catalogue.facts(product_id)
            return facts is not None and is_in(target, product_id, facts)

        key = target, limit
        listed = self._listed(self._ids_known.get(key), belongs, target.product_ids, limit)
        self._ids_known[key] = listed
        return listed.product_ids

    def _listed(
        self,
        known: "_Listed | None",
        belongs: Callable[[str], bool],
        among: Sequence[str] = (),
        limit: int | None = None,
    ) -> "_Listed":
        """Return a list of products as it is now: most changes of a catalogue bring none in and take none out.

        Where the catalogue does not tell what changed (it began anew), the list is made anew.
        """
        position = self._catalogue.position
        if known is not None and 0 <= position - known.position < LISTED_ANEW:
            changed = self._catalogue.follow(known.position)
            full, members = len(known.product_ids) == limit, known.members
            if changed is not None and all(
                belongs(each) if each in members else full or not belongs(each) for each in changed
            ):
                return known._replace(position=position)
        found = tuple(islice((each for each in among or self._catalogue.ids() if belongs(each)), limit))
        return _Listed(position, found, frozenset(found))

    def _judged(self, product_id: str) -> Verdict:
        facts = self._catalogue.facts(product_id) or ProductFacts(sellable=False)
        refusals = [self._effects[self._excluding[number].id] for number in self._excluded.of(product_id, facts)]
        refusals += [
            self._effects[control.id]
            for control, target in zip(self._filtering, self._filtered, strict=True)
            if not is_in(target, product_id, facts)
        ]
        factor, effects = 1.0, []
        for number in self._moved.of(product_id, facts):
            control = self._moving[number]
            strength = control.action.strength + 1
            factor *= 1 / strength if control.action.type is ActionType.BOOST else strength
            effects.append(self._effects[control.id])
        caps = []
        for number in self._capped.of(product_id, facts):
            caps += [(number, name) for name in _counted(self._capping[number], facts)]
            effects.append(self._effects[self._capping[number].id])
        if not refusals and not effects:
            return PLAIN
        return Verdict(not refusals, factor, tuple(caps), tuple(effects), tuple(refusals))


def _counted(control: Control, facts: ProductFacts) -> tuple[str, ...]:
    match control.action.per:
        case CapPer.BRAND:
            return tuple(sorted(facts.brands))
        case CapPer.CATEGORY:
            return (facts.leaf,) if facts.leaf else ()
        case _:
            return ("",)
