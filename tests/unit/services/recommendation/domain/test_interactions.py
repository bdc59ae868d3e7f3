"""What rows say about liking."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recommendation.domain.interactions import (
    DAY_S,
    GRAINS,
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


def test_what_was_bought_a_lifetime_ago_is_still_liked() -> None:
    rows = rows_of((0, 0, 0, 0))
    assert preferences(rows, now_s=60 * 365 * DAY_S, half_life_days=84).toarray() == [[1 / GRAINS]]


def test_a_return_takes_back_what_has_faded_to_one_grain() -> None:
    rows = rows_of((0, 0, 0, 0), (0, 0, 1, 1))
    returned = replace(rows, kind=np.array([Kind.PURCHASE, Kind.RETURN], dtype=np.uint8))
    assert preferences(returned, now_s=60 * 365 * DAY_S, half_life_days=84).nnz == 0


@given(st.integers(0, 2**32), st.floats(1, 500))
def test_likings_add_up_to_the_same_bits_in_any_order(seed: int, half_life_days: float) -> None:
    rng, count = np.random.default_rng(seed), 400
    rows = rows_of(*[(0, item, day, 0) for item, day in rng.integers(0, [3, 4_000], (count, 2)).tolist()])
    rows = replace(rows, kind=rng.choice(np.arange(1, 6, dtype=np.uint8), count))
    mixed = rng.permutation(count)
    other = replace(rows, **{name: getattr(rows, name)[mixed] for name in ("item", "time_s", "kind")})
    options = {"now_s": 4_000 * DAY_S, "half_life_days": half_life_days}
    assert (preferences(rows, **options) != preferences(other, **options)).nnz == 0  # type: ignore[arg-type]


def test_nobodys_orders_shape_no_taste() -> None:
    rows = rows_of((NOBODY, 0, 1, 0), (0, 1, 1, 1), persons=1)
    assert preferences(rows, now_s=DAY_S, half_life_days=10).toarray().tolist() == [[0.0, 1.0]]
    assert bought_matrix(rows).toarray().tolist() == [[0.0, 1.0]]


def test_bought_is_one_however_often() -> None:
    assert bought_matrix(rows_of((0, 0, 1, 0), (0, 0, 2, 1))).toarray().tolist() == [[1.0]]


@pytest.mark.parametrize("kind", [Kind.VIEW, Kind.ADD, Kind.REMOVE, Kind.RETURN, Kind.VOID])
def test_only_purchases_are_bought(kind: Kind) -> None:
    assert bought_matrix(rows_of((0, 0, 1, 0), kind=kind)).nnz == 0
