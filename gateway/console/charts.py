"""Geometry of the charts, in percent of their plot: lines with a band, bars, stacked areas, sparklines, calendars.

Pure: numbers in, coordinates and path texts out; templates/charts.html draws them. x and y go from 0 to 100, y down.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from math import ceil, floor, log10
from typing import Final
from unicodedata import east_asian_width

TICKS: Final = 5
LABELS_LIMIT: Final = 8
NAMES_ROOM: Final = 120  # letters below a plot; a Chinese character takes two
NAME_SHORTEST: Final = 8
HEAT_LEVELS: Final = 5
NARROW: Final = 1e-9  # a span below it, absolutely or of its values, is none
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Tick:
    """A value of an axis and where it stands."""

    value: float
    at: float


@dataclass(frozen=True, slots=True)
class Label:
    """A name below the plot: the position of its item and where it stands."""

    index: int
    at: float


@dataclass(frozen=True, slots=True)
class Path:
    """A curve: which series it is, and its path text."""

    series: int
    d: str


@dataclass(frozen=True, slots=True)
class Slot:
    """The strip of one item, for pointing at it."""

    index: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, or a part of a stacked one."""

    index: int
    series: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Plot:
    """All that is drawn. ``today_at`` is where the present stands, None without one."""

    ticks: Sequence[Tick]
    labels: Sequence[Label]
    slots: Sequence[Slot]
    paths: Sequence[Path] = ()
    areas: Sequence[Path] = ()
    band: str = ""
    bars: Sequence[Bar] = ()
    today_at: float | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a calendar: its week's column, its weekday's row, its level from 0 (nothing) up."""

    date: date
    column: int
    row: int
    value: float | None
    level: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days by weeks. ``months`` are the first columns of each month."""

    days: Sequence[Day]
    columns: int
    months: Sequence[tuple[int, date]]


def scale(low: float, high: float, count: int = TICKS, *, whole: bool = False) -> list[float]:
    """Return round values from at most ``low`` to at least ``high``, about ``count`` steps apart (Heckbert 1990).

    ``whole``: of what is counted, so no step is a fraction.
    """
    if high - low <= max(abs(low), abs(high)) * NARROW or high - low < NARROW:
        if not round(low, 6):
            # Nothing but zeros: more steps would only be fractions of nothing.
            return [float(each) for each in range(-1 if low < 0 else 0, 2 if high > 0 or low >= 0 else 1)]
        high = low + max(abs(low), 1.0)
    rough = (high - low) / max(1, count)
    power = 10.0 ** floor(log10(rough))
    step = next(power * each for each in _STEPS if power * each >= rough * 0.999)
    if whole:
        step = float(ceil(step))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [float(f"{number * step:.10g}") for number in range(first, last + 1)]


def line_plot(
    series: Sequence[Values],
    *,
    band: tuple[Values, Values] | None = None,
    today: int | None = None,
    from_zero: bool = True,
) -> Plot:
    """Return lines over one axis; a None breaks its line. ``today`` is the index of the present."""
    every = [value for each in (*series, *(band or ())) for value in each if value is not None]
    low = min([0.0, *every] if from_zero else every or [0.0])
    axis = scale(low, max(every, default=1.0), whole=_are_whole(every))
    count = max((len(each) for each in series), default=0)
    return Plot(
        ticks=_ticks(axis),
        labels=_labels(count, _point_at),
        slots=[
            Slot(index, max(0.0, _point_at(index, count) - 50 / max(1, count - 1)), 100 / max(1, count - 1))
            for index in range(count)
        ],
        paths=[Path(number, _line(values, count, axis)) for number, values in enumerate(series)],
        band=_closed(band[0], band[1], count, axis) if band is not None else "",
        today_at=None if today is None else _point_at(today, count),
    )


def bar_plot(series: Sequence[Values], *, gap: float = 0.28) -> Plot:
    """Return bars, one series stacked on the other; negative values hang below the axis where there is one series."""
    count = max((len(each) for each in series), default=0)
    sums = [sum(max(0.0, _at(each, index)) for each in series) for index in range(count)]
    lows = [min(0.0, _at(each, index)) for each in series for index in range(count)]
    axis = scale(min(lows, default=0.0), max(sums, default=0.0), whole=_are_whole([*sums, *lows]))
    slot = 100 / max(1, count)
    bars = []
    for index in range(count):
        top = 0.0
        for number, values in enumerate(series):
            value = _at(values, index)
            if not value:
                continue
            low, high = (top, top + value) if value > 0 else (value, 0.0)
            top = max(top, high)
            y = _y(high, axis)
            bars.append(
                Bar(index, number, _r(slot * (index + gap / 2)), y, _r(slot * (1 - gap)), _r(_y(low, axis) - y))
            )
    return Plot(
        ticks=_ticks(axis),
        labels=_labels(count, _slot_at),
        slots=[Slot(index, _r(slot * index), _r(slot)) for index in range(count)],
        bars=bars,
    )


def stacked_plot(series: Sequence[Values]) -> Plot:
    """Return areas, one series stacked on the other."""
    count = max((len(each) for each in series), default=0)
    floors: list[list[float]] = [[0.0] * count]
    for values in series:
        floors.append([below + max(0.0, _at(values, index)) for index, below in enumerate(floors[-1])])
    axis = scale(0.0, max(floors[-1], default=0.0), whole=_are_whole(floors[-1]))
    return Plot(
        ticks=_ticks(axis),
        labels=_labels(count, _point_at),
        slots=[
            Slot(index, max(0.0, _point_at(index, count) - 50 / max(1, count - 1)), 100 / max(1, count - 1))
            for index in range(count)
        ],
        areas=[Path(number, _closed(floors[number], floors[number + 1], count, axis)) for number in range(len(series))],
        paths=[Path(number, _line(floors[number + 1], count, axis)) for number in range(len(series))],
    )


def spark_plot(values: Values) -> Plot:
    """Return one small line over its own range, with the area below it."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if high - low <= max(abs(low), abs(high)) * NARROW or high - low < NARROW:
        low, high = low - max(abs(low), 1.0), high + max(abs(high), 1.0)
    margin = (high - low) * 0.08
    axis = [low - margin, high + margin]
    count = len(values)
    return Plot(
        ticks=(),
        labels=(),
        slots=(),
        paths=[Path(0, _line(values, count, axis))],
        areas=[Path(0, _closed([axis[0]] * count, values, count, axis))],
    )


def calendar_plot(first: date, values: Values) -> Calendar:
    """Return a value for each day from ``first`` on, weeks as columns from Monday; levels by rank among the days."""
    known = sorted(value for value in values if value)
    monday = first - timedelta(days=first.weekday())
    days = []
    months: list[tuple[int, date]] = []
    for offset, value in enumerate(values):
        day = first + timedelta(days=offset)
        column = (day - monday).days // 7
        days.append(Day(day, column, day.weekday(), value, _level(value, known)))
        if day.day == 1 or offset == 0:
            months.append((column, day))
    return Calendar(days, days[-1].column + 1 if days else 0, _spaced(months))


def short_name(name: str, names: int) -> str:
    """Return a name below a plot as far as it has room beside ``names`` others; the whole stands in the numbers."""
    room = max(NAME_SHORTEST, NAMES_ROOM // max(1, names))
    widths = accumulate(2 if east_asian_width(each) in "WF" else 1 for each in name)
    fits = sum(width <= room for width in widths)
    return name if fits == len(name) else f"{name[: max(1, fits - 1)]}…"


def _are_whole(values: Sequence[float]) -> bool:
    return all(float(value).is_integer() for value in values)


def _spaced(months: list[tuple[int, date]]) -> list[tuple[int, date]]:
    """Drop a first month's name that the next one would stand on."""
    return months[1:] if len(months) > 1 and months[1][0] - months[0][0] < 3 else months


def _level(value: float | None, known: Sequence[float]) -> int:
    if not value:
        return 0
    rank = bisect_right(known, value) / len(known)
    return max(1, ceil(rank * (HEAT_LEVELS - 1)))


def _ticks(axis: Sequence[float]) -> list[Tick]:
    return [Tick(value, _y(value, axis)) for value in axis]


def _labels(count: int, at: Callable[[int, int], float]) -> list[Label]:
    every = max(1, ceil(count / LABELS_LIMIT))
    return [Label(index, at(index, count)) for index in range(0, count, every)]


def _point_at(index: int, count: int) -> float:
    return 50.0 if count == 1 else _r(100 * index / (count - 1))


def _slot_at(index: int, count: int) -> float:
    return _r(100 * (index + 0.5) / count)


def _at(values: Values, index: int) -> float:
    value = values[index] if index < len(values) else None
    return 0.0 if value is None else value


def _y(value: float, axis: Sequence[float]) -> float:
    return _r(100 - 100 * (value - axis[0]) / (axis[-1] - axis[0]))


def _r(number: float) -> float:
    return round(number, 2)


def _line(values: Values, count: int, axis: Sequence[float]) -> str:
    parts = []
    pen = "M"
    for index, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{_point_at(index, count):g} {_y(value, axis):g}")
        pen = "L"
    return "".join(parts)


def _closed(lows: Values, highs: Values, count: int, axis: Sequence[float]) -> str:
    both = [
        (index, low, high)
        for index, (low, high) in enumerate(zip(lows, highs, strict=False))
        if low is not None and high is not None
    ]
    if not both:
        return ""
    there = "L".join(f"{_point_at(index, count):g} {_y(high, axis):g}" for index, _, high in both)
    back = "L".join(f"{_point_at(index, count):g} {_y(low, axis):g}" for index, low, _ in reversed(both))
    return f"M{there}L{back}Z"
