"""A model version: how it was made, how it was judged, and whether it may answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Ranker(StrEnum):
    """What fills personal slots."""

    ALS = "als"
    ITEM_TO_ITEM = "item-to-item"


class EngineName(StrEnum):
    """Where training tasks run."""

    RAY = "ray"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class AlsParameters:
    """What shapes the factor model. ``half_life_days``: of a liking; ``alpha``: confidence is 1 + alpha * liking."""

    factors: int
    regularization: float
    alpha: float
    iterations: int
    half_life_days: float


@dataclass(frozen=True, slots=True)
class WindowResult:
    """How the model and recent popularity did on one held-out window, new items only."""

    start_time: datetime
    ndcg_at_10: float
    popularity_ndcg_at_10: float
    item_to_item_ndcg_at_10: float
    customers: int
    gain_low: float
    gain_high: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the factor model may answer, and why, in words."""

    earned: bool
    words: str


@dataclass(frozen=True, slots=True)
class TrainedThrough:
    """How far the training set read a log: generation and last number by partition (docs/consistency.md rule 11)."""

    generation: str
    seqs: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version as it is kept. ``anchor_s``: the present as training saw it; later interactions count as of then.

    ``trained_through`` names every log that the training set was read from.
    """

    version: str
    engine: EngineName
    parameters: AlsParameters
    windows: tuple[WindowResult, ...]
    verdict: Verdict
    trained_through: Mapping[str, TrainedThrough]
    anchor_s: int
    create_time: datetime
    blobs: Mapping[str, str]
    actor: str = ""  # who had it trained; empty for the schedule


@dataclass(frozen=True, slots=True)
class InForce:
    """Which version answers and what of it fills personal slots."""

    version: str
    ranker: Ranker
    reason: str


@dataclass(frozen=True, slots=True)
class Promotion:
    """A version was put in force. ``number`` counts from 1; ``actor`` is empty when the evidence decided."""

    number: int
    in_force: InForce
    actor: str
    time: datetime


WINDOWS_NEEDED = 3


def judge(windows: Sequence[WindowResult]) -> Verdict:
    """Apply the promotion rule: over the last 3 windows the mean exceeds recent popularity's and no window is below."""
    if len(windows) < WINDOWS_NEEDED:
        words = f"{len(windows)} of {WINDOWS_NEEDED} windows of 4 weeks can be judged; item-to-item answers"
        return Verdict(earned=False, words=words)
    last = windows[-WINDOWS_NEEDED:]
    mean = sum(each.ndcg_at_10 for each in last) / len(last)
    popularity = sum(each.popularity_ndcg_at_10 for each in last) / len(last)
    below = [each for each in last if each.ndcg_at_10 < each.popularity_ndcg_at_10]
    compared = f"mean NDCG@10 on new items {mean:.4f} against {popularity:.4f} of recent popularity"
    if below:
        days = ", ".join(each.start_time.date().isoformat() for each in below)
        return Verdict(earned=False, words=f"{compared}; below it in the window from {days}; item-to-item answers")
    if not mean > popularity:
        return Verdict(earned=False, words=f"{compared}; not above it; item-to-item answers")
    return Verdict(earned=True, words=f"{compared}; no window below")
