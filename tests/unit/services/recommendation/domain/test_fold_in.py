"""Folding a person in is one exact half-step of alternating least squares."""

import numpy as np
import pytest

from services.recommendation.domain.fold_in import (
    FoldInError,
    fold_in,
    fold_in_vector,
    item_factors,
    main_reasons,
)

FACTORS = np.random.default_rng(3).normal(size=(30, 5)).astype(np.float32)
MODEL = item_factors(FACTORS, regularization=2.0, alpha=3.0)
ITEMS = np.array([2, 7, 11], dtype=np.int32)
LIKINGS = np.array([1.0, 0.5, 0.1], dtype=np.float32)


def textbook(items: np.ndarray, likings: np.ndarray) -> np.ndarray:
    """Equation 4 of Hu, Koren and Volinsky, written out densely."""
    confidence, preference = np.ones(len(FACTORS)), np.zeros(len(FACTORS))
    confidence[items] += 3.0 * likings
    preference[items] = 1.0
    system = FACTORS.T @ np.diag(confidence) @ FACTORS + 2.0 * np.eye(5)
    return np.linalg.solve(system, FACTORS.T @ (confidence * preference))


def test_the_vector_solves_the_textbooks_equation() -> None:
    expected = textbook(ITEMS, LIKINGS)
    assert np.allclose(fold_in(MODEL, ITEMS, LIKINGS).vector, expected, atol=1e-4)
    assert np.allclose(fold_in_vector(MODEL, ITEMS, LIKINGS), expected, atol=1e-4)


def test_scores_are_the_sum_of_what_each_touched_item_adds() -> None:
    taste = fold_in(MODEL, ITEMS, LIKINGS)
    assert np.allclose(FACTORS @ taste.influence.sum(axis=1), FACTORS @ taste.vector, atol=1e-5)


def test_the_main_reason_adds_to_the_score_and_is_the_likest_of_those() -> None:
    taste = fold_in(MODEL, ITEMS, LIKINGS)
    shares = FACTORS @ taste.influence
    for candidate, reason in enumerate(main_reasons(MODEL, taste, np.arange(30)).tolist()):
        shared = zip(ITEMS.tolist(), shares[candidate], strict=True)
        adding = [item for item, share in shared if share > 0 and item != candidate]
        likeness = {item: float(MODEL.unit[candidate] @ MODEL.unit[item]) for item in adding}
        assert reason == (max(likeness, key=likeness.__getitem__) if adding else -1)


def test_what_everybody_buys_does_not_explain_everything() -> None:
    """Bananas add most to every score; the cheese is still explained by the other cheese."""
    bananas, cheese, more_cheese = [3.0, 0.0], [0.5, 1.0], [0.6, 1.0]
    model = item_factors(np.array([bananas, cheese, more_cheese], dtype=np.float32), regularization=0.5, alpha=2.0)
    taste = fold_in(model, np.array([0, 1], dtype=np.int32), np.ones(2, dtype=np.float32))
    assert main_reasons(model, taste, np.array([2])).tolist() == [1]


def test_nothing_touched_gives_no_taste_and_no_reason() -> None:
    empty = fold_in(MODEL, ITEMS[:0], LIKINGS[:0])
    assert not empty.vector.any()
    assert main_reasons(MODEL, empty, np.array([1, 2])).tolist() == [-1, -1]


def test_one_more_item_changes_the_vector() -> None:
    before = fold_in_vector(MODEL, ITEMS, LIKINGS)
    after = fold_in_vector(MODEL, np.append(ITEMS, 20).astype(np.int32), np.append(LIKINGS, 1.0).astype(np.float32))
    assert not np.allclose(before, after, atol=1e-3)


def test_factors_that_are_not_finite_are_refused() -> None:
    with pytest.raises(FoldInError):
        item_factors(np.full((3, 2), np.nan, dtype=np.float32), regularization=1.0, alpha=1.0)


def test_a_system_without_solution_is_an_error_and_not_a_list() -> None:
    broken = item_factors(np.ones((3, 2), dtype=np.float32), regularization=-50.0, alpha=1.0)
    for solve in (fold_in, fold_in_vector):
        with pytest.raises(FoldInError):
            solve(broken, np.array([0], dtype=np.int32), np.ones(1, dtype=np.float32))
