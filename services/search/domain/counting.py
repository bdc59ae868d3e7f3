"""Owns counting an order once, whoever tells of it and however often (docs/consistency.md rule 17).

Of all tellings the one that is believed most says what was wanted, and of those that name a search the one that is
believed most says which search led to it: a shop's backend rarely knows. What was cancelled before it was sent was not
wanted after all, and an order of which nothing is left was led to by no search. All that was heard is kept in the order
in which it was read, as far as it may ever matter, so that each event has one effect for ever: what it adds, and what
it takes back. What counts in the end depends on what was heard, not on its order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.search.domain.insights import Act
from services.search.domain.pieces import Line, Step, cancelled_lines

TELLINGS_LIMIT: Final = 32  # of one order that are read; an order that is told of more often stays as it is then
STEPS_LIMIT: Final = 256  # facts of one order that move its pieces


@dataclass(frozen=True, slots=True)
class Said:
    """What one event says: the act on a query's day, and the products that it speaks for at ``time_s``."""

    act: Act | None = None
    wanted: tuple[str, ...] = ()
    time_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Telling:
    """What one event says of an order. ``rank``: who is believed, the most last; at its end the event's own key, which
    it keeps when it is redriven under another number. ``lines``: those that can be cancelled.
    """

    rank: tuple[int, int, str]
    said: Said
    lines: tuple[Line, ...] = ()

    @property
    def key(self) -> str:
        return self.rank[2]


Heard = Telling | Step


@dataclass(frozen=True, slots=True)
class Effect:
    """What one event changes in what is counted."""

    added: Said = Said()
    taken_back: Said = Said()


def with_heard(heard: Sequence[Heard], new: Heard) -> tuple[Heard, ...] | None:
    """Return what was heard of an order with one more, None where that can never matter."""
    if any(each.key == new.key for each in heard):
        return None
    alike = [each for each in heard if isinstance(each, Step) == isinstance(new, Step)]
    if len(alike) >= (STEPS_LIMIT if isinstance(new, Step) else TELLINGS_LIMIT):
        return None
    if isinstance(new, Telling):
        standing, acting = _believed(heard)
        says_more = standing is None or new.rank > standing.rank
        leads = new.said.act is not None and (acting is None or new.rank > acting.rank)
        if not says_more and not leads:
            return None
    return (*heard, new)


def effect_of(heard: Sequence[Heard], key: str) -> Effect:
    """Return what the event of this key changed when it was read; nothing for one that is not kept."""
    for at, each in enumerate(heard):
        if each.key == key:
            return _difference(counted(heard[:at]), counted(heard[: at + 1]))
    return Effect()


def counted(heard: Sequence[Heard]) -> Said:
    """Return what an order counts after all that was heard of it."""
    standing, acting = _believed(heard)
    if standing is None:
        return Said()
    said = standing.said
    wanted = _left(standing, [each for each in heard if isinstance(each, Step)])
    is_void = bool(said.wanted) and not wanted
    return Said(None if acting is None or is_void else acting.said.act, wanted, said.time_s)


def _believed(heard: Sequence[Heard]) -> tuple[Telling | None, Telling | None]:
    """Return who says what was wanted, and who says which search led to it."""
    tellings = [each for each in heard if isinstance(each, Telling)]
    acting = [each for each in tellings if each.said.act is not None]
    return max(tellings, key=_rank, default=None), max(acting, key=_rank, default=None)


def _left(standing: Telling, steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the products of a sale without those all of whose lines were cancelled."""
    wanted = standing.said.wanted
    gone = cancelled_lines(standing.lines, steps) if steps else frozenset()
    if not gone:
        return wanted
    cancelled = {line.product for line in standing.lines if line.number in gone}
    cancelled -= {line.product for line in standing.lines if line.number not in gone}
    return tuple(product for place, product in enumerate(wanted) if place not in cancelled)


def _difference(before: Said, after: Said) -> Effect:
    """Return what leads from one to the other; products that stay at their time are left alone."""
    if before.act == after.act:
        before, after = replace(before, act=None), replace(after, act=None)
    if before.time_s == after.time_s:
        kept = set(before.wanted).intersection(after.wanted)
        before, after = (
            replace(said, wanted=tuple(product for product in said.wanted if product not in kept))
            for said in (before, after)
        )
    return Effect(_nothing_as_such(after), _nothing_as_such(before))


def _nothing_as_such(said: Said) -> Said:
    return said if said.wanted else Said(said.act)


def _rank(telling: Telling) -> tuple[int, int, str]:
    return telling.rank
