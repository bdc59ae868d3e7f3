"""A tone model is trained, calibrated and judged on texts that it did not see, the same way every time."""

import numpy as np
import pytest

from services.reputation.domain.errors import ToneDataError
from services.reputation.domain.tone import POSITIVE
from services.reputation.jobs import tone_training as limits
from services.reputation.jobs.tone_training import (
    CALIBRATION_BINS,
    FOLDS,
    calibration_error,
    fit_tone,
    held_out,
    labelled_texts,
    margins_of,
    probabilities_of,
    quality_of,
)
from tests.strategies.tone import reviews


def test_what_was_learnt_holds_for_texts_that_were_not_seen() -> None:
    model = fit_tone(labelled_texts(*reviews(1_500)))
    texts, labels = reviews(300, seed=8, noise=0.0)
    judged = [model.judge(text, "zh") for text in texts]
    right = [tone is not None and (tone.label == POSITIVE) is label for tone, label in zip(judged, labels, strict=True)]
    assert sum(right) > 290
    assert model.languages == {"zh"}
    assert model.judge("delicious", "en") is None


def test_probabilities_say_how_often_they_are_right() -> None:
    texts = labelled_texts(*reviews(2_000, noise=0.25))
    quality = quality_of(held_out(texts), texts.positive, unsure_below=0.7)
    assert 0.68 < quality.accuracy < 0.82  # a quarter of the labels is wrong
    assert quality.calibration_error < 0.08
    assert quality.accuracy_at_coverage >= quality.accuracy


def test_training_again_makes_the_same_model() -> None:
    texts = labelled_texts(*reviews(800))
    one, other = fit_tone(texts), fit_tone(texts)
    assert np.array_equal(one.weights, other.weights)
    assert (one.slope, one.offset, one.intercept) == (other.slope, other.offset, other.intercept)


def test_a_text_alone_is_judged_as_in_a_batch() -> None:
    model = fit_tone(labelled_texts(*reviews(800)))
    texts, labels = reviews(50, seed=9)
    batch = labelled_texts(texts, labels)
    margins = margins_of(batch.features, model.weights, model.squares, model.intercept)
    assert margins == pytest.approx([model.margin(text) for text in texts], abs=1e-5)
    for text, positive in zip(texts, probabilities_of(model, batch.features), strict=True):
        tone = model.judge(text, "zh")
        assert tone is not None
        assert tone.probability == pytest.approx(max(positive, 1 - positive), abs=1e-5)


def test_copies_lie_in_one_fold_and_never_judge_each_other() -> None:
    texts, labels = reviews(300)
    copies = labelled_texts([*texts, *(f"{text}！！" for text in texts)], [*labels, *labels])
    folds = copies.folds()
    assert np.array_equal(folds[:300], folds[300:])
    assert set(folds) == set(range(FOLDS))


def test_too_little_of_a_label_trains_nothing() -> None:
    texts, labels = reviews(2_000, noise=0.0)
    good = [text for text, label in zip(texts, labels, strict=True) if label]
    bad = [text for text, label in zip(texts, labels, strict=True) if not label]
    enough = labelled_texts(good + bad[: limits.LABEL_NEEDED], [True] * len(good) + [False] * limits.LABEL_NEEDED)
    assert fit_tone(enough).languages == {"zh"}
    few = limits.LABEL_NEEDED - 1
    with pytest.raises(ToneDataError) as refused:
        fit_tone(labelled_texts(good + bad[:few], [True] * len(good) + [False] * few))
    assert refused.value.metadata["needed"] == str(limits.LABEL_NEEDED)
    with pytest.raises(ToneDataError):
        fit_tone(labelled_texts([], []))


def test_a_language_of_few_texts_is_not_known() -> None:
    texts, labels = reviews(1_000)
    english = ["very good indeed"] * (limits.LANGUAGE_NEEDED - 1)
    positive = [True] * len(english)
    assert fit_tone(labelled_texts([*texts, *english], [*labels, *positive])).languages == {"zh"}
    more = fit_tone(labelled_texts([*texts, *english, "good"], [*labels, *positive, True]))
    assert more.languages == {"zh", "en"}


def test_the_calibration_error_is_the_gap_between_said_and_true() -> None:
    said = np.array([0.9] * 10)
    assert calibration_error(said, np.array([True] * 9 + [False])) == pytest.approx(0.0)
    assert calibration_error(said, np.array([True] * 5 + [False] * 5)) == pytest.approx(0.4)
    both = np.array([0.01] * 10 + [1.0] * 10)
    assert calibration_error(both, np.array([False] * 10 + [True] * 5 + [False] * 5)) == pytest.approx(0.255)
    assert calibration_error(np.array([]), np.array([], dtype=bool)) == 0.0
    assert CALIBRATION_BINS == 15


def test_quality_tells_of_the_unsure_band() -> None:
    probabilities = np.array([0.95, 0.9, 0.1, 0.6, 0.45])
    quality = quality_of(probabilities, np.array([True, True, False, False, True]), unsure_below=0.7)
    assert quality.accuracy == pytest.approx(0.6)
    assert (quality.decided, quality.decided_accuracy) == (pytest.approx(0.6), 1.0)
    assert quality.accuracy_at_coverage == pytest.approx(0.75)  # the four most sure of five


def test_progress_is_told() -> None:
    steps: list[tuple[str, int, int]] = []
    fit_tone(labelled_texts(*reviews(600)), lambda *step: steps.append(step))
    assert [step[1] for step in steps] == list(range(FOLDS + 1))
    assert {step[2] for step in steps} == {FOLDS + 1}
