"""What a person buys again, and when."""

import numpy as np

from services.recommendation.domain.interactions import DAY_S, Kind
from services.recommendation.domain.repurchase import DEFAULT_INTERVAL_DAYS, item_intervals, repurchases
from tests.unit.services.recommendation.shop import rows_of

USUAL = np.full(5, 10.0, dtype=np.float32)


def found(*acts: tuple[int, int, Kind], now_day: int = 40):
    item, day, kind = (np.array(column) for column in zip(*acts, strict=True))
    return repurchases(
        item.astype(np.int32),
        day.astype(np.int64) * DAY_S,
        kind.astype(np.uint8),
        usual_days=USUAL,
        now_s=now_day * DAY_S,
    )


def test_what_is_bought_often_comes_first_and_singles_last() -> None:
    acts = [(0, 20, Kind.PURCHASE)] + [(1, day, Kind.PURCHASE) for day in (1, 10, 20)]
    result = found(*acts, (2, 39, Kind.PURCHASE), (2, 20, Kind.PURCHASE))
    assert result.items.tolist() == [1, 2, 0]
    assert result.times_bought.tolist() == [3, 2, 1]


def test_yesterdays_purchase_waits_for_its_interval() -> None:
    bought = [(item, day, Kind.PURCHASE) for item in (0, 1) for day in (10, 20)]
    fresh = found(*bought, (0, 39, Kind.PURCHASE), (1, 30, Kind.PURCHASE))
    due = dict(zip(fresh.items.tolist(), fresh.scores.tolist(), strict=True))
    assert due[0] < due[1]


def test_the_interval_leans_on_the_items_usual_one_until_the_person_has_a_habit() -> None:
    once = found((0, 20, Kind.PURCHASE))
    habit = found(*[(0, day, Kind.PURCHASE) for day in range(0, 40, 2)])
    assert once.interval_days.tolist() == [10.0]
    assert 2.0 < habit.interval_days[0] < 4.0


def test_two_lines_of_one_day_are_one_visit() -> None:
    assert found((0, 20, Kind.PURCHASE), (0, 20, Kind.PURCHASE)).times_bought.tolist() == [1]


def test_what_was_returned_is_not_offered_again() -> None:
    assert found((0, 20, Kind.PURCHASE), (0, 22, Kind.RETURN)).items.tolist() == []
    assert found((0, 20, Kind.PURCHASE), (3, 22, Kind.RETURN)).items.tolist() == [0]


def test_without_purchases_there_is_nothing() -> None:
    assert len(found((0, 20, Kind.VIEW)).items) == 0


def test_item_intervals_are_medians_drawn_to_the_middle() -> None:
    often = [(0, 0, day, day) for day in range(0, 200, 4)]
    rarely = [(1, 1, day, 300 + day) for day in (0, 60)]
    intervals = item_intervals(rows_of(*often, *rarely, items=3))
    assert 4.0 <= intervals[0] < 5.0
    assert intervals[0] < intervals[1] < 60.0
    assert intervals[2] == 4.0


def test_a_shop_without_repetition_has_the_default() -> None:
    assert item_intervals(rows_of((0, 0, 1, 0))).tolist() == [DEFAULT_INTERVAL_DAYS]
