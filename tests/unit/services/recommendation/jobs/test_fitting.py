"""The factor model learns who likes what, and the same every time."""

import numpy as np

from services.recommendation.domain.interactions import preferences
from services.recommendation.jobs.fitting import fit_als, person_vectors
from tests.unit.services.recommendation.shop import NOW_S, PRODUCTS, SMALL, shop_rows


def test_the_two_crowds_are_told_apart() -> None:
    rows, product_ids = shop_rows()
    likings = preferences(rows, now_s=NOW_S, half_life_days=SMALL.half_life_days)
    model = fit_als(likings, SMALL, seed=1)
    scores = person_vectors(model, likings, np.arange(rows.persons)) @ model.factors.T
    first = np.array([int(each[1:]) < PRODUCTS // 2 for each in product_ids])
    even = np.arange(rows.persons) % 2 == 0
    assert scores[even][:, first].mean() > scores[even][:, ~first].mean() + 0.5
    assert scores[~even][:, ~first].mean() > scores[~even][:, first].mean() + 0.5


def test_the_same_seed_gives_the_same_bits_and_the_input_is_left_alone() -> None:
    rows, _ = shop_rows()
    likings = preferences(rows, now_s=NOW_S, half_life_days=SMALL.half_life_days)
    before = likings.copy()
    for array in (likings.data, likings.indices, likings.indptr):
        array.flags.writeable = False  # as arrays arrive from Ray
    assert np.array_equal(fit_als(likings, SMALL, seed=1).factors, fit_als(likings, SMALL, seed=1).factors)
    assert not np.array_equal(fit_als(likings, SMALL, seed=1).factors, fit_als(likings, SMALL, seed=2).factors)
    assert (likings != before).nnz == 0


def test_who_did_nothing_has_no_vector() -> None:
    rows, _ = shop_rows()
    likings = preferences(rows, now_s=NOW_S, half_life_days=SMALL.half_life_days)
    model = fit_als(likings, SMALL, seed=1)
    likings.resize((rows.persons + 1, rows.items))
    assert not person_vectors(model, likings, np.array([rows.persons])).any()
