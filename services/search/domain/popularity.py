"""Owns popularity: what shoppers did with a product, fading with time: this month weighs more than last year.

A sum is kept as a whole number of shares as of one moment long ago, where what comes later weighs exponentially more
instead of what came earlier less. So sums are exact: acts may be added and taken back in any order, from any number of
logs and partitions, and leave the same number. It grows by a bit every half-life.
"""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from services.kits.purchases import ORDER_PLACED, PURCHASE

HALF_LIFE_S: Final = 28 * 86_400.0
ORIGIN_S: Final = 946_684_800.0  # 2000-01-01 UTC; what happened four years before it has faded to nothing
SHARES: Final = 1 << 40  # of one purchase at the origin
# What an act says about wanting, in purchases: order lines count once each, whatever their quantity.
WEIGHTS: Final[Mapping[str, float]] = {PURCHASE: 1.0, ORDER_PLACED: 1.0, "add-to-cart": 0.3, "detail-page-view": 0.05}


class Wanted(NamedTuple):
    """How wanted products are: exact shares by product, and the moment of the latest act of all (s since 1970)."""

    shares: Mapping[str, int]
    latest_s: float


def shares_of(weight: float, time_s: float) -> int:
    """Return what an act of ``weight`` purchases adds to a sum; a negative weight takes exactly the same back."""
    doublings = (time_s - ORIGIN_S) / HALF_LIFE_S
    whole = math.floor(doublings)
    mantissa = round(abs(weight) * SHARES * math.exp2(doublings - whole))
    shares = mantissa << whole if whole >= 0 else mantissa >> -whole
    return shares if weight >= 0 else -shares


def value_at(shares: int, time_s: float) -> float:
    """Return what a sum is worth at ``time_s``, in purchases."""
    doublings = (time_s - ORIGIN_S) / HALF_LIFE_S
    whole = max(0, math.floor(doublings))
    return (shares / (1 << whole)) / (math.exp2(doublings - whole) * SHARES)
