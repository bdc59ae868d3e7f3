"""A tone is a calibrated probability over character n-grams; what the model does not know it does not judge."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reputation.domain.tone import (
    FEATURES,
    NEGATIVE,
    POSITIVE,
    TEXT_LIMIT,
    ToneModel,
    copy_key,
    fold_of,
    folded_text,
    gram_ids,
    sigmoid,
)


def model_of(*words: tuple[str, float], languages: frozenset[str] = frozenset({"zh", "en"})) -> ToneModel:
    """Return a model that knows these words, each gram with its weight."""
    weights, squares = np.zeros(FEATURES, dtype=np.float32), np.zeros(FEATURES, dtype=np.float32)
    for word, weight in words:
        ids = np.setdiff1d(gram_ids(word), gram_ids(""))
        weights[ids], squares[ids] = weight, abs(weight)
    return ToneModel(weights, squares, 0.0, 4.0, 0.0, languages)


MODEL = model_of(("好吃", 1.0), ("难咽", -1.0))


def test_words_of_either_side_decide() -> None:
    good, bad = MODEL.judge("真好吃", "zh"), MODEL.judge("真难咽", "zh")
    assert good is not None
    assert bad is not None
    assert (good.label, bad.label) == (POSITIVE, NEGATIVE)
    assert not good.unsure
    assert min(good.probability, bad.probability) > 0.9


def test_words_of_both_sides_leave_it_unsure() -> None:
    both = MODEL.judge("好吃 难咽", "zh")
    assert both is not None
    assert both.unsure
    assert both.probability >= 0.5


def test_a_text_of_nothing_known_is_unsure() -> None:
    unknown = MODEL.judge("ξ", "zh")
    assert unknown is not None
    assert unknown.unsure


@pytest.mark.parametrize(("text", "language"), [("très bon", "fr"), ("12 !", "und"), ("!!!", "zh"), ("", "zh")])
def test_another_language_and_no_words_are_not_judged(text: str, language: str) -> None:
    assert MODEL.judge(text, language) is None


def test_texts_that_read_alike_are_one() -> None:
    assert folded_text("ＧＯＯＤ  吃吃吃吃吃 123") == folded_text("good 吃吃 7")
    assert np.array_equal(gram_ids("好吃吃吃吃"), gram_ids("好吃吃"))
    assert copy_key("真的，很好吃！！") == copy_key("真的很好吃")
    assert copy_key("真的很好吃") != copy_key("真的很难吃")


@given(st.text(max_size=300))
def test_features_are_distinct_ascending_and_in_bounds(text: str) -> None:
    ids = gram_ids(text)
    assert np.all(np.diff(ids) > 0)
    assert ids[0] >= 0
    assert ids[-1] < FEATURES


def test_half_characters_and_long_texts_are_judged() -> None:
    assert len(gram_ids("\ud800好"))
    assert np.array_equal(gram_ids("ab" * TEXT_LIMIT), gram_ids("ab" * (TEXT_LIMIT // 2)))


def test_grams_keep_their_place_for_ever() -> None:
    """A stored model is read by these numbers: another hash would make nonsense of it."""
    assert gram_ids("好吃").tolist() == [
        70201, 81748, 99178, 118160, 163587, 278154, 532837, 825809, 949650,
    ]  # fmt: skip


@given(st.binary(min_size=8, max_size=8), st.integers(2, 10))
def test_a_fold_is_one_of_them_and_stays(key: bytes, folds: int) -> None:
    assert fold_of(key, folds) == fold_of(key, folds)
    assert 0 <= fold_of(key, folds) < folds


def test_another_split_makes_other_folds() -> None:
    keys = [copy_key(chr(0x4E00 + number)) for number in range(500)]
    one, other = [fold_of(key, 5) for key in keys], [fold_of(key, 5, split=b"other") for key in keys]
    assert 50 < sum(a == b for a, b in zip(one, other, strict=True)) < 150
    assert min(one.count(fold) for fold in range(5)) > 60


@pytest.mark.parametrize("value", [-1e9, -3.0, 0.0, 3.0, 1e9])
def test_a_sigmoid_never_overflows(value: float) -> None:
    assert sigmoid(value) == pytest.approx(1 / (1 + math.exp(-max(min(value, 700), -700))))
