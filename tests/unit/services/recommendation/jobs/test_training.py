"""A training: final parts, judged windows, nothing seen of the future, parameters tried on other windows."""

from dataclasses import replace

import numpy as np
import pytest

from services.recommendation.domain.errors import NothingToTrainOnError
from services.recommendation.domain.evaluation import rolling_windows
from services.recommendation.domain.interactions import Interactions
from services.recommendation.domain.parameters import SEED, SHIPPED, sweep
from services.recommendation.jobs.engines import LocalEngine, Task
from services.recommendation.jobs.training import (
    Trial,
    best_parameters,
    judge_window,
    train,
    try_parameters,
    tuning_windows,
)
from tests.unit.services.recommendation.shop import SMALL, shop_rows


def trained(rows: Interactions, **options: bool):
    heard: list[tuple[str, int, int]] = []
    with LocalEngine() as engine:
        result = train(rows, engine, with_sweep=options.get("with_sweep", False), report=lambda *s: heard.append(s))
    return result, heard


def test_every_part_is_there_and_progress_reaches_the_end() -> None:
    rows, product_ids = shop_rows()
    result, heard = trained(rows)
    assert result.parameters == SHIPPED
    assert result.factors.shape == (len(product_ids), SHIPPED.factors)
    assert len(result.windows) == 3
    assert result.anchor_s == rows.time_s.max() + 1
    assert heard[-1] == ("train", 7, 7)
    assert [done for _, done, _ in heard] == list(range(1, 8))


def test_training_twice_gives_the_same_bits() -> None:
    rows, _ = shop_rows()
    one, other = trained(rows)[0], trained(rows)[0]
    assert np.array_equal(one.factors, other.factors)
    assert np.array_equal(one.together.weights, other.together.weights)
    assert one.windows == other.windows


def test_without_purchases_there_is_nothing_to_train_on() -> None:
    rows, _ = shop_rows()
    with pytest.raises(NothingToTrainOnError):
        trained(rows.where(np.zeros(len(rows.item), dtype=bool)))


def test_little_history_is_trained_on_and_cannot_earn_promotion() -> None:
    rows, _ = shop_rows()
    recent = rows.where(rows.time_s > rows.time_s.max() - 20 * 86_400)
    result, _ = trained(recent)
    assert result.windows == ()
    assert not result.verdict.earned


def test_the_future_has_no_part_in_the_past() -> None:
    """What is bought after a window changes nothing about how the window is judged."""
    rows, _ = shop_rows()
    window = rolling_windows(rows)[0]
    past = rows.where(rows.time_s < window.end_s)
    trial = Trial(SMALL, window, SEED)
    assert judge_window(rows, trial) == judge_window(past, trial)


def test_a_shop_of_fashions_without_taste_does_not_earn_a_factor_model() -> None:
    """Everybody buys what is new this month: recent popularity knows that, old habits mislead."""
    rng = np.random.default_rng(4)
    lines, persons, items = 6_000, 200, 120
    time_s = np.sort(rng.integers(0, 280 * 86_400, lines))
    fashion = time_s // (3 * 86_400)
    fashionable = Interactions(
        person=rng.integers(0, persons, lines).astype(np.int32),
        item=(fashion + rng.integers(0, 20, lines)).astype(np.int32),
        time_s=time_s.astype(np.int64),
        kind=np.full(lines, 4, dtype=np.uint8),
        basket=np.arange(lines, dtype=np.int32),
        quantity=np.ones(lines, dtype=np.float32),
        persons=persons,
        items=items,
        baskets=lines,
    )
    assert not trained(fashionable)[0].verdict.earned


def test_parameters_are_tried_on_windows_that_never_judge() -> None:
    rows, _ = shop_rows()
    assert tuning_windows(rows)
    assert {window.end_s for window in tuning_windows(rows)}.isdisjoint(w.end_s for w in rolling_windows(rows))
    assert max(window.end_s for window in tuning_windows(rows)) <= rolling_windows(rows)[0].start_s


def test_the_best_mean_wins_and_the_first_of_equals() -> None:
    rows, _ = shop_rows()
    window = tuning_windows(rows)[-1]
    grid = [replace(SMALL, iterations=0), SMALL, SMALL]

    def trials(parameters):
        return [Task(try_parameters, Trial(parameters, window, 1))]

    with LocalEngine() as engine:
        found, means = best_parameters(rows, engine, grid=grid, trials=trials, report=lambda *_: None)
    assert found is grid[int(np.argmax(means))]
    assert means[1] == means[2]


def test_a_sweep_chooses_from_its_grid() -> None:
    rows, _ = shop_rows()
    result, heard = trained(rows, with_sweep=True)
    assert result.parameters in list(sweep())
    assert {stage for stage, _, _ in heard} == {"sweep", "train"}


def test_the_shipped_parameters_are_of_the_grid_that_they_came_from() -> None:
    assert SHIPPED in list(sweep())
