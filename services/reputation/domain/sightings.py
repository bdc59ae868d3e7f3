"""Owns what is made of a bucket that bursts and of a source that is missed: a sighting, with its level and evidence."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Final

from services.kits.times import time_of
from services.reputation.domain.alerts import AlertName, Evidence, Group, GroupKind
from services.reputation.domain.bursts import BUCKET_S, WINDOW_BUCKETS, Judgement, Judgements, Verdict
from services.reputation.domain.counters import (
    NEGATIVE,
    NEUTRAL,
    NOTHING,
    POSITIVE,
    Scope,
    ScopeKind,
    Tally,
    bucket_time,
    total_of,
)
from services.reputation.domain.hearing import Mention
from services.reputation.domain.levels import Assessment, Level, Situation, Term, assess
from services.reputation.domain.mentions import BEST_TIER
from services.reputation.domain.raising import Sighting
from services.reputation.domain.silence import Silence

VOLUME: Final = "volume"
TONED: Final = (NEGATIVE, NEUTRAL, POSITIVE)
_GROUPS: Final = {
    ScopeKind.SHOP: GroupKind.SHOP,
    ScopeKind.BRAND: GroupKind.BRAND,
    ScopeKind.PRODUCT: GroupKind.PRODUCT,
}


def is_judged(scope: Scope, own_brands: Collection[str]) -> bool:
    """Tell whether bursts of a scope are alerts: of own brands and products, of the shop as long as it has no brand."""
    if scope.kind is ScopeKind.BRAND:
        return scope.subject in own_brands
    return scope.kind is ScopeKind.PRODUCT or (scope.kind is ScopeKind.SHOP and not own_brands)


def burst_sighting(
    scope: Scope,
    judged: Judgements,
    tallies: Mapping[int, Tally],
    mentions: Iterable[Mention],
    own_brands: Collection[str],
) -> Sighting:
    """Return the sighting of a bucket that bursts. ``tallies`` of its window; ``mentions`` of it, as many as were read.

    Raises ValueError for a bucket that does not burst.
    """
    judgements = {
        name: each
        for name, each in ((NEGATIVE, judged.negative), (VOLUME, judged.volume))
        if each.verdict is Verdict.BURST
    }
    if not judgements:
        raise ValueError(f"bucket {judged.volume.bucket} of {scope.key} does not burst")
    read, bucket = list(mentions), judged.volume.bucket
    return Sighting(
        name=AlertName.BURST,
        group=Group(scope.shop, _GROUPS[scope.kind], scope.subject, _brand_of(scope, read, own_brands)),
        time=bucket_time(bucket) + timedelta(seconds=BUCKET_S),
        assessment=assess(_situation(bucket, judgements, tallies, read)),
        judgements=judgements,
        evidence=tuple(map(evidence_of, read)),
        terms={"judgements": {name: judgement_terms(each) for name, each in judgements.items()}},
    )


def silence_sighting(silence: Silence, tier: int) -> Sighting:
    """Return the sighting of a source that is missed; one of the best tier is missed more."""
    level = Level.III if tier == BEST_TIER else Level.IV
    term = Term(f"source-{silence.kind}", round(silence.due, 1), 0, None, silence.words)
    return Sighting(
        name=AlertName.SOURCE_SILENT,
        group=Group(silence.shop, GroupKind.SOURCE, silence.source_id),
        time=silence.since,
        assessment=Assessment(level, 0, (term,)),
        terms={"silence": {"kind": str(silence.kind), "error": silence.error}},
        reopens_while_held=True,
    )


def evidence_of(mention: Mention) -> Evidence:
    """Return what an alert keeps of a mention."""
    return Evidence(
        mention_id=mention.id,
        cluster_id=mention.cluster_id,
        source=mention.source,
        url=mention.url,
        tone=mention.said.tone,
        reach=mention.reach or 0,
        published_time=time_of(mention.published_us),
    )


def judgement_terms(judgement: Judgement) -> dict[str, float | str]:
    """Return every term of a verdict, for people and programs."""
    return {
        "verdict": str(judgement.verdict),
        "count": judgement.count,
        "rate": round(judgement.rate, 3),
        "usual_rate": round(judgement.usual_rate, 3),
        "bar_rate": round(judgement.bar_rate, 3),
        "times_usual": round(judgement.times_usual, 2),
        "history_buckets": judgement.history_buckets,
        "share": round(judgement.share, 3),
        "usual_share": round(judgement.usual_share, 3),
    }


def _situation(
    bucket: int, judgements: Mapping[str, Judgement], tallies: Mapping[int, Tally], mentions: Iterable[Mention]
) -> Situation:
    window = [tallies.get(each, NOTHING) for each in range(bucket - WINDOW_BUCKETS + 1, bucket + 1)]
    whole = total_of(window)
    return Situation(
        times_usual=max(each.times_usual for each in judgements.values()),
        toned=sum(whole.of_tone(tone) for tone in TONED),
        negative=whole.negative,
        reach=whole.reach or None,
        best_tier=whole.best_tier,
        growth=(1 + window[-1].total) / (1 + window[0].total),
        sources=len({mention.source for mention in mentions}),
        aspects=whole.aspects,
    )


def _brand_of(scope: Scope, mentions: Iterable[Mention], own_brands: Collection[str]) -> str:
    """Return the own brand that a product belongs to, as those who speak of it say; empty when nobody does."""
    if scope.kind is not ScopeKind.PRODUCT:
        return ""
    if len(own_brands) == 1:
        return next(iter(own_brands))
    named = Counter(brand for mention in mentions for brand in mention.said.brands if brand in own_brands)
    return min(named, key=lambda brand: (-named[brand], brand), default="")
