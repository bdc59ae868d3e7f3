"""Trains the factor model with ``implicit``. The only module that imports it; it runs in the trainer process."""

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse

from services.recommendation.domain.fold_in import ItemFactors, fold_in_vector, item_factors
from services.recommendation.domain.interactions import Floats
from services.recommendation.domain.model import AlsParameters


def fit_als(likings: sparse.csr_matrix, parameters: AlsParameters, *, seed: int) -> ItemFactors:
    """Return item factors trained on a persons x items matrix of likings in (0, 1].

    Confidence is 1 + alpha * liking (Hu et al. 2008, equation 2): ``implicit`` takes its input times its own alpha as
    the confidence itself, so the input is the confidence and its alpha is 1. One thread: the same seed and rows give
    the same factors.
    """
    confidence = sparse.csr_matrix(
        (np.float32(1.0) + np.float32(parameters.alpha) * likings.data, likings.indices.copy(), likings.indptr.copy()),
        shape=likings.shape,
    )
    model = AlternatingLeastSquares(
        factors=parameters.factors,
        regularization=parameters.regularization,
        alpha=1.0,
        iterations=parameters.iterations,
        num_threads=1,
        random_state=seed,
    )
    model.fit(confidence, show_progress=False)
    factors = np.nan_to_num(model.item_factors)
    return item_factors(factors, regularization=parameters.regularization, alpha=parameters.alpha)


def person_vectors(model: ItemFactors, likings: sparse.csr_matrix, persons: np.ndarray) -> Floats:
    """Return the folded-in vector of each of ``persons`` as serving computes it: (len(persons), f)."""
    vectors = np.zeros((len(persons), model.factors.shape[1]), dtype=np.float32)
    for row, person in enumerate(persons):
        span = slice(likings.indptr[person], likings.indptr[person + 1])
        vectors[row] = fold_in_vector(model, likings.indices[span], likings.data[span])
    return vectors
