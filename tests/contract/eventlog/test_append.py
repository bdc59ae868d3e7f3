"""What appending to a log promises: docs/consistency.md, rules 2, 3 and 4."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest

from services.chassis.clock import SystemClock
from services.chassis.documents.port import BATCH_LIMIT, StoreUnavailableError
from services.chassis.errors import InvalidArgumentError, ZhikeError
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.errors import LogBusyError, LogClosedError, PartitionCountError
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.partition_writer import BACKLOG_LIMIT
from services.chassis.eventlog.port import APPEND_LIMIT, CLIENT_EVENT_ID_LIMIT, READ_LIMIT, VerdictStatus
from services.chassis.eventlog.record import EVENTS, PAYLOAD_LIMIT_BYTES, TEXT_LIMIT
from services.chassis.metrics import Metrics
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.fakes.events import new_event, stored_events


async def test_an_event_comes_back_as_it_was_appended(log, partitions):
    event = new_event(7, trace="00-ab-cd-01", synthetic=True, schema_version=3)
    (verdict,) = await log.append([event])
    assert verdict.status is VerdictStatus.STORED
    assert (verdict.seq, 0 <= verdict.partition < partitions) == (1, True)
    (stored,) = await log.read(verdict.partition, after=0)
    for field in ("type", "occurred_time", "shop", "channel", "subject", "payload", "schema_version", "trace"):
        assert getattr(stored, field) == getattr(event, field)
    assert (stored.log, stored.key, stored.synthetic, stored.redrive_of) == (log.name, verdict.key, True, "")
    assert abs(datetime.now(UTC) - stored.recorded_time) < timedelta(minutes=1)


async def test_the_events_of_a_subject_keep_their_order(log):
    for first in range(0, 300, 100):
        await log.append([new_event(number) for number in range(first, first + 100)])
    by_subject = {}
    for event in await stored_events(log):
        by_subject.setdefault(event.subject, []).append(event.payload["quantity"])
    assert len(by_subject) == 40
    assert all(numbers == sorted(numbers) for numbers in by_subject.values())


async def test_the_same_event_again_is_a_duplicate_with_the_first_place(log):
    first = await log.append([new_event(number) for number in range(50)])
    again = await log.append([new_event(number, trace="another attempt") for number in range(50)])
    assert {verdict.status for verdict in again} == {VerdictStatus.DUPLICATE}
    assert [(v.key, v.partition, v.seq) for v in again] == [(v.key, v.partition, v.seq) for v in first]
    assert len(await stored_events(log)) == 50


async def test_the_same_time_in_another_zone_is_the_same_event(log):
    event = new_event(1)
    await log.append([event])
    shanghai = event.occurred_time.astimezone(timezone(timedelta(hours=8)))
    (verdict,) = await log.append([new_event(1, occurred_time=shanghai)])
    assert verdict.status is VerdictStatus.DUPLICATE


@pytest.mark.parametrize(
    "change",
    [{"payload": {"product": "other"}}, {"type": "search"}, {"channel": "app"}, {"schema_version": 2}],
    ids=str,
)
async def test_the_same_id_with_another_body_is_refused_and_the_first_stays(log, change):
    (first,) = await log.append([new_event(1)])
    (verdict,) = await log.append([new_event(1, **change)])
    assert (verdict.status, verdict.seq) == (VerdictStatus.REUSED, first.seq)
    (stored,) = await stored_events(log)
    assert stored.payload == new_event(1).payload


async def test_the_same_id_from_two_shops_or_two_owners_is_two_events(log):
    verdicts = await log.append([new_event(1), new_event(1, shop="hangzhou"), new_event(1, owner="key-2")])
    assert {verdict.status for verdict in verdicts} == {VerdictStatus.STORED}
    assert len({verdict.key for verdict in verdicts}) == 3


async def test_parts_of_an_identity_do_not_run_into_one_another(log):
    a = new_event(1, shop="a", owner="bc", client_event_id="d")
    b = new_event(1, shop="ab", owner="c", client_event_id="d")
    c = new_event(1, shop="a", owner="b", client_event_id="cd")
    verdicts = await log.append([a, b, c])
    assert {verdict.status for verdict in verdicts} == {VerdictStatus.STORED}


async def test_ids_repeated_inside_a_batch_are_folded_before_numbering(log):
    batch = [new_event(1), new_event(2), new_event(1), new_event(1, type="search"), new_event(3)]
    verdicts = await log.append(batch)
    status = VerdictStatus
    assert [v.status for v in verdicts] == [
        status.STORED,
        status.STORED,
        status.DUPLICATE,
        status.REUSED,
        status.STORED,
    ]
    assert verdicts[2].seq == verdicts[3].seq == verdicts[0].seq
    assert len(await stored_events(log)) == 3


async def test_an_id_repeated_inside_a_batch_is_judged_by_what_is_stored_not_by_its_neighbour(log):
    await log.append([new_event(1)])
    verdicts = await log.append([new_event(1, type="search"), new_event(1, type="search"), new_event(1)])
    assert [v.status for v in verdicts] == [VerdictStatus.REUSED, VerdictStatus.REUSED, VerdictStatus.DUPLICATE]


async def test_duplicates_among_new_events_leave_no_gap(log):
    await log.append([new_event(number) for number in range(0, 60, 3)])
    verdicts = await log.append([new_event(number) for number in range(60)])
    assert [v.status is VerdictStatus.DUPLICATE for v in verdicts] == [number % 3 == 0 for number in range(60)]
    assert len(await stored_events(log)) == 60


async def test_duplicates_cost_one_more_insert_and_no_search_for_a_free_number(documents, make_log):
    counting = CrashingDocuments(documents)
    log = await make_log(counting)
    await log.append([new_event(number, subject="one") for number in range(10)])
    before = counting.writes
    await log.append([new_event(number, subject="one") for number in (20, 21, 0, 1, 22, 2, 23)])
    assert counting.writes - before == 2


async def test_one_id_sent_by_many_at_once_is_stored_once(log):
    verdicts = await asyncio.gather(*(log.append([new_event(1)]) for _ in range(50)))
    statuses = [verdict.status for (verdict,) in verdicts]
    assert statuses.count(VerdictStatus.STORED) == 1
    assert statuses.count(VerdictStatus.DUPLICATE) == 49
    assert len(await stored_events(log)) == 1


async def test_concurrent_appends_ride_in_few_inserts(documents, make_log):
    counting = CrashingDocuments(documents)
    log = await make_log(counting)
    before = counting.writes
    await asyncio.gather(*(log.append([new_event(number)]) for number in range(400)))
    assert counting.writes - before <= 2 * log.partitions
    assert len(await stored_events(log)) == 400


async def test_many_replicas_append_to_the_same_partitions_without_gap_or_double(make_log):
    replicas = [await make_log(seed=seed) for seed in range(4)]

    async def write(replica: int) -> None:
        for first in range(0, 100, 10):
            numbers = range(replica * 1_000 + first, replica * 1_000 + first + 10)
            verdicts = await replicas[replica].append([new_event(number) for number in numbers])
            assert {verdict.status for verdict in verdicts} == {VerdictStatus.STORED}

    await asyncio.gather(*(write(replica) for replica in range(4)))
    events = await stored_events(replicas[0])
    assert len(events) == len({event.key for event in events}) == 400


async def test_two_replicas_given_the_same_events_store_them_once(make_log):
    replicas = [await make_log(seed=seed) for seed in range(3)]
    batch = [new_event(number) for number in range(100)]
    verdicts = await asyncio.gather(*(replica.append(batch) for replica in replicas))
    stored = [v for result in verdicts for v in result if v.status is VerdictStatus.STORED]
    assert len(stored) == len({verdict.key for verdict in stored}) == 100
    assert len(await stored_events(replicas[0])) == 100


@pytest.mark.parametrize("point", list(CrashPoint))
async def test_a_crash_at_any_write_of_an_append_leaves_a_prefix_and_a_retry_completes_it(documents, make_log, point):
    counting = CrashingDocuments(documents)
    log = await make_log(counting, name="counted")
    opened = counting.writes
    await log.append([new_event(number) for number in range(60)])
    for number in range(1, counting.writes + 1):
        crashing = CrashingDocuments(documents, crash_at=number, point=point)
        name = f"log-{number}"
        batch = [new_event(event) for event in range(60)]
        with pytest.raises(StoreUnavailableError):
            await (await make_log(crashing, name=name)).append(batch)
        restarted = await make_log(name=name)
        kept = await stored_events(restarted)
        verdicts = await restarted.append(batch)
        kept_keys = {event.key for event in kept}
        assert {v.key for v in verdicts if v.status is VerdictStatus.DUPLICATE} == kept_keys
        assert len(await stored_events(restarted)) == 60
        assert number > opened or not kept


async def test_an_answer_that_was_lost_makes_the_retry_a_duplicate_in_the_same_process(documents, make_log):
    flaky = CrashingDocuments(documents, point=CrashPoint.AFTER, once=True)
    log = await make_log(flaky)
    flaky.crash_at = flaky.writes + 1
    with pytest.raises(StoreUnavailableError):
        await log.append([new_event(1)])
    (verdict,) = await log.append([new_event(1)])
    (following,) = await log.append([new_event(41)])
    assert (verdict.status, verdict.seq) == (VerdictStatus.DUPLICATE, 1)
    assert (following.status, following.seq) == (VerdictStatus.STORED, 2)


async def test_a_caller_that_leaves_does_not_take_the_others_along(log):
    staying = asyncio.create_task(log.append([new_event(1)]))
    leaving = asyncio.create_task(log.append([new_event(2)]))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert (await staying)[0].status is VerdictStatus.STORED
    assert (await log.append([new_event(3)]))[0].status is VerdictStatus.STORED
    await stored_events(log)


async def test_the_count_of_partitions_is_fixed_at_creation(documents, log, partitions):
    other = DocumentsLog(documents, log.name, partitions + 1, SystemClock(), Random(2))
    with pytest.raises(PartitionCountError, match=f"created with {partitions} partitions"):
        await other.open()


async def test_a_log_that_is_not_open_says_so(documents, partitions, log):
    closed = DocumentsLog(documents, "closed", partitions, SystemClock(), Random(2))
    with pytest.raises(LogClosedError):
        await closed.append([new_event(1)])
    await log.close()
    with pytest.raises(LogClosedError):
        await log.append([new_event(1)])


async def test_logs_over_one_store_do_not_mix(make_log):
    one, two = await make_log(name="one"), await make_log(name="two")
    await one.append([new_event(1)])
    (verdict,) = await two.append([new_event(1)])
    assert (verdict.status, verdict.seq) == (VerdictStatus.STORED, 1)


async def test_an_append_takes_1_to_500_events(log):
    for batch in ([], [new_event(number) for number in range(APPEND_LIMIT + 1)]):
        with pytest.raises(InvalidArgumentError):
            await log.append(batch)
    await log.append([new_event(number) for number in range(APPEND_LIMIT)])
    assert len(await stored_events(log)) == APPEND_LIMIT
    assert APPEND_LIMIT <= BATCH_LIMIT  # the store takes a whole append in one insert


@pytest.mark.parametrize(
    "change",
    [
        {"client_event_id": ""},
        {"client_event_id": "x" * (CLIENT_EVENT_ID_LIMIT + 1)},
        {"client_event_id": "\ud800"},
        {"subject": ""},
        {"type": ""},
        {"subject": "s" * (TEXT_LIMIT + 1)},
        {"trace": "t" * (TEXT_LIMIT + 1)},
        {"occurred_time": datetime(2026, 1, 5)},  # noqa: DTZ001 - the point
        {"payload": {"text": "x" * PAYLOAD_LIMIT_BYTES}},
        {"payload": {"when": object()}},
        {"payload": {"text": "\ud800"}},
        {"payload": {1: "a key that is no text"}},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_an_event_past_a_bound_is_refused_and_nothing_of_its_batch_is_stored(log, change):
    with pytest.raises(InvalidArgumentError):
        await log.append([new_event(1), new_event(2, **change)])
    assert await stored_events(log) == []


async def test_events_at_the_bounds_and_of_any_script_are_kept(log):
    texts = ["知客", "😀 emoji", "１２３", "\x00\x1b", "a'\"$%_*", "e" * CLIENT_EVENT_ID_LIMIT]
    batch = [new_event(n, client_event_id=text, payload={text: text}) for n, text in enumerate(texts)]
    verdicts = await log.append(batch)
    assert {verdict.status for verdict in verdicts} == {VerdictStatus.STORED}
    assert sorted(next(iter(event.payload)) for event in await stored_events(log)) == sorted(texts)


async def test_a_queue_that_is_full_refuses_and_says_try_again(documents, make_log):
    log = await make_log()
    batches = [[new_event(b * 500 + n, subject="one") for n in range(500)] for b in range(BACKLOG_LIMIT // 500 + 1)]
    results = await asyncio.gather(*(log.append(batch) for batch in batches), return_exceptions=True)
    refused = [result for result in results if isinstance(result, ZhikeError)]
    assert [type(error) for error in refused] == [LogBusyError]
    assert len(await stored_events(log)) == BACKLOG_LIMIT


async def test_a_log_that_is_busy_in_one_partition_takes_nothing_of_an_append(make_log):
    log = await make_log()
    filling = [
        asyncio.create_task(log.append([new_event(b * 500 + n, subject="one") for n in range(500)]))
        for b in range(BACKLOG_LIMIT // 500)
    ]
    await asyncio.sleep(0)
    with pytest.raises(LogBusyError):
        await log.append([new_event(100_000 + n, subject=f"s{n}") for n in range(20)] + [new_event(1, subject="one")])
    await asyncio.gather(*filling)
    assert len(await stored_events(log)) == BACKLOG_LIMIT


async def test_what_became_of_events_is_counted_reused_ids_among_them(documents, partitions):
    metrics = Metrics([EVENTLOG_METRICS])
    log = DocumentsLog(documents, "counted", partitions, SystemClock(), Random(1), metrics=metrics)
    await log.open()
    await log.append([new_event(1), new_event(2), new_event(1)])
    await log.append([new_event(1, type="search")])
    counted = {
        status.value: metrics.registry.get_sample_value(
            "zhike_log_appended_events_total", {"log": "counted", "status": status.value}
        )
        for status in VerdictStatus
    }
    assert counted == {"stored": 2, "duplicate": 1, "reused": 1}


async def test_a_read_takes_1_to_1000_events_of_a_partition_that_exists(log, partitions):
    for place in (
        {"partition": 0, "after": 0, "limit": 0},
        {"partition": 0, "after": 0, "limit": READ_LIMIT + 1},
        {"partition": partitions, "after": 0},
        {"partition": -1, "after": 0},
        {"partition": 0, "after": -1},
    ):
        with pytest.raises(InvalidArgumentError):
            await log.read(**place)


async def test_a_redrive_is_a_new_event_that_names_the_first_of_its_chain(log):
    (original,) = await log.append([new_event(1)])
    first = await log.redrive(original.partition, original.seq, key=original.key, attempt="attempt-1")
    again = await log.redrive(original.partition, original.seq, key=original.key, attempt="attempt-1")
    second = await log.redrive(first.partition, first.seq, key=original.key, attempt="attempt-2")
    assert (again.status, again.seq) == (VerdictStatus.DUPLICATE, first.seq)
    events = await stored_events(log)
    assert [(event.seq, event.redrive_of) for event in events] == [
        (1, ""),
        (first.seq, original.key),
        (second.seq, original.key),
    ]
    assert len({event.key for event in events}) == 3
    assert {event.payload["product"] for event in events} == {"p1"}


async def test_an_erased_event_keeps_its_number_and_any_repeat_of_it_is_a_duplicate(documents, log):
    (verdict,) = await log.append([new_event(1)])
    document = await documents.get(EVENTS, verdict.key)
    erased = {**document.body, "payload": {}, "subject": "erased", "fingerprint": ""}
    await documents.replace(EVENTS, verdict.key, erased, expected_revision=document.revision)
    (again,) = await log.append([new_event(1)])
    assert (again.status, again.seq) == (VerdictStatus.DUPLICATE, verdict.seq)


async def test_events_are_found_by_who_wrote_them_and_their_ids(log: DocumentsLog) -> None:
    await log.append([new_event(number) for number in range(3)])
    found = await log.events_named("shanghai", "key-1", ["e2", "e404", "e0"])
    assert [event.payload["product"] for event in found] == ["p2", "p0"]
    assert await log.events_named("shanghai", "key-2", ["e0"]) == ()
    assert await log.events_named("other", "key-1", ["e0"]) == ()
    assert await log.events_named("shanghai", "key-1", []) == ()
