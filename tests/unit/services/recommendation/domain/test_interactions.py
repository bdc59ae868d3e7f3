"""What rows say about liking."""

import numpy as np
import pytest

from services.recommendation.domain.interactions import (
    DAY_S,
    KIND_WEIGHTS,
    NOBODY,
    Kind,
    bought_matrix,
    decayed,
    preferences,
)
from tests.unit.services.recommendation.shop import rows_of


def test_a_half_life_halves_and_the_future_counts_as_now() -> None:
    times = np.array([0, -10 * DAY_S, 5 * DAY_S], dtype=np.int64)
    assert decayed(times, now_s=0, half_life_days=10).tolist() == [1.0, 0.5, 1.0]


def test_a_purchase_says_more_than_two_views_or_an_add() -> None:
    assert KIND_WEIGHTS[Kind.PURCHASE] > 2 * KIND_WEIGHTS[Kind.VIEW]
    assert KIND_WEIGHTS[Kind.PURCHASE] > KIND_WEIGHTS[Kind.ADD] > KIND_WEIGHTS[Kind.VIEW] > 0
    assert KIND_WEIGHTS[Kind.VOID] == 0


def test_liking_is_capped_so_that_the_tenth_purchase_adds_nothing() -> None:
    rows = rows_of(*[(0, 0, 10, basket) for basket in range(10)], (0, 1, 0, 11))
    matrix = preferences(rows, now_s=10 * DAY_S, half_life_days=10)
    assert matrix.toarray().tolist() == [[1.0, 0.5]]


def test_a_return_takes_the_purchase_back() -> None:
    rows = rows_of((0, 0, 10, 0), (0, 0, 10, 1), (0, 1, 10, 0))
    kind = rows.kind.copy()
    kind[1] = Kind.RETURN
    returned = type(rows)(
        rows.person, rows.item, rows.time_s, kind, rows.basket, rows.quantity, rows.persons, rows.items, rows.baskets
    )
    assert preferences(returned, now_s=10 * DAY_S, half_life_days=10).toarray().tolist() == [[0.0, 1.0]]


def test_nobodys_orders_shape_no_taste() -> None:
    rows = rows_of((NOBODY, 0, 1, 0), (0, 1, 1, 1), persons=1)
    assert preferences(rows, now_s=DAY_S, half_life_days=10).toarray().tolist() == [[0.0, 1.0]]
    assert bought_matrix(rows).toarray().tolist() == [[0.0, 1.0]]


def test_bought_is_one_however_often() -> None:
    assert bought_matrix(rows_of((0, 0, 1, 0), (0, 0, 2, 1))).toarray().tolist() == [[1.0]]


@pytest.mark.parametrize("kind", [Kind.VIEW, Kind.ADD, Kind.REMOVE, Kind.RETURN, Kind.VOID])
def test_only_purchases_are_bought(kind: Kind) -> None:
    assert bought_matrix(rows_of((0, 0, 1, 0), kind=kind)).nnz == 0
