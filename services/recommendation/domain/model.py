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
    last = windows[-WINDOWS_NEEDED:]
    mean, popularity = _means(last)
    earned = len(windows) >= WINDOWS_NEEDED and mean > popularity and not _below(last)
    return Verdict(earned=earned, words=verdict_words(windows)["en"])


def verdict_words(windows: Sequence[WindowResult]) -> dict[str, str]:
    """Return why these windows do or do not speak for a model, by language."""
    if len(windows) < WINDOWS_NEEDED:
        return {
            "zh": f"{WINDOWS_NEEDED} 个四周窗口中只有 {len(windows)} 个可以评判；由商品相似作答",
            "en": f"{len(windows)} of {WINDOWS_NEEDED} windows of 4 weeks can be judged; item-to-item answers",
        }
    last = windows[-WINDOWS_NEEDED:]
    mean, popularity = _means(last)
    zh = f"新商品的平均 NDCG@10 为 {mean:.4f}，近期热门为 {popularity:.4f}"
    en = f"mean NDCG@10 on new items {mean:.4f} against {popularity:.4f} of recent popularity"
    below = _below(last)
    if below:
        days = [each.start_time.date().isoformat() for each in below]
        return {
            "zh": f"{zh}；自 {'、'.join(days)} 起的窗口低于热门；由商品相似作答",
            "en": f"{en}; below it in the window from {', '.join(days)}; item-to-item answers",
        }
    if not mean > popularity:
        return {"zh": f"{zh}；未超过热门；由商品相似作答", "en": f"{en}; not above it; item-to-item answers"}
    return {"zh": f"{zh}；没有窗口低于热门", "en": f"{en}; no window below"}


def _means(last: Sequence[WindowResult]) -> tuple[float, float]:
    """Return the model's and popularity's mean over the windows, 0 without any."""
    count = max(1, len(last))
    return sum(each.ndcg_at_10 for each in last) / count, sum(each.popularity_ndcg_at_10 for each in last) / count


def _below(last: Sequence[WindowResult]) -> list[WindowResult]:
    return [each for each in last if each.ndcg_at_10 < each.popularity_ndcg_at_10]
