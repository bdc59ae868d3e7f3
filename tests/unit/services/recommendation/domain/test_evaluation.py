"""NDCG, windows and intervals."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from services.recommendation.domain.evaluation import (
    BLOCK_PERSONS,
    bootstrap_interval,
    judged_persons,
    ndcg,
    rolling_windows,
    split_at,
)
from services.recommendation.domain.interactions import DAY_S
from tests.unit.services.recommendation.shop import rows_of


def matrix(*rows: list[int]) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.array(rows, dtype=np.float32))


def test_ndcg_by_hand() -> None:
    seen, wanted = matrix([1, 0, 0, 0, 0]), matrix([0, 1, 0, 1, 0])
    scores = np.array([[9.0, 4.0, 3.0, 2.0, 1.0]])
    found = ndcg(lambda block: scores[block], seen, wanted, np.array([0]), cutoff=3)
    gain = 1 / np.log2(2) + 1 / np.log2(4)
    assert found[0] == pytest.approx(gain / (1 / np.log2(2) + 1 / np.log2(3)))


def test_what_was_seen_takes_no_place() -> None:
    seen, wanted = matrix([1, 0, 0]), matrix([0, 1, 0])
    assert ndcg(lambda block: np.array([[9.0, 1.0, 0.5]]), seen, wanted, np.array([0]), cutoff=2)[0] == 1.0


def test_a_wanted_item_that_must_not_be_scored_is_no_hit() -> None:
    seen, wanted = matrix([0, 0]), matrix([1, 0])
    scores = np.array([[-np.inf, 1.0]])
    assert ndcg(lambda block: scores, seen, wanted, np.array([0]), cutoff=2)[0] == 0.0


def test_blocks_do_not_change_the_figure() -> None:
    rng = np.random.default_rng(1)
    persons = BLOCK_PERSONS + 7
    seen = sparse.csr_matrix(rng.random((persons, 20)) < 0.1, dtype=np.float32)
    wanted = sparse.csr_matrix((rng.random((persons, 20)) < 0.2) & (seen.toarray() == 0), dtype=np.float32)
    scores = rng.random((persons, 20))
    judged = judged_persons(seen, wanted)
    together = ndcg(lambda block: scores[block], seen, wanted, judged)
    alone = [ndcg(lambda block: scores[block], seen, wanted, np.array([person]))[0] for person in judged]
    assert np.allclose(together, alone)


def test_windows_are_the_last_weeks_and_never_overlap() -> None:
    rows = rows_of((0, 0, 0, 0), (0, 0, 200, 1))
    windows = rolling_windows(rows)
    assert [(w.end_s - w.start_s) // DAY_S for w in windows] == [28, 28, 28]
    assert all(left.end_s == right.start_s for left, right in pairwise(windows))
    assert windows[-1].end_s == 200 * DAY_S + 1


@pytest.mark.parametrize(("days", "expected"), [(40, 0), (56, 1), (84, 2), (112, 3), (400, 3)])
def test_a_window_needs_a_window_of_history_before_it(days: int, expected: int) -> None:
    assert len(rolling_windows(rows_of((0, 0, 0, 0), (0, 0, days, 1)))) == expected


def test_nothing_of_the_window_trains_and_nothing_bought_before_judges() -> None:
    rows = rows_of((0, 0, 0, 0), (0, 1, 150, 1), (0, 0, 199, 2), (0, 2, 199, 2), (1, 2, 200, 3))
    window = rolling_windows(rows)[-1]
    split = split_at(rows, window)
    assert split.train.time_s.max() < window.start_s
    assert split.wanted.toarray().tolist() == [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    assert split.seen.multiply(split.wanted).nnz == 0
    assert judged_persons(split.seen, split.wanted).tolist() == [0]


def test_no_purchases_make_no_windows() -> None:
    rows = rows_of((0, 0, 0, 0))
    assert rolling_windows(rows.where(np.array([False]))) == ()


def test_the_interval_holds_the_mean_and_repeats_itself() -> None:
    differences = np.random.default_rng(5).normal(0.1, 1.0, 500)
    low, high = bootstrap_interval(differences, np.random.default_rng(1))
    assert low < differences.mean() < high
    assert (low, high) == bootstrap_interval(differences, np.random.default_rng(1))
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(500), rel=0.2)


def test_nobody_judged_gives_no_interval() -> None:
    assert bootstrap_interval(np.empty(0), np.random.default_rng(1)) == (0.0, 0.0)
