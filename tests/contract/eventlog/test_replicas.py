"""Replicas on one database: docs/consistency.md rules 4 and 5 with real processes; benchmarks.replicas does more."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from benchmarks.replica_process import SkewedClock, numbered_event
from benchmarks.replicas import database, handed_over, measure_handovers, measure_writers, written
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import Event, VerdictStatus
from tests.contract.conftest import DocumentsAdapter
from tests.fakes.events import new_event, stored_events

COUNT = 4_000


@pytest.fixture
def database_service(mongodb_here: str) -> Iterator[str]:
    with database(mongodb_here, "t") as service:
        yield service


@pytest.mark.real
@pytest.mark.slow
async def test_four_processes_append_to_one_partition_without_gap_or_double(
    mongodb_here: str, database_service: str
) -> None:
    found = await measure_writers(mongodb_here, database_service, writers=4, events=COUNT)
    assert (found.gaps, found.doubled, found.lost) == (0, 0, 0)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_paused_holders_with_clocks_minutes_apart_apply_each_event_once_and_tell_it_under_one_id(
    mongodb_here: str, database_service: str
) -> None:
    found = await measure_handovers(mongodb_here, database_service, handovers=8, seed=3, speed=10.0)
    assert found.held, found
    assert found.events > 100


@pytest.mark.real
async def test_replicas_that_send_the_same_events_at_once_store_each_once_whatever_their_clocks_say(
    shared_documents_adapter: DocumentsAdapter, tmp_path, partitions: int
) -> None:
    stores = [shared_documents_adapter.open(tmp_path) for _ in range(4)]
    logs = [
        DocumentsLog(store, "user-events", partitions, SkewedClock(300.0 * (place - 2)), Random(place))
        for place, store in enumerate(stores)
    ]
    for log in logs:
        await log.open()
    batches = [[new_event(number) for number in range(first, first + 40)] for first in range(0, 400, 20)]
    answers = await asyncio.gather(*(log.append(batch) for log in logs for batch in batches))
    found = await stored_events(logs[0])
    assert sorted(event.payload["quantity"] for event in found) == list(range(420))
    verdicts = [verdict for answer in answers for verdict in answer]
    assert sum(verdict.status is VerdictStatus.STORED for verdict in verdicts) == 420
    places = {verdict.key: (verdict.partition, verdict.seq) for verdict in verdicts}
    assert all(places[verdict.key] == (verdict.partition, verdict.seq) for verdict in verdicts)
    assert places == {event.key: (event.partition, event.seq) for event in found}
    for log, store in zip(logs, stores, strict=True):
        await log.close()
        await store.close()


@pytest.fixture
async def found() -> list[Event]:
    """A log of ten events, as a faultless run leaves it."""
    log = DocumentsLog(MemoryDocuments(), "replicated", 1, SkewedClock(), Random(1))
    await log.open()
    await log.append([numbered_event(number) for number in range(10)])
    return await stored_events(log)


def test_a_gap_a_double_and_a_loss_are_seen(found: list[Event]) -> None:
    assert written(found, 10, 1.0).gaps == written(found, 10, 1.0).doubled == written(found, 10, 1.0).lost == 0
    assert written(found[:4] + found[5:], 10, 1.0).gaps > 0
    assert written(found[:4] + found[5:], 10, 1.0).lost == 1
    assert written([*found, replace(found[3], seq=11)], 10, 1.0).doubled == 1


def test_an_event_applied_twice_or_never_or_out_of_turn_is_seen(found: list[Event]) -> None:
    applied = [[number] for number in range(10)]
    told = [(event.key, event.payload["number"]) for event in found]
    assert handed_over(found, applied, [*told, told[0]], 1).held, "an effect may be repeated under its id"
    assert handed_over(found, applied, [*told, told[0]], 1).effects_repeated == 1
    assert handed_over(found, [*applied[:9], [9, 9]], told, 1).applied_twice == 1
    assert handed_over(found, applied[:9], told, 1).never_applied == 1
    assert handed_over(found, [[1, 0], *applied[2:]], told, 1).applied_out_of_turn == 1
    assert handed_over(found, applied, told[1:], 1).effects_missing == 1
    assert handed_over(found, applied, [*told, ("another", 3)], 1).effects_with_two_ids == 1
    for wrong in ([*applied[:9], [9, 9]], applied[:9], [[1, 0], *applied[2:]]):
        assert not handed_over(found, wrong, told, 1).held
