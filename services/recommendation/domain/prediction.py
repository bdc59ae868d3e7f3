"""What a placement answers, and whether it may be personal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from services.kits.controls.arranging import Placed
from services.kits.controls.plan import Plan
from services.recommendation.domain.reasons import Reason

PAGE_SIZE_DEFAULT = 12
PAGE_SIZE_LIMIT = 50
PRODUCTS_LIMIT = 50
EXCLUDED_LIMIT = 100
IDENTIFIERS_LIMIT = 8

PERSONALIZATION = "personalization"
GRANTED = "granted"


class Placement(StrEnum):
    """The places that this service fills."""

    RECOMMENDED_FOR_YOU = "recommended-for-you"
    SIMILAR_ITEMS = "similar-items"
    FREQUENTLY_BOUGHT_TOGETHER = "frequently-bought-together"
    BUY_IT_AGAIN = "buy-it-again"
    RECENTLY_VIEWED = "recently-viewed"
    POPULAR = "popular"


PERSONAL = frozenset({Placement.RECOMMENDED_FOR_YOU, Placement.BUY_IT_AGAIN, Placement.RECENTLY_VIEWED})


class Source(StrEnum):
    """What filled a slot."""

    ALS = "als"
    ITEM_TO_ITEM = "item-to-item"
    EASE = "ease"
    CATEGORY = "category"
    HISTORY = "history"
    POPULAR = "popular"
    CATALOG = "catalog"
    PINNED = "pinned"


class FallbackReason(StrEnum):
    """Why an answer is not what the placement would be at its best; empty when it is."""

    NONE = ""
    NO_CONSENT = "NO_CONSENT"
    CONSENT_STALE = "CONSENT_STALE"
    NO_HISTORY = "NO_HISTORY"
    NO_MODEL = "NO_MODEL"


@dataclass(frozen=True, slots=True)
class Slot:
    """One product in a placement."""

    product_id: str
    score: float
    reason: Reason
    source: Source


class Pool(NamedTuple):
    """What Controls choose a page from, best first; ``slots`` makes those of the places that were chosen."""

    product_ids: Sequence[str]
    slots: Callable[[Sequence[int]], Sequence[Slot]]


@dataclass(frozen=True, slots=True)
class Prediction:
    """A filled placement, best first. ``placed``: how Controls arranged its slots, empty where none did.

    ``pool``: what stands in the place of slots until Controls have chosen; no answer has it.
    """

    placement: Placement
    slots: tuple[Slot, ...]
    source: Source
    fallback_reason: FallbackReason = FallbackReason.NONE
    placed: tuple[Placed, ...] = ()
    pool: Pool | None = None


def personal_refusal(*, consented: bool, staleness_s: float, staleness_limit_s: float) -> FallbackReason:
    """Say why an answer must not be personal, NONE if it may be. Unknown freshness fails closed (rules 12 and 15)."""
    if not staleness_s <= staleness_limit_s:
        return FallbackReason.CONSENT_STALE
    return FallbackReason.NONE if consented else FallbackReason.NO_CONSENT


@dataclass(frozen=True, slots=True)
class Request:
    """A checked request for a placement. ``plan``: what the Controls that apply let through, None where none does."""

    placement: Placement
    identifiers: tuple[str, ...]
    product_ids: tuple[str, ...] = ()
    page_size: int = PAGE_SIZE_DEFAULT
    excluded: frozenset[str] = frozenset()
    language: str = "zh"
    shop: str = ""
    channel: str = ""
    plan: Plan | None = None
