"""Where a document stands in an index on MongoDB: one text for each index, whose bytewise order is the index's order.

The text is the index values one after another, each ending by itself, then the document's key (a unique index holds no
two equal entries, so there the key is left out). Equal leading fields are a common prefix, a range and a page's
position are bounds: every find is one seek in one index of one field, however many fields were declared.

A value is a digit for its type (None 0, numbers 1, text 2: the port's order), then for a number its distance from the
lowest as 16 hex digits, for text its characters and an end that sorts before all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from services.chassis.documents.port import Body, Index, Scalar
from services.chassis.documents.query import INTEGER_LOWEST, Find, index_values, is_indexed

_NONE, _NUMBER, _TEXT, _BEYOND = "0", "1", "2", "3"
_TYPE_DIGITS = {int: _NUMBER, str: _TEXT}
_NEXT_DIGITS = {int: _TEXT, str: _BEYOND}

# The end of a text is U+0001. Text that holds U+0000 to U+0002 spells them as two characters that sort as they do.
_END = "\u0001"
_SPELT = str.maketrans({"\u0000": "\u0002\u0002", "\u0001": "\u0002\u0003", "\u0002": "\u0002\u0004"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a find reads of an index: ``low <= place < high`` (``<=`` with ``closed``)."""

    low: str
    high: str
    closed: bool = False


def place_of(index: Index, key: str, body: Body) -> str | None:
    """Return a document's place in an index, None when the index leaves it out; raises DocumentFormError."""
    values = index_values(body, index.fields)
    return _place(index, values, key) if is_indexed(index, values) else None


def bounds_of(find: Find) -> Bounds:
    """Return what a find reads. At a cursor's position itself there may stand a document: see ``is_beyond``."""
    prefix = _joined(find.equals)
    low, high = prefix, prefix + _BEYOND
    if find.ranged_type is not None:
        low = prefix + (_TYPE_DIGITS[find.ranged_type] if find.at_least is None else _spelt(find.at_least))
        high = prefix + (_NEXT_DIGITS[find.ranged_type] if find.below is None else _spelt(find.below))
    if find.after is None:
        return Bounds(low, high)
    position = _place(find.index, (*find.equals, *find.after.values), find.after.key)
    if not find.descending:
        return Bounds(max(low, position), high)
    return Bounds(low, position, closed=True) if position < high else Bounds(low, high)


def is_beyond(find: Find, place: str, key: str) -> bool:
    """Tell whether a document within the bounds comes after the cursor's position, which lies on the first of them."""
    after = find.after
    if after is None or place != _place(find.index, (*find.equals, *after.values), after.key):
        return True
    return key < after.key if find.descending else key > after.key


def equal_bounds(values: Iterable[Scalar]) -> Bounds:
    """Return the part of an index whose leading fields equal ``values``."""
    prefix = _joined(values)
    return Bounds(prefix, prefix + _BEYOND)


def _place(index: Index, values: Iterable[Scalar], key: str) -> str:
    return _joined(values) if index.unique else _joined(values) + _TEXT + key


def _joined(values: Iterable[Scalar]) -> str:
    return "".join([_spelt(value) for value in values])


def _spelt(value: Scalar) -> str:
    if value is None:
        return _NONE
    if isinstance(value, int):
        return f"{_NUMBER}{value - INTEGER_LOWEST:016x}"
    if "\u0000" in value or "\u0001" in value or "\u0002" in value:
        value = value.translate(_SPELT)
    return _TEXT + value + _END
