"""What is bought together, by EASE, with lift to show."""

import numpy as np
import pytest

from services.recommendation.domain.baskets import (
    BASKET_ITEMS_LIMIT,
    PAIR_SUPPORT,
    EaseError,
    basket_matrix,
    ease_weights,
    together_scores,
    together_table,
)
from tests.unit.services.recommendation.shop import rows_of


def baskets(*contents: tuple[int, ...], items: int = 6):
    lines = [(0, item, 1, basket) for basket, content in enumerate(contents) for item in content]
    return basket_matrix(rows_of(*lines, items=items))


PASTA = [(0, 1)] * 20 + [(0, 2), (3, 2)] * 10 + [(3, 4)] * (PAIR_SUPPORT - 1)


def test_weights_solve_the_ease_problem() -> None:
    """Steck's closed form is the minimum of ||X - XB||^2 + l ||B||^2 with a zero diagonal: its gradient vanishes."""
    matrix = baskets(*PASTA).toarray()
    gram = (matrix.T @ matrix).astype(np.float32)
    weights = ease_weights(gram, 5.0)
    gradient = gram @ weights - gram + 5.0 * weights
    np.fill_diagonal(gradient, 0.0)
    assert np.allclose(gradient, 0.0, atol=1e-3)
    assert not np.diag(weights).any()


def test_companions_are_found_and_rare_pairs_are_not_shown() -> None:
    table = together_table(baskets(*PASTA), regularization=5.0)
    assert table.places[0, 0] == 1
    assert 4 not in table.places[3].tolist()
    assert table.counts[0, 0] == 20


def test_one_more_basket_makes_a_pair_known() -> None:
    table = together_table(baskets(*PASTA, (3, 4)), regularization=5.0)
    assert 4 in table.places[3].tolist()


def test_lift_is_how_much_oftener_than_by_chance() -> None:
    table = together_table(baskets(*PASTA), regularization=5.0)
    total = len(PASTA)
    assert np.isclose(table.lifts[0, 0], total * 20 / (30 * 20))


def test_a_restock_and_a_single_item_are_no_baskets() -> None:
    matrix = baskets(tuple(range(BASKET_ITEMS_LIMIT + 1)), (0,), (0, 1), items=BASKET_ITEMS_LIMIT + 1)
    assert matrix.shape[0] == 1


def test_scores_of_a_cart_name_the_item_that_says_most() -> None:
    table = together_table(baskets(*PASTA), regularization=5.0)
    scores, sources, columns = together_scores(table, np.array([0, 3], dtype=np.int32), catalogue=6)
    assert scores[1] == table.weights[0, 0]
    assert sources[1] == 0
    assert table.places[sources[1], columns[1]] == 1
    assert sources[5] == columns[5] == -1


def test_no_baskets_make_an_empty_table() -> None:
    table = together_table(baskets((0,)), regularization=5.0)
    assert (table.places == -1).all()


def test_a_matrix_that_cannot_be_inverted_is_an_error() -> None:
    with pytest.raises(EaseError):
        ease_weights(np.zeros((2, 2), dtype=np.float32), 0.0)
