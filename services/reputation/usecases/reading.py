"""Reading what was heard: a mention, a page of them, counts over a time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.kits.times import micros
from services.reputation.domain.counters import (
    NOTHING,
    TONES,
    Scope,
    Tally,
    bucket_of_us,
    bucket_time,
)
from services.reputation.domain.errors import MentionFilterError, MentionNotFoundError
from services.reputation.domain.hearing import Mention
from services.reputation.domain.mentions import LAST_TIER
from services.reputation.store.mentions import Cluster, MentionFilter, MentionStore

MAX_PAGE_MENTIONS: Final = 200
MAX_ID_CHARACTERS: Final = 64
MAX_FILTER_CHARACTERS: Final = 256
LONGEST_COUNTS: Final = timedelta(days=92)
STEPS: Final = {
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
MAX_STEPS: Final = 2_000


@dataclass(frozen=True, slots=True)
class MentionView:
    """A mention with the cluster that it belongs to."""

    mention: Mention
    cluster: Cluster | None


@dataclass(frozen=True, slots=True)
class Count:
    """What was said within one step that begins at ``start``."""

    start: datetime
    tally: Tally


async def get_mention(store: MentionStore, mention_id: str) -> MentionView:
    """Return a mention. Raises MentionNotFoundError."""
    mention = await store.get(mention_id) if 0 < len(mention_id) <= MAX_ID_CHARACTERS else None
    if mention is None:
        raise MentionNotFoundError("there is no mention of this id", resource="mention", id=mention_id)
    return (await _views(store, [mention]))[0]


async def list_mentions(
    store: MentionStore, wanted: MentionFilter, *, after: str | None, limit: int
) -> tuple[list[MentionView], str | None]:
    """Return the next mentions that pass, newest first, and where to go on. Raises MentionFilterError."""
    check_filter(wanted)
    page = await store.find(wanted, after=after, limit=limit)
    return await _views(store, list(page.mentions)), page.after


async def count_mentions(
    store: MentionStore, scope: Scope, *, start: datetime, end: datetime, step: str
) -> list[Count]:
    """Return the counts of every step from ``start`` up to ``end``, those without mentions too.

    Steps begin at whole multiples of their length since 1970 UTC. Raises MentionFilterError.
    """
    length = STEPS.get(step)
    if length is None:
        raise MentionFilterError(f"a step is one of {', '.join(STEPS)}", field="step")
    if not timedelta(0) < end - start <= LONGEST_COUNTS or (end - start) / length > MAX_STEPS:
        message = f"the time spans up to {LONGEST_COUNTS.days} days and {MAX_STEPS} steps"
        raise MentionFilterError(message, field="end_time")
    size = length // timedelta(minutes=5)
    first, last = bucket_of_us(micros(start)) // size, bucket_of_us(micros(end) - 1) // size
    found = await store.series(scope, first * size, (last + 1) * size - 1)
    tallies: dict[int, Tally] = {}
    for bucket, tally in sorted(found.items()):
        tallies[bucket // size] = tallies.get(bucket // size, NOTHING) + tally
    return [Count(bucket_time(place * size), tallies.get(place, NOTHING)) for place in range(first, last + 1)]


def check_filter(wanted: MentionFilter) -> None:
    """Raise MentionFilterError for a filter that no mention could pass."""
    if wanted.tone not in ("", *TONES):
        raise MentionFilterError(f"a tone is one of {', '.join(TONES)}", field="tone")
    if not 0 <= wanted.tier <= LAST_TIER:
        raise MentionFilterError(f"a tier is 1 to {LAST_TIER}", field="tier")
    if wanted.from_us is not None and wanted.until_us is not None and wanted.from_us >= wanted.until_us:
        raise MentionFilterError("start_time comes before end_time", field="end_time")
    for name in ("brand", "product", "source", "cluster_id", "author", "language", "text"):
        if len(getattr(wanted, name)) > MAX_FILTER_CHARACTERS:
            raise MentionFilterError(f"{name} has at most {MAX_FILTER_CHARACTERS} characters", field=name)


async def _views(store: MentionStore, mentions: list[Mention]) -> list[MentionView]:
    clusters = await store.clusters(mention.cluster_id for mention in mentions)
    return [MentionView(mention, clusters.get(mention.cluster_id)) for mention in mentions]
