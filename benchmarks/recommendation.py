"""How good the recommendations are, and what training costs: ``python -m benchmarks.recommendation [--json]``.

- ml_100k: NDCG@10 of tuned ALS on MovieLens 100K (benchmarks/recommendation_movielens.py says how it is split).
- complete_journey: the last three 4-week windows with the shipped parameters, and what the service would decide.
- ray: the same tuning on Ray (2 workers) and in turn: equal results, medians of alternating runs, ray.init aside.
- scaling: what training costs at 1x, 4x and 16x of the persons (16x is the whole set).
- fold_in: microseconds of one fold-in, beside implicit's own recalculate_user.

Needs ZHIKE_TEST_DATA and the demo extra; a part whose data is absent is null and the exit code 1. About 5 minutes on
2 cores. ``--sweep-journey`` searches the shipped parameters again (20 minutes) and prints the ten best.
"""

import argparse
import json
import statistics
import sys
import time
from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from benchmarks.recommendation_journey import read_journey
from benchmarks.recommendation_movielens import (
    GRID,
    INNER_SEEDS,
    inner_splits,
    measure,
    ratings_file,
    read_ratings,
    split_per_item,
    tune,
)
from services.recommendation.domain.fold_in import fold_in, fold_in_vector
from services.recommendation.domain.interactions import Interactions, preferences
from services.recommendation.domain.parameters import SEED, SHIPPED, sweep
from services.recommendation.jobs.engines import Engine, LocalEngine, RayEngine, Task
from services.recommendation.jobs.fitting import fit_als
from services.recommendation.jobs.training import (
    Trial,
    best_parameters,
    fit_factors,
    fit_histories,
    fit_neighbours,
    fit_together,
    train,
    try_parameters,
    tuning_windows,
)

RAY_WORKERS = 2
ALTERNATIONS = 3
FOLD_INS = 2_000
SCALES = (1, 4, 16)
TARGET_NDCG = 0.46
TARGET_RAY_RATIO = 0.8


def movielens_and_ray() -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return both parts: the tuning of the first is the work that the second times."""
    path = ratings_file()
    if path is None:
        return None, None
    users, items = read_ratings(path)
    halves = split_per_item(users, items)
    splits = inner_splits(halves.train)
    local_s, ray_s, equal = [], [], True
    with LocalEngine() as local:
        begun = time.perf_counter()
        with RayEngine(workers=RAY_WORKERS) as ray:
            init_s = time.perf_counter() - begun
            for _ in range(ALTERNATIONS):
                tuned, means, spent_s = timed(splits, local)
                local_s.append(spent_s)
                on_ray, ray_means, spent_s = timed(splits, ray)
                ray_s.append(spent_s)
                equal = equal and tuned == on_ray and means == ray_means
        one_stream = split_per_item(users, items, fresh=False)
        other, _ = tune(inner_splits(one_stream.train), local)
        movielens = {
            "ndcg_at_10": measure(halves, tuned),
            "target": TARGET_NDCG,
            "parameters": shape_of(tuned),
            "tried": len(GRID),
            "inner_splits": len(INNER_SEEDS),
            "one_generator_through_all_items": {**measure(one_stream, other), "parameters": shape_of(other)},
        }
    ratio = statistics.median(ray_s) / statistics.median(local_s)
    engines = {
        "equal": equal,
        "ratio": round(ratio, 3),
        "target": TARGET_RAY_RATIO,
        "ray_s": [round(each, 2) for each in ray_s],
        "local_s": [round(each, 2) for each in local_s],
        "workers": RAY_WORKERS,
        "init_s": round(init_s, 2),
        "tasks": len(GRID) * len(INNER_SEEDS),
    }
    return movielens, engines


def timed(splits: Any, engine: Engine) -> tuple[Any, list[float], float]:
    begun = time.perf_counter()
    tuned, means = tune(splits, engine)
    return tuned, means, time.perf_counter() - begun


def journey(rows: Interactions) -> dict[str, Any]:
    """Train as the service does and return how each window was judged."""
    begun = time.perf_counter()
    with LocalEngine() as engine:
        trained = train(rows, engine, with_sweep=False, report=lambda *_: None)
    windows = [
        {
            "start": each.start_time.date().isoformat(),
            "ndcg_at_10": round(each.ndcg_at_10, 4),
            "popularity": round(each.popularity_ndcg_at_10, 4),
            "item_to_item": round(each.item_to_item_ndcg_at_10, 4),
            "gain_ci": [round(each.gain_low, 4), round(each.gain_high, 4)],
            "customers": each.customers,
        }
        for each in trained.windows
    ]
    return {
        "windows": windows,
        "promoted": trained.verdict.earned,
        "verdict": trained.verdict.words,
        "train_s": round(time.perf_counter() - begun, 1),
        "lines": len(rows.item),
        "items": rows.items,
        "persons": rows.persons,
        "baskets": rows.baskets,
    }


def fold_in_cost(rows: Interactions) -> dict[str, Any]:
    """Time fold-ins of real households, with and without what reasons need, beside implicit's own."""
    now_s = int(rows.time_s.max()) + 1
    likings = preferences(rows, now_s=now_s, half_life_days=SHIPPED.half_life_days)
    model = fit_als(likings, SHIPPED, seed=SEED)
    theirs = AlternatingLeastSquares(factors=SHIPPED.factors, regularization=SHIPPED.regularization, num_threads=1)
    theirs.item_factors = model.factors
    persons = np.random.default_rng(SEED).integers(0, likings.shape[0], FOLD_INS)
    rows_of = [likings[int(person)] for person in persons]

    def mean_us(work: Any) -> float:
        begun = time.perf_counter()
        for each in rows_of:
            work(each)
        return round((time.perf_counter() - begun) / FOLD_INS * 1e6, 1)

    theirs.recalculate_user(0, rows_of[0])  # it computes its Gram matrix once
    return {
        "vector_us": mean_us(lambda row: fold_in_vector(model, row.indices, row.data)),
        "with_reasons_us": mean_us(lambda row: fold_in(model, row.indices, row.data)),
        "implicit_us": mean_us(lambda row: theirs.recalculate_user(0, row)),
        "items_a_person": round(likings.nnz / likings.shape[0], 1),
    }


def scaling(rows: Interactions) -> dict[str, Any]:
    """Time each part of a training on a sixteenth, a quarter and all of the persons. Items stay as many."""
    now_s = int(rows.time_s.max()) + 1
    parts: dict[str, tuple[Any, Any]] = {
        "factors_s": (fit_factors, (SHIPPED, now_s)),
        "together_s": (fit_together, None),
        "neighbours_s": (fit_neighbours, None),
        "histories_s": (fit_histories, now_s),
    }
    found: dict[str, Any] = {}
    for factor in SCALES:
        some = rows.where(rows.person < rows.persons * factor // SCALES[-1])
        found[f"{factor}x"] = {"persons": rows.persons * factor // SCALES[-1], "lines": len(some.item)}
        for name, (fit, argument) in parts.items():
            begun = time.perf_counter()
            fit(some, argument)
            found[f"{factor}x"][name] = round(time.perf_counter() - begun, 2)
    return found


def sweep_journey(rows: Interactions) -> None:
    """Print the ten best parameters on the windows before the judging ones."""
    windows, grid = tuning_windows(rows), list(sweep())

    def trials(parameters: Any) -> list[Task]:
        return [Task(try_parameters, Trial(parameters, window, SEED)) for window in windows]

    with RayEngine(workers=RAY_WORKERS) as engine:
        _, means = best_parameters(rows, engine, grid=grid, trials=trials, report=lambda *_: None)
    for mean, parameters in sorted(zip(means, map(shape_of, grid), strict=True), key=lambda each: -each[0])[:10]:
        print(f"{mean:.4f} {parameters}")


def shape_of(parameters: Any) -> dict[str, float]:
    names = ("factors", "regularization", "alpha", "iterations", "half_life_days")
    return {name: getattr(parameters, name) for name in names if np.isfinite(getattr(parameters, name))}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.recommendation", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    parser.add_argument("--sweep-journey", action="store_true", help="search the shipped parameters again")
    options = parser.parse_args()
    rows = read_journey()
    if options.sweep_journey:
        if rows is not None:
            sweep_journey(rows)
        return 0 if rows is not None else 1
    results: dict[str, Any] = {
        "complete_journey": None if rows is None else journey(rows),
        "fold_in": None if rows is None else fold_in_cost(rows),
        "scaling": None if rows is None else scaling(rows),
    }
    results["ml_100k"], results["ray"] = movielens_and_ray()
    if not options.json:
        print(json.dumps(results, indent=2))
    print(json.dumps(results))
    return 0 if all(part is not None for part in results.values()) else 1


if __name__ == "__main__":
    with threadpool_limits(limits=1, user_api="blas"):
        sys.exit(main())
