"""Batch scoring: what goes to the process that scores, what a shard says, and which shards are there already.

A shard is named by everything that it depends on, so the same name always holds the same bytes: who scores it, when and
how often makes no difference. Persons are numbers in all of this; no identifier leaves the service (ADR 0007).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from services.chassis.documents.port import Collection, Document, DocumentStore, KeyTakenError
from services.chassis.eventlog.record import micros_from_time, time_from_micros
from services.recommendation.domain.interactions import Bools, Floats, Ints, Kind, Seconds
from services.recommendation.domain.model import Ranker
from services.recommendation.store.ledger import SECOND_US, History, LedgerSnapshot
from services.recommendation.store.numbering import in_text_order, numbers_of
from services.recommendation.store.packing import pack, unpack

SCORING_FORM, SHARD_FORM = "scoring-set-1", "score-shard-1"
SHARD_PERSONS = 1_000
PRODUCTS_LIMIT = 100  # of one person
SHARDS = Collection("score_shards")
SHARDS_KEPT = timedelta(days=1)  # for a scoring that is taken up again
PAGE = 500
NO_PLACE = -1
_ROWS = ("item", "time_s", "kind", "quantity", "flags")


@dataclass(frozen=True, slots=True)
class ScoringSet:
    """Rows of the persons to score, as they happened within a person; ``item`` counts as the model's products do.

    ``starts``: (persons + 1,), the first row of each person. ``sellable``: (products,). ``count``: products of each.
    """

    starts: npt.NDArray[np.int64]
    item: Ints
    time_s: Seconds
    kind: npt.NDArray[np.uint8]
    quantity: Floats
    flags: npt.NDArray[np.uint8]
    sellable: Bools
    version: str
    ranker: Ranker
    now_s: int
    count: int

    @property
    def persons(self) -> int:
        """How many persons there are."""
        return len(self.starts) - 1

    def shards(self) -> list[range]:
        """Return the persons of each shard."""
        return [
            range(start, min(start + SHARD_PERSONS, self.persons)) for start in range(0, self.persons, SHARD_PERSONS)
        ]

    def history(self, person: int) -> History:
        """Return a person's rows."""
        span = slice(int(self.starts[person]), int(self.starts[person + 1]))
        return History(**{name: getattr(self, name)[span] for name in _ROWS})

    def shard_name(self, persons: range, arrays_digest: str) -> str:
        """Return the name of a shard: the hash of the model, of what may be shown and of the shard's rows."""
        facts = (SHARD_FORM, arrays_digest, self.ranker.value, self.now_s, self.count)
        hashed = hashlib.sha256("\n".join(map(str, facts)).encode())
        hashed.update(np.packbits(self.sellable).tobytes())
        span = slice(int(self.starts[persons.start]), int(self.starts[persons.stop]))
        hashed.update((self.starts[persons.start : persons.stop + 1] - self.starts[persons.start]).tobytes())
        for name in _ROWS:
            hashed.update(np.ascontiguousarray(getattr(self, name)[span]).tobytes())
        return hashed.hexdigest()


@dataclass(frozen=True, slots=True)
class Shard:
    """The best places of each person of a shard, (persons, count), NO_PLACE where there are fewer, and their scores."""

    places: Ints
    scores: Floats


def scoring_rows(
    snapshot: LedgerSnapshot, persons: Ints, of_ledger: Ints
) -> tuple[npt.NDArray[np.int64], dict[str, npt.NDArray[Any]], Ints]:
    """Return (starts, rows by column, the person's number of each) of everybody with a row that the model knows.

    ``persons``: the person's number of each identifier, -1 for who is not to be scored. ``of_ledger``: the place in
    the model of each of the ledger's items.
    """
    arrays = snapshot.arrays
    actor, place = arrays["actor"], of_ledger[arrays["item"]]
    person = np.where(actor >= 0, persons[np.maximum(actor, 0)], -1) if len(persons) else np.full(len(actor), -1)
    kept = np.flatnonzero((person >= 0) & (place >= 0) & (arrays["kind"] != Kind.VOID))
    named = numbers_of(in_text_order(actor[kept], snapshot.actor_ids), len(snapshot.actor_ids))
    kept = kept[np.lexsort((named[actor[kept]], arrays["time_us"][kept], person[kept]))]  # as Ledger.history gives them
    known, counts = np.unique(person[kept], return_counts=True)
    rows = {name: arrays[name][kept] for name in ("kind", "quantity", "flags")}
    rows |= {"item": place[kept].astype(np.int32), "time_s": arrays["time_us"][kept] // SECOND_US}
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), rows, known.astype(np.int32)


def encode_scoring_set(scoring: ScoringSet, names: Sequence[str]) -> bytes:
    """Write down a scoring set and the name of each shard that is wanted, "" for one that is there."""
    meta = {"version": scoring.version, "ranker": scoring.ranker.value, "now_s": scoring.now_s}
    arrays = {name: getattr(scoring, name) for name in (*_ROWS, "starts", "sellable")}
    return pack({**meta, "count": scoring.count, "names": list(names)}, arrays, SCORING_FORM)


def decode_scoring_set(content: bytes) -> tuple[ScoringSet, tuple[str, ...]]:
    """Read a scoring set and the names. Raises SnapshotUnreadableError."""
    meta, arrays = unpack(content, SCORING_FORM)
    facts: dict[str, Any] = {"version": meta["version"], "ranker": Ranker(meta["ranker"]), "now_s": meta["now_s"]}
    columns: dict[str, Any] = {**arrays}
    return ScoringSet(**columns, **facts, count=meta["count"]), tuple(meta["names"])


def encode_shard(shard: Shard) -> bytes:
    """Write a shard down; the same shard is the same bytes."""
    return pack({}, {"places": shard.places, "scores": shard.scores}, SHARD_FORM)


def decode_shard(content: bytes) -> Shard:
    """Read a shard. Raises SnapshotUnreadableError."""
    _, arrays = unpack(content, SHARD_FORM)
    return Shard(arrays["places"], arrays["scores"])


class ShardStore:
    """Which shards are scored: name -> digest of the artifact. ``declare()`` before use."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(SHARDS)

    async def digests(self, names: Sequence[str]) -> dict[str, str]:
        """Return the digests of those that are there."""
        found: dict[str, str] = {}
        for name in names:
            document = await self._documents.get(SHARDS, name)
            if document is not None:
                found[name] = document.body["digest"]
        return found

    async def add(self, name: str, digest: str, *, now: datetime) -> None:
        """Keep a shard; the same shard again changes nothing."""
        try:
            await self._documents.insert(SHARDS, name, {"digest": digest, "create_time_us": micros_from_time(now)})
        except KeyTakenError:
            return

    async def remove(self, name: str) -> None:
        """Forget a shard whose artifact is gone."""
        await self._documents.delete(SHARDS, name)

    async def purge(self, *, now: datetime) -> int:
        """Forget what is older than SHARDS_KEPT; return how many."""
        purged = 0
        for document in await self._all():
            if time_from_micros(document.body["create_time_us"]) < now - SHARDS_KEPT:
                purged += await self._documents.delete(SHARDS, document.key)
        return purged

    async def named_blobs(self) -> frozenset[str]:
        """Return the artifacts of all shards."""
        return frozenset([document.body["digest"] for document in await self._all()])

    async def _all(self) -> list[Document]:
        found: list[Document] = []
        after: str | None = None
        while True:
            page = await self._documents.scan(SHARDS, after=after, limit=PAGE)
            found += page.documents
            if page.next_after is None:
                return found
            after = page.next_after
