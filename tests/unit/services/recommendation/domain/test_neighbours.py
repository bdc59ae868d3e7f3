"""Item to item by shared buyers."""

import numpy as np
from scipy import sparse

from services.recommendation.domain.neighbours import (
    ITEMS_PER_PERSON_LIMIT,
    neighbour_reasons,
    neighbour_scores,
    neighbour_table,
)

BOUGHT = sparse.csr_matrix(np.array([[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0]], dtype=np.float32))


def test_the_nearest_item_shares_most_buyers() -> None:
    places, cosines = neighbour_table(BOUGHT, 2)
    assert places[0].tolist() == [1, 2]
    assert np.allclose(cosines[0], [2 / np.sqrt(3 * 2), 1 / np.sqrt(3)], atol=1e-6)
    assert places[3].tolist() == [-1, -1]


def test_an_item_is_not_its_own_neighbour() -> None:
    places, _ = neighbour_table(BOUGHT, 4)
    assert all(row not in near for row, near in enumerate(places.tolist()))


def test_scores_add_up_and_name_the_strongest_reason() -> None:
    places, cosines = neighbour_table(BOUGHT, 2)
    touched, likings = np.array([1, 2], dtype=np.int32), np.array([1.0, 0.1], dtype=np.float32)
    scores = neighbour_scores(places, cosines, touched, likings, catalogue=4)
    assert np.isclose(scores[0], cosines[1][0] + 0.1 * cosines[2][0])
    wanted = np.array([3, 0], dtype=np.int32)
    assert neighbour_reasons(places, cosines, touched, likings, wanted=wanted).tolist() == [-1, 1]


def test_of_reasons_that_say_as_much_the_last_is_named() -> None:
    places, cosines = np.array([[2], [2], [0]], dtype=np.int32), np.full((3, 1), 0.5, dtype=np.float32)
    touched, likings = np.array([0, 1], dtype=np.int32), np.ones(2, dtype=np.float32)
    wanted = np.array([2], dtype=np.int32)
    assert neighbour_reasons(places, cosines, touched, likings, wanted=wanted).tolist() == [1]


def test_a_buyer_of_everything_says_nothing() -> None:
    items = ITEMS_PER_PERSON_LIMIT + 1
    everything = sparse.csr_matrix(np.ones((1, items), dtype=np.float32))
    few = sparse.csr_matrix(([1.0, 1.0], ([0, 0], [0, 1])), shape=(1, items), dtype=np.float32)
    _, without = neighbour_table(everything, 3)
    assert not without.any()
    places, _ = neighbour_table(sparse.vstack([everything, few]).tocsr(), 3)
    assert places[0].tolist() == [1, -1, -1]
