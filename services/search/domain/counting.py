"""Owns counting an order once, whoever tells of it and however often (docs/consistency.md rule 17).

Of all tellings the one that is believed most says what was wanted, and of those that name a search the one that is
believed most says which search led to it: a shop's backend rarely knows. The tellings that changed either are kept in
the order in which they were read, so that each of them has one effect for ever: what it adds, and what it takes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.search.domain.insights import Act

TELLINGS_LIMIT: Final = 32  # of one order that are read; an order that is told of more often stays as it is then


@dataclass(frozen=True, slots=True)
class Said:
    """What one event says: the act on a query's day, and the products that it speaks for at ``time_s``."""

    act: Act | None = None
    wanted: tuple[str, ...] = ()
    time_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Telling:
    """What one event says of an order. ``rank``: who is believed, the most last; at its end the event's own key, which
    it keeps when it is redriven under another number.
    """

    rank: tuple[int, int, str]
    said: Said

    @property
    def key(self) -> str:
        return self.rank[2]


@dataclass(frozen=True, slots=True)
class Effect:
    """What one event changes in what is counted."""

    added: Said = Said()
    taken_back: Said = Said()


def with_telling(tellings: Sequence[Telling], new: Telling) -> tuple[Telling, ...] | None:
    """Return the tellings with one more, None where it changes nothing."""
    if len(tellings) >= TELLINGS_LIMIT or _effect(tellings, new) == Effect():
        return None
    return (*tellings, new)


def effect_of(tellings: Sequence[Telling], key: str) -> Effect:
    """Return what the event of this key changed when it was read; nothing for one that is not kept."""
    for at, telling in enumerate(tellings):
        if telling.key == key:
            return _effect(tellings[:at], telling)
    return Effect()


def _effect(before: Sequence[Telling], new: Telling) -> Effect:
    if not before:
        return Effect(new.said)
    added = taken_back = Said()
    standing = max(before, key=_rank)
    if new.rank > standing.rank:
        added, taken_back = replace(new.said, act=None), replace(standing.said, act=None)
    acting = max((each for each in before if each.said.act), key=_rank, default=None)
    if new.said.act is not None and (acting is None or new.rank > acting.rank):
        added = replace(added, act=new.said.act)
        taken_back = taken_back if acting is None else replace(taken_back, act=acting.said.act)
    return Effect(added, taken_back)


def _rank(telling: Telling) -> tuple[int, int, str]:
    return telling.rank
