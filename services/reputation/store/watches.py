"""Keeps the series of the scopes that are loud in memory, each two weeks long, and judges what closed or changed.

A watch is made from the counters when its scope is loud enough to be judged at all, is brought forward with each bucket
after that, and is opened again where late mentions changed its last hour; the longest unused ones are let go. What it
says is what a watch made anew from the counters would say (``forget`` one whose older counts changed).

A brand's history begins with its first mention, for it may have been named to us only then; a product's and the shop's
begin with the first mention of the shop, so that a product that nobody ever spoke of is loud when many do at once.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from services.reputation.domain.bursts import (
    FRESH_BUCKETS,
    KEPT_BUCKETS,
    WINDOW_BUCKETS,
    Judgements,
    Thresholds,
    Watch,
)
from services.reputation.domain.counters import NOTHING, Scope, ScopeKind, Tally
from services.reputation.store.mentions import MentionStore

WATCHES_LIMIT: Final = 64  # of about 0.4 MB
# After so long a watch is made anew: another replica may have heard what changed its older counts.
WATCH_AGE_BUCKETS: Final = 72

Counts = tuple[int, int]  # all, negative
OnSale = Callable[[int], bool]


@dataclass(slots=True)
class _Kept:
    """``start``: its first bucket; ``made``: the first fresh one then; ``counts``: of the fresh ones, as closed."""

    watch: Watch
    start: int
    made: int
    counts: dict[int, Counts] = field(default_factory=dict)

    def changed(self, counts: Mapping[int, Counts]) -> int | None:
        """Return the first closed bucket whose counts are others now."""
        closed = (bucket for bucket in sorted(counts) if bucket <= self.watch.head)
        return next((bucket for bucket in closed if self.counts.get(bucket, (0, 0)) != counts[bucket]), None)

    def fits(self, first: int, head: int, counts: Mapping[int, Counts]) -> bool:
        """Tell whether it can be brought forward to ``head``."""
        changed = self.changed(counts)
        if changed is not None and changed < self.start:
            return False
        return first - 1 <= self.watch.head <= head and first - self.made <= WATCH_AGE_BUCKETS


@dataclass(frozen=True, slots=True)
class Judged:
    """Fresh buckets that were closed or changed, each with its judgements, and the tallies of their windows."""

    buckets: Mapping[int, Judgements]
    tallies: Mapping[int, Tally]


class Watches:
    """The watches of this process. ``on_sale`` tells of a bucket whether it lies in a known sale day."""

    def __init__(self, mentions: MentionStore, thresholds: Thresholds, on_sale: OnSale) -> None:
        self._mentions, self._thresholds, self._on_sale = mentions, thresholds, on_sale
        self._kept: dict[Scope, _Kept] = {}  # the longest unused first

    def __len__(self) -> int:
        """Return how many scopes are watched."""
        return len(self._kept)

    def forget(self, scope: Scope) -> None:
        """Let a watch go: counts older than its fresh ones changed."""
        self._kept.pop(scope, None)

    async def judged(self, scope: Scope, head: int) -> Judged:
        """Judge a scope up to ``head``, the last closed bucket; nothing for one that is too quiet to burst."""
        first = head - FRESH_BUCKETS + 1
        tallies = await self._mentions.series(scope, first - WINDOW_BUCKETS + 1, head)
        if not self._is_loud(tallies, first, head):
            return Judged({}, tallies)
        counts = {bucket: _counts(tallies, bucket) for bucket in range(first, head + 1)}
        kept = self._kept.pop(scope, None)
        if kept is None or not kept.fits(first, head, counts):
            kept = await self._made(scope, first, head)
        self._kept[scope] = kept
        while len(self._kept) > WATCHES_LIMIT:
            del self._kept[next(iter(self._kept))]
        return Judged(self._brought_forward(kept, counts), tallies)

    def _is_loud(self, tallies: Mapping[int, Tally], first: int, head: int) -> bool:
        return any(
            sum(tallies.get(each, NOTHING).total for each in range(bucket - WINDOW_BUCKETS + 1, bucket + 1))
            >= self._thresholds.minimum_count
            for bucket in range(first, head + 1)
        )

    def _brought_forward(self, kept: _Kept, counts: dict[int, Counts]) -> dict[int, Judgements]:
        """Open the watch at the first fresh bucket that changed, and close it up to the last."""
        watch, changed = kept.watch, kept.changed(counts)
        if changed is not None:
            watch.rewind(changed)
        kept.counts = counts
        return {
            bucket: watch.close(*counts[bucket], sale_day=self._on_sale(bucket))
            for bucket in range(watch.head + 1, max(counts) + 1)
        }

    async def _made(self, scope: Scope, first: int, head: int) -> _Kept:
        """Return a watch that stands just before the fresh buckets, or before the first of all mentions."""
        oldest = first - KEPT_BUCKETS
        tallies = await self._mentions.series(scope, oldest, head)
        begins = tallies
        if scope.kind is not ScopeKind.BRAND:
            begins = await self._mentions.series(Scope(scope.shop, ScopeKind.SHOP), oldest, head)
        start = min(begins, default=first)
        return _Kept(await asyncio.to_thread(self._replayed, tallies, start, first), start, first)

    def _replayed(self, tallies: Mapping[int, Tally], start: int, end: int) -> Watch:
        watch = Watch(start, self._thresholds)
        for bucket in range(start, end):
            watch.close(*_counts(tallies, bucket), sale_day=self._on_sale(bucket))
        return watch


def _counts(tallies: Mapping[int, Tally], bucket: int) -> Counts:
    tally = tallies.get(bucket, NOTHING)
    return tally.total, tally.negative
