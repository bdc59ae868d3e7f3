"""A shard's name stands for everything that it depends on."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.recommendation.domain.errors import SnapshotUnreadableError
from services.recommendation.domain.model import Ranker
from services.recommendation.store import scores
from services.recommendation.store.scores import (
    SHARD_PERSONS,
    SHARDS_KEPT,
    ScoringSet,
    Shard,
    ShardStore,
    decode_scoring_set,
    decode_shard,
    encode_scoring_set,
    encode_shard,
    scoring_rows,
)
from tests.unit.services.recommendation.shop import NOW, NOW_S, PERSONS, ledger_of, purchase_events

DIGEST = "a" * 64


@pytest.fixture
def scoring() -> ScoringSet:
    snapshot = ledger_of(purchase_events()).snapshot()
    persons, places = np.arange(PERSONS, dtype=np.int32), np.arange(len(snapshot.item_ids), dtype=np.int32)
    starts, rows, _ = scoring_rows(snapshot, persons, places)
    sellable = np.ones(len(places), dtype=bool)
    return ScoringSet(starts=starts, sellable=sellable, version="m-1", ranker=Ranker.ALS, now_s=NOW_S, count=5, **rows)


def test_everything_that_a_shard_depends_on_changes_its_name(scoring: ScoringSet) -> None:
    (persons,) = scoring.shards()
    sold_out, later = scoring.sellable.copy(), scoring.time_s.copy()
    sold_out[0], later[0] = False, later[0] + 1
    others = [
        replace(scoring, ranker=Ranker.ITEM_TO_ITEM),
        replace(scoring, now_s=NOW_S + 1),
        replace(scoring, count=6),
        replace(scoring, sellable=sold_out),
        replace(scoring, time_s=later),
    ]
    names = {each.shard_name(persons, DIGEST) for each in (scoring, *others)} | {scoring.shard_name(persons, "b" * 64)}
    assert len(names) == len(others) + 2
    assert replace(scoring).shard_name(persons, DIGEST) in names


def test_the_name_is_of_the_rows_and_not_of_where_they_stand(scoring: ScoringSet) -> None:
    half = int(scoring.starts[PERSONS // 2])
    second = replace(
        scoring,
        starts=scoring.starts[PERSONS // 2 :] - half,
        **{name: getattr(scoring, name)[half:] for name in ("item", "time_s", "kind", "quantity", "flags")},
    )
    there = scoring.shard_name(range(PERSONS // 2, PERSONS), DIGEST)
    assert there == second.shard_name(range(PERSONS // 2), DIGEST)
    assert there != scoring.shard_name(range(PERSONS // 2), DIGEST)


def test_who_is_not_to_be_scored_and_what_the_model_does_not_know_is_left_out() -> None:
    snapshot = ledger_of(purchase_events()).snapshot()
    persons = np.full(PERSONS, -1, dtype=np.int32)
    persons[3] = 0
    places = np.arange(len(snapshot.item_ids), dtype=np.int32)
    places[0] = -1
    starts, rows, known = scoring_rows(snapshot, persons, places)
    arrays = snapshot.arrays
    assert known.tolist() == [0]
    assert starts.tolist() == [0, int(((arrays["actor"] == 3) & (arrays["item"] != 0)).sum())]
    assert 0 not in rows["item"]


def test_nobody_is_no_shard() -> None:
    snapshot = ledger_of([]).snapshot()
    empty = np.empty(0, dtype=np.int32)
    starts, rows, known = scoring_rows(snapshot, empty, empty)
    assert (starts.tolist(), known.tolist(), len(rows["item"])) == ([0], [], 0)


def test_a_shard_ends_at_its_bound(scoring: ScoringSet) -> None:
    starts = np.zeros(SHARD_PERSONS + 2, dtype=np.int64)
    assert [len(each) for each in replace(scoring, starts=starts).shards()] == [SHARD_PERSONS, 1]


def test_what_was_written_reads_the_same(scoring: ScoringSet) -> None:
    read, names = decode_scoring_set(encode_scoring_set(scoring, ["one"]))
    assert names == ("one",)
    assert encode_scoring_set(read, names) == encode_scoring_set(scoring, ["one"])
    shard = Shard(np.array([[1, -1]], dtype=np.int32), np.array([[0.5, 0]], dtype=np.float32))
    assert encode_shard(decode_shard(encode_shard(shard))) == encode_shard(shard)
    with pytest.raises(SnapshotUnreadableError):
        decode_shard(encode_scoring_set(scoring, []))


async def test_shards_are_kept_once_named_to_the_collector_and_forgotten_when_old() -> None:
    store = ShardStore(MemoryDocuments())
    await store.declare()
    await store.add("old", "d-1", now=NOW)
    await store.add("old", "d-2", now=NOW)
    await store.add("new", "d-3", now=NOW + timedelta(seconds=1))
    assert await store.digests(["old", "new", "none"]) == {"old": "d-1", "new": "d-3"}
    assert await store.named_blobs() == {"d-1", "d-3"}
    assert await store.purge(now=NOW + SHARDS_KEPT) == 0
    assert await store.purge(now=NOW + SHARDS_KEPT + timedelta(seconds=1)) == 1
    await store.remove("new")
    assert await store.digests(["old", "new"]) == {}


async def test_more_shards_than_a_page_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "PAGE", 2)
    store = ShardStore(MemoryDocuments())
    await store.declare()
    for number in range(5):
        await store.add(f"s-{number}", f"d-{number}", now=NOW)
    assert len(await store.named_blobs()) == 5
