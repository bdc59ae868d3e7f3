"""What training does, as tasks that any engine runs: judge windows, try parameters, fit the final parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from services.recommendation.domain.baskets import TogetherTable, basket_matrix, together_table
from services.recommendation.domain.errors import NothingToTrainOnError
from services.recommendation.domain.evaluation import (
    Split,
    Window,
    bootstrap_interval,
    judged_persons,
    ndcg,
    rolling_windows,
    split_at,
)
from services.recommendation.domain.interactions import Floats, Interactions, Ints, bought_matrix, preferences
from services.recommendation.domain.model import WINDOWS_NEEDED, AlsParameters, Verdict, WindowResult, judge
from services.recommendation.domain.neighbours import neighbour_table
from services.recommendation.domain.parameters import EASE_REGULARIZATION, SEED, SHIPPED, SWEEP_SEEDS, sweep
from services.recommendation.domain.popularity import recent_popularity
from services.recommendation.domain.repurchase import item_intervals
from services.recommendation.jobs.engines import Engine, Task
from services.recommendation.jobs.fitting import fit_als, person_vectors

TUNING_WINDOWS = 2  # before those that judge, so that no parameter saw a judging window

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """Everything that a version is made of. Arrays are in the column order of the training set."""

    parameters: AlsParameters
    windows: tuple[WindowResult, ...]
    verdict: Verdict
    anchor_s: int
    factors: Floats
    neighbours: tuple[Ints, Floats]
    together: TogetherTable
    popularity: npt.NDArray[np.float64]
    intervals: Floats


@dataclass(frozen=True, slots=True)
class Trial:
    """One set of parameters on one window, started from one seed."""

    parameters: AlsParameters
    window: Window
    seed: int


def train(rows: Interactions, engine: Engine, *, with_sweep: bool, report: Report) -> Trained:
    """Return the trained version of ``rows``. Raises NothingToTrainOnError."""
    purchases = rows.purchases()
    if not len(purchases.item):
        raise NothingToTrainOnError("there are no purchases to train on")
    anchor_s = int(purchases.time_s.max()) + 1
    parameters = _swept(rows, engine, report) if with_sweep else SHIPPED
    windows = rolling_windows(rows)
    final = [
        Task(fit_factors, (parameters, anchor_s)),
        Task(fit_together, None),
        Task(fit_neighbours, None),
        Task(fit_histories, anchor_s),
    ]
    judging = [Task(judge_window, Trial(parameters, window, SEED)) for window in windows]
    tasks = final + judging
    results = engine.run(rows, tasks, lambda done: report("train", done, len(tasks)))
    factors, together, neighbours, (popularity, intervals) = results[: len(final)]
    judged = tuple(results[len(final) :])
    return Trained(parameters, judged, judge(judged), anchor_s, factors, neighbours, together, popularity, intervals)


def best_parameters(
    shared: Any, engine: Engine, *, grid: Sequence[AlsParameters], trials: "TrialsOf", report: Report
) -> tuple[AlsParameters, list[float]]:
    """Return the parameters with the best mean over their trials (the earlier of equals) and every mean."""
    tasks = [task for parameters in grid for task in trials(parameters)]
    values = engine.run(shared, tasks, lambda done: report("sweep", done, len(tasks)))
    means = np.array(values).reshape(len(grid), -1).mean(axis=1)
    return grid[int(np.argmax(means))], [float(mean) for mean in means]


TrialsOf = Callable[[AlsParameters], Sequence[Task]]


def tuning_windows(rows: Interactions) -> tuple[Window, ...]:
    """Return the windows before those that judge."""
    return rolling_windows(rows, count=WINDOWS_NEEDED + TUNING_WINDOWS)[:-WINDOWS_NEEDED]


def try_parameters(rows: Interactions, trial: Trial) -> float:
    """Return the mean NDCG@10 on new items of one trial."""
    split = split_at(rows, trial.window)
    persons = judged_persons(split.seen, split.wanted)
    return float(als_ndcg(split, persons, trial.parameters, seed=trial.seed).mean()) if len(persons) else 0.0


def judge_window(rows: Interactions, trial: Trial) -> WindowResult:
    """Return how the model, item-to-item and recent popularity do on a window that none of them saw."""
    split = split_at(rows, trial.window)
    persons = judged_persons(split.seen, split.wanted)
    popularity = recent_popularity(split.train, now_s=trial.window.start_s).astype(np.float32)
    by_popularity = ndcg(
        lambda block: np.broadcast_to(popularity, (len(block), len(popularity))), split.seen, split.wanted, persons
    )
    by_model = als_ndcg(split, persons, trial.parameters, seed=trial.seed)
    likings = preferences(split.train, now_s=trial.window.start_s, half_life_days=trial.parameters.half_life_days)
    table = _square(neighbour_table(split.seen))
    by_items = ndcg(lambda block: (likings[block] @ table).toarray(), split.seen, split.wanted, persons)
    low, high = bootstrap_interval(by_model - by_popularity, np.random.default_rng(SEED))
    return WindowResult(
        start_time=datetime.fromtimestamp(trial.window.start_s, UTC),
        ndcg_at_10=_mean(by_model),
        popularity_ndcg_at_10=_mean(by_popularity),
        item_to_item_ndcg_at_10=_mean(by_items),
        customers=len(persons),
        gain_low=low,
        gain_high=high,
    )


def als_ndcg(
    split: Split, persons: npt.NDArray[np.intp], parameters: AlsParameters, *, seed: int
) -> npt.NDArray[np.float64]:
    """Return the NDCG@10 of each person by factors trained before the window, vectors folded in as when serving."""
    likings = preferences(split.train, now_s=split.window.start_s, half_life_days=parameters.half_life_days)
    model = fit_als(likings, parameters, seed=seed)
    return ndcg(
        lambda block: person_vectors(model, likings, block) @ model.factors.T, split.seen, split.wanted, persons
    )


def fit_factors(rows: Interactions, argument: tuple[AlsParameters, int]) -> Floats:
    """Return the item factors of all rows."""
    parameters, anchor_s = argument
    likings = preferences(rows, now_s=anchor_s, half_life_days=parameters.half_life_days)
    return fit_als(likings, parameters, seed=SEED).factors


def fit_together(rows: Interactions, _: None) -> TogetherTable:
    """Return what is bought together."""
    return together_table(basket_matrix(rows), regularization=EASE_REGULARIZATION)


def fit_neighbours(rows: Interactions, _: None) -> tuple[Ints, Floats]:
    """Return the items that share buyers."""
    return neighbour_table(bought_matrix(rows))


def fit_histories(rows: Interactions, anchor_s: int) -> tuple[npt.NDArray[np.float64], Floats]:
    """Return recent popularity and the usual interval between two purchases, by item."""
    return recent_popularity(rows, now_s=anchor_s), item_intervals(rows)


def _swept(rows: Interactions, engine: Engine, report: Report) -> AlsParameters:
    """Search the grid on the tuning windows; the shipped parameters where there is no such window."""
    windows = tuning_windows(rows)
    if not windows:
        return SHIPPED
    grid = list(sweep())

    def trials(parameters: AlsParameters) -> list[Task]:
        return [Task(try_parameters, Trial(parameters, window, seed)) for window in windows for seed in SWEEP_SEEDS[:1]]

    found, _ = best_parameters(rows, engine, grid=grid, trials=trials, report=report)
    return replace(found)


def _square(table: tuple[Ints, Floats]) -> sparse.csr_matrix:
    """Return neighbour rows as an items x items matrix."""
    places, cosines = table
    known = places >= 0
    sources = np.broadcast_to(np.arange(len(places))[:, None], places.shape)[known]
    return sparse.csr_matrix((cosines[known], (sources, places[known])), shape=(len(places), len(places)))


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else 0.0
