"""Numbers that do not depend on what came first."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.recommendation.store.numbering import by_first, in_text_order, numbers_of, text_order


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_are_ordered_as_python_orders_them(texts: list[str]) -> None:
    order = text_order(texts).tolist()
    assert [texts[place] for place in order] == sorted(texts)
    assert order == sorted(range(len(texts)), key=lambda place: (texts[place], place))


def test_what_does_not_occur_is_left_out() -> None:
    places = in_text_order(np.array([2, 0, 2], dtype=np.int32), ("c", "b", "a"))
    assert places.tolist() == [2, 0]
    assert numbers_of(places, 3).tolist() == [1, -1, 0]
    assert in_text_order(np.empty(0, dtype=np.int32), ()).tolist() == []


def test_groups_come_as_they_appear() -> None:
    assert by_first(np.array([3, 1, 3, 0, 1], dtype=np.int32)).tolist() == [3, 1, 0]
