"""Contradictions between Controls that could apply to one request."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.kits.controls.catalogue import Catalogue, ProductFacts
from services.kits.controls.control import ActionType, Condition, Content, Control, Target
from services.kits.controls.matching import contains_phrase
from services.kits.controls.plan import is_in

CONFLICTS_LIMIT: Final = 50
SHOWN_PRODUCTS: Final = 10


class ConflictKind(StrEnum):
    """How two Controls contradict each other, or one the catalogue."""

    PIN_EXCLUDED = "pin-excluded"
    PIN_FILTERED = "pin-filtered"
    PINS_COLLIDE = "pins-collide"
    PINNED_TWICE = "pinned-twice"
    BOOST_AND_BURY = "boost-and-bury"
    FILTER_EMPTY = "filter-empty"
    REDIRECTS_DIFFER = "redirects-differ"


@dataclass(frozen=True, slots=True)
class Conflict:
    """``control_id`` and ``title`` name the other Control, "" where it contradicts the catalogue alone."""

    kind: ConflictKind
    control_id: str
    title: str
    product_ids: tuple[str, ...] = ()
    position: int = 0


def conflicts_of(
    content: Content, others: Iterable[Control], catalogue: Catalogue, *, own_id: str = "", now: datetime
) -> tuple[Conflict, ...]:
    """Return what contradicts a Control among those that are served; at most CONFLICTS_LIMIT."""
    found: list[Conflict] = []
    members = _Members(catalogue)
    if content.action.type is ActionType.FILTER and not members.of(content.action.target):
        found.append(Conflict(ConflictKind.FILTER_EMPTY, "", ""))
    for other in others:
        end = other.content.end_time
        if other.id == own_id or not other.is_served() or (end is not None and end <= now):
            continue
        if times_overlap(content, other.content) and may_meet(content.condition, other.condition):
            found += _between(content, other, members)
            if len(found) >= CONFLICTS_LIMIT:
                break
    return tuple(found[:CONFLICTS_LIMIT])


def times_overlap(one: Content, other: Content) -> bool:
    """Tell whether there is a moment at which both are served."""
    starts = [each.start_time for each in (one, other) if each.start_time is not None]
    ends = [each.end_time for each in (one, other) if each.end_time is not None]
    return not starts or not ends or max(starts) < min(ends)


def may_meet(one: Condition, other: Condition) -> bool:
    """Tell whether one request can meet both conditions.

    Two different terms may stand in one query; that is too rare to warn of, so terms meet where one holds the other.
    """
    for field in ("placements", "segments", "channels", "shops", "product_ids", "categories"):
        mine, theirs = getattr(one, field), getattr(other, field)
        if mine and theirs and not set(mine) & set(theirs):
            return False
    return _queries_meet(one, other)


def _queries_meet(one: Condition, other: Condition) -> bool:
    if not (one.queries or one.terms) or not (other.queries or other.terms):
        return True
    if set(one.queries) & set(other.queries):
        return True
    return (
        any(contains_phrase(query, term) for query in one.queries for term in other.terms)
        or any(contains_phrase(query, term) for query in other.queries for term in one.terms)
        or any(
            contains_phrase(mine, theirs) or contains_phrase(theirs, mine)
            for mine in one.terms
            for theirs in other.terms
        )
    )


class _Members:
    """The products of targets, looked up once for each target."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._known: dict[Target, frozenset[str]] = {}

    def of(self, target: Target) -> frozenset[str]:
        """Return the sellable products of a target."""
        known = self._known.get(target)
        if known is None:
            ids = target.product_ids or self._catalogue.ids()
            known = frozenset(
                each
                for each in ids
                if (facts := self._catalogue.facts(each)) is not None and facts.sellable and is_in(target, each, facts)
            )
            self._known[target] = known
        return known

    def has(self, target: Target, product_id: str) -> bool:
        """Tell whether a product, sold out or not, is one of a target's."""
        return is_in(target, product_id, self._catalogue.facts(product_id) or ProductFacts())


def _between(content: Content, other: Control, members: _Members) -> list[Conflict]:
    mine, theirs = content.action, other.action
    kinds = {mine.type, theirs.type}

    def conflict(kind: ConflictKind, ids: Iterable[str] = (), position: int = 0) -> Conflict:
        return Conflict(kind, other.id, other.content.title, tuple(sorted(ids))[:SHOWN_PRODUCTS], position)

    if kinds == {ActionType.PIN}:
        found = []
        for pin in mine.pins:
            for their in theirs.pins:
                if pin.product_id != their.product_id and pin.position == their.position:
                    found.append(conflict(ConflictKind.PINS_COLLIDE, (pin.product_id, their.product_id), pin.position))
                if pin.product_id == their.product_id and pin.position != their.position:
                    found.append(conflict(ConflictKind.PINNED_TWICE, (pin.product_id,), their.position))
        return found
    if ActionType.PIN in kinds and kinds & {ActionType.EXCLUDE, ActionType.FILTER}:
        pins, target = (mine.pins, theirs.target) if mine.type is ActionType.PIN else (theirs.pins, mine.target)
        is_filter = ActionType.FILTER in kinds
        hidden = [pin.product_id for pin in pins if members.has(target, pin.product_id) is not is_filter]
        kind = ConflictKind.PIN_FILTERED if is_filter else ConflictKind.PIN_EXCLUDED
        return [conflict(kind, hidden)] if hidden else []
    if kinds == {ActionType.BOOST, ActionType.BURY}:
        both = members.of(mine.target) & members.of(theirs.target)
        return [conflict(ConflictKind.BOOST_AND_BURY, both)] if both else []
    if kinds == {ActionType.FILTER}:
        left = members.of(mine.target) & members.of(theirs.target)
        return [] if left else [conflict(ConflictKind.FILTER_EMPTY)]
    if kinds == {ActionType.FILTER, ActionType.EXCLUDE}:
        wanted, gone = (mine, theirs) if mine.type is ActionType.FILTER else (theirs, mine)
        return [] if members.of(wanted.target) - members.of(gone.target) else [conflict(ConflictKind.FILTER_EMPTY)]
    if kinds == {ActionType.REDIRECT} and mine.url != theirs.url:
        return [conflict(ConflictKind.REDIRECTS_DIFFER)]
    return []


def summary(conflicts: Sequence[Conflict]) -> str:
    """Return the contradictions in one line of codes, for an error's metadata."""
    return "; ".join(f"{each.kind.value} {each.control_id}".strip() for each in conflicts)[:1_000]
