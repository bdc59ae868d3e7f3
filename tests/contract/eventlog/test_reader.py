"""What a reader promises: docs/consistency.md, rules 7, 8, 9 and 12, each with the accident that tries to break it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from services.chassis.clock import SystemClock
from services.chassis.documents.port import StoreUnavailableError
from services.chassis.eventlog.cursors import MIXED, DocumentCursors, MemoryCursors
from services.chassis.eventlog.dead_letters import DeadLetters, LetterBox, LetterState
from services.chassis.eventlog.errors import CursorSupersededError
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.port import Batch, GenerationMismatchError, Head, VerdictStatus
from services.chassis.eventlog.record import EVENTS
from services.chassis.metrics import Metrics
from tests.fakes.clock import ManualClock
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.fakes.event_sources import ChoppedSource, ScriptedSource
from tests.fakes.events import new_event, stored_events
from tests.fakes.projections import SUBJECTS, all_documents, expected_tally, tally_projection
from tests.fakes.readers import live_documents, make_reader, running, until


async def test_a_reader_applies_what_was_there_and_what_comes(log, subjects):
    await log.append([new_event(number) for number in range(150)])
    reader = make_reader(log, subjects)
    async with running(reader):
        await reader.caught_up()
        await log.append([new_event(number) for number in range(150, 300)])
        await reader.caught_up()
    assert await live_documents(subjects) == expected_tally(await stored_events(log))
    assert reader.lag_events() == 0


async def test_a_reader_goes_on_where_the_last_one_stopped(log, subjects):
    for first in range(0, 300, 100):
        await log.append([new_event(number) for number in range(first, first + 100)])
        reader = make_reader(log, subjects)
        async with running(reader):
            await reader.caught_up()
    cursor = await DocumentCursors(subjects, "tally").load(log.name)
    assert cursor.seqs == {p: seq for p, seq in enumerate((await log.head()).seqs) if seq}
    assert await live_documents(subjects) == expected_tally(await stored_events(log))


async def test_replaying_a_whole_log_changes_nothing(log, subjects):
    await log.append([new_event(number) for number in range(200)])
    await log.append([new_event(500, type="erased", subject="card:7")])
    first = make_reader(log, subjects)
    async with running(first):
        await first.caught_up()
    before = await all_documents(subjects)
    again = make_reader(ChoppedSource(log, 7), subjects, cursors=MemoryCursors())
    async with running(again):
        await again.caught_up()
    assert await all_documents(subjects) == before


async def test_a_deleted_document_is_not_resurrected_by_a_replay_but_by_a_later_event(log, subjects):
    await log.append([new_event(1), new_event(2, type="erased", subject="card:1")])
    first = make_reader(log, subjects)
    async with running(first):
        await first.caught_up()
    assert "card:1" not in await live_documents(subjects)
    assert "card:1" in await all_documents(subjects)  # the tombstone with its watermark
    await log.append([new_event(41)])
    replay = make_reader(log, subjects, cursors=MemoryCursors())
    async with running(replay):
        await replay.caught_up()
    assert (await live_documents(subjects))["card:1"]["order"] == [41]


async def test_two_readers_at_once_change_nothing_in_the_result(make_log, subjects):
    log = await make_log()
    readers = [make_reader(ChoppedSource(log, 3 + n), subjects, rng=Random(n)) for n in range(3)]
    async with running(*readers):
        for first in range(0, 400, 40):
            await log.append([new_event(number) for number in range(first, first + 40)])
        await asyncio.gather(*(reader.caught_up() for reader in readers))
    assert await live_documents(subjects) == expected_tally(await stored_events(log))


@pytest.mark.parametrize("point", list(CrashPoint))
async def test_a_crash_at_any_write_of_a_reader_loses_and_doubles_nothing(make_log, subjects, point):
    log = await make_log()
    await log.append([new_event(number) for number in range(30)])
    await log.append([new_event(60, type="erased", subject="card:3"), new_event(43)])
    expected = expected_tally(await stored_events(log))
    counting = CrashingDocuments(subjects)
    counted = make_reader(ChoppedSource(log, 5), counting)
    async with running(counted):
        await counted.caught_up()
    reference = await all_documents(subjects)
    for number in range(1, counting.writes + 1, 1 if log.partitions == 1 else 5):
        await subjects.drop(SUBJECTS)
        await DocumentCursors(subjects, "tally").forget(log.name)
        await subjects.declare(SUBJECTS)
        crashing = CrashingDocuments(subjects, crash_at=number, point=point)
        dying = make_reader(ChoppedSource(log, 5), crashing)
        async with running(dying):
            await asyncio.wait_for(crashing.died.wait(), 10)
        restarted = make_reader(ChoppedSource(log, 4), subjects)
        async with running(restarted):
            await restarted.caught_up()
        assert await live_documents(subjects) == expected
        assert await all_documents(subjects) == reference


@pytest.mark.parametrize("point", [CrashPoint.BEFORE, CrashPoint.AFTER])
async def test_a_store_that_is_away_for_a_moment_makes_no_dead_letter(make_log, subjects, point):
    log = await make_log()
    await log.append([new_event(number) for number in range(20)])
    for number in range(1, 8):
        flaky = CrashingDocuments(subjects, crash_at=number, point=point, once=True)
        reader = make_reader(ChoppedSource(log, 5), flaky, tally_projection(flaky, name=f"tally-{number}"))
        async with running(reader):
            await asyncio.wait_for(reader.caught_up(), 10)
        letters, _ = await DeadLetters(subjects, SystemClock()).open_letters(f"tally-{number}")
        assert letters == ()
    assert await live_documents(subjects) == expected_tally(await stored_events(log))


async def test_a_store_that_stays_away_is_asked_for_ever_and_counts_no_try(log, subjects):
    asked = 0

    class Away:
        name = "away"

        async def apply(self, events):
            nonlocal asked
            asked += 1
            if asked < 40:
                raise StoreUnavailableError("away")

    await log.append([new_event(1)])
    metrics = Metrics([EVENTLOG_METRICS])
    reader = make_reader(log, subjects, Away(), metrics=metrics)
    async with running(reader):
        await asyncio.wait_for(reader.caught_up(), 10)
    assert asked == 40
    labels = {"projection": "away", "log": log.name}
    assert metrics.registry.get_sample_value("zhike_reader_retries_total", labels) == 39
    assert metrics.registry.get_sample_value("zhike_reader_dead_letters_total", labels) == 0


async def test_an_event_that_fails_by_itself_is_set_aside_after_five_tries_and_the_rest_goes_on(log, subjects):
    tries = 0
    projection = tally_projection(subjects)

    class Counting:
        name = "tally"

        async def apply(self, events):
            nonlocal tries
            tries += len(events) == 1 and events[0].type == "poison"
            await projection.apply(events)

    batch = [new_event(number, subject="one") for number in range(100)]
    batch[37] = replace(batch[37], type="poison")
    verdicts = await log.append(batch)
    reader = make_reader(log, subjects, Counting())
    async with running(reader):
        await reader.caught_up()
    assert tries == 5
    (letter,), _ = await DeadLetters(subjects, SystemClock()).open_letters("tally")
    assert (letter.log, letter.partition, letter.seq) == (log.name, verdicts[37].partition, verdicts[37].seq)
    assert (letter.key, letter.type, letter.reason) == (verdicts[37].key, "poison", "ValueError")
    stored = [event for event in await stored_events(log) if event.type != "poison"]
    assert await live_documents(subjects) == expected_tally(stored)


class Mendable:
    """Fails on poison until it is mended, and remembers what it applied."""

    def __init__(self, name):
        self.name = name
        self.mended = False
        self.applied = []

    async def apply(self, events):
        if not self.mended and any(event.type == "poison" for event in events):
            raise ValueError("poison")
        self.applied.extend(events)


async def test_a_redriven_event_is_applied_once_by_the_reader_that_set_it_aside_and_by_no_other(log, subjects):
    letters = DeadLetters(subjects, SystemClock())
    box = LetterBox(letters, "failing", log)
    failing, healthy = Mendable("failing"), Mendable("healthy")
    healthy.mended = True
    readers = [make_reader(log, subjects, projection) for projection in (failing, healthy)]
    async with running(*readers):
        await log.append([new_event(1, type="poison")])
        await asyncio.gather(*(reader.caught_up() for reader in readers))
        (letter,), _ = await letters.open_letters("failing")
        await box.redrive(letter)  # not mended: the letter opens again
        await asyncio.gather(*(reader.caught_up() for reader in readers))
        (letter,), _ = await letters.open_letters("failing")
        failing.mended = True
        assert (letter.round, letter.tries, letter.state) == (2, 10, LetterState.OPEN)
        first = await box.redrive(letter)
        again = await box.redrive(letter)
        assert (again.seq, again.status) == (first.seq, VerdictStatus.DUPLICATE)
        await asyncio.gather(*(reader.caught_up() for reader in readers))
    (applied,) = failing.applied
    assert (applied.seq, applied.key, applied.redrive_of) == (first.seq, letter.key, letter.key)
    settled = await letters.get("failing", letter.key)
    assert settled.state is LetterState.APPLIED
    assert [event.seq for event in healthy.applied] == [1]
    assert (await letters.open_letters("failing"))[0] == ()


@pytest.mark.parametrize("name", ["rebuilt", "live"], ids=["as another generation", "under the same name"])
async def test_a_projection_built_anew_after_a_redrive_counts_the_event_once(log, subjects, name):
    letters = DeadLetters(subjects, SystemClock())
    live = Mendable("live")
    reader = make_reader(log, subjects, live)
    async with running(reader):
        await log.append([new_event(1, type="poison"), new_event(41)])
        await reader.caught_up()
        live.mended = True
        (letter,), _ = await letters.open_letters("live")
        await LetterBox(letters, "live", log).redrive(letter)
        await reader.caught_up()
    anew = Mendable(name)
    anew.mended = True
    second = make_reader(log, subjects, anew, cursors=MemoryCursors())
    async with running(second):
        await second.caught_up()
    counts = [sorted(event.payload["quantity"] for event in each.applied) for each in (live, anew)]
    assert counts == [[1, 41], [1, 41]]


async def test_an_event_that_was_set_aside_waits_for_its_redrive_even_when_it_could_be_applied(log, subjects):
    letters = DeadLetters(subjects, SystemClock())
    await log.append([new_event(1, type="poison"), new_event(41)])
    first = make_reader(log, subjects, Mendable("same"))
    async with running(first):
        await first.caught_up()
    mended = Mendable("same")
    mended.mended = True
    replay = make_reader(log, subjects, mended, cursors=MemoryCursors())
    async with running(replay):
        await replay.caught_up()
        assert [event.payload["quantity"] for event in mended.applied] == [41]
        (letter,), _ = await letters.open_letters("same")
        await LetterBox(letters, "same", log).redrive(letter)
        await replay.caught_up()
    assert [event.payload["quantity"] for event in mended.applied] == [41, 1]


async def test_a_reader_that_runs_again_knows_what_another_holder_set_aside_meanwhile(log, subjects):
    letters = DeadLetters(subjects, SystemClock())
    mended, failing = Mendable("shared"), Mendable("shared")
    mended.mended = True
    reader = make_reader(log, subjects, mended)
    async with running(reader):
        await log.append([new_event(1)])
        await reader.caught_up()
    await log.append([new_event(2, type="poison")])
    other = make_reader(log, subjects, failing, cursors=MemoryCursors())  # it dies before its cursor is saved
    async with running(other):
        await other.caught_up()
    (letter,), _ = await letters.open_letters("shared")
    async with running(reader):
        await LetterBox(letters, "shared", log).redrive(letter)
        await reader.caught_up()
    assert [event.payload["quantity"] for event in mended.applied] == [1, 2]
    assert mended.applied[-1].redrive_of == letter.key


async def test_who_waits_for_a_reader_waits_for_an_owner_that_is_away_as_well(log, subjects):
    await log.append([new_event(1)])

    class Away:
        name = log.name
        subscribe = log.subscribe
        refusals = 5

        async def head(self):
            if self.refusals:
                self.refusals -= 1
                raise StoreUnavailableError("away")
            return await log.head()

    reader = make_reader(Away(), subjects)
    async with running(reader):
        await asyncio.wait_for(reader.caught_up(), 10)
    assert await live_documents(subjects) == expected_tally(await stored_events(log))


async def test_a_hole_stops_the_reader_and_shows_until_it_is_mended(documents, make_log, subjects):
    log = await make_log()
    verdicts = await log.append([new_event(number, subject="one") for number in range(10)])
    lost = await documents.get(EVENTS, verdicts[4].key)
    await documents.delete(EVENTS, verdicts[4].key)
    metrics = Metrics([EVENTLOG_METRICS])
    reader = make_reader(log, subjects, metrics=metrics)

    def hole():
        return metrics.registry.get_sample_value("zhike_reader_hole", {"projection": "tally", "log": log.name})

    async with running(reader):
        await until(lambda: hole() == 1)
        assert (await live_documents(subjects))["one"]["order"] == [0, 1, 2, 3]
        assert reader.positions[verdicts[0].partition] == 4
        await documents.insert(EVENTS, lost.key, lost.body)
        await asyncio.wait_for(reader.caught_up(), 10)
    assert hole() == 0
    assert (await live_documents(subjects))["one"]["order"] == list(range(10))


async def test_a_log_that_began_anew_ends_the_reader_with_the_demand_to_rebuild(log, subjects):
    await log.append([new_event(1)])
    reader = make_reader(log, subjects)
    async with running(reader):
        await reader.caught_up()
    await log.start_generation()
    with pytest.raises(GenerationMismatchError):
        await asyncio.wait_for(make_reader(log, subjects).run(), 10)


async def test_a_reader_that_runs_again_begins_where_the_cursors_stand_by_then(log, subjects):
    await log.append([new_event(number) for number in range(20)])
    reader = make_reader(log, subjects)
    async with running(reader):
        await reader.caught_up()
    await log.start_generation()
    with pytest.raises(GenerationMismatchError):
        await asyncio.wait_for(reader.run(), 10)
    await DocumentCursors(subjects, "tally").forget(log.name)
    async with running(reader):
        await asyncio.wait_for(reader.caught_up(), 10)
        await log.append([new_event(number) for number in range(20, 40)])
        await asyncio.wait_for(reader.caught_up(), 10)
    assert await live_documents(subjects) == expected_tally(await stored_events(log))


async def test_cursors_that_another_holder_began_anew_end_the_reader(log, subjects):
    await log.append([new_event(number) for number in range(20)])
    reader = make_reader(log, subjects)
    async with running(reader):
        await reader.caught_up()
        (partition, _), *_ = ((p, seq) for p, seq in reader.positions.items() if seq)
        other = DocumentCursors(subjects, "tally")
        await other.forget(log.name)
        await other.save(log.name, partition, generation="another", seq=1)
    cursors = DocumentCursors(subjects, "tally")
    with pytest.raises(CursorSupersededError):
        await cursors.save(log.name, partition, generation=reader.generation, seq=30)
    with pytest.raises(GenerationMismatchError):
        await asyncio.wait_for(make_reader(log, subjects).run(), 10)


async def test_cursors_of_two_generations_belong_to_none(documents):
    cursors = DocumentCursors(documents, "tally")
    await cursors.declare()
    await cursors.save("log", 0, generation="old", seq=1)
    await cursors.save("log", 1, generation="new", seq=1)
    assert (await cursors.load("log")).generation == MIXED


async def test_a_log_that_is_shorter_than_the_cursor_ends_the_reader_with_the_demand_to_rebuild(
    documents, log, subjects
):
    verdicts = await log.append([new_event(number) for number in range(5)])
    reader = make_reader(log, subjects)
    async with running(reader):
        await reader.caught_up()
    await documents.delete(EVENTS, verdicts[-1].key)
    with pytest.raises(GenerationMismatchError):
        await asyncio.wait_for(make_reader(log, subjects).run(), 10)


def scripted_mark(clock, *, seconds_late=0.0, head_seq=0, events=()):
    return Batch(
        partition=0,
        events=events,
        head_seq=head_seq,
        marked_time=clock.now() - timedelta(seconds=seconds_late),
        generation="g",
    )


async def ended_script(source, count):
    await until(lambda: len(source.asked) > count)


@pytest.mark.parametrize("owner_clock_off_s", [0.0, 600.0, -600.0])
async def test_staleness_is_the_time_since_a_mark_at_which_the_reader_had_caught_up(documents, owner_clock_off_s):
    clock, owner = ManualClock(), ManualClock()
    owner.step_wall(owner_clock_off_s)
    source = ScriptedSource("quiet", Head("g", (0,)), [lambda: scripted_mark(owner)])
    reader = make_reader(source, documents, clock=clock)
    assert reader.staleness_s() == float("inf")
    async with running(reader):
        await ended_script(source, 1)
        assert reader.staleness_s() == 0
        clock.advance(3.5)  # the owner is silent from here on
        assert reader.staleness_s() == pytest.approx(3.5, abs=1e-5)


async def test_a_quiet_log_whose_owner_lives_is_not_stale(documents):
    clock = ManualClock()

    def mark_after_half_a_second():
        clock.advance(0.5)
        return scripted_mark(clock)

    source = ScriptedSource("quiet", Head("g", (0,)), [mark_after_half_a_second] * 20)
    reader = make_reader(source, documents, clock=clock)
    async with running(reader):
        await ended_script(source, 1)
        assert clock.monotonic() == 10
        assert reader.staleness_s() < 0.5


async def test_marks_that_piled_up_while_the_reader_was_paused_are_no_news_and_end_the_subscription(documents):
    clock = ManualClock()

    def mark_from_before_the_pause():
        clock.advance(60)  # the reader's process stood still; what it reads now was sent a minute ago
        return scripted_mark(clock, seconds_late=60)

    def never_read():
        raise AssertionError("the subscription should be over")

    script = [lambda: scripted_mark(clock), mark_from_before_the_pause, never_read]
    source = ScriptedSource("quiet", Head("g", (0,)), script, [lambda: scripted_mark(clock)])
    reader = make_reader(source, documents, clock=clock)
    async with running(reader):
        await until(lambda: clock.monotonic() == 60 and reader.staleness_s() == 0)  # by the new subscription's mark
        assert len(source.asked) == 2


async def test_marks_that_piled_up_say_how_old_they_are(documents):
    clock = ManualClock()

    def mark_from_before_the_pause():
        clock.advance(4)
        return scripted_mark(clock, seconds_late=4)

    source = ScriptedSource("quiet", Head("g", (0,)), [lambda: scripted_mark(clock), mark_from_before_the_pause])
    reader = make_reader(source, documents, clock=clock)
    async with running(reader):
        await ended_script(source, 1)
        assert reader.staleness_s() == pytest.approx(4, abs=1e-5)


async def test_a_reader_that_is_behind_is_stale_and_shows_its_lag(make_log, documents, subjects):
    log = await make_log(name="behind")
    await log.append([new_event(number, subject="one") for number in range(10)])
    partition = next(p for p, seq in enumerate((await log.head()).seqs) if seq)
    events = await log.read(partition, after=0)
    own = tuple(replace(event, partition=0) for event in events)
    clock = ManualClock(now=own[0].recorded_time + timedelta(seconds=30))
    behind = scripted_mark(clock, head_seq=10, events=own[:4])
    source = ScriptedSource("behind", Head("g", (10,)), [behind])
    metrics = Metrics([EVENTLOG_METRICS])
    reader = make_reader(source, subjects, clock=clock, metrics=metrics)
    async with running(reader):
        await ended_script(source, 1)
        assert reader.lag_events() == 6
        assert reader.staleness_s() == float("inf")
    labels = {"projection": "tally", "log": "behind"}
    assert metrics.registry.get_sample_value("zhike_reader_lag_events", labels) == 6
    assert metrics.registry.get_sample_value("zhike_reader_lag_seconds", labels) == pytest.approx(30, abs=0.1)


async def test_a_second_holder_never_moves_a_cursor_back(documents):
    ahead, behind = DocumentCursors(documents, "tally"), DocumentCursors(documents, "tally")
    await ahead.declare()
    await behind.save("log", 0, generation="g", seq=5)
    await ahead.save("log", 0, generation="g", seq=9)
    await behind.save("log", 0, generation="g", seq=7)
    assert (await ahead.load("log")).seqs == {0: 9}
    await behind.save("log", 0, generation="g", seq=12)
    await ahead.save("log", 0, generation="g", seq=11)
    assert (await ahead.load("log")).seqs == {0: 12}


async def test_staleness_is_shown_while_a_reader_reads_and_no_longer(log, subjects):
    metrics = Metrics([EVENTLOG_METRICS])
    reader = make_reader(log, subjects, metrics=metrics)

    def shown():
        labels = {"projection": reader.projection_name, "log": log.name}
        return metrics.registry.get_sample_value("zhike_reader_staleness_seconds", labels)

    assert shown() is None
    async with running(reader):
        await reader.caught_up()
        assert shown() == pytest.approx(reader.staleness_s(), abs=1)
    assert shown() is None
