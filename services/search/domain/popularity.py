"""Owns popularity: what shoppers did with a product, fading with time: this month weighs more than last year."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from services.kits.purchases import ORDER_PLACED, PURCHASE

HALF_LIFE_S: Final = 28 * 86_400.0
# What an act says about wanting, in purchases: order lines count once each, whatever their quantity.
WEIGHTS: Final[Mapping[str, float]] = {PURCHASE: 1.0, ORDER_PLACED: 1.0, "add-to-cart": 0.3, "detail-page-view": 0.05}
NOTHING_LEFT: Final = 1e-9  # of a sum that was taken back: what rounding leaves


class Faded(NamedTuple):
    """A sum of acts as it stood at ``time_s`` (seconds since 1970)."""

    value: float
    time_s: float


def added(sum_: Faded | None, weight: float, time_s: float) -> Faded:
    """Return the sum with one more act; the order in which acts are added does not matter.

    A negative weight takes an act back, before it was added as well as after.
    """
    if sum_ is None:
        return Faded(weight, time_s)
    if time_s >= sum_.time_s:
        return Faded(sum_.value * _fading(time_s - sum_.time_s) + weight, time_s)
    return Faded(sum_.value + weight * _fading(sum_.time_s - time_s), sum_.time_s)


def is_nothing(sum_: Faded) -> bool:
    """Tell whether all that was added to the sum was taken back again."""
    return abs(sum_.value) < NOTHING_LEFT


def value_at(sum_: Faded, time_s: float) -> float:
    """Return what is left of the sum at ``time_s``, in purchases."""
    return sum_.value * _fading(max(0.0, time_s - sum_.time_s))


def _fading(elapsed_s: float) -> float:
    return float(2.0 ** (-elapsed_s / HALF_LIFE_S))
