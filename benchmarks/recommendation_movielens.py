"""MovieLens 100K for benchmarks.recommendation: the split, the tuning on its training part, and the figure.

The split: item by item, the item's users in file order, ``RandomState(42).permutation``, the first floor(.75 n) train,
the rest judges; every rating is a positive; the whole catalogue is ranked, k = 10. Items follow one another in file
order; ``fresh`` takes a new generator for each item (the reading that is reported), else one runs through all of them.
"""

import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from services.recommendation.domain.evaluation import judged_persons, ndcg
from services.recommendation.domain.model import AlsParameters
from services.recommendation.jobs.engines import Engine, Task
from services.recommendation.jobs.fitting import fit_als, person_vectors
from services.recommendation.jobs.training import best_parameters

SPLIT_SEED = 42
TRAIN_SHARE = 0.75
INNER_SEEDS = (1, 2)
MODEL_SEEDS = (0, 1, 2, 3, 4)

GRID = tuple(
    AlsParameters(factors, regularization, alpha, iterations=15, half_life_days=float("inf"))
    for factors in (16, 24, 32, 48)
    for regularization in (10.0, 20.0, 40.0, 80.0)
    for alpha in (1.0, 2.0, 4.0, 8.0)
)


@dataclass(frozen=True, slots=True)
class Halves:
    """Users x items of 0/1: what trains and what judges."""

    train: sparse.csr_matrix
    test: sparse.csr_matrix


@dataclass(frozen=True, slots=True)
class InnerTrial:
    """Parameters on one inner split."""

    parameters: AlsParameters
    inner: int


def ratings_file() -> Path | None:
    """Return the file, None where the data sets are not here."""
    path = Path(os.environ.get("ZHIKE_TEST_DATA", "")) / "ml-100k" / "ml-100k.inter"
    return path if path.is_file() else None


def read_ratings(path: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (user, item) of each line, numbered in the order of first appearance."""
    columns = np.loadtxt(path, skiprows=1, usecols=(0, 1), dtype=np.int64)
    return _numbered(columns[:, 0]), _numbered(columns[:, 1])


def split_per_item(
    users: npt.NDArray[np.int64], items: npt.NDArray[np.int64], *, seed: int = SPLIT_SEED, fresh: bool = True
) -> Halves:
    """Return the two halves; within an item, lines keep the order in which they are given."""
    generator = np.random.RandomState(seed)
    order = np.argsort(items, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(items))])
    trains = np.zeros(len(items), dtype=bool)
    for start, end in pairwise(bounds):
        if fresh:
            generator = np.random.RandomState(seed)
        chosen = generator.permutation(order[start:end])[: int(TRAIN_SHARE * (end - start))]
        trains[chosen] = True
    shape = (int(users.max()) + 1, int(items.max()) + 1)
    return Halves(_matrix(users[trains], items[trains], shape), _matrix(users[~trains], items[~trains], shape))


def inner_splits(train: sparse.csr_matrix) -> tuple[Halves, ...]:
    """Split the training half again, the same way with other seeds: tuning never sees the judging half."""
    users, items = train.nonzero()
    splits = []
    for seed in INNER_SEEDS:
        halves = split_per_item(users.astype(np.int64), items.astype(np.int64), seed=seed, fresh=False)
        splits.append(Halves(_grown(halves.train, train.shape), _grown(halves.test, train.shape)))
    return tuple(splits)


def quality(halves: Halves, parameters: AlsParameters, *, seed: int) -> float:
    """Return NDCG@10 over the whole catalogue, each user's training items left out."""
    model = fit_als(halves.train, parameters, seed=seed)
    persons = judged_persons(halves.train, halves.test)
    scores = ndcg(
        lambda block: person_vectors(model, halves.train, block) @ model.factors.T, halves.train, halves.test, persons
    )
    return float(scores.mean())


def try_inner(splits: tuple[Halves, ...], trial: InnerTrial) -> float:
    """A tuning task: one inner split, one set of parameters."""
    return quality(splits[trial.inner], trial.parameters, seed=0)


def tune(splits: tuple[Halves, ...], engine: Engine) -> tuple[AlsParameters, list[float]]:
    """Return the best of GRID and all means, on the given engine."""

    def trials(parameters: AlsParameters) -> list[Task]:
        return [Task(try_inner, InnerTrial(parameters, inner)) for inner in range(len(splits))]

    return best_parameters(splits, engine, grid=GRID, trials=trials, report=lambda *_: None)


def measure(halves: Halves, parameters: AlsParameters) -> dict[str, object]:
    """Return the figure over MODEL_SEEDS."""
    values = [quality(halves, parameters, seed=seed) for seed in MODEL_SEEDS]
    return {
        "mean": round(float(np.mean(values)), 4),
        "standard_deviation": round(float(np.std(values, ddof=1)), 4),
        "low": round(min(values), 4),
        "high": round(max(values), 4),
        "seeds": len(values),
    }


def _numbered(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    distinct, first, places = np.unique(values, return_index=True, return_inverse=True)
    rank = np.empty(len(distinct), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(distinct))
    return rank[places]


def _matrix(users: npt.NDArray[np.int64], items: npt.NDArray[np.int64], shape: tuple[int, int]) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix((np.ones(len(users), dtype=np.float32), (users, items)), shape=shape)
    matrix.sort_indices()
    return matrix


def _grown(matrix: sparse.csr_matrix, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Give a matrix the shape that it lost when its last rows or columns stayed empty."""
    matrix.resize(shape)
    return matrix
