"""Recent popularity counts people, lately."""

import numpy as np

from services.recommendation.domain.interactions import DAY_S, NOBODY
from services.recommendation.domain.popularity import recent_popularity
from tests.unit.services.recommendation.shop import rows_of


def test_ten_purchases_of_one_person_count_as_one_buyer() -> None:
    rows = rows_of(*[(0, 0, 5, basket) for basket in range(10)], (1, 1, 5, 10), (2, 1, 5, 11))
    assert recent_popularity(rows, now_s=5 * DAY_S).tolist() == [1.0, 2.0]


def test_a_buyer_counts_from_the_last_purchase() -> None:
    rows = rows_of((0, 0, 0, 0), (0, 0, 28, 1), (1, 1, 0, 2))
    assert recent_popularity(rows, now_s=28 * DAY_S, half_life_days=28).tolist() == [1.0, 0.5]


def test_orders_of_nobody_count_as_a_buyer_each() -> None:
    rows = rows_of((NOBODY, 0, 1, 0), (NOBODY, 0, 1, 1), (0, 1, 1, 2), persons=1)
    assert recent_popularity(rows, now_s=DAY_S).tolist() == [2.0, 1.0]


def test_an_item_without_buyers_has_no_popularity() -> None:
    scores = recent_popularity(rows_of((0, 2, 1, 0), items=4), now_s=DAY_S)
    assert np.flatnonzero(scores).tolist() == [2]
