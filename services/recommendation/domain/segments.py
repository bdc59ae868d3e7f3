"""Which segments a visitor is in, by what the copies know: only of people who consented, never of anything sensitive.

A shop that knows more of its visitors names further segments with the request.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

DAY_S: Final = 86_400
NEW: Final = "new"  # never bought
RETURNING: Final = "returning"  # bought before
REGULAR: Final = "regular"  # bought on so many days of late
BUYS: Final = "buys:"  # and a top-level category
REGULAR_DAYS: Final = 4
REGULAR_WITHIN_S: Final = 84 * DAY_S
AISLE_LINES: Final = 3  # order lines of a category
AISLE_WITHIN_S: Final = 182 * DAY_S
AISLES_LIMIT: Final = 3
SEGMENT: Final = re.compile(r"[a-z0-9][a-z0-9:_.-]{0,63}", re.ASCII)
_NO_NAME: Final = re.compile(r"[^a-z0-9]+")
LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    NEW: {"zh": "新客：还没买过", "en": "New: never bought"},
    RETURNING: {"zh": "回头客：买过", "en": "Returning: bought before"},
    REGULAR: {"zh": "常客：12 周内有 4 天以上购物", "en": "Regular: bought on 4 days or more within 12 weeks"},
}


@dataclass(frozen=True, slots=True)
class Bought:
    """A line that somebody bought. ``aisle``: the product's top-level category in English, "" for none."""

    time_s: int
    aisle: str


def aisle_segment(aisle: str) -> str:
    """Return the segment of who buys from a top-level category; "" for one without a Latin name."""
    name = _NO_NAME.sub("-", aisle.lower()).strip("-")[: 64 - len(BUYS)]
    return f"{BUYS}{name}" if name else ""


def segments_of(bought: Iterable[Bought], now_s: int) -> tuple[str, ...]:
    """Return a person's segments, the most telling first."""
    days, recent_days, aisles = set[int](), set[int](), Counter[str]()
    for line in bought:
        days.add(line.time_s // DAY_S)
        if now_s - line.time_s <= REGULAR_WITHIN_S:
            recent_days.add(line.time_s // DAY_S)
        segment = aisle_segment(line.aisle)
        if segment and now_s - line.time_s <= AISLE_WITHIN_S:
            aisles[segment] += 1
    if not days:
        return (NEW,)
    ranked = sorted((-count, name) for name, count in aisles.items() if count >= AISLE_LINES)
    favourite = [name for _, name in ranked[:AISLES_LIMIT]]
    return (*favourite, *((REGULAR,) if len(recent_days) >= REGULAR_DAYS else ()), RETURNING)
