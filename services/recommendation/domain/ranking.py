"""Picking the best of many scores, with ties always broken alike."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.recommendation.domain.interactions import Ints


def best(scores: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.intp]:
    """Return the places of the ``count`` highest finite scores, best first; equal scores by lower place.

    -inf marks what must not be shown. ``scores``: shape (n,).
    """
    if count <= 0 or not len(scores):
        return np.empty(0, dtype=np.intp)
    if count < len(scores):
        threshold = -np.partition(-scores, count - 1)[count - 1]
        candidates = np.flatnonzero(scores >= threshold)
    else:
        candidates = np.arange(len(scores))
    candidates = candidates[np.isfinite(scores[candidates])]
    order = np.argsort(-scores[candidates], kind="stable")
    found: npt.NDArray[np.intp] = candidates[order[:count]]
    return found


@dataclass(frozen=True, slots=True)
class Head:
    """The first places of a ranking with their scores, best first. ``complete``: nothing comes after them."""

    places: tuple[int, ...]
    scores: tuple[float, ...]
    complete: bool


def head_of(scores: npt.NDArray[np.floating], depth: int) -> Head:
    """Return the ``depth`` best of ``scores``, shape (n,), as ``best`` finds them. A deeper head begins with this one.

    Leaving places out of a head gives what ``best`` gives with those places at -inf, as far as the head goes.
    """
    found = best(scores, depth)
    complete = len(found) < depth or depth >= len(scores)
    return Head(tuple(found.tolist()), tuple(scores[found].tolist()), complete)


def best_of_rows(scores: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.intp]:
    """Return, row by row, the places of the ``count`` highest scores, best first, equal ones by lower place.

    ``scores``: shape (rows, n) with n >= count. Entries of -inf may be among the answer where a row has too few.
    """
    found = np.empty((scores.shape[0], count), dtype=np.intp)
    thresholds = -np.partition(-scores, count - 1, axis=1)[:, count - 1]
    for row, threshold in enumerate(thresholds):
        candidates = np.flatnonzero(scores[row] >= threshold)
        order = np.argsort(-scores[row, candidates], kind="stable")
        found[row] = candidates[order[:count]]
    return found


def top_per_row(scores: npt.NDArray[np.floating], count: int) -> tuple[Ints, npt.NDArray[np.float32]]:
    """Return (places, scores) of the best ``count`` positive entries of each row, both of shape (rows, count).

    Short rows are filled with place -1 and score 0.
    """
    count = min(count, scores.shape[1])
    places = best_of_rows(scores, count) if count else np.empty((scores.shape[0], 0), dtype=np.intp)
    values = np.take_along_axis(scores, places, axis=1).astype(np.float32)
    empty = ~(values > 0)
    values[empty] = 0.0
    return np.where(empty, -1, places).astype(np.int32), values
