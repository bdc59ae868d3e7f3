"""Redriving what readers set aside: applied exactly once, whatever crashes, races or is asked twice (rule 9)."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random

import pytest

from services.chassis.clock import SystemClock
from services.chassis.documents.port import Collection, StoreUnavailableError
from services.chassis.errors import InvalidArgumentError, NotFoundError
from services.chassis.eventlog.dead_letters import DEAD_LETTERS, LetterBox, LetterState
from services.chassis.eventlog.projection import KeyedProjection
from services.chassis.eventlog.record import EVENTS
from services.chassis.eventlog.redriving import FORGOTTEN, IDS_LIMIT, ON_ITS_WAY, LetterOffice
from services.chassis.operation_run import Operation, OperationRun, OperationState, Progress
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.fakes.events import new_event, stored_events
from tests.fakes.projections import SUBJECTS, expected_tally, subjects_of, tally
from tests.fakes.readers import live_documents, make_reader, running


@dataclass
class Cure:
    """Whether poison is still poison."""

    mended: bool = False

    def fold(self, key, body, event):
        if event.type == "poison" and self.mended:
            event = replace(event, type="detail-page-view")
        return tally(key, body, event)


def make_projection(documents, cure, name="tally", collection=SUBJECTS):
    return KeyedProjection(documents, collection, name=name, keys=subjects_of, fold=cure.fold)


def make_office(*readers, **options):
    return LetterOffice(lambda: readers, rng=Random(1), **options)


def make_run(projection="tally", ids=(), name="search.1"):
    async def save(run):
        return None

    arguments = {"projection": projection, "ids": list(ids)}
    operation = Operation(name, "redrive", OperationState.RUNNING, arguments, Progress(), SystemClock().now())
    return OperationRun(operation, save, SystemClock())


async def redrive(office, **options):
    run = make_run(**options)
    try:
        await asyncio.wait_for(office.redrive(run), 20)
    finally:
        run.close()
    progress = run.progress
    assert progress.rows == progress.accepted + progress.duplicate + progress.rejected
    return progress


async def poisoned(log, *numbers, healthy=3):
    """Append poison, and what is healthy before and after."""
    verdicts = await log.append([new_event(number, type="poison") for number in numbers])
    await log.append([new_event(900 + number) for number in range(healthy)])
    return [verdict.key for verdict in verdicts]


async def expected(log):
    """What each event counts once makes, wherever it counted."""
    first = [event for event in await stored_events(log) if not event.redrive_of]
    return counts(expected_tally(replace(event, type="detail-page-view") for event in first))


def counts(documents):
    """Without the order, in which a redrive stands later."""
    return {key: (body["count"], body["sum"], sorted(body["order"])) for key, body in documents.items()}


async def redrives(log):
    return [event for event in await stored_events(log) if event.redrive_of]


async def letter_of(reader, key):
    letter = await reader.letters.get(key)
    assert letter is not None
    return letter


async def test_all_that_wait_are_applied_once_each_and_asked_again_nothing_happens(log, subjects):
    cure = Cure()
    reader = make_reader(log, subjects, make_projection(subjects, cure))
    office = make_office(reader)
    async with running(reader):
        keys = await poisoned(log, *range(1, 8))
        await reader.caught_up()
        assert await reader.letters.count() == 7
        cure.mended = True
        progress = await redrive(office)
        assert (progress.accepted, progress.accepted_by_kind, progress.rejected) == (7, {"applied": 7}, 0)
        assert await reader.letters.count() == 0
        assert (await redrive(office, name="search.2")).rows == 0
        again = await redrive(office, ids=[*keys, keys[0]], name="search.3")
        assert (again.rows, again.duplicate, again.accepted) == (7, 7, 0)
        await reader.caught_up()
    assert counts(await live_documents(subjects)) == await expected(log)
    found = await redrives(log)
    assert sorted(event.redrive_of for event in found) == sorted(keys)
    originals = {event.key: event for event in await stored_events(log)}
    for event in found:
        first = originals[event.redrive_of]
        assert replace(event, seq=first.seq, key=first.key, redrive_of="") == first


async def test_one_that_fails_again_is_a_dead_letter_again_with_all_its_tries(log, subjects):
    cure = Cure()
    reader = make_reader(log, subjects, make_projection(subjects, cure))
    office = make_office(reader)
    async with running(reader):
        (key,) = await poisoned(log, 1)
        await reader.caught_up()
        progress = await redrive(office, ids=[key])
        assert (progress.accepted, progress.rejected_by_reason) == (0, {"ValueError": 1})
        (error,) = progress.errors
        assert (error.row, error.field) == (1, key) and "card:1" not in error.message
        letter = await letter_of(reader, key)
        assert (letter.state, letter.tries, letter.round) == (LetterState.OPEN, 10, 2)
        resumed = await redrive(office, ids=[key])  # the same operation, whose process died before its end
        assert resumed.rejected == 1 and len(await redrives(log)) == 1
        cure.mended = True
        assert (await redrive(office, ids=[key], name="search.2")).accepted == 1
        await reader.caught_up()
    assert len(await redrives(log)) == 2
    assert counts(await live_documents(subjects)) == await expected(log)


async def test_many_who_ask_at_once_get_one_redrive(log, subjects):
    cure = Cure()
    reader = make_reader(log, subjects, make_projection(subjects, cure))
    async with running(reader):
        keys = await poisoned(log, *range(1, 6))
        await reader.caught_up()
        cure.mended = True
        office = make_office(reader)
        asked = (redrive(office, ids=keys, name=f"search.{number}") for number in range(5))
        for progress in await asyncio.gather(*asked):
            assert (progress.accepted + progress.duplicate, progress.rejected) == (5, 0)
        await reader.caught_up()
    assert len(await redrives(log)) == 5
    assert counts(await live_documents(subjects)) == await expected(log)


@pytest.mark.parametrize("point", [CrashPoint.BEFORE, CrashPoint.AFTER])
async def test_a_crash_at_any_write_of_reader_or_redrive_applies_once(make_log, subjects, point):
    reference = 0
    number = 0
    while number <= reference:
        log = await make_log(name=f"log-{number}")
        if log.partitions > 1 and number % 3:  # the numbers differ, the writes do not
            number += 1
            continue
        await subjects.drop(SUBJECTS)
        await subjects.declare(SUBJECTS)
        cure, name = Cure(), f"tally-{number}"
        patient = make_reader(log, subjects, make_projection(subjects, cure, name))
        async with running(patient):
            keys = await poisoned(log, 1, 41)
            await patient.caught_up()
        cure.mended = True
        crashing = CrashingDocuments(subjects, crash_at=number, point=point)
        dying = make_reader(log, crashing, make_projection(crashing, cure, name))
        async with running(dying):
            with suppress(StoreUnavailableError):
                await redrive(make_office(dying, wait_limit_s=0.05), projection=name)
            if number == 0:
                await dying.caught_up()
                reference = crashing.writes
        restarted = make_reader(log, subjects, make_projection(subjects, cure, name))
        async with running(restarted):
            await redrive(make_office(restarted), projection=name)
            await restarted.caught_up()
            assert await restarted.letters.count() == 0
        assert counts(await live_documents(subjects)) == await expected(log)
        assert sorted(event.redrive_of for event in await redrives(log)) == sorted(keys)
        number += 1
    assert reference >= 8  # asked, claimed, applied, settled, of two letters at least


class Owner:
    """A log whose owner is away for as long as it is told."""

    def __init__(self, log, refusals):
        self.name, self.owner, self.head, self.subscribe = log.name, "knowledge", log.head, log.subscribe
        self.log, self.refusals = log, refusals

    async def redrive(self, partition, seq, *, key, attempt):
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailableError("away")
        return await self.log.redrive(partition, seq, key=key, attempt=attempt)


async def test_an_owner_that_is_away_is_asked_again_and_one_that_stays_away_ends_the_operation(log, subjects):
    cure = Cure()
    owner = Owner(log, refusals=2)
    reader = make_reader(owner, subjects, make_projection(subjects, cure))
    async with running(reader):
        keys = await poisoned(log, 1, 2)
        await reader.caught_up()
        cure.mended = True
        assert (await redrive(make_office(reader), ids=keys[:1])).accepted == 1
        owner.refusals = -1
        run = make_run(ids=keys[1:], name="search.2")
        with pytest.raises(StoreUnavailableError):
            await make_office(reader, wait_limit_s=0.0).redrive(run)
        run.close()
        assert (await letter_of(reader, keys[1])).state is LetterState.OPEN
        owner.refusals = 0
        assert (await redrive(make_office(reader), ids=keys[1:], name="search.3")).accepted == 1


async def test_a_reader_that_stands_still_is_not_waited_for_and_applies_when_it_goes_on(log, subjects):
    cure = Cure()
    stopped = make_reader(log, subjects, make_projection(subjects, cure))
    async with running(stopped):
        keys = await poisoned(log, 1, 2)
        await stopped.caught_up()
    cure.mended = True
    progress = await redrive(make_office(stopped, wait_limit_s=0.05))
    assert progress.rejected_by_reason == {ON_ITS_WAY: 2}
    again = make_reader(log, subjects, make_projection(subjects, cure))
    async with running(again):
        await again.caught_up()
        assert [(await letter_of(again, key)).state for key in keys] == [LetterState.APPLIED] * 2
    assert counts(await live_documents(subjects)) == await expected(log)


async def test_an_event_that_the_log_has_no_more_stays_a_dead_letter(documents, log, subjects):
    reader = make_reader(log, subjects, make_projection(subjects, Cure()))
    async with running(reader):
        (key,) = await poisoned(log, 1)
        await reader.caught_up()
    stored = await documents.get(EVENTS, key)
    await documents.delete(EVENTS, key)
    await documents.insert(EVENTS, "0" * 32, stored.body)  # a restored log: another event at this place
    assert (await redrive(make_office(reader))).rejected_by_reason == {"NOT_FOUND": 1}
    assert await reader.letters.count() == 1


async def test_a_letter_that_a_rebuild_forgets_meanwhile_is_said_to_be_forgotten(documents, log, subjects):
    reader = make_reader(log, subjects, make_projection(subjects, Cure()))
    async with running(reader):
        (key,) = await poisoned(log, 1)
        await reader.caught_up()
    before = await log.head()
    run = make_run(ids=[key])
    redriving = asyncio.create_task(make_office(reader).redrive(run))
    while await log.head() == before:  # noqa: ASYNC110 - the log tells nobody
        await asyncio.sleep(0.001)
    (letter,) = (await documents.scan(DEAD_LETTERS)).documents
    await documents.delete(DEAD_LETTERS, letter.key)
    await asyncio.wait_for(redriving, 10)
    run.close()
    assert run.progress.rejected_by_reason == {FORGOTTEN: 1}


async def test_a_redrive_that_several_readers_set_aside_is_applied_once_by_each(log, subjects):
    others = Collection("others")
    await subjects.declare(others)
    cure, sick = Cure(), Cure()
    tallying = make_reader(log, subjects, make_projection(subjects, cure))
    other = make_reader(log, subjects, make_projection(subjects, sick, "other", others))
    async with running(tallying, other):
        (key,) = await poisoned(log, 1)
        await asyncio.gather(tallying.caught_up(), other.caught_up())
        cure.mended = True
        assert (await redrive(make_office(tallying, other))).accepted == 1
        await other.caught_up()
        letter = await letter_of(other, key)  # it tried the same redrive, which failed there
        assert (letter.state, letter.round, letter.tries) == (LetterState.OPEN, 2, 10)
        sick.mended = True
        assert (await redrive(make_office(tallying, other), projection="other", name="search.2")).accepted == 1
        await tallying.caught_up()
    assert counts(await live_documents(subjects)) == await expected(log)
    assert len(await redrives(log)) == 2


async def test_letters_are_paged_over_all_projections_and_each_is_shown_once(log, subjects):
    names = ("tally", "other", "third")
    readers = [make_reader(log, subjects, make_projection(subjects, Cure(), name)) for name in names]
    async with running(*readers):
        keys = await poisoned(log, *range(1, 6))
        for reader in readers:
            await reader.caught_up()
    office = make_office(*readers)
    for limit in (1, 2, 5, 15, 50):
        seen, position = [], None
        while True:
            letters, position = await office.page("", position, limit)
            assert len(letters) <= limit
            seen += [(each.projection, each.letter.key) for each in letters]
            if position is None:
                break
        assert sorted(seen) == sorted((name, key) for name in names for key in keys)
    alone, position = await office.page("other", None, 50)
    assert position is None and {each.projection for each in alone} == {"other"} and len(alone) == 5


async def test_two_logs_of_one_projection_count_their_own_letters(make_log, subjects):
    first, second = await make_log(name="first"), await make_log(name="second")
    readers = [make_reader(log, subjects, make_projection(subjects, Cure())) for log in (first, second)]
    async with running(*readers):
        await poisoned(first, 1, 2)
        await poisoned(second, 3)
        for reader in readers:
            await reader.caught_up()
    assert [await reader.letters.count() for reader in readers] == [2, 1]
    letters, _ = await make_office(*readers).page("tally", None, 50)
    assert sorted(each.letter.log for each in letters) == ["first", "first", "second"]


async def test_what_nobody_set_aside_is_refused_and_so_is_one_id_too_many(log, subjects):
    reader = make_reader(log, subjects, make_projection(subjects, Cure()))
    async with running(reader):
        (key,) = await poisoned(log, 1)
        await reader.caught_up()
    office = make_office(reader)
    await office.check("tally", [key])
    for projection, ids in (("carts", []), ("tally", ["0" * 32]), ("tally", [""]), ("tally", ["💥" * 4_000])):
        with pytest.raises(NotFoundError):
            await office.check(projection, ids)
    with pytest.raises(NotFoundError):
        await office.page("carts", None, 10)
    await office.check("tally", [key] * IDS_LIMIT)
    with pytest.raises(InvalidArgumentError):
        await office.check("tally", [key] * (IDS_LIMIT + 1))
    assert await make_office().page("", None, 10) == ((), None)


async def test_a_letter_of_before_rounds_were_counted_is_redriven_as_any_other(documents, log, subjects):
    cure = Cure()
    reader = make_reader(log, subjects, make_projection(subjects, cure))
    async with running(reader):
        (key,) = await poisoned(log, 1)
        await reader.caught_up()
        (stored,) = (await documents.scan(DEAD_LETTERS)).documents
        kept = {name: stored.body[name] for name in stored.body if name not in {"tries", "round", "applied"}}
        await documents.replace(DEAD_LETTERS, stored.key, kept, expected_revision=stored.revision)
        assert (await letter_of(reader, key)).state is LetterState.OPEN
        cure.mended = True
        assert (await redrive(make_office(reader))).accepted == 1


async def test_an_attempts_name_has_a_bound(log, subjects):
    (verdict,) = await log.append([new_event(1)])
    for attempt in ("", "x" * 129):
        with pytest.raises(InvalidArgumentError):
            await log.redrive(verdict.partition, verdict.seq, key=verdict.key, attempt=attempt)
    with pytest.raises(NotFoundError):
        await log.redrive(verdict.partition, verdict.seq, key="0" * 32, attempt="x" * 128)
    assert isinstance(make_reader(log, subjects).letters, LetterBox)
