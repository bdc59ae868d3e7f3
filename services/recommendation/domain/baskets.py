"""What is bought together: EASE on baskets, with co-counts and lift beside it to show.

EASE (Steck, Embarrassingly Shallow Autoencoders for Sparse Data, 2019, equation 8): P = (X'X + l I)^-1,
B = I - P / diag(P), here on baskets x items. Time grows with items^3, memory with items^2.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import lapack

from services.chassis.errors import ErrorKind, ZhikeError
from services.recommendation.domain.interactions import Floats, Interactions, Ints, Kind
from services.recommendation.domain.ranking import top_per_row

TOGETHER = 50  # companions kept per item
BASKET_ITEMS_LIMIT = 200  # a larger basket is a restock; it would cost the square of its size
PAIR_SUPPORT = 5  # baskets that a pair needs before it is shown
# Above this many items the least bought ones get no companions: 10,000 take about 30 CPU-s and 800 MB.
EASE_ITEMS_LIMIT = 10_000


class EaseError(ZhikeError):
    """The basket Gram matrix could not be inverted."""

    reason = "EASE_FAILED"
    kind = ErrorKind.INTERNAL


@dataclass(frozen=True, slots=True)
class TogetherTable:
    """Companions of each item, best first; each array (items, k), place -1 where there are fewer.

    ``weights``: EASE weights, by which they are ranked. ``counts``: baskets with both. ``lifts``: how many times more
    often together than by chance; shown, never ranked by.
    """

    places: Ints
    weights: Floats
    counts: Ints
    lifts: Floats


def basket_matrix(rows: Interactions) -> sparse.csr_matrix:
    """Return the baskets x items matrix of 0/1 of baskets with 2 to BASKET_ITEMS_LIMIT different items."""
    bought = rows.where((rows.kind == Kind.PURCHASE) & (rows.basket >= 0))
    ones = np.ones(len(bought.item), dtype=np.float32)
    matrix = sparse.csr_matrix((ones, (bought.basket, bought.item)), shape=(rows.baskets, rows.items))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    widths = np.diff(matrix.indptr)
    return matrix[(widths >= 2) & (widths <= BASKET_ITEMS_LIMIT)]


def ease_weights(gram: Floats, regularization: float) -> Floats:
    """Return B of shape (n, n), diagonal 0: B[i, j] is what having i says about adding j. Overwrites nothing.

    ``gram``: X'X, (n, n), symmetric, float32. Raises EaseError.
    """
    system = np.array(gram, dtype=np.float32, order="F", copy=True)
    system[np.diag_indices_from(system)] += np.float32(regularization)
    factor, info = lapack.spotrf(system, lower=1, overwrite_a=1)
    if info == 0:
        factor, info = lapack.spotri(factor, lower=1, overwrite_c=1)
    if info != 0:
        raise EaseError("the basket matrix cannot be inverted", info=int(info))
    lower = np.tril(factor)
    inverse = lower + np.tril(factor, -1).T
    weights: Floats = (inverse / -np.diag(inverse)[None, :]).astype(np.float32, copy=False)
    np.fill_diagonal(weights, 0.0)
    return weights


def together_table(matrix: sparse.csr_matrix, *, regularization: float, count: int = TOGETHER) -> TogetherTable:
    """Return the companions of each item from a baskets x items matrix. Raises EaseError."""
    items = matrix.shape[1]
    bought = np.asarray(matrix.sum(axis=0)).ravel()
    kept = np.sort(np.argsort(-bought, kind="stable")[:EASE_ITEMS_LIMIT])
    kept = kept[bought[kept] > 0]
    width = min(count, max(1, items))
    table = TogetherTable(
        np.full((items, width), -1, dtype=np.int32),
        np.zeros((items, width), dtype=np.float32),
        np.zeros((items, width), dtype=np.int32),
        np.zeros((items, width), dtype=np.float32),
    )
    if len(kept) < 2:
        return table
    narrow = matrix[:, kept]
    gram = (narrow.T @ narrow).toarray()
    weights = ease_weights(gram, regularization)
    weights[gram < PAIR_SUPPORT] = 0.0
    places, values = top_per_row(weights, min(width, len(kept)))
    counts = np.where(places >= 0, np.take_along_axis(gram, np.maximum(places, 0), axis=1), 0)
    lifts = _lifts(counts, places, np.diag(gram), baskets=matrix.shape[0])
    span = places.shape[1]
    table.places[kept, :span] = np.where(places >= 0, kept[np.maximum(places, 0)], -1)
    table.weights[kept, :span] = values
    table.counts[kept, :span] = counts
    table.lifts[kept, :span] = lifts
    return table


def together_scores(table: TogetherTable, items: Ints, *, catalogue: int) -> tuple[Floats, Ints, Ints]:
    """Return (scores, sources, columns), each (catalogue,): summed weights over the items at hand, the item at hand
    that says most, and that pair's column in its row of the table (-1 where none)."""
    near, weight = table.places[items], table.weights[items]
    known = near >= 0
    targets, amounts = near[known], weight[known]
    scores = np.bincount(targets, weights=amounts, minlength=catalogue).astype(np.float32)
    sources = np.full(catalogue, -1, dtype=np.int32)
    columns = np.full(catalogue, -1, dtype=np.int32)
    order = np.argsort(amounts, kind="stable")  # the strongest is written last and stays
    sources[targets[order]] = np.broadcast_to(items[:, None], near.shape)[known][order]
    columns[targets[order]] = np.broadcast_to(np.arange(near.shape[1], dtype=np.int32), near.shape)[known][order]
    return scores, sources, columns


def _lifts(counts: npt.NDArray[np.floating], places: Ints, bought: Floats, *, baskets: int) -> Floats:
    """Lift of a pair: baskets * count(i, j) / (count(i) * count(j))."""
    chance = bought[:, None] * bought[np.maximum(places, 0)]
    lifts: Floats = np.divide(
        baskets * counts, chance, out=np.zeros_like(chance), where=(chance > 0) & (places >= 0)
    ).astype(np.float32)
    return lifts
