"""Owns what a text's tone is: a linear model over the character n-grams of the text, with a calibrated probability.

The features are the distinct 1- to 3-grams of the folded text, hashed, each weighed by its naive Bayes log-count ratio
and the whole scaled to length 1; a linear SVM separates them (Wang, Manning: Baselines and Bigrams, 2012), which for
short texts is as good as anything that fits in a few megabytes. Characters need no segmenter and serve zh and en alike,
and misspellings too. A sigmoid fitted on texts that the model did not see makes the margin a probability (Platt, 1999).

A model knows the languages that it was trained on; of any other it says nothing. Below ``UNSURE_BELOW`` it would rather
not say: a counter of negative mentions must not count coin tosses.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

GRAM_LENGTHS: Final = (1, 2, 3)
FEATURE_BITS: Final = 20
FEATURES: Final = 1 << FEATURE_BITS
TEXT_LIMIT: Final = 2_000  # characters that are looked at
UNSURE_BELOW: Final = 0.7  # three of ten would be wrong
GAIN_NEEDED: Final = 0.05  # over always saying the same, below which a model is not worth its name
CALIBRATION_ERROR_LIMIT: Final = 0.1  # a few hundred texts measure it no better than to 0.05
NEGATIVE: Final = "negative"
POSITIVE: Final = "positive"

_START, _END = "\u0002", "\u0003"  # a first and a last word weigh more than one in the middle
_DIGITS: Final = re.compile(r"\d+")
_SPACES: Final = re.compile(r"\s+")
_RUNS: Final = re.compile(r"(.)\1{2,}")  # 好吃吃吃吃 and 好吃吃 mean the same
_NOT_WORDS: Final = re.compile(r"\W+")
# Odd constants of multiply-shift hashing (Dietzfelbinger et al., 1997): for each place of a gram, and for its length.
_PLACES: Final = tuple(np.uint64(each) for each in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9))
_MIXES: Final = tuple(np.uint64(each) for each in (0xD6E8FEB86659FD93, 0xA0761D6478BD642F, 0xE7037ED1A0B428DB))
_KEY_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Tone:
    """What the model says of a text. ``probability``: of the label, calibrated, from one half to 1."""

    label: str
    probability: float
    unsure: bool


@dataclass(frozen=True, slots=True)
class ToneModel:
    """A trained model. ``weights``, ``squares``: (FEATURES,), the SVM's weight times the ratio, and the ratio squared.

    ``slope``, ``offset``: of the sigmoid. ``languages``: that it knows, as BCP 47 primary tags.
    """

    weights: Floats
    squares: Floats
    intercept: float
    slope: float
    offset: float
    languages: frozenset[str]
    unsure_below: float = UNSURE_BELOW

    def margin(self, text: str) -> float:
        """Return how far on the positive side the text lies."""
        ids = gram_ids(text)
        length = float(self.squares[ids].sum())
        return (float(self.weights[ids].sum()) / math.sqrt(length) if length > 0 else 0.0) + self.intercept

    def judge(self, text: str, language: str) -> Tone | None:
        """Return the tone; None for a language that the model does not know and for a text without words."""
        if language not in self.languages or not _NOT_WORDS.sub("", text):
            return None
        positive = sigmoid(self.slope * self.margin(text) + self.offset)
        label, probability = (POSITIVE, positive) if positive >= 0.5 else (NEGATIVE, 1.0 - positive)
        return Tone(label, probability, probability < self.unsure_below)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model was made of and how good it is on texts that it did not see (by five folds, copies in one).

    ``data``: texts by file; ``data_digest``: SHA-256 of them all as they were read. ``majority``: what always saying
    the same would reach. ``decided``, ``decided_accuracy``: outside the unsure band.
    """

    data: Mapping[str, int]
    data_digest: str
    texts: int
    copies: int
    by_label: Mapping[str, int]
    by_language: Mapping[str, int]
    accuracy: float
    majority: float
    calibration_error: float
    accuracy_at_80: float
    decided: float
    decided_accuracy: float
    features: int

    @property
    def shortcoming(self) -> str:
        """Return why the model may not judge, empty when it may."""
        if self.accuracy < self.majority + GAIN_NEEDED:
            return f"accuracy {self.accuracy:.3f} is no better than always saying the same ({self.majority:.3f})"
        if self.calibration_error > CALIBRATION_ERROR_LIMIT:
            return f"its probabilities are {self.calibration_error:.3f} off; {CALIBRATION_ERROR_LIMIT} is the limit"
        return ""


def folded_text(text: str) -> str:
    """Return the form whose grams are taken."""
    text = unicodedata.normalize("NFKC", text[:TEXT_LIMIT]).lower()
    text = _RUNS.sub(r"\1\1", _SPACES.sub(" ", _DIGITS.sub("0", text)).strip())
    return f"{_START}{text}{_END}"


def gram_ids(text: str) -> Ints:
    """Return the distinct features of a text, ascending, each in 0..FEATURES-1."""
    points = np.frombuffer(folded_text(text).encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    hashed = []
    for length in GRAM_LENGTHS:
        if len(points) < length:
            break
        mixed = np.zeros(len(points) - length + 1, dtype=np.uint64)
        for place in range(length):
            mixed ^= points[place : place + len(mixed)] * _PLACES[place]
        mixed ^= mixed >> np.uint64(32)
        hashed.append(mixed * _MIXES[length - 1] >> np.uint64(64 - FEATURE_BITS))
    return np.unique(np.concatenate(hashed)).astype(np.int64)


def copy_key(text: str) -> bytes:
    """Return what texts of the same letters and digits have in common: copies of one another."""
    letters = _NOT_WORDS.sub("", folded_text(text))
    return blake2b(letters.encode("utf-8", "replace"), digest_size=_KEY_BYTES).digest()


def fold_of(key: bytes, folds: int, *, split: bytes = b"") -> int:
    """Return the fold of a text by its ``copy_key``, so that none is judged by its copy; another ``split``, others."""
    return int.from_bytes(blake2b(key, digest_size=_KEY_BYTES, salt=split).digest()) % folds


def sigmoid(value: float) -> float:
    """Return 1 / (1 + exp(-value)) without overflow."""
    return 1.0 / (1.0 + math.exp(-value)) if value >= 0 else 1.0 - 1.0 / (1.0 + math.exp(value))
