"""What a batch of mentions reads and writes while it is heard (projection ``hearing``).

Mentions are written once and never changed: that one is there means that it was decided. Everything else is folded out
of them, each document with its watermark, so that a batch that was cut off and comes again counts once.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import blake2b
from typing import Any, Final

from services.chassis.documents.port import BATCH_LIMIT, Collection, Document, DocumentStore, KeyTakenError
from services.chassis.eventlog.generations import Generations, Resolve
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.projection import KeyedProjection, live_body
from services.reputation.domain.clusters import ClusterLookup, Prints, with_cluster
from services.reputation.domain.counters import Scope, ScopeKind, bucket_of_us, day_of_bucket, first_bucket
from services.reputation.domain.fingerprints import signature_of_text, signature_text
from services.reputation.domain.hearing import Mention, Said
from services.reputation.store.bodies import (
    Body,
    add_tally,
    mention_body,
    mention_from_body,
    said_body,
    said_from_body,
)
from services.reputation.store.collections import (
    CLUSTER_KEYS,
    CLUSTERS,
    COUNTERS,
    HEARING,
    MENTION_PLACES,
    MENTIONS,
)

_HEARD: Final = "heard"  # where an event carries the mention that was made of it, and its prints
_PRINTS: Final = "prints"
_SCOPE_BYTES: Final = 16
_PLACED: Final = (ScopeKind.BRAND, ScopeKind.PRODUCT)


def hearing_generations(documents: DocumentStore) -> Generations:
    """Return the generations of all that is heard."""
    return Generations(documents, HEARING, (MENTIONS, MENTION_PLACES, CLUSTERS, CLUSTER_KEYS, COUNTERS))


@dataclass(slots=True)
class Surroundings:
    """What is known beside a batch: how clusters are found, and what their originals said."""

    lookup: ClusterLookup = field(default_factory=ClusterLookup)
    originals: dict[str, Said] = field(default_factory=dict)


class HearingWriter:
    """One generation's writing side."""

    def __init__(self, documents: DocumentStore, name: str, resolve: Resolve) -> None:
        self._documents = documents
        self._mentions, self._clusters, self._keys = resolve(MENTIONS), resolve(CLUSTERS), resolve(CLUSTER_KEYS)

        def keyed(collection: Collection, keys: Any, fold: Any) -> KeyedProjection:
            return KeyedProjection(documents, resolve(collection), name=name, keys=keys, fold=fold)

        self._folds = (
            keyed(MENTION_PLACES, _place_keys, _fold_place),
            keyed(CLUSTERS, _cluster_keys, _fold_cluster),
            keyed(CLUSTER_KEYS, _leading_keys, _fold_leading),
            keyed(COUNTERS, _counter_keys, _fold_counter),
        )

    async def known(self, ids: Sequence[str]) -> dict[str, Mention]:
        """Return those mentions that were decided before."""
        found = await self._get_all(self._mentions, ids)
        return {key: mention_from_body(key, document.body) for key, document in found.items()}

    async def surroundings(self, batch: Iterable[Prints]) -> Surroundings:
        """Return what the clusters of a batch are decided by."""
        asked = list(dict.fromkeys(key for prints in batch for key in prints.asked_keys()))
        leading = await self._get_all(self._keys, asked)
        around = Surroundings()
        around.lookup.clusters_by_key = {key: tuple(document.body["clusters"]) for key, document in leading.items()}
        named = list(dict.fromkeys(each for ids in around.lookup.clusters_by_key.values() for each in ids))
        for cluster_id, document in (await self._get_all(self._clusters, named)).items():
            body = document.body
            if "said" in body:
                around.lookup.begun.add(cluster_id)
                around.originals[cluster_id] = said_from_body(body["said"])
            if body.get("signature"):
                around.lookup.signatures[cluster_id] = signature_of_text(body["signature"])
        return around

    async def save(self, mentions: Sequence[Mention]) -> dict[str, Mention]:
        """Save new mentions; return them as they stand, which is another's word for those that another saved first."""
        standing = {mention.id: mention for mention in mentions}
        remaining = [(mention.id, mention_body(mention)) for mention in mentions]
        lost: list[str] = []
        while remaining:
            try:
                await self._documents.insert_many(self._mentions, remaining[:BATCH_LIMIT])
            except KeyTakenError as taken:
                lost.append(taken.key)
                remaining = remaining[taken.position + 1 :]
            else:
                remaining = remaining[BATCH_LIMIT:]
        return standing | (await self.known(lost) if lost else {})

    async def fold(
        self, events: Sequence[Event], mentions: Mapping[str, Mention], prints: Mapping[str, Prints]
    ) -> None:
        """Fold decided mentions into places, clusters, keys and counters."""
        heard = [replace(event, payload={_HEARD: mentions[event.key], _PRINTS: prints[event.key]}) for event in events]
        await asyncio.gather(*(each.apply(heard) for each in self._folds))

    async def _get_all(self, collection: Collection, keys: Sequence[str]) -> dict[str, Document]:
        chunks = [keys[start : start + BATCH_LIMIT] for start in range(0, len(keys), BATCH_LIMIT)]
        found = await asyncio.gather(*(self._documents.get_many(collection, chunk) for chunk in chunks))
        return {key: document for chunk in found for key, document in chunk.items() if live_body(document) is not None}


def place_key(scope: Scope, mention_id: str) -> str:
    """Return the key of a mention's place in a scope."""
    return f"{mention_id}/{_short(scope)}"


def counter_key(scope: Scope, day: date) -> str:
    """Return the key of a scope's day."""
    return f"{day.isoformat()}/{_short(scope)}"


def _short(scope: Scope) -> str:
    """Return a scope's name in keys; the id of a product alone may be as long as a key can be."""
    return blake2b(scope.key.encode(), digest_size=_SCOPE_BYTES).hexdigest()


def _mention(event: Event) -> Mention:
    mention: Mention = event.payload[_HEARD]
    return mention


def _prints(event: Event) -> Prints:
    prints: Prints = event.payload[_PRINTS]
    return prints


def _places(event: Event) -> dict[str, Scope]:
    mention = _mention(event)
    return {place_key(each, mention.id): each for each in mention.scopes() if each.kind in _PLACED}


def _place_keys(event: Event) -> list[str]:
    return list(_places(event))


def _fold_place(key: str, body: Body | None, event: Event) -> Body | None:
    if body is not None:
        return None
    mention = _mention(event)
    return {"scope": _places(event)[key].key, "mention_id": mention.id, "published_us": mention.published_us}


def _cluster_keys(event: Event) -> list[str]:
    return [_mention(event).cluster_id]


def _fold_cluster(_key: str, body: Body | None, event: Event) -> Body:
    mention = _mention(event)
    if body is None:
        body = {
            "shop": mention.shop,
            "size": 0,
            "reach": 0,
            "first_us": mention.published_us,
            "last_us": mention.published_us,
        }
    body["size"] += 1
    body["reach"] += mention.reach or 0
    body["first_us"] = min(body["first_us"], mention.published_us)
    body["last_us"] = max(body["last_us"], mention.published_us)
    if mention.begins_cluster:
        signature = _prints(event).fingerprint.signature
        body["mention_id"] = mention.id
        body["said"] = said_body(mention.said)
        body["signature"] = "" if signature is None else signature_text(signature)
    return body


def _leading_keys(event: Event) -> list[str]:
    return list(_prints(event).left_keys(begins=_mention(event).begins_cluster))


def _fold_leading(_key: str, body: Body | None, event: Event) -> Body | None:
    mention = _mention(event)
    known = tuple(body["clusters"]) if body else ()
    clusters = with_cluster(known, mention.cluster_id)
    used_us = max(mention.seen_us, body["used_us"]) if body else mention.seen_us
    return {"clusters": list(clusters), "used_us": used_us}


def _counted(event: Event) -> dict[str, Scope]:
    mention = _mention(event)
    day = day_of_bucket(bucket_of_us(mention.published_us))
    return {counter_key(each, day): each for each in mention.scopes()}


def _counter_keys(event: Event) -> list[str]:
    return list(_counted(event))


def _fold_counter(key: str, body: Body | None, event: Event) -> Body:
    mention = _mention(event)
    bucket = bucket_of_us(mention.published_us)
    day = day_of_bucket(bucket)
    if body is None:
        body = {"scope": _counted(event)[key].key, "day": day.isoformat(), "buckets": {}}
    place = str(bucket - first_bucket(day))
    add_tally(body["buckets"].setdefault(place, {}), mention.tally())
    return body
