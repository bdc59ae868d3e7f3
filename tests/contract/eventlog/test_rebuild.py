"""Rebuilding a projection while it is read and written: docs/consistency.md rule 10."""

import asyncio
from math import inf
from random import Random

import pytest

from services.chassis.clock import SystemClock
from services.chassis.eventlog.cursors import CURSORS
from services.chassis.eventlog.dead_letters import DEAD_LETTERS
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.generations import GENERATIONS, Generations, RebuildSupersededError
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.projection import live_body
from services.chassis.eventlog.rebuild import RebuildableProjection
from services.chassis.metrics import Metrics
from services.chassis.operation_run import Operation, OperationRun, OperationState, Progress
from tests.fakes.clock import ManualClock
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.fakes.event_sources import ChoppedSource
from tests.fakes.events import new_event, stored_events
from tests.fakes.projections import SUBJECTS, all_documents, expected_tally, tally_projection
from tests.fakes.readers import QUICK, live_documents, make_reader, running, until


class Copy:
    """A rebuildable tally over some logs, as a service composes it."""

    def __init__(self, documents, *sources, retire_after_s=0.0, clock=None):
        self.documents = documents
        self.generations = Generations(documents, "tally", [SUBJECTS])
        self.projection = RebuildableProjection(
            self.generations,
            sources,
            lambda name, resolve: tally_projection(documents, name=name, collection=resolve(SUBJECTS)),
            clock or SystemClock(),
            rng=Random(5),
            metrics=Metrics([EVENTLOG_METRICS]),
            timing=QUICK,
            retire_after_s=retire_after_s,
        )

    async def read(self):
        return await all_documents(self.documents, self.generations.resolve(SUBJECTS))

    async def read_live(self):
        page = await self.documents.scan(self.generations.resolve(SUBJECTS), limit=1_000)
        bodies = {document.key: live_body(document) for document in page.documents}
        return {key: body for key, body in bodies.items() if body is not None}


async def fill(log):
    await log.append([new_event(number) for number in range(100)])
    await log.append([new_event(200, type="erased", subject="card:3"), new_event(43)])
    await log.append([new_event(201, type="erased", subject="card:5"), new_event(7, type="ignored")])


async def test_the_rebuilt_projection_equals_the_live_one(log, documents):
    await fill(log)
    copy = Copy(documents, log)
    async with running(copy.projection):
        await copy.projection.caught_up()
        before = await copy.read()
        await asyncio.wait_for(copy.projection.rebuild(), 20)
        assert copy.projection.generation == 2
        assert await copy.read() == before
        await log.append([new_event(number) for number in range(300, 340)])
        await copy.projection.caught_up()
        assert await copy.read_live() == expected_tally(await stored_events(log))


async def test_a_rebuild_tells_how_much_it_read_however_quickly_it_was_done(log, documents):
    await fill(log)
    copy = Copy(documents, log)

    async def nobody_looks(run):
        return None

    operation = Operation("x.1", "rebuild", OperationState.RUNNING, {}, Progress(), SystemClock().now())
    run = OperationRun(operation, nobody_looks, SystemClock())
    async with running(copy.projection):
        await copy.projection.rebuild(run)
    run.close()
    assert run.progress.rows == run.progress.accepted == len(await stored_events(log))


async def test_reads_stay_on_the_old_generation_until_the_new_one_is_promoted(make_log, documents):
    log = await make_log()
    await fill(log)
    hold, held = asyncio.Event(), asyncio.Event()
    copy = Copy(documents, log)
    projection = copy.projection
    async with running(projection):
        await projection.caught_up()
        before = await copy.read()

        class Held:
            """A log that stops a second reader half-way."""

            name = log.name
            head = log.head

            async def subscribe(self, *, generation, after):
                async for batch in ChoppedSource(log, 10).subscribe(generation=generation, after=after):
                    yield batch
                    held.set()
                    await hold.wait()

        second = Copy(documents, Held())
        await second.projection.open()
        rebuilding = asyncio.create_task(second.projection.rebuild())
        await asyncio.wait_for(held.wait(), 10)
        assert await copy.read() == await second.read() == before
        await log.append([new_event(400)])
        await projection.caught_up()
        assert "400" in str(await copy.read())
        hold.set()
        await asyncio.wait_for(rebuilding, 20)
        assert second.projection.generation == 2
        assert await second.read_live() == expected_tally(await stored_events(log))


async def test_the_old_generation_is_removed_with_its_cursors_and_letters(log, documents):
    await fill(log)
    await log.append([new_event(500, type="poison")])
    copy = Copy(documents, log)
    async with running(copy.projection):
        await copy.projection.caught_up()
        await copy.projection.rebuild()
    await documents.declare(SUBJECTS)
    assert await documents.count(SUBJECTS) == 0
    cursors = (await documents.scan(CURSORS)).documents
    letters = (await documents.scan(DEAD_LETTERS)).documents
    assert {document.body["projection"] for document in (*cursors, *letters)} == {"tally.g2"}
    assert await copy.generations.retiring() == ()


async def test_a_rebuild_under_load_loses_and_doubles_nothing(log, documents):
    copy = Copy(documents, log)

    async def write():
        for first in range(0, 600, 20):
            await log.append([new_event(number) for number in range(first, first + 20)])
            await asyncio.sleep(0)

    async with running(copy.projection):
        await copy.projection.caught_up()
        writing = asyncio.create_task(write())
        for generation in (2, 3):
            await asyncio.wait_for(copy.projection.rebuild(), 20)
            assert copy.projection.generation == generation
        await writing
        await copy.projection.caught_up()
        assert await copy.read_live() == expected_tally(await stored_events(log))


async def test_a_projection_over_two_logs_is_rebuilt_from_both(make_log, documents):
    one, two = await make_log(name="one"), await make_log(name="two")
    await one.append([new_event(number, subject=f"one:{number % 9}") for number in range(90)])
    await two.append([new_event(number, subject=f"two:{number % 9}") for number in range(90)])
    copy = Copy(documents, one, two)
    async with running(copy.projection):
        await copy.projection.caught_up()
        before = await copy.read()
        await asyncio.wait_for(copy.projection.rebuild(), 20)
        assert await copy.read() == before
    assert [(each.projection_name, each.log_name) for each in copy.projection.logs] == [
        ("tally", "one"),
        ("tally", "two"),
    ]
    assert sum(each.applied for each in copy.projection.logs) <= 180


async def test_a_log_that_began_anew_is_rebuilt_by_itself(log, documents):
    await fill(log)
    first = Copy(documents, log)
    async with running(first.projection):
        await first.projection.caught_up()
        before = await first.read()
    await log.start_generation()
    second = Copy(documents, log)
    async with running(second.projection):
        await second.projection.open()
        assert await second.read() == before  # served on meanwhile
        await asyncio.wait_for(second.projection.caught_up(), 20)
        assert second.projection.generation == 2
        assert await second.read() == before


async def test_a_half_built_generation_of_a_log_that_began_anew_is_given_up(log, documents):
    await fill(log)
    generations = Generations(documents, "tally", [SUBJECTS])
    await generations.open()
    await generations.begin()
    half = Copy(documents, log)
    half.generations.active = 2
    await generations.declare(2)
    half.projection._switch()
    async with running(half.projection.readers[0]):
        await half.projection.readers[0].caught_up()
    await log.start_generation()
    copy = Copy(documents, log)
    async with running(copy.projection):
        await asyncio.wait_for(copy.projection.rebuild(), 20)
        assert copy.projection.generation == 3
        assert await copy.read_live() == expected_tally(await stored_events(log))
        assert await copy.generations.retiring() == ()


async def test_another_replica_sees_the_promotion(log, documents):
    await fill(log)
    here, there = Copy(documents, log), Copy(documents, log)
    async with running(here.projection):
        await there.projection.open()
        await here.projection.caught_up()
        await here.projection.rebuild()
        await there.projection.refresh()
        assert there.projection.generation == 2
        assert await there.read() == await here.read()


async def test_a_replica_that_does_not_hold_the_job_is_ready_when_the_holder_has_read_all(log, documents):
    here, there = Copy(documents, log), Copy(documents, log)
    await there.projection.open()
    await asyncio.wait_for(there.projection.caught_up(), 20)  # an empty log has nothing to wait for
    await fill(log)
    waiting = asyncio.create_task(there.projection.caught_up())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    async with running(here.projection):
        await asyncio.wait_for(waiting, 20)
        assert await there.read_live() == expected_tally(await stored_events(log))


async def test_a_replica_that_does_not_hold_the_job_knows_how_far_the_holder_is(log, documents):
    clock = ManualClock()
    here, there = Copy(documents, log), Copy(documents, log, clock=clock)
    await there.projection.open()
    assert (there.projection.staleness_s(), there.projection.lag_events()) == (inf, 0)
    await fill(log)
    await there.projection.refresh()
    count = len(await stored_events(log))
    assert (there.projection.staleness_s(), there.projection.lag_events()) == (inf, count)
    async with running(here.projection):
        await there.projection.caught_up()
        await there.projection.refresh()
        assert (there.projection.staleness_s(), there.projection.lag_events()) == (0.0, 0)
        await asyncio.wait_for(here.projection.rebuild(), 20)
        await log.append([new_event(400)])
        await there.projection.refresh()
        await there.projection.caught_up()  # the holder has saved its cursors too: it is stopped here, at once
    clock.advance(3.0)
    await there.projection.refresh()  # by the cursors of the generation that is in force now
    assert (there.projection.generation, there.projection.staleness_s(), there.projection.lag_events()) == (2, 0.0, 0)
    await log.append([new_event(401)])
    clock.advance(3.0)
    await there.projection.refresh()
    assert (there.projection.staleness_s(), there.projection.lag_events()) == (3.0, 1)


async def test_a_reader_that_lost_its_job_is_as_fresh_as_the_one_that_took_it(log, documents):
    await documents.declare(SUBJECTS)
    clock = ManualClock()
    here, there = make_reader(log, documents, clock=clock), make_reader(log, documents)
    async with running(here):
        await here.caught_up()
        await until(lambda: here.staleness_s() == 0.0)
    clock.advance(60.0)
    async with running(there):
        await log.append([new_event(number) for number in range(9)])
        await asyncio.wait_for(here.caught_up_anywhere(), 20)
        await here.look()
        assert (here.staleness_s(), here.lag_events()) == (0.0, 0)
    assert await live_documents(documents) == expected_tally(await stored_events(log))


async def test_two_rebuilds_at_once_build_one_generation(log, documents):
    await fill(log)
    here, there = Copy(documents, log), Copy(documents, log)
    async with running(here.projection):
        await here.projection.caught_up()
        before = await here.read()
        rebuilds = [asyncio.create_task(copy.projection.rebuild()) for copy in (here, there)]
        await asyncio.wait_for(asyncio.gather(*rebuilds), 20)
        assert here.projection.generation == there.projection.generation == 2
        assert await here.read() == before
    assert (await documents.get(GENERATIONS, "tally")).body["latest"] == 2


async def test_a_generation_that_is_no_longer_being_built_cannot_be_promoted(documents):
    generations = Generations(documents, "tally", [SUBJECTS])
    await generations.open()
    generation = await generations.begin()
    await generations.abandon(generation)
    with pytest.raises(RebuildSupersededError):
        await generations.promote(generation)


@pytest.mark.parametrize("point", [CrashPoint.BEFORE, CrashPoint.AFTER])
async def test_a_crash_at_any_write_of_a_rebuild_is_taken_up_and_reads_never_break(documents_adapter, tmp_path, point):
    async def prepared(folder):
        folder.mkdir()
        store = documents_adapter.open(folder)
        log = DocumentsLog(store, "user-events", 1, SystemClock(), Random(1))
        await log.open()
        await log.append([new_event(number) for number in range(12)])
        live = Copy(store, log)
        async with running(live.projection):
            await live.projection.caught_up()
            return store, log, await live.read()

    store, log, _ = await prepared(tmp_path / "counted")
    counting = CrashingDocuments(store)
    await Copy(counting, ChoppedSource(log, 5)).projection.rebuild()
    await store.close()
    assert counting.writes > 5
    for number in range(1, counting.writes + 1):
        store, log, before = await prepared(tmp_path / str(number))
        crashing = CrashingDocuments(store, crash_at=number, point=point)
        dying = asyncio.create_task(Copy(crashing, ChoppedSource(log, 5)).projection.rebuild())
        await asyncio.wait_for(crashing.died.wait(), 10)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        restarted = Copy(store, log)
        await restarted.projection.open()
        assert await restarted.read() == before
        async with running(restarted.projection):
            await asyncio.wait_for(restarted.projection.rebuild(), 20)
            assert await restarted.read() == before
            assert await restarted.generations.retiring() == ()
        await store.close()
