"""The best of many, ties always alike."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.recommendation.domain.ranking import best, best_of_rows, top_per_row


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, -np.inf]), max_size=40), st.integers(0, 45))
def test_best_is_a_stable_descending_sort_cut_off(scores: list[float], count: int) -> None:
    values = np.array(scores)
    expected = [place for place in np.argsort(-values, kind="stable") if np.isfinite(values[place])][:count]
    assert best(values, count).tolist() == expected


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=5, max_size=5), min_size=1, max_size=4))
def test_rows_are_ranked_like_single_rows(rows: list[list[float]]) -> None:
    values = np.array(rows)
    assert [best(row, 3).tolist() for row in values] == best_of_rows(values, 3).tolist()


def test_short_rows_are_filled_with_nothing() -> None:
    places, values = top_per_row(np.array([[0.0, 3.0, -1.0], [0.0, 0.0, 0.0]]), 2)
    assert places.tolist() == [[1, -1], [-1, -1]]
    assert values.tolist() == [[3.0, 0.0], [0.0, 0.0]]


def test_more_than_there_is_gives_what_there_is() -> None:
    places, _ = top_per_row(np.array([[2.0, 3.0]]), 10)
    assert places.tolist() == [[1, 0]]
