"""A measured store is the store, with a number for each operation and a reason for each that failed."""

import pytest

from services.chassis.documents.measured import READS, STORE_METRICS, WRITES, MeasuredDocuments
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import (
    Body,
    Collection,
    Document,
    Index,
    KeyTakenError,
    RevisionMismatchError,
    StoreUnavailableError,
)
from services.chassis.errors import UnavailableError
from services.chassis.metrics import Metrics
from services.chassis.standing import DOCUMENT_WRITES, Standings

THINGS = Collection("things", (Index("by_colour", ("colour",)),))


def counted(metrics: Metrics, operation: str) -> float:
    return metrics.registry.get_sample_value("zhike_store_seconds_count", {"operation": operation}) or 0.0


async def test_every_operation_is_passed_on_and_counted_once() -> None:
    metrics = Metrics([STORE_METRICS])
    store = MeasuredDocuments(MemoryDocuments(), metrics, Standings())
    await store.declare(THINGS)
    stored = await store.insert(THINGS, "a", {"colour": "red"})
    await store.insert_many(THINGS, [("b", {"colour": "blue"})])
    await store.replace(THINGS, "a", {"colour": "blue"}, expected_revision=stored.revision)
    assert (await store.get(THINGS, "a")).body == {"colour": "blue"}  # type: ignore[union-attr]
    assert set(await store.get_many(THINGS, ["a", "b", "c"])) == {"a", "b"}
    page = await store.find(THINGS, "by_colour", {"colour": "blue"}, limit=1, descending=True)
    assert [each.key for each in page.documents] == ["b"]
    assert [each.key for each in (await store.scan(THINGS, after="a")).documents] == ["b"]
    assert await store.count(THINGS, "by_colour", {"colour": "blue"}) == 2
    assert await store.delete(THINGS, "b")
    assert {operation: counted(metrics, operation) for operation in (*READS, *WRITES)} == dict.fromkeys(
        (*READS, *WRITES), 1.0
    )
    await store.ping()
    await store.leave_no_trace()
    await store.drop(THINGS)
    await store.close()


async def test_a_store_that_cannot_is_counted_by_its_reason_and_a_lost_race_is_not() -> None:
    class Away(MemoryDocuments):
        async def get(self, collection: Collection, key: str) -> None:
            raise UnavailableError("away")

    metrics = Metrics([STORE_METRICS])
    store = MeasuredDocuments(Away(), metrics, Standings())
    await store.declare(THINGS)
    await store.insert(THINGS, "a", {})
    with pytest.raises(KeyTakenError):
        await store.insert(THINGS, "a", {})
    with pytest.raises(RevisionMismatchError):
        await store.replace(THINGS, "a", {}, expected_revision=7)
    with pytest.raises(UnavailableError):
        await store.get(THINGS, "a")
    failed = [
        (sample.labels, sample.value)
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "zhike_store_failures_total"
    ]
    assert failed == [({"operation": "get", "reason": "UNAVAILABLE"}, 1.0)]
    assert counted(metrics, "get") == 1


async def test_a_store_that_takes_no_writes_is_named_until_one_is_taken_whatever_reads_say() -> None:
    class Full(MemoryDocuments):
        full = False

        async def insert(self, collection: Collection, key: str, body: Body) -> Document:
            if self.full:
                raise StoreUnavailableError("full", cause="OutOfDiskSpace")
            return await super().insert(collection, key, body)

    full, standings = Full(), Standings()
    store = MeasuredDocuments(full, Metrics([STORE_METRICS]), standings)
    await store.declare(THINGS)
    await store.insert(THINGS, "a", {})
    full.full = True
    with pytest.raises(StoreUnavailableError):
        await store.insert(THINGS, "b", {})
    assert await store.get(THINGS, "a") is not None
    with pytest.raises(RevisionMismatchError):
        await store.replace(THINGS, "a", {}, expected_revision=7)
    assert standings.degraded == {DOCUMENT_WRITES: "OutOfDiskSpace"}
    full.full = False
    await store.insert(THINGS, "b", {})
    assert standings.degraded == {}
