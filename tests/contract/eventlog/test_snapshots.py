"""State in memory, one copy per replica: docs/consistency.md rule 11."""

import asyncio
from random import Random

import orjson
import pytest

from services.chassis.artifacts.gridfs import GridFsArtifacts
from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.manifest import Manifests
from services.chassis.clock import SystemClock
from services.chassis.documents.mongo import MongoDocuments
from services.chassis.eventlog import snapshots
from services.chassis.eventlog.cursors import Cursor
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.snapshots import ReplicaState
from services.chassis.metrics import Metrics
from tests.fakes.event_sources import ChoppedSource
from tests.fakes.events import new_event, stored_events
from tests.fakes.readers import QUICK, running


class Counts:
    """How often each subject was seen, and in which order: shows every lost, doubled or swapped event."""

    name = "counts"
    form = "counts-1"

    def __init__(self):
        self.seen = {}
        self.applied = 0

    def apply(self, event):
        if event.type == "poison":
            raise ValueError("poison")
        self.applied += 1
        self.seen.setdefault(event.subject, []).append(event.payload["quantity"])

    def dump(self):
        return orjson.dumps(self.seen)

    def load(self, content):
        self.seen = orjson.loads(content)

    def clear(self):
        self.seen = {}


def expected(events):
    seen = {}
    for event in events:
        if event.type != "poison":
            seen.setdefault(event.subject, []).append(event.payload["quantity"])
    return seen


@pytest.fixture
async def artifacts(documents, tmp_path):
    """The blob store that goes with the document store."""
    remote = isinstance(documents, MongoDocuments)
    store = GridFsArtifacts(documents, tmp_path / "copies") if remote else LocalArtifacts(tmp_path / "artifacts")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def make_replica(documents, artifacts):
    def make(*sources, counts=None, **options):
        counts = counts or Counts()
        replica = ReplicaState(
            counts,
            sources,
            documents,
            artifacts,
            SystemClock(),
            rng=Random(1),
            metrics=Metrics([EVENTLOG_METRICS]),
            timing=QUICK,
            **options,
        )
        return replica, counts

    return make


async def test_a_replica_starts_from_the_snapshot_and_applies_exactly_what_follows(log, make_replica):
    await log.append([new_event(number) for number in range(200)])
    first, _ = make_replica(log)
    await first.open()
    async with running(first):
        await first.caught_up()
        assert await first.save()
    await log.append([new_event(number) for number in range(200, 260)])
    second, counts = make_replica(log)
    await second.open()
    async with running(second):
        await second.caught_up()
        assert counts.applied == 60
        assert counts.seen == expected(await stored_events(log))
        heads = dict(enumerate((await log.head()).seqs))
        assert {p: seq for p, seq in second.positions()[log.name].seqs.items() if seq} == {
            p: seq for p, seq in heads.items() if seq
        }


async def test_a_snapshot_taken_at_any_moment_holds_exactly_its_numbers(make_log, make_replica):
    log = await make_log()
    taking, _ = make_replica(ChoppedSource(log, 3))
    await taking.open()
    async with running(taking):
        for first in range(0, 300, 30):
            await log.append([new_event(number) for number in range(first, first + 30)])
            await asyncio.sleep(0)
            assert await taking.save()
            restarted, counts = make_replica(log)
            await restarted.open()
            numbers = restarted.positions()[log.name].seqs if counts.seen else {}
            taken = [event for event in await stored_events(log) if event.seq <= numbers.get(event.partition, 0)]
            assert counts.seen == expected(taken)


async def test_a_replica_without_a_snapshot_reads_the_log_from_its_start(log, make_replica):
    await log.append([new_event(number) for number in range(50)])
    replica, counts = make_replica(log)
    await replica.open()
    async with running(replica):
        await replica.caught_up()
        assert counts.seen == expected(await stored_events(log))


async def test_two_replicas_hold_the_same_and_the_later_snapshot_counts(log, make_replica, documents, artifacts):
    await log.append([new_event(number) for number in range(50)])
    (one, first), (two, second) = make_replica(log), make_replica(log)
    async with running(one, two):
        for replica in (one, two):
            await replica.open()
            await replica.caught_up()
        assert first.seen == second.seen
        saved = await asyncio.gather(one.save(), two.save())
        assert any(saved)
        await log.append([new_event(number) for number in range(50, 60)])
        await two.caught_up()
        assert await two.save()
    third, counts = make_replica(log)
    await third.open()
    assert counts.seen == expected(await stored_events(log))
    assert (await Manifests(documents, artifacts, SystemClock()).current("counts")).metadata["form"] == "counts-1"


async def test_a_damaged_snapshot_gives_way_to_the_one_before(log, make_replica, documents, artifacts):
    await log.append([new_event(number) for number in range(20)])
    replica, _ = make_replica(log)
    await replica.open()
    async with running(replica):
        await replica.caught_up()
        await replica.save()
        await log.append([new_event(number) for number in range(20, 30)])
        await replica.caught_up()
        await replica.save()
    current = await Manifests(documents, artifacts, SystemClock()).current("counts")
    await artifacts.delete(current.blobs["state"])
    restarted, counts = make_replica(log)
    await restarted.open()
    async with running(restarted):
        await restarted.caught_up()
        assert counts.applied == 10
        assert counts.seen == expected(await stored_events(log))


async def test_a_snapshot_of_another_form_is_not_loaded(log, make_replica):
    await log.append([new_event(number) for number in range(20)])
    old = Counts()
    old.form = "counts-0"
    replica, _ = make_replica(log, counts=old)
    await replica.open()
    async with running(replica):
        await replica.caught_up()
        await replica.save()
    restarted, counts = make_replica(log)
    await restarted.open()
    assert counts.seen == {}
    async with running(restarted):
        await restarted.caught_up()
        assert counts.seen == expected(await stored_events(log))


async def test_a_log_that_began_anew_empties_the_state_and_fills_it_again(log, make_replica):
    await log.append([new_event(number) for number in range(20)])
    first, _ = make_replica(log)
    await first.open()
    async with running(first):
        await first.caught_up()
        await first.save()
    generation = await log.start_generation()
    second, counts = make_replica(log)
    await second.open()
    async with running(second):
        await asyncio.wait_for(second.caught_up(), 10)
        assert counts.seen == expected(await stored_events(log))
        assert second.positions()[log.name].generation == generation


async def test_an_event_that_fails_by_itself_is_set_aside_and_nothing_around_it_is_doubled(log, make_replica):
    batch = [new_event(number, subject="one") for number in range(60)]
    batch[31] = new_event(31, subject="one", type="poison")
    await log.append(batch)
    replica, counts = make_replica(log)
    await replica.open()
    async with running(replica):
        await replica.caught_up()
        assert counts.seen == expected(await stored_events(log))
        assert await replica.readers[0].letters.count() == 1


async def test_a_running_replica_saves_from_time_to_time(log, make_replica, documents, artifacts):
    await log.append([new_event(number) for number in range(20)])
    replica, _ = make_replica(log, save_interval_s=0.01)
    await replica.open()
    manifests = Manifests(documents, artifacts, SystemClock())
    async with running(replica):
        await replica.caught_up()
        async with asyncio.timeout(10):
            while not await manifests.current("counts"):  # noqa: ASYNC110 - a manifest tells nobody
                await asyncio.sleep(0.01)


async def test_a_long_tail_is_saved_long_before_its_time(log, make_replica, documents, artifacts, monkeypatch):
    monkeypatch.setattr(snapshots, "TAIL_LOOK_INTERVAL_S", 0.01)
    monkeypatch.setattr(snapshots, "LONG_TAIL_EVENTS", 20)
    manifests = Manifests(documents, artifacts, SystemClock())
    await log.append([new_event(number) for number in range(19)])
    replica, _ = make_replica(log)
    await replica.open()
    async with running(replica):
        await replica.caught_up()
        await asyncio.sleep(0.1)
        assert await manifests.current("counts") is None, "one fewer waits for the clock"
        await log.append([new_event(19)])
        async with asyncio.timeout(10):
            while not await manifests.current("counts"):  # noqa: ASYNC110 - a manifest tells nobody
                await asyncio.sleep(0.01)
    restarted, counts = make_replica(log)
    await restarted.open()
    async with running(restarted):
        await restarted.caught_up()
        assert counts.applied == 0


async def test_what_is_little_beside_the_whole_is_no_long_tail(log, make_replica, documents, artifacts, monkeypatch):
    monkeypatch.setattr(snapshots, "TAIL_LOOK_INTERVAL_S", 0.01)
    monkeypatch.setattr(snapshots, "LONG_TAIL_EVENTS", 2)
    await log.append([new_event(number) for number in range(90)])
    replica, _ = make_replica(log)
    await replica.open()
    async with running(replica):
        await replica.caught_up()
        await replica.save()
        await asyncio.sleep(0.1)  # what was long while it caught up is saved
        manifests = Manifests(documents, artifacts, SystemClock())
        before = await manifests.current("counts")
        await log.append([new_event(number) for number in range(90, 97)])
        await replica.caught_up()
        await asyncio.sleep(0.1)
        assert await manifests.current("counts") == before


async def test_a_state_over_two_logs_keeps_the_numbers_of_each(make_log, make_replica):
    one, two = await make_log(name="one"), await make_log(name="two")
    await one.append([new_event(number) for number in range(20)])
    await two.append([new_event(number) for number in range(30)])
    replica, _ = make_replica(one, two)
    await replica.open()
    async with running(replica):
        await replica.caught_up()
        await replica.save()
    restarted, counts = make_replica(one, two)
    await restarted.open()
    async with running(restarted):
        await restarted.caught_up()
        assert counts.applied == 0
        positions = restarted.positions()
        assert all(isinstance(cursor, Cursor) for cursor in positions.values())
        assert {name: sum(cursor.seqs.values()) for name, cursor in positions.items()} == {"one": 20, "two": 30}
