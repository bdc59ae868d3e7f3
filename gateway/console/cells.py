"""What tables show: columns whose values say by their type how they look on a page and in a CSV file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from gateway.console.formats import Formats, amount_of, time_of


@dataclass(frozen=True, slots=True)
class Link:
    """A text that leads on; ``detail`` stands below it in small."""

    text: str
    href: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Chip:
    """A state in one word: ``tone`` is good, warn, bad, info or plain."""

    text: str
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount: google.type.Money or {"amount", "currency"}."""

    value: Any


@dataclass(frozen=True, slots=True)
class Share:
    """A share between 0 and 1, shown in percent; with ``bar``, as a small bar too."""

    value: float | None
    bar: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: shown relative with the whole time at hand, or as it is."""

    value: Any
    relative: bool = True


@dataclass(frozen=True, slots=True)
class Spark:
    """A small line of numbers."""

    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Stacked:
    """A text and a smaller one below it."""

    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Act:
    """A button that sends a form of the page: its name, its word, the fields that it sends."""

    form: str
    label: str
    fields: dict[str, str]
    tone: str = ""
    confirm: str = ""  # asked first, where a click by mistake would cost


Cell = (
    str
    | int
    | float
    | Decimal
    | datetime
    | date
    | Link
    | Chip
    | Money
    | Share
    | Moment
    | Spark
    | Stacked
    | Act
    | Sequence[Chip]
    | Sequence[Act]
    | None
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``label`` is a key of the words; ``sort`` the name by which the service can sort, if it can."""

    label: str
    value: Callable[[Any], Cell]
    sort: str = ""
    numeric: bool = False
    export: bool = True
    wide: bool = False  # takes the room that is left


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as they came, with the columns that read them.

    ``name`` is the prefix of its query parameters. ``next_token`` is the service's cursor, "" at the end.
    """

    name: str
    columns: Sequence[Column]
    rows: Sequence[Any]
    next_token: str = ""
    sort: str = ""
    empty: str = "table.empty"
    empty_hint: str = ""
    total: int | None = None


def text_of(cell: Cell, formats: Formats) -> str:
    """Return a cell as plain text for CSV: numbers without grouping, times in UTC, amounts with their currency."""
    match cell:
        case None:
            return ""
        case Link(text=text) | Chip(text=text):
            return text
        case Stacked(text=text, detail=detail):
            return f"{text} ({detail})" if detail else text
        case Money(value=None):
            return ""
        case Money(value=value):
            amount, currency = amount_of(value)
            return f"{amount:.2f} {currency}"
        case Share(value=value):
            return "" if value is None else f"{value:.6g}"
        case Moment(value=value):
            return formats.iso(value)
        case datetime():
            return formats.iso(time_of(cell))
        case Spark(values=values):
            return " ".join(f"{each:g}" for each in values)
        case Act():
            return ""
        case str() | int() | float() | Decimal() | date():
            return str(cell)
        case _:
            return ", ".join(each.text for each in cell if isinstance(each, Chip))
