"""A document's place in an index is one text whose bytewise order is the order of the index."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.chassis.documents.mongo_places import bounds_of, equal_bounds, is_beyond, place_of
from services.chassis.documents.port import Collection, Index, Range
from services.chassis.documents.query import index_values, plan_find, sort_key, write_cursor

PLAIN = Index("plain", ("a", "b"))
ONCE = Index("once", ("u", "v"), unique=True)
THINGS = Collection("things", (PLAIN, ONCE))

VALUES = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=4)
    | st.text("\u0000\u0001\u0002\u0003a客🙂", max_size=4)
)
BODIES = st.fixed_dictionaries({}, optional={"a": VALUES, "b": VALUES, "u": VALUES, "v": VALUES})
KEYS = st.text("\u0000\u0001a客🙂", min_size=1, max_size=3)


def order(index: Index, key: str, body: dict[str, Any]) -> list[Any]:
    values = [sort_key(value) for value in index_values(body, index.fields)]
    return values if index.unique else [*values, key]


@given(st.tuples(KEYS, BODIES), st.tuples(KEYS, BODIES))
def test_places_sort_bytewise_as_the_values_and_then_the_key_do(
    one: tuple[str, dict[str, Any]], other: tuple[str, dict[str, Any]]
) -> None:
    for index in THINGS.indexes:
        places = [place_of(index, key, body) for key, body in (one, other)]
        if None in places:
            continue
        first, second = (str(place).encode() for place in places)
        expected, against = order(index, *one), order(index, *other)
        assert (first < second, first == second) == (expected < against, expected == against)


@given(KEYS, BODIES)
def test_a_unique_index_has_no_place_for_what_lacks_a_field(key: str, body: dict[str, Any]) -> None:
    lacks = body.get("u") is None or body.get("v") is None
    assert (place_of(ONCE, key, body) is None) == lacks
    assert place_of(PLAIN, key, body) is not None


@given(st.lists(st.tuples(KEYS, BODIES), max_size=8, unique_by=lambda item: item[0]), VALUES, st.integers(0, 2))
def test_equal_leading_fields_are_exactly_what_their_bounds_hold(
    items: list[tuple[str, dict[str, Any]]], value: Any, count: int
) -> None:
    for index in THINGS.indexes:
        equals = [value, value][:count]
        bounds = equal_bounds(equals)
        for key, body in items:
            place = place_of(index, key, body)
            inside = place is not None and bounds.low <= place < bounds.high
            wanted = place is not None and list(index_values(body, index.fields)[:count]) == equals
            assert inside == wanted


@given(st.tuples(KEYS, BODIES), st.tuples(KEYS, BODIES), st.booleans())
def test_a_page_goes_on_behind_its_position_and_only_there(
    one: tuple[str, dict[str, Any]], other: tuple[str, dict[str, Any]], descending: bool
) -> None:
    for index in THINGS.indexes:
        first = plan_find(THINGS, index.name, {}, range_=None, after=None, limit=1, descending=descending)
        cursor = write_cursor(first, *one)
        find = plan_find(THINGS, index.name, {}, range_=None, after=cursor, limit=1, descending=descending)
        place = place_of(index, *other)
        if place is None or place_of(index, *one) is None:
            continue
        bounds = bounds_of(find)
        below = place <= bounds.high if bounds.closed else place < bounds.high
        read = bounds.low <= place and below and is_beyond(find, place, other[0])
        position, found = [*order(index, *one), one[0]], [*order(index, *other), other[0]]
        assert read == (found < position if descending else found > position)


def test_a_range_ends_where_its_type_does() -> None:
    def holds(value: Any, **bounds: Any) -> bool:
        find = plan_find(THINGS, "plain", {}, range_=Range(**bounds), after=None, limit=1, descending=False)
        place = str(place_of(PLAIN, "k", {"a": value}))
        found = bounds_of(find)
        return found.low <= place < found.high

    assert [value for value in (None, -(2**63), 0, 2**63 - 1, "", "a", "🙂") if holds(value, at_least=0)] == [
        0,
        2**63 - 1,
    ]
    assert [value for value in (None, -(2**63), 0, 5, "", "a") if holds(value, below=5)] == [-(2**63), 0]
    assert [value for value in (None, 0, "", "a", "🙂") if holds(value, at_least="a")] == ["a", "🙂"]
    assert [value for value in (None, 0, "", "a", "b") if holds(value, below="b")] == ["", "a"]
