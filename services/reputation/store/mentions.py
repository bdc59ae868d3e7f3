"""Reads what was heard: mentions by what they say and when, clusters, counts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from services.chassis.documents.port import BATCH_LIMIT, PAGE_LIMIT, Collection, Document, DocumentStore, Range, Scalar
from services.chassis.eventlog.generations import Generations
from services.chassis.eventlog.projection import live_body
from services.reputation.domain.counters import (
    NOTHING,
    Scope,
    ScopeKind,
    Tally,
    bucket_time,
    days_between,
    first_bucket,
)
from services.reputation.domain.hearing import Mention
from services.reputation.domain.names import folded_name
from services.reputation.store.bodies import mention_from_body, tally_from_body, total_in_body
from services.reputation.store.collections import (
    BY_CLUSTER,
    BY_DAY,
    BY_SCOPE,
    BY_SOURCE,
    BY_TIME,
    BY_TONE,
    CLUSTERS,
    COUNTERS,
    MENTION_PLACES,
    MENTIONS,
)
from services.reputation.store.hearing import counter_key

LOOKS: Final = 40  # at the index for one page
SERIES_DAYS_LIMIT: Final = 400
SCOPES_PAGE: Final = 200  # a scope's day may be 20 kB


@dataclass(frozen=True, slots=True)
class MentionFilter:
    """Which mentions of a shop; an empty field admits all. ``text``: contained, however it is written.

    Times in microseconds since 1970 UTC: ``from_us`` <= published < ``until_us``.
    """

    shop: str
    brand: str = ""
    product: str = ""
    source: str = ""
    tone: str = ""
    tier: int = 0
    cluster_id: str = ""
    author: str = ""
    language: str = ""
    text: str = ""
    from_us: int | None = None
    until_us: int | None = None

    def admits(self, mention: Mention, text: str) -> bool:
        """Tell whether a mention passes; ``text`` is the folded one that is looked for."""
        said = mention.said
        return (
            mention.shop == self.shop
            and self.brand in ("", *said.brands)
            and self.product in ("", *said.products)
            and self.source in ("", mention.source)
            and self.tone in ("", said.tone)
            and self.tier in (0, mention.tier)
            and self.cluster_id in ("", mention.cluster_id)
            and self.author in ("", mention.author)
            and self.language in ("", mention.language)
            and (not text or text in folded_name(f"{mention.title} {mention.text}"))
        )


@dataclass(frozen=True, slots=True)
class MentionPage:
    """Mentions, newest first. ``after``: where the next page goes on, None at the end."""

    mentions: tuple[Mention, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A story. ``mention_id``: its original, "" while only reposts of it are known."""

    id: str
    shop: str
    mention_id: str
    size: int
    reach: int
    first_us: int
    last_us: int


class MentionStore:
    """Read side of the projection ``hearing``."""

    def __init__(self, documents: DocumentStore, generations: Generations) -> None:
        self._documents = documents
        self._generations = generations

    async def get(self, mention_id: str) -> Mention | None:
        """Return the mention or None."""
        return (await self.get_many([mention_id])).get(mention_id)

    async def get_many(self, ids: Sequence[str]) -> dict[str, Mention]:
        """Return those that exist, by id."""
        found = await self._get_all(MENTIONS, ids)
        return {key: mention_from_body(key, document.body) for key, document in found.items()}

    async def clusters(self, ids: Iterable[str]) -> dict[str, Cluster]:
        """Return those that exist, by id."""
        found = await self._get_all(CLUSTERS, list(dict.fromkeys(ids)))
        return {key: _cluster(key, document) for key, document in found.items()}

    async def find(self, wanted: MentionFilter, *, after: str | None, limit: int) -> MentionPage:
        """Return the next mentions that pass, newest first.

        The narrowest index of those that apply is walked and the other conditions are looked at one by one, in LOOKS at
        most: a page may be short, or empty, and still go on.
        """
        text = folded_name(wanted.text)
        kept: list[Mention] = []
        for _ in range(LOOKS):
            mentions, after = await self._look(wanted, after, limit - len(kept))
            kept += [mention for mention in mentions if wanted.admits(mention, text)]
            if after is None or len(kept) >= limit - limit // 4:
                break
        return MentionPage(tuple(kept), after)

    async def series(self, scope: Scope, first: int, last: int) -> dict[int, Tally]:
        """Return the tallies of the buckets ``first`` to ``last`` that have any; at most SERIES_DAYS_LIMIT days."""
        days = days_between(first, last)[-SERIES_DAYS_LIMIT:]
        found = await self._get_all(COUNTERS, [counter_key(scope, day) for day in days])
        return {
            bucket: tally
            for document in found.values()
            for bucket, tally in _buckets(document).items()
            if first <= bucket <= last
        }

    async def tally(self, scope: Scope, bucket: int) -> Tally:
        """Return the tally of one bucket."""
        return (await self.series(scope, bucket, bucket)).get(bucket, NOTHING)

    async def scopes_on(self, day: date) -> tuple[Scope, ...]:
        """Return every scope that was spoken of on a UTC day."""
        collection, scopes = self._generations.resolve(COUNTERS), list[Scope]()
        after: str | None = None
        while True:
            page = await self._documents.find(
                collection, BY_DAY, {"day": day.isoformat()}, after=after, limit=PAGE_LIMIT
            )
            scopes += [Scope.parse(document.body["scope"]) for document in page.documents]
            after = page.next_after
            if after is None:
                return tuple(scopes)

    async def totals_between(self, first: int, last: int) -> dict[Scope, int]:
        """Return how many mentions every scope has in the buckets ``first`` to ``last``, scopes that have any."""
        collection, totals = self._generations.resolve(COUNTERS), dict[Scope, int]()
        for day in days_between(first, last):
            start, after = first_bucket(day), None
            while True:
                page = await self._documents.find(
                    collection, BY_DAY, {"day": day.isoformat()}, after=after, limit=SCOPES_PAGE
                )
                for document in page.documents:
                    buckets = document.body["buckets"]
                    wanted = [str(bucket - start) for bucket in range(first, last + 1)]
                    if total := sum(total_in_body(buckets[place]) for place in wanted if place in buckets):
                        scope = Scope.parse(document.body["scope"])
                        totals[scope] = totals.get(scope, 0) + total
                after = page.next_after
                if after is None:
                    break
        return totals

    async def last_day(self, scope: Scope) -> date | None:
        """Return the last UTC day on which a scope was spoken of, None when it never was."""
        collection = self._generations.resolve(COUNTERS)
        page = await self._documents.find(collection, BY_SCOPE, {"scope": scope.key}, limit=1, descending=True)
        return date.fromisoformat(page.documents[0].body["day"]) if page.documents else None

    async def hourly_totals(self, scope: Scope, span: timedelta) -> dict[datetime, int]:
        """Return the mentions by hour, hours that have any, of the last day spoken of and of ``span`` before it."""
        last = await self.last_day(scope)
        if last is None:
            return {}
        days = [last - timedelta(days=place) for place in range(span.days + 1)]
        found = await self._get_all(COUNTERS, [counter_key(scope, day) for day in days])
        hours: dict[datetime, int] = {}
        for document in found.values():
            start = first_bucket(date.fromisoformat(document.body["day"]))
            for place, body in document.body["buckets"].items():
                hour = bucket_time(start + int(place)).replace(minute=0)
                hours[hour] = hours.get(hour, 0) + total_in_body(body)
        return hours

    async def sizes(self) -> dict[str, int]:
        """Return how much there is, for an operator."""
        resolve = self._generations.resolve
        return {
            "mentions": await self._documents.count(resolve(MENTIONS)),
            "clusters": await self._documents.count(resolve(CLUSTERS)),
        }

    async def _look(self, wanted: MentionFilter, after: str | None, limit: int) -> tuple[list[Mention], str | None]:
        """Return the next mentions of the narrowest index, and where it goes on."""
        collection, index, equals = _narrowest(wanted)
        page = await self._documents.find(
            self._generations.resolve(collection),
            index,
            equals,
            range_=Range(at_least=wanted.from_us, below=wanted.until_us),
            after=after,
            limit=limit,
            descending=True,
        )
        if collection is MENTIONS:
            return [mention_from_body(each.key, each.body) for each in page.documents], page.next_after
        ids = [document.body["mention_id"] for document in page.documents]
        found = await self.get_many(ids)
        return [found[each] for each in ids], page.next_after

    async def _get_all(self, collection: Collection, keys: Sequence[str]) -> dict[str, Document]:
        resolved, found = self._generations.resolve(collection), dict[str, Document]()
        for start in range(0, len(keys), BATCH_LIMIT):
            documents = await self._documents.get_many(resolved, keys[start : start + BATCH_LIMIT])
            found |= {key: document for key, document in documents.items() if live_body(document) is not None}
        return found


def _narrowest(wanted: MentionFilter) -> tuple[Collection, str, Mapping[str, Scalar]]:
    if wanted.cluster_id:
        return MENTIONS, BY_CLUSTER, {"cluster_id": wanted.cluster_id}
    if wanted.product:
        return MENTION_PLACES, BY_SCOPE, {"scope": Scope(wanted.shop, ScopeKind.PRODUCT, wanted.product).key}
    if wanted.brand:
        return MENTION_PLACES, BY_SCOPE, {"scope": Scope(wanted.shop, ScopeKind.BRAND, wanted.brand).key}
    if wanted.source:
        return MENTIONS, BY_SOURCE, {"shop": wanted.shop, "source": wanted.source}
    if wanted.tone:
        return MENTIONS, BY_TONE, {"shop": wanted.shop, "tone": wanted.tone}
    return MENTIONS, BY_TIME, {"shop": wanted.shop}


def _buckets(document: Document) -> dict[int, Tally]:
    start = first_bucket(date.fromisoformat(document.body["day"]))
    return {start + int(place): tally_from_body(body) for place, body in document.body["buckets"].items()}


def _cluster(cluster_id: str, document: Document) -> Cluster:
    body = document.body
    return Cluster(
        id=cluster_id,
        shop=body["shop"],
        mention_id=body.get("mention_id", ""),
        size=body["size"],
        reach=body["reach"],
        first_us=body["first_us"],
        last_us=body["last_us"],
    )
