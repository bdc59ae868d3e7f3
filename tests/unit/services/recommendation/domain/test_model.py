"""The promotion rule."""

from datetime import UTC, datetime

import pytest

from services.recommendation.domain.model import WindowResult, judge, verdict_words


def windows(*pairs: tuple[float, float]) -> list[WindowResult]:
    return [
        WindowResult(datetime(2026, month, 1, tzinfo=UTC), model, popularity, 0.0, 100, 0.0, 0.0)
        for month, (model, popularity) in enumerate(pairs, 1)
    ]


def test_above_in_every_window_is_promoted() -> None:
    assert judge(windows((0.06, 0.05), (0.07, 0.05), (0.06, 0.055))).earned


def test_one_window_below_is_enough_to_refuse() -> None:
    verdict = judge(windows((0.09, 0.05), (0.09, 0.05), (0.0499, 0.05)))
    assert not verdict.earned
    assert "2026-03-01" in verdict.words


def test_equal_everywhere_is_not_above() -> None:
    assert not judge(windows((0.05, 0.05), (0.05, 0.05), (0.05, 0.05))).earned


def test_equal_in_a_window_is_not_below() -> None:
    assert judge(windows((0.05, 0.05), (0.05, 0.05), (0.06, 0.05))).earned


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_little_history_cannot_earn_it(count: int) -> None:
    verdict = judge(windows(*[(0.9, 0.1)] * count))
    assert not verdict.earned
    assert f"{count} of 3" in verdict.words


def test_only_the_last_three_windows_count() -> None:
    assert judge(windows((0.01, 0.05), (0.06, 0.05), (0.06, 0.05), (0.06, 0.05))).earned


@pytest.mark.parametrize(
    "pairs",
    [[], [(0.9, 0.1)] * 2, [(0.06, 0.05)] * 3, [(0.05, 0.05)] * 3, [(0.09, 0.05), (0.09, 0.05), (0.0499, 0.05)]],
)
def test_the_words_are_there_in_both_languages_and_the_english_ones_are_kept(pairs: list[tuple[float, float]]) -> None:
    words = verdict_words(windows(*pairs))
    assert set(words) == {"zh", "en"}
    assert judge(windows(*pairs)).words == words["en"]
    assert words["zh"] != words["en"]
