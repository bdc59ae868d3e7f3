"""The best of many, ties always alike."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.recommendation.domain.ranking import best, best_of_rows, head_of, top_per_row


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, -np.inf]), max_size=40), st.integers(0, 45))
def test_best_is_a_stable_descending_sort_cut_off(scores: list[float], count: int) -> None:
    values = np.array(scores)
    expected = [place for place in np.argsort(-values, kind="stable") if np.isfinite(values[place])][:count]
    assert best(values, count).tolist() == expected


@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.0, -np.inf]), max_size=40),
    st.integers(1, 45),
    st.frozensets(st.integers(0, 39)),
    st.integers(1, 5),
)
def test_a_head_without_some_places_is_the_best_without_them_as_far_as_it_goes(
    scores: list[float], depth: int, without: frozenset[int], count: int
) -> None:
    head = head_of(np.array(scores), depth)
    left = [place for place in head.places if place not in without][:count]
    masked = np.array([-np.inf if place in without else score for place, score in enumerate(scores)])
    wanted = best(masked, count).tolist()
    assert left == wanted if head.complete else left == wanted[: len(left)]
    assert head.complete == (depth >= np.isfinite(scores).sum() + 1 or depth >= len(scores))
    assert [scores[place] for place in head.places] == list(head.scores)


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
