"""Equal JSON has one spelling and one fingerprint."""

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.canonical import canonical_json, fingerprint
from services.chassis.errors import InvalidArgumentError

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_categories=("Cs",)))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc知客"), inner),
    max_leaves=20,
)


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: reordered(value[name]) for name in reversed(list(value))}
    if isinstance(value, list):
        return [reordered(item) for item in value]
    return value


def test_keys_are_sorted_bytewise_without_white_space() -> None:
    assert canonical_json({"客": 1, "b": [1, 2.5, None], "a": {"z": True, "y": "知"}}) == (
        '{"a":{"y":"知","z":true},"b":[1,2.5,null],"客":1}'.encode()
    )


@given(VALUES)
def test_the_order_of_keys_never_matters(value: Any) -> None:
    assert fingerprint(value) == fingerprint(reordered(value))


def test_different_bodies_have_different_fingerprints() -> None:
    bodies = [
        {},
        {"a": 1},
        {"a": "1"},
        {"a": 1.0},
        {"a": None},
        {"a": [1]},
        {"b": 1},
        [],
        None,
    ]
    assert len({fingerprint(body) for body in bodies}) == len(bodies)


def test_read_only_mappings_count_as_objects() -> None:
    assert canonical_json(MappingProxyType({"a": MappingProxyType({"b": 1})})) == b'{"a":{"b":1}}'


@pytest.mark.parametrize(
    "value",
    [{1: 2}, {"a": object()}, {"t": datetime(2026, 1, 1, tzinfo=UTC)}, "\ud800", 2**64],
)
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="not JSON"):
        canonical_json(value)
