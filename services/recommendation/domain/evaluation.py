"""How good a ranking is: NDCG@10 over the whole catalogue, on rolling windows, with a bootstrap interval.

Never on sampled negatives (Krichene, Rendle: On Sampled Metrics for Item Recommendation, 2020) and never on a random
split: everything before a window trains, the window judges. What a person bought before is left out of candidates and
of judgments ("new items"); buying again is another question with another answer.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from services.recommendation.domain.interactions import DAY_S, Interactions, Kind, bought_matrix
from services.recommendation.domain.ranking import best_of_rows

CUTOFF = 10
WINDOW_DAYS = 28
WINDOWS = 3
BLOCK_PERSONS = 512
BOOTSTRAP_SAMPLES = 1_000
BOOTSTRAP_BLOCK = 50
INTERVAL = (2.5, 97.5)  # percentiles

Scores = Callable[[npt.NDArray[np.intp]], npt.NDArray[np.floating]]


@dataclass(frozen=True, slots=True)
class Window:
    """A span that judges: ``start_s <= time < end_s``; everything before ``start_s`` may train."""

    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class Split:
    """What one window makes of the rows. ``seen``, ``wanted``: persons x items of 0/1, without a common entry."""

    window: Window
    train: Interactions
    seen: sparse.csr_matrix
    wanted: sparse.csr_matrix


def rolling_windows(rows: Interactions, *, count: int = WINDOWS, days: int = WINDOW_DAYS) -> tuple[Window, ...]:
    """Return the last ``count`` windows that end with the last purchase, oldest first.

    Fewer where there is less than one window's length of history before a window.
    """
    times = rows.time_s[rows.kind == Kind.PURCHASE]
    if not len(times):
        return ()
    first_s, end_s, length_s = int(times.min()), int(times.max()) + 1, days * DAY_S
    windows = [Window(end_s - length_s * (n + 1), end_s - length_s * n) for n in reversed(range(count))]
    return tuple(window for window in windows if window.start_s - first_s >= length_s)


def split_at(rows: Interactions, window: Window) -> Split:
    """Return what may train and what judges. Nothing of the window, or after it, is in ``train``."""
    train = rows.where(rows.time_s < window.start_s)
    inside = (rows.time_s >= window.start_s) & (rows.time_s < window.end_s)
    seen, bought = bought_matrix(train), bought_matrix(rows.where(inside))
    wanted = bought - bought.multiply(seen)
    wanted = sparse.csr_matrix(wanted)
    wanted.eliminate_zeros()
    wanted.sort_indices()
    return Split(window, train, seen, wanted)


def judged_persons(seen: sparse.csr_matrix, wanted: sparse.csr_matrix) -> npt.NDArray[np.intp]:
    """Return who can be judged: persons with a history and at least one wanted item."""
    return np.flatnonzero((np.diff(seen.indptr) > 0) & (np.diff(wanted.indptr) > 0))


def ndcg(
    scores: Scores,
    seen: sparse.csr_matrix,
    wanted: sparse.csr_matrix,
    persons: npt.NDArray[np.intp],
    *,
    cutoff: int = CUTOFF,
) -> npt.NDArray[np.float64]:
    """Return NDCG@cutoff of each of ``persons``: gain 1 for a wanted item, discount log2(place + 1), the ideal from the
    person's own wanted items (Järvelin, Kekäläinen, 2002). ``scores(block)`` gives (len(block), items); what was seen
    is left out.
    """
    cutoff = min(cutoff, seen.shape[1])
    discounts = 1.0 / np.log2(np.arange(2, cutoff + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])
    found = np.empty(len(persons))
    for start in range(0, len(persons), BLOCK_PERSONS):
        block = persons[start : start + BLOCK_PERSONS]
        values = np.array(scores(block), dtype=np.float32)
        values[seen[block].nonzero()] = -np.inf
        top = best_of_rows(values, cutoff)
        hits = np.take_along_axis(wanted[block].toarray() > 0, top, axis=1)
        hits &= np.isfinite(np.take_along_axis(values, top, axis=1))
        count = np.diff(wanted.indptr)[block]
        found[start : start + len(block)] = (hits * discounts).sum(axis=1) / ideal[np.minimum(count, cutoff)]
    return found


def bootstrap_interval(
    differences: npt.NDArray[np.float64], generator: np.random.Generator, *, samples: int = BOOTSTRAP_SAMPLES
) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean of paired differences (Efron, Tibshirani, 1993, chapter 13)."""
    if not len(differences):
        return 0.0, 0.0
    means = np.empty(samples)
    for start in range(0, samples, BOOTSTRAP_BLOCK):
        size = min(BOOTSTRAP_BLOCK, samples - start)
        picks = generator.integers(0, len(differences), size=(size, len(differences)))
        means[start : start + size] = differences[picks].mean(axis=1)
    low, high = np.percentile(means, INTERVAL)
    return float(low), float(high)
