"""What training a tone model does: features, the fit, its calibration, and how good it is on texts that it did not see.

Nothing here is tuned on the texts that judge. ``REGULARIZATION`` and the rest were chosen on inner splits of the
training parts of two public sets of Chinese reviews (``python -m benchmarks.tone --choose``).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from services.kits.text.language import Language, language_of
from services.reputation.domain.errors import ToneDataError
from services.reputation.domain.tone import FEATURES, Floats, Ints, ToneModel, copy_key, fold_of, gram_ids

REGULARIZATION: Final = 0.3  # the SVM's C
SMOOTHING: Final = 1.0  # added to each feature's count before the ratio
TEXTS_PER_FEATURE: Final = 2  # a gram of one text says nothing about others
FOLDS: Final = 5
CALIBRATION_SPLIT: Final = b"calibrate"
SEED: Final = 0
LABEL_NEEDED: Final = 200  # texts of either label below which no model is worth its name
LANGUAGE_NEEDED: Final = 500  # texts of a language from which on the model knows it
CALIBRATION_BINS: Final = 15
COVERAGE: Final = 0.8

Bools = npt.NDArray[np.bool_]
Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Texts as rows of 0/1 features (n, FEATURES), whether each is positive (n,), its copies' key, its language."""

    features: sparse.csr_matrix
    positive: Bools
    keys: tuple[bytes, ...]
    languages: tuple[str, ...]

    def __len__(self) -> int:
        """Return how many texts there are."""
        return len(self.keys)

    def where(self, chosen: Bools) -> "LabelledTexts":
        """Return some of them."""
        places = np.flatnonzero(chosen)
        keys, languages = self.keys, self.languages
        return LabelledTexts(
            self.features[places],
            self.positive[places],
            tuple(keys[place] for place in places),
            tuple(languages[place] for place in places),
        )

    def folds(self, *, split: bytes = b"") -> Ints:
        """Return the fold of each text."""
        return np.array([fold_of(key, FOLDS, split=split) for key in self.keys], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Quality:
    """How good probabilities are on texts that the model did not see."""

    accuracy: float
    calibration_error: float
    accuracy_at_coverage: float
    decided: float
    decided_accuracy: float


def labelled_texts(texts: Sequence[str], positive: Sequence[bool]) -> LabelledTexts:
    """Return texts ready to train on."""
    rows = [gram_ids(text) for text in texts]
    bounds = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    ids = np.concatenate(rows) if rows else np.array([], dtype=np.int64)
    ones = np.ones(len(ids), dtype=np.float32)
    return LabelledTexts(
        sparse.csr_matrix((ones, ids, bounds), shape=(len(rows), FEATURES)),
        np.array(positive, dtype=bool),
        tuple(copy_key(text) for text in texts),
        tuple(language_of(text) for text in texts),
    )


def fit_tone(
    texts: LabelledTexts, report: Report = lambda *_: None, *, regularization: float = REGULARIZATION
) -> ToneModel:
    """Train and calibrate. Raises ToneDataError when there is too little of either label."""
    _require_enough(texts)
    margins = np.zeros(len(texts))
    folds = texts.folds(split=CALIBRATION_SPLIT)
    for fold in range(FOLDS):
        report("calibrate", fold, FOLDS + 1)
        weights, squares, intercept = _separated(texts.where(folds != fold), regularization)
        margins[folds == fold] = margins_of(texts.features[np.flatnonzero(folds == fold)], weights, squares, intercept)
    report("fit", FOLDS, FOLDS + 1)
    weights, squares, intercept = _separated(texts, regularization)
    sigmoid = LogisticRegression(C=np.inf).fit(margins[:, None], texts.positive)
    known = Counter(texts.languages)
    return ToneModel(
        weights,
        squares,
        intercept,
        float(sigmoid.coef_[0, 0]),
        float(sigmoid.intercept_[0]),
        frozenset(
            language
            for language, count in known.items()
            if count >= LANGUAGE_NEEDED and language != Language.UNDETERMINED
        ),
    )


def probabilities_of(model: ToneModel, features: sparse.csr_matrix) -> npt.NDArray[np.float64]:
    """Return the calibrated probability of being positive of each row."""
    margins = margins_of(features, model.weights, model.squares, model.intercept)
    probabilities: npt.NDArray[np.float64] = 1.0 / (1.0 + np.exp(-(model.slope * margins + model.offset)))
    return probabilities


def margins_of(
    features: sparse.csr_matrix, weights: Floats, squares: Floats, intercept: float
) -> npt.NDArray[np.float64]:
    """Return the margin of each row, as ``ToneModel.margin`` does of a text."""
    lengths = np.sqrt(features @ squares)
    sums = features @ weights
    margins: npt.NDArray[np.float64] = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0) + intercept
    return margins


def held_out(texts: LabelledTexts, report: Report = lambda *_: None) -> npt.NDArray[np.float64]:
    """Return each text's probability by a model of the other folds, calibrated inside them."""
    found = np.zeros(len(texts))
    folds = texts.folds()
    for fold in range(FOLDS):
        report("judge", fold, FOLDS)
        model = fit_tone(texts.where(folds != fold))
        found[folds == fold] = probabilities_of(model, texts.features[np.flatnonzero(folds == fold)])
    return found


def quality_of(probabilities: npt.NDArray[np.float64], positive: Bools, *, unsure_below: float) -> Quality:
    """Return accuracy, calibration error over bins of equal width, and accuracy where the model is most sure."""
    right = (probabilities >= 0.5) == positive
    confidence = np.maximum(probabilities, 1.0 - probabilities)
    decided = confidence >= unsure_below
    most_sure = np.argsort(-confidence, kind="stable")[: round(COVERAGE * len(right))]
    return Quality(
        float(right.mean()),
        calibration_error(probabilities, positive),
        float(right[most_sure].mean()),
        float(decided.mean()),
        float(right[decided].mean()) if decided.any() else 0.0,
    )


def calibration_error(probabilities: npt.NDArray[np.float64], positive: Bools) -> float:
    """Return the expected calibration error of the positive probability (Naeini et al., 2015)."""
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    said = np.bincount(bins, weights=probabilities, minlength=CALIBRATION_BINS)
    true = np.bincount(bins, weights=positive.astype(np.float64), minlength=CALIBRATION_BINS)
    return float(np.abs(said - true).sum() / max(1, counts.sum()))


def _separated(texts: LabelledTexts, regularization: float) -> tuple[Floats, Floats, float]:
    """Return weights, squared ratios and intercept of the SVM on these texts."""
    ratios = _ratios(texts)
    squares = ratios * ratios
    scaled = texts.features @ sparse.diags(ratios)
    lengths = np.sqrt(texts.features @ squares)
    inverse = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    scaled = sparse.csr_matrix(sparse.diags(inverse) @ scaled, dtype=np.float64)
    machine = LinearSVC(C=regularization, random_state=SEED).fit(scaled, texts.positive)
    weights = (machine.coef_[0] * ratios).astype(np.float32)
    return weights, squares.astype(np.float32), float(machine.intercept_[0])


def _ratios(texts: LabelledTexts) -> npt.NDArray[np.float32]:
    """Return the log ratio of each feature's share among positive and negative texts; 0 for a feature too rare."""
    positive = np.asarray(texts.features[np.flatnonzero(texts.positive)].sum(axis=0)).ravel()
    negative = np.asarray(texts.features[np.flatnonzero(~texts.positive)].sum(axis=0)).ravel()
    used = positive + negative >= TEXTS_PER_FEATURE
    ratios = np.log((positive + SMOOTHING) / (positive[used] + SMOOTHING).sum())
    ratios -= np.log((negative + SMOOTHING) / (negative[used] + SMOOTHING).sum())
    ratios[~used] = 0.0
    small: npt.NDArray[np.float32] = ratios.astype(np.float32)
    return small


def _require_enough(texts: LabelledTexts) -> None:
    positive = int(texts.positive.sum())
    if min(positive, len(texts) - positive) < LABEL_NEEDED:
        raise ToneDataError(
            f"{positive} positive and {len(texts) - positive} negative texts; {LABEL_NEEDED} of each are needed",
            needed=LABEL_NEEDED,
        )
