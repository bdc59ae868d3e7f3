"""How mentions, tallies, sources and brands are stored; no other module sees a stored field of them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from services.kits.times import micros, time_of
from services.reputation.domain.brands import Brand, BrandKind
from services.reputation.domain.counters import Tally
from services.reputation.domain.hearing import Mention, Said
from services.reputation.domain.sources import Source, SourceKind, Standing

Body = dict[str, Any]

_COUNTS: Final = "n"
_REACH: Final = "reach"
_CLUSTERS: Final = "clusters"
_ASPECTS: Final = "aspects"


def mention_body(mention: Mention) -> Body:
    """Return a mention as a document; what it has not is left out."""
    body: Body = {
        "shop": mention.shop,
        "source": mention.source,
        "source_mention_id": mention.source_mention_id,
        "tier": mention.tier,
        "published_us": mention.published_us,
        "seen_us": mention.seen_us,
        "language": str(mention.language),
        "text": mention.text,
        "cluster_id": mention.cluster_id,
        "begins_cluster": mention.begins_cluster,
        **said_body(mention.said),
    }
    for name in ("title", "author", "url", "parent", "is_repost"):
        if value := getattr(mention, name):
            body[name] = value
    for name in ("reach", "rating"):
        if (value := getattr(mention, name)) is not None:
            body[name] = value
    return body


def mention_from_body(mention_id: str, body: Mapping[str, Any]) -> Mention:
    """Invert ``mention_body``."""
    return Mention(
        id=mention_id,
        shop=body["shop"],
        source=body["source"],
        source_mention_id=body["source_mention_id"],
        tier=body["tier"],
        published_us=body["published_us"],
        seen_us=body["seen_us"],
        language=body["language"],
        text=body["text"],
        title=body.get("title", ""),
        author=body.get("author", ""),
        url=body.get("url", ""),
        parent=body.get("parent", ""),
        reach=body.get("reach"),
        rating=body.get("rating"),
        is_repost=body.get("is_repost", False),
        said=said_from_body(body),
        cluster_id=body["cluster_id"],
        begins_cluster=body["begins_cluster"],
    )


def said_body(said: Said) -> Body:
    """Return what was said, as fields of a document."""
    return {
        "tone": said.tone,
        "probability": said.probability,
        "aspect": said.aspect,
        "brands": list(said.brands),
        "products": list(said.products),
    }


def said_from_body(body: Mapping[str, Any]) -> Said:
    """Invert ``said_body``."""
    return Said(
        tone=body["tone"],
        probability=body["probability"],
        aspect=body["aspect"],
        brands=tuple(body["brands"]),
        products=tuple(body["products"]),
    )


def add_tally(body: Body, tally: Tally) -> None:
    """Add a tally to the one that a part of a document holds, in place."""
    counts = body.setdefault(_COUNTS, {})
    for (tone, tier), count in tally.counts.items():
        key = f"{tone}/{tier}"
        counts[key] = counts.get(key, 0) + count
    for name, value in ((_REACH, tally.reach), (_CLUSTERS, tally.clusters)):
        if value:
            body[name] = body.get(name, 0) + value
    for aspect, count in tally.aspects.items():
        aspects = body.setdefault(_ASPECTS, {})
        aspects[aspect] = aspects.get(aspect, 0) + count


def tally_from_body(body: Mapping[str, Any]) -> Tally:
    """Return the tally that a part of a document holds."""
    counts = {}
    for key, count in body[_COUNTS].items():
        tone, _, tier = key.rpartition("/")
        counts[(tone, int(tier))] = count
    return Tally(counts, body.get(_REACH, 0), body.get(_CLUSTERS, 0), dict(body.get(_ASPECTS, {})))


def total_in_body(body: Mapping[str, Any]) -> int:
    """Return the mentions that a part of a document counts."""
    return sum(body[_COUNTS].values())


def source_body(source: Source) -> Body:
    """Return a source as a document."""
    return {
        "kind": str(source.kind),
        "shop": source.shop,
        "title": source.title,
        "url": source.url,
        "tier": source.tier,
        "reach": source.reach,
        "poll_interval_s": int(source.poll_interval.total_seconds()),
        "enabled": source.enabled,
        "version": source.version,
    }


def source_from_body(source_id: str, body: Mapping[str, Any]) -> Source:
    """Invert ``source_body``."""
    return Source(
        id=source_id,
        kind=SourceKind(body["kind"]),
        shop=body["shop"],
        title=body["title"],
        url=body["url"],
        tier=body["tier"],
        reach=body["reach"],
        poll_interval=timedelta(seconds=body["poll_interval_s"]),
        enabled=body["enabled"],
        version=body["version"],
    )


def standing_body(standing: Standing) -> Body:
    """Return how fetching goes, as a document."""
    return {
        "next_us": micros(standing.next_time),
        "etag": standing.etag,
        "modified": standing.modified,
        "polled_us": None if standing.polled_time is None else micros(standing.polled_time),
        "success_us": None if standing.success_time is None else micros(standing.success_time),
        "failing_since_us": None if standing.failing_since is None else micros(standing.failing_since),
        "failures": standing.failures,
        "error": standing.error,
        "new_items": standing.new_items,
        "skipped_items": standing.skipped_items,
    }


def standing_from_body(body: Mapping[str, Any]) -> Standing:
    """Invert ``standing_body``."""
    polled, success, failing = body["polled_us"], body["success_us"], body["failing_since_us"]
    return Standing(
        next_time=time_of(body["next_us"]),
        etag=body["etag"],
        modified=body["modified"],
        polled_time=None if polled is None else time_of(polled),
        success_time=None if success is None else time_of(success),
        failing_since=None if failing is None else time_of(failing),
        failures=body["failures"],
        error=body["error"],
        new_items=body["new_items"],
        skipped_items=body["skipped_items"],
    )


def brand_body(brand: Brand) -> Body:
    """Return a brand as a document."""
    return {
        "kind": str(brand.kind),
        "names": list(brand.names),
        "exclusions": list(brand.exclusions),
        "version": brand.version,
    }


def brand_from_body(brand_id: str, body: Mapping[str, Any]) -> Brand:
    """Invert ``brand_body``."""
    return Brand(brand_id, BrandKind(body["kind"]), tuple(body["names"]), tuple(body["exclusions"]), body["version"])
