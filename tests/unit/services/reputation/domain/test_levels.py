"""A level is the sum of terms that a person can read; what is not known makes nothing graver."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reputation.domain.levels import TONED_NEEDED, Level, Situation, assess, level_words

CALM = Situation(
    times_usual=1.0, toned=20, negative=1, reach=200, best_tier=3, growth=1.0, sources=1, aspects={"delivery": 1}
)
GRAVE = Situation(
    times_usual=12.0,
    toned=100,
    negative=80,
    reach=3_000_000,
    best_tier=1,
    growth=4.0,
    sources=12,
    aspects={"safety": 50},
)

situations = st.builds(
    Situation,
    times_usual=st.floats(0, 1e9),
    toned=st.integers(0, 10_000),
    negative=st.integers(0, 10_000),
    reach=st.none() | st.integers(0, 2**53),
    best_tier=st.none() | st.integers(1, 3),
    growth=st.floats(0, 1e9),
    sources=st.integers(0, 1_000),
    aspects=st.dictionaries(st.sampled_from(("safety", "counterfeit", "price")), st.integers(0, 10_000)),
)


def test_calm_is_the_lowest_level_and_a_scandal_the_highest() -> None:
    assert assess(CALM).level is Level.IV
    found = assess(GRAVE)
    assert found.level is Level.I
    assert found.points == 19
    assert [term.points for term in found.terms] == [3, 3, 3, 3, 2, 2, 3]


def test_every_term_is_kept_with_its_step_and_words() -> None:
    found = assess(replace(CALM, times_usual=6.0))
    volume = found.term("volume")
    assert (volume.value, volume.points, volume.step) == (6.0, 2, 5.0)
    assert volume.explanation == {
        "zh": "声量：6 倍于平时，不低于 5，计 2 分",
        "en": "volume: 6 times the usual, at least 5, 2 points",
    }
    assert found.term("negative-share").explanation["en"] == "negative share: 0.05, short of 0.3, 0 points"
    with pytest.raises(KeyError):
        found.term("weather")


@pytest.mark.parametrize(("value", "points"), [(1.999, 0), (2.0, 1), (4.999, 1), (5.0, 2), (10.0, 3), (1e12, 3)])
def test_a_step_is_reached_at_its_bound(value: float, points: int) -> None:
    assert assess(replace(CALM, times_usual=value)).term("volume").points == points


@pytest.mark.parametrize(("tier", "points"), [(1, 3), (2, 2), (3, 0), (None, 0)])
def test_the_better_the_source_the_graver(tier: int | None, points: int) -> None:
    assert assess(replace(CALM, best_tier=tier)).term("tier").points == points


def test_too_few_toned_mentions_are_no_mood() -> None:
    few = assess(replace(CALM, toned=TONED_NEEDED - 1, negative=TONED_NEEDED - 1)).term("negative-share")
    assert (few.value, few.points) == (None, 0)
    assert few.explanation["zh"] == "负面占比：未知，不计分"
    enough = assess(replace(CALM, toned=TONED_NEEDED, negative=TONED_NEEDED)).term("negative-share")
    assert enough.points == 3


def test_a_small_wave_about_safety_is_held_up() -> None:
    found = assess(replace(CALM, toned=5, negative=4, reach=None, best_tier=None, aspects={"safety": 2}))
    assert found.level is Level.II
    assert found.floor == "grave-aspects"
    assert found.points < 8


@given(situations, st.sampled_from(("times_usual", "reach", "growth", "sources")))
def test_more_of_anything_is_never_less_grave(situation: Situation, name: str) -> None:
    value = getattr(situation, name)
    more = replace(situation, **{name: (value or 0) * 2 + 1})
    assert not assess(situation).level.is_graver_than(assess(more).level)


@given(situations)
def test_points_are_the_sum_of_the_terms(situation: Situation) -> None:
    found = assess(situation)
    assert found.points == sum(term.points for term in found.terms)
    assert all(term.points == 0 for term in found.terms if term.value is None)


def test_levels_are_ordered_and_named() -> None:
    assert Level.I.is_graver_than(Level.II)
    assert not Level.IV.is_graver_than(Level.IV)
    assert [level.rank for level in Level] == [1, 2, 3, 4]
    assert all(level_words(level)["zh"] and level_words(level)["en"] for level in Level)
