"""A person's vector from what the person did, against item factors that stay as they were trained.

Exactly one half-step of alternating least squares (Hu, Koren, Volinsky: Collaborative Filtering for Implicit Feedback
Datasets, 2008, section 4): x = (Y'Y + Y'(C - I)Y + l I)^-1 Y'C p, with confidence c = 1 + a * liking for touched items.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from services.chassis.errors import ZhikeError
from services.recommendation.domain.interactions import Floats, Ints


class FoldInError(ZhikeError):
    """The factors are not finite, or the system is not positive definite."""

    reason = "FOLD_IN_FAILED"


@dataclass(frozen=True, slots=True)
class ItemFactors:
    """Trained item factors with what every fold-in shares.

    ``factors``: (items, f) float32, C order; ``unit``: the same with rows of length 1 (0 where a row is 0).
    ``gram``: Y'Y + regularization * I, (f, f) float32.
    """

    factors: Floats
    unit: Floats
    gram: Floats
    alpha: float


@dataclass(frozen=True, slots=True)
class Taste:
    """A person as the model sees one.

    ``vector``: (f,). ``items``: (n,) places of the touched items. ``influence``: (f, n): column j times a candidate's
    factors is what touched item j adds to that candidate's score (Hu et al. section 5).
    """

    vector: Floats
    items: Ints
    influence: Floats


def item_factors(factors: Floats, *, regularization: float, alpha: float) -> ItemFactors:
    """Prepare trained factors for fold-in. Raises FoldInError for factors that are not finite."""
    if not np.isfinite(factors).all():
        raise FoldInError("the item factors are not finite")
    contiguous = np.ascontiguousarray(factors, dtype=np.float32)
    gram = contiguous.T @ contiguous + np.float32(regularization) * np.eye(factors.shape[1], dtype=np.float32)
    norms = np.linalg.norm(contiguous, axis=1, keepdims=True)
    unit: Floats = np.divide(contiguous, norms, out=np.zeros_like(contiguous), where=norms > 0)
    return ItemFactors(contiguous, unit, gram, alpha)


def fold_in(model: ItemFactors, items: Ints, likings: Floats) -> Taste:
    """Return the taste of someone who touched ``items`` (distinct) with ``likings`` in (0, 1]. Raises FoldInError."""
    touched = model.factors[items]
    extra = np.float32(model.alpha) * likings
    system = model.gram + (touched.T * extra) @ touched
    sides = np.asfortranarray(touched.T * (extra + np.float32(1.0)))
    _, influence, info = lapack.sposv(system, sides, lower=1)
    if info != 0:
        raise FoldInError("the fold-in system has no solution", info=int(info))
    return Taste(influence.sum(axis=1), items, influence)


def fold_in_vector(model: ItemFactors, items: Ints, likings: Floats) -> Floats:
    """Return the vector of ``fold_in`` alone, for those who need no reasons: one right-hand side. Shape (f,)."""
    touched = model.factors[items]
    extra = np.float32(model.alpha) * likings
    system = model.gram + (touched.T * extra) @ touched
    _, vector, info = lapack.sposv(system, touched.T @ (extra + np.float32(1.0)), lower=1)
    if info != 0:
        raise FoldInError("the fold-in system has no solution", info=int(info))
    found: Floats = vector.astype(np.float32, copy=False)
    return found


def main_reasons(model: ItemFactors, taste: Taste, candidates: npt.NDArray[np.intp]) -> Ints:
    """Return, for each candidate, another touched item: the likest of those that add to its score, -1 if none does.

    Not the one that adds most: what everybody buys often adds most to everything, and explains nothing.
    """
    if not len(taste.items):
        return np.full(len(candidates), -1, dtype=np.int32)
    adds = model.factors[candidates] @ taste.influence > 0
    adds &= taste.items[None, :] != candidates[:, None]
    likeness = np.where(adds, model.unit[candidates] @ model.unit[taste.items].T, -np.inf)
    nearest = np.argmax(likeness, axis=1)
    return np.where(adds.any(axis=1), taste.items[nearest], -1).astype(np.int32)
