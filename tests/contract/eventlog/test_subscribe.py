"""What a subscription promises: docs/consistency.md, rules 7 and 12."""

import asyncio
from contextlib import aclosing
from random import Random

import pytest

from services.chassis.clock import SystemClock
from services.chassis.eventlog.documents_log import MARK_INTERVAL_S, POLL_INTERVAL_S, DocumentsLog
from services.chassis.eventlog.errors import LogClosedError
from services.chassis.eventlog.port import READ_LIMIT, GenerationMismatchError
from services.chassis.eventlog.record import EVENTS
from tests.fakes.events import new_event, stored_events


async def take(log, count, *, generation="", after=None):
    """The first ``count`` events of a subscription, by partition."""
    taken: dict[int, list] = {}
    async with aclosing(log.subscribe(generation=generation, after=after or {})) as batches:
        async for batch in batches:
            taken.setdefault(batch.partition, []).extend(batch.events)
            if sum(map(len, taken.values())) >= count:
                return taken
    raise AssertionError("a subscription never ends by itself")


async def test_a_subscription_yields_each_partition_in_order_from_the_start(log):
    await log.append([new_event(number) for number in range(200)])
    for partition, events in (await take(log, 200)).items():
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert all(event.partition == partition for event in events)


async def test_a_subscription_goes_on_after_the_numbers_that_it_is_given(log):
    verdicts = await log.append([new_event(number) for number in range(200)])
    heads = dict(enumerate((await log.head()).seqs))
    after = {partition: head // 2 for partition, head in heads.items()}
    taken = await take(log, 200 - sum(after.values()), generation=(await log.head()).generation, after=after)
    assert {p: [e.seq for e in events] for p, events in taken.items() if events} == {
        p: list(range(after[p] + 1, head + 1)) for p, head in heads.items() if head
    }
    assert len(verdicts) == 200


async def test_a_backlog_longer_than_a_page_comes_whole_and_says_how_much_is_left(log):
    numbers = iter(range(10_000))
    for _ in range(5):
        await log.append([new_event(next(numbers), subject="one") for _ in range(500)])
    pages = []
    async with aclosing(log.subscribe(generation="", after={})) as batches:
        async for batch in batches:
            if batch.events:
                pages.append((len(batch.events), batch.head_seq))
            if sum(length for length, _ in pages) == 2_500:
                break
    assert pages == [(READ_LIMIT, 2_500), (READ_LIMIT, 2_500), (500, 2_500)]


async def test_an_append_wakes_a_subscription_of_this_process_at_once(documents, partitions):
    log = DocumentsLog(documents, "wake", partitions, SystemClock(), Random(1), poll_interval_s=3_600)
    await log.open()
    arrived = asyncio.create_task(take(log, 1))
    await asyncio.sleep(0.02)
    await log.append([new_event(1)])
    taken = await asyncio.wait_for(arrived, 30)  # long before it would look by itself
    assert sum(map(len, taken.values())) == 1


async def test_new_events_before_a_duplicate_wake_a_subscription_as_well(documents, partitions):
    log = DocumentsLog(documents, "wake", partitions, SystemClock(), Random(1), poll_interval_s=3_600)
    await log.open()
    await log.append([new_event(1, subject="one")])
    arrived = asyncio.create_task(take(log, 2))
    await asyncio.sleep(0.02)
    await log.append([new_event(2, subject="one"), new_event(1, subject="one")])
    taken = await asyncio.wait_for(arrived, 30)
    assert sum(map(len, taken.values())) == 2


async def test_an_append_of_another_replica_is_seen_as_well(make_log):
    here, there = await make_log(seed=1), await make_log(seed=2)
    arrived = asyncio.create_task(take(here, 3))
    await asyncio.sleep(0.02)
    await there.append([new_event(number) for number in range(3)])
    taken = await asyncio.wait_for(arrived, 30)
    assert sum(map(len, taken.values())) == 3


async def test_a_quiet_log_sends_its_head_and_time_at_least_every_500_ms(log, partitions):
    await log.append([new_event(number) for number in range(100)])
    head = await log.head()
    marks: dict[int, list] = {}
    async with aclosing(log.subscribe(generation="", after=dict(enumerate(head.seqs)))) as batches:
        async for batch in batches:
            assert (batch.events, batch.head_seq) == ((), head.seqs[batch.partition])
            assert batch.generation == head.generation
            marks.setdefault(batch.partition, []).append(batch.marked_time)
            if len(marks) == partitions and all(len(times) >= 4 for times in marks.values()):
                break
    for times in marks.values():
        assert times == sorted(times)
    assert (
        2 * POLL_INTERVAL_S <= MARK_INTERVAL_S <= 0.5
    )  # a look that just missed a mark's time is followed by one in it


@pytest.mark.parametrize("beyond", ["generation", "seq", "partition"])
async def test_a_position_that_this_log_never_had_is_refused(log, partitions, beyond):
    await log.append([new_event(1)])
    head = await log.head()
    position = {
        "generation": {"generation": "another", "after": {}},
        "seq": {"generation": head.generation, "after": {0: head.seqs[0] + 1}},
        "partition": {"generation": "", "after": {partitions: 0}},
    }[beyond]
    with pytest.raises(GenerationMismatchError):
        await take(log, 1, **position)


async def test_a_restored_log_has_a_new_generation_and_refuses_the_old(make_log):
    log = await make_log()
    await log.append([new_event(1)])
    old = (await log.head()).generation
    new = await log.start_generation()
    assert new != old
    with pytest.raises(GenerationMismatchError):
        await take(log, 1, generation=old)
    assert sum(map(len, (await take(log, 1, generation=new)).values())) == 1
    assert (await (await make_log(seed=9)).head()).generation == new  # it is the log's, not the process's


async def test_a_hole_is_shown_to_the_reader_and_never_papered_over(documents, log):
    verdicts = await log.append([new_event(number, subject="one") for number in range(10)])
    await documents.delete(EVENTS, verdicts[4].key)
    partition = verdicts[0].partition
    before_hole = await log.read(partition, after=0)
    assert [event.seq for event in before_hole] == [1, 2, 3, 4]
    behind_hole = await log.read(partition, after=4)
    assert [event.seq for event in behind_hole] == [6, 7, 8, 9, 10]


async def test_a_closed_log_ends_its_subscriptions(log):
    reading = asyncio.create_task(take(log, 1))
    await asyncio.sleep(0.02)
    await log.close()
    with pytest.raises(LogClosedError):
        await asyncio.wait_for(reading, 30)


async def test_closing_finishes_the_appends_that_were_accepted(make_log):
    log = await make_log()
    appending = asyncio.create_task(log.append([new_event(number) for number in range(100)]))
    await asyncio.sleep(0)
    await log.close()
    assert len(await appending) == 100
    assert len(await stored_events(await make_log(seed=2))) == 100
