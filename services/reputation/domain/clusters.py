"""Owns which mentions tell one story: near-duplicate clusters of copies, rewritten copies and reposts of one post.

A cluster is found by keys: the exact hash of its texts, the bands of its first text, and the references (address, or id
within a source) of its mentions, by which reposts name it. Whoever shares a key with a cluster and is alike enough, or
reposts one of its mentions without a word of his own, belongs to it; anybody else begins a cluster. A comment under a
post is a voice of its own, not a copy.

Exact copies form one cluster whatever order they come in, and a repost joins its original whichever comes first (unless
a copy of the original comes between the two). A rewritten copy is compared with the first text of each cluster, so
which rewritings meet may hang on the order; that is the order of the log, one by one, so that no cutting into batches
changes anything. A cluster's id is made of its first text; one known by a repost alone is named after what was
reposted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from services.reputation.domain.fingerprints import ALIKE, HASH_BYTES, Fingerprint, Signature, likeness

CLUSTERS_OF_KEY: Final = 8  # that one key leads to; beyond it the key says nothing
TEXT: Final = "text"
BAND: Final = "band"
REFERENCE: Final = "ref"


@dataclass(frozen=True, slots=True)
class Prints:
    """What a mention is clustered by. ``mention_id`` names it, ``references`` are ways in which others may name it.

    ``parent``: the reference of what it reposts without words of its own, "" for all others.
    """

    mention_id: str
    fingerprint: Fingerprint
    references: tuple[str, ...] = ()
    parent: str = ""

    def asked_keys(self) -> tuple[str, ...]:
        """Return the keys under which its cluster may be found."""
        found = [reference_key(each) for each in (*self.references, self.parent) if each]
        if not self.parent and self.fingerprint.is_comparable:
            found += [text_key(self.fingerprint.text_hash), *map(band_key, self.fingerprint.bands)]
        return tuple(found)

    def left_keys(self, *, begins: bool) -> tuple[str, ...]:
        """Return the keys that lead others to its cluster; bands are left by the first text alone."""
        found = [reference_key(each) for each in self.references]
        if self.parent:
            return (*found, reference_key(self.parent))
        if self.fingerprint.is_comparable:
            found.append(text_key(self.fingerprint.text_hash))
            if begins:
                found += map(band_key, self.fingerprint.bands)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mention belongs. ``begins``: it is the cluster's original, whose text others are compared with."""

    cluster_id: str
    begins: bool


@dataclass(slots=True)
class ClusterLookup:
    """What is known of clusters while a batch is decided: that of the store, and what the batch itself adds.

    ``begun``: those whose original is known, others are known by reposts alone.
    """

    clusters_by_key: dict[str, tuple[str, ...]] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)

    def clusters(self, keys: Iterable[str]) -> list[str]:
        """Return the clusters to which the keys lead, each once."""
        return list(dict.fromkeys(cluster for key in keys for cluster in self.clusters_by_key.get(key, ())))

    def add(self, prints: Prints, place: Place) -> None:
        """Note a decision for those that follow."""
        for key in prints.left_keys(begins=place.begins):
            self.clusters_by_key[key] = with_cluster(self.clusters_by_key.get(key, ()), place.cluster_id)
        if place.begins:
            self.begun.add(place.cluster_id)
            if prints.fingerprint.signature is not None:
                self.signatures.setdefault(place.cluster_id, prints.fingerprint.signature)


def place_of(prints: Prints, lookup: ClusterLookup) -> Place:
    """Return the cluster of a mention, given what is known."""
    if prints.parent:
        known = lookup.clusters([reference_key(prints.parent)])
        return Place(known[0] if known else named_cluster(prints.parent), begins=False)
    own = prints.fingerprint
    if own.signature is not None:
        copied = lookup.clusters([text_key(own.text_hash)])
        if copied:
            return Place(copied[0], begins=False)
        alike = _most_alike(own.signature, lookup, map(band_key, own.bands))
        if alike:
            return Place(alike, begins=False)
    reposted = [each for each in lookup.clusters(map(reference_key, prints.references)) if each not in lookup.begun]
    if reposted:
        return Place(reposted[0], begins=True)
    cluster_id = f"c-{own.text_hash}" if own.is_comparable else named_cluster(prints.mention_id)
    return Place(cluster_id, begins=True)


def decide(batch: Iterable[Prints], lookup: ClusterLookup, decided: Mapping[str, Place]) -> dict[str, Place]:
    """Return the place of each mention, in the order given, by mention id; ``decided`` are settled already."""
    places: dict[str, Place] = {}
    for prints in batch:
        place = decided.get(prints.mention_id) or place_of(prints, lookup)
        lookup.add(prints, place)
        places[prints.mention_id] = place
    return places


def with_cluster(clusters: Sequence[str], cluster_id: str) -> tuple[str, ...]:
    """Return the clusters of a key with one more; a key of too many clusters keeps the first."""
    if cluster_id in clusters or len(clusters) >= CLUSTERS_OF_KEY:
        return tuple(clusters)
    return (*clusters, cluster_id)


def named_cluster(name: str) -> str:
    """Return the id of a cluster that is named after a mention or a reference, having no text to be named after."""
    return f"c-{blake2b(name.encode(), digest_size=HASH_BYTES).hexdigest()}"


def reference_key(reference: str) -> str:
    """Return the key of a reference, which may be long."""
    return f"{REFERENCE}/{blake2b(reference.encode(), digest_size=HASH_BYTES).hexdigest()}"


def text_key(text_hash: str) -> str:
    """Return the key of an exact text."""
    return f"{TEXT}/{text_hash}"


def band_key(band: str) -> str:
    """Return the key of a band."""
    return f"{BAND}/{band}"


def _most_alike(signature: Signature, lookup: ClusterLookup, keys: Iterable[str]) -> str:
    """Return the cluster whose first text is most alike, the smallest id among equals; "" when none is alike enough."""
    best, best_likeness = "", ALIKE
    for cluster in lookup.clusters(keys):
        known = lookup.signatures.get(cluster)
        found = 0.0 if known is None else likeness(signature, known)
        if found > best_likeness or (found == best_likeness and (not best or cluster < best)):
            best, best_likeness = cluster, found
    return best
