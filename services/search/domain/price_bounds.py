"""Owns the bounds of the price facet: round numbers that part a catalogue's prices into about equal shares."""

import math
from collections.abc import Sequence
from typing import Final

SHARES: Final = 5
MIN_PRICES: Final = 10
_STEPS: Final = (1, 2, 5, 10)


def price_bounds(prices_minor: Sequence[int]) -> tuple[int, ...]:
    """Return ascending bounds in minor units between SHARES ranges; fewer where prices crowd, none for few prices."""
    ordered = sorted(price for price in prices_minor if price > 0)
    if len(ordered) < MIN_PRICES:
        return ()
    cuts = (ordered[len(ordered) * share // SHARES] for share in range(1, SHARES))
    bounds = sorted({_round_number(cut) for cut in cuts})
    return tuple(bound for bound in bounds if ordered[0] < bound <= ordered[-1])


def _round_number(value: int) -> int:
    """Return the nearest of 1, 2 or 5 times a power of ten, by ratio."""
    scale = int(10 ** int(math.log10(value)))
    numbers: list[int] = [step * scale for step in _STEPS]
    return min(numbers, key=lambda number: abs(math.log(value / number)))
