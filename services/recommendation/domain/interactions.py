"""Interactions as columns, and how strongly each says that a person likes an item.

One row is one product of one event. Rows are kept per identifier as it came; whoever needs persons maps them first.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from scipy import sparse

Ints = npt.NDArray[np.int32]
Seconds = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DAY_S = 86_400
NOBODY = -1  # the person of an anonymous order: counts for baskets, for nobody's taste
NO_BASKET = -1


class Kind(IntEnum):
    """What happened. Stored as one byte, so numbers never change their meaning."""

    VOID = 0  # replaced by a later statement of the same order
    VIEW = 1
    ADD = 2
    REMOVE = 3
    PURCHASE = 4
    RETURN = 5
    CANCELLED = 6  # bought, and cancelled before it was sent: it left the cart, and says nothing else


# Weights are whole multiples of 1 / GRAINS. Sums of up to 2^23 of them, each at most 1, are then exact in float64, so
# that no result depends on the order in which rows are added up. None is rounded down to nothing: what was ever bought
# stays bought, however long ago.
GRAINS = 2.0**30

# How much of a purchase each act is worth as a sign of liking, by Kind. A return takes the purchase back. Views and
# adds are judgement: no set at hand has both real clicks and real purchases; two views stay below one purchase.
KIND_WEIGHTS: Floats = np.array([0.0, 0.3, 0.6, 0.0, 1.0, -1.0, 0.0], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Interactions:
    """Rows in any order; no result depends on it. ``person``: row of the persons' matrix or NOBODY; ``item``: column.

    ``basket``: number of the order or NO_BASKET. ``time_s``: seconds since 1970 UTC.
    """

    person: Ints
    item: Ints
    time_s: Seconds
    kind: npt.NDArray[np.uint8]
    basket: Ints
    quantity: Floats
    persons: int
    items: int
    baskets: int

    def where(self, keep: Bools) -> "Interactions":
        """Return the rows that ``keep`` marks; the counts stay, so columns still line up."""
        return Interactions(
            self.person[keep],
            self.item[keep],
            self.time_s[keep],
            self.kind[keep],
            self.basket[keep],
            self.quantity[keep],
            self.persons,
            self.items,
            self.baskets,
        )

    def purchases(self) -> "Interactions":
        """Return the bought lines alone."""
        return self.where(self.kind == Kind.PURCHASE)


def decayed(time_s: Seconds, *, now_s: int, half_life_days: float) -> Doubles:
    """Return 2^(-age / half-life) for each time, in grains; what lies after ``now_s`` counts as of now."""
    return _in_grains(_faded(time_s, now_s=now_s, half_life_days=half_life_days))


def liking(kind: npt.NDArray[np.uint8], time_s: Seconds, *, now_s: int, half_life_days: float) -> Doubles:
    """Return the weight of each row, in grains, before rows of one item are added up."""
    return _in_grains(KIND_WEIGHTS[kind] * _faded(time_s, now_s=now_s, half_life_days=half_life_days))


def preferences(rows: Interactions, *, now_s: int, half_life_days: float) -> sparse.csr_matrix:
    """Return the persons x items matrix of likings in (0, 1], float32, columns sorted.

    Decayed weights of one pair are added and capped at 1: the second and tenth purchase of milk say little more about
    taste than the first, while an old single purchase fades.
    """
    known = rows.where(rows.person >= 0)
    weights = liking(known.kind, known.time_s, now_s=now_s, half_life_days=half_life_days)
    shape = (rows.persons, rows.items)
    matrix = sparse.csr_matrix((weights, (known.person, known.item)), shape=shape)  # float64: sums are exact
    matrix.sum_duplicates()
    matrix = matrix.astype(np.float32)
    matrix.data = np.clip(matrix.data, 0.0, 1.0)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix


def bought_matrix(rows: Interactions) -> sparse.csr_matrix:
    """Return the persons x items matrix with 1 where a person ever bought an item."""
    bought = rows.where((rows.person >= 0) & (rows.kind == Kind.PURCHASE))
    ones = np.ones(len(bought.item), dtype=np.float32)
    shape = (rows.persons, rows.items)
    matrix = sparse.csr_matrix((ones, (bought.person, bought.item)), shape=shape, dtype=np.float32)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    matrix.sort_indices()
    return matrix


def _faded(time_s: Seconds, *, now_s: int, half_life_days: float) -> Doubles:
    age_days = np.maximum(0, now_s - time_s) / DAY_S
    weights: Doubles = np.exp2(-age_days / half_life_days)
    return weights


def _in_grains(weights: Doubles) -> Doubles:
    """Return the next multiples of a grain away from 0."""
    grains = np.abs(weights)
    grains *= GRAINS
    np.ceil(grains, out=grains)
    grains /= GRAINS
    signed: Doubles = np.copysign(grains, weights, out=grains)
    return signed
