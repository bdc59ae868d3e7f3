"""Columns that only grow."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.recommendation.store.columns import FIRST_CAPACITY, Column


@given(st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=30), max_size=10))
def test_a_column_holds_what_was_appended_in_order(batches: list[list[int]]) -> None:
    column = Column(np.int32)
    for batch in batches:
        column.extend(batch)
    assert column.view().tolist() == [value for batch in batches for value in batch]


def test_a_view_stays_what_it_was_when_the_column_grows() -> None:
    column = Column(np.int32)
    column.extend([1] * FIRST_CAPACITY)
    view = column.view()
    column.extend([2])
    assert view.tolist() == [1] * FIRST_CAPACITY
    assert len(column) == FIRST_CAPACITY + 1


def test_a_span_can_be_overwritten_and_places_taken() -> None:
    column = Column(np.uint8, np.array([1, 2, 3, 4]))
    column.fill(1, 3, 0)
    assert column.take(np.array([0, 1, 3])).tolist() == [1, 0, 4]
