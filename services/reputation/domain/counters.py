"""Owns how mentions are counted: by 5-minute bucket of their publication, for each scope, by tone and source tier.

A scope is what somebody may ask about: the whole shop, a brand, a product, a source. Tallies can be added in any order
and grouping, so buckets make hours and days, and partial counts of several writers make the whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import reduce
from typing import Final, TypeVar

from services.kits.times import DAY_US, time_of
from services.reputation.domain.bursts import BUCKET_S

BUCKET_US: Final = BUCKET_S * 1_000_000

NEGATIVE: Final = "negative"
NEUTRAL: Final = "neutral"
POSITIVE: Final = "positive"
UNSURE: Final = "unsure"  # the model does not dare to say
UNKNOWN: Final = "unknown"  # no model, or a language that it does not know
TONES: Final = (NEGATIVE, NEUTRAL, POSITIVE, UNSURE, UNKNOWN)


Key = TypeVar("Key")


class ScopeKind(StrEnum):
    """What can be asked about."""

    SHOP = "shop"
    BRAND = "brand"
    PRODUCT = "product"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Scope:
    """What is counted for: everything of a shop (``subject`` empty), or one brand, product or source of it."""

    shop: str
    kind: ScopeKind
    subject: str = ""

    @property
    def key(self) -> str:
        """Return the scope's name in the store."""
        return f"{len(self.shop)}:{self.shop}/{self.kind}/{self.subject}"

    @classmethod
    def parse(cls, key: str) -> "Scope":
        """Invert ``key``."""
        length, _, rest = key.partition(":")
        kind, _, subject = rest[int(length) + 1 :].partition("/")
        return cls(rest[: int(length)], ScopeKind(kind), subject)


@dataclass(frozen=True, slots=True)
class Tally:
    """Mentions of one span. ``counts`` by (tone, tier); ``clusters``: those that began in the span.

    ``reach`` sums what is known of each mention's reach; ``aspects`` counts the negative ones by aspect.
    """

    counts: Mapping[tuple[str, int], int] = field(default_factory=dict)
    reach: int = 0
    clusters: int = 0
    aspects: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Return all mentions."""
        return sum(self.counts.values())

    @property
    def negative(self) -> int:
        """Return the negative ones."""
        return self.of_tone(NEGATIVE)

    @property
    def best_tier(self) -> int | None:
        """Return the best tier that spoke, None when nobody did."""
        return min((tier for (_, tier), count in self.counts.items() if count), default=None)

    def of_tone(self, tone: str) -> int:
        """Return the mentions of a tone."""
        return sum(count for (each, _), count in self.counts.items() if each == tone)

    def __add__(self, other: "Tally") -> "Tally":
        """Return both together."""
        return Tally(
            _sum(self.counts, other.counts),
            self.reach + other.reach,
            self.clusters + other.clusters,
            _sum(self.aspects, other.aspects),
        )


NOTHING: Final = Tally()


def tally_of_one(tone: str, tier: int, *, reach: int, begins_cluster: bool, aspect: str) -> Tally:
    """Return what one mention adds."""
    aspects = {aspect: 1} if aspect and tone == NEGATIVE else {}
    return Tally({(tone, tier): 1}, reach, int(begins_cluster), aspects)


def total_of(tallies: Iterable[Tally]) -> Tally:
    """Return all together."""
    return reduce(Tally.__add__, tallies, NOTHING)


def bucket_of_us(time_us: int) -> int:
    """Return the number of the 5-minute bucket that holds the time, counted from 1970 UTC."""
    return time_us // BUCKET_US


def bucket_time(bucket: int) -> datetime:
    """Return when a bucket begins."""
    return time_of(bucket * BUCKET_US)


def day_of_bucket(bucket: int) -> date:
    """Return the UTC day of a bucket, by which counts are kept."""
    return bucket_time(bucket).date()


def first_bucket(day: date) -> int:
    """Return the number of a UTC day's first bucket."""
    return (day.toordinal() - _EPOCH_DAY) * (DAY_US // BUCKET_US)


def days_between(first: int, last: int) -> tuple[date, ...]:
    """Return the UTC days that hold the buckets ``first`` to ``last``, both included."""
    start, end = day_of_bucket(first), day_of_bucket(last)
    return tuple(date.fromordinal(each) for each in range(start.toordinal(), end.toordinal() + 1))


def _sum(one: Mapping[Key, int], other: Mapping[Key, int]) -> dict[Key, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in (*one, *other)}


_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
