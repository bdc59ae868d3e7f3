"""The hours of a working day, as the clock on the wall shows them: "09:00-12:00,13:30-18:00"."""

import re
from dataclasses import dataclass
from typing import Final

MAX_WINDOWS: Final = 8
MINUTES_A_DAY: Final = 24 * 60

_WINDOW: Final = re.compile(r"([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When a working day is worked: pairs of minutes since midnight, in order, none touching the next.

    The end is the first minute that is no longer worked; 1440 is midnight at the day's end. Who works through the
    night gives the two parts of it. Raises ValueError for windows that are no such pairs.
    """

    windows: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.windows) <= MAX_WINDOWS:
            raise ValueError(f"opening hours are 1 to {MAX_WINDOWS} windows")
        previous = -1
        for opens, closes in self.windows:
            if not previous < opens < closes <= MINUTES_A_DAY:
                raise ValueError("windows of opening hours stand in order, do not touch and end after they begin")
            previous = closes

    @property
    def minutes_a_day(self) -> int:
        """Minutes worked on a day that no clock change shortens."""
        return sum(closes - opens for opens, closes in self.windows)


ALL_DAY: Final = OpeningHours(((0, MINUTES_A_DAY),))


def parse_opening_hours(text: str) -> OpeningHours:
    """Read "09:00-12:00,13:30-18:00"; raises ValueError with words for people."""
    windows = []
    for part in text.split(","):
        match = _WINDOW.fullmatch(part.strip())
        if match is None:
            raise ValueError('opening hours are written "09:00-12:00,13:30-18:00"')
        hour, minute, last_hour, last_minute = (int(digits) for digits in match.groups())
        windows.append((hour * 60 + minute, last_hour * 60 + last_minute))
    return OpeningHours(tuple(windows))
