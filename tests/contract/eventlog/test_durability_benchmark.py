"""The durability benchmark sees what it is for: a lost event, a doubled one, a hole, a projection that differs."""

from io import StringIO
from random import Random

import pytest
from rich.console import Console

from benchmarks.durability import Tally, verify
from benchmarks.durability_processes import LOG, OWNER, PROJECTION, READER, VISITORS, visitors_projection
from benchmarks.durability_stages import CHASSIS_STAGE
from services.chassis.clock import SystemClock
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.generations import GENERATIONS
from services.chassis.eventlog.port import READ_LIMIT
from services.chassis.eventlog.record import EVENTS
from tests.fakes.events import new_event

COUNT = 30


@pytest.fixture
async def stage(tmp_path):
    """What the two processes leave behind after a run without losses, still open for tampering."""
    stores = {service: SqliteDocuments.open(tmp_path / service / "documents.sqlite") for service in (OWNER, READER)}
    log = DocumentsLog(stores[OWNER], LOG, 1, SystemClock(), Random(1))
    await log.open()
    await log.append([new_event(number, payload={"id": f"e{number}"}) for number in range(COUNT)])
    await stores[READER].declare(VISITORS, GENERATIONS)
    copy = visitors_projection(stores[READER], PROJECTION, lambda collection: collection)
    await copy.apply(await log.read(0, after=0, limit=READ_LIMIT))

    async def result():
        for store in stores.values():
            await store.close()
        tally = Tally(acknowledged={f"e{number}" for number in range(COUNT)})
        return await verify(CHASSIS_STAGE, tmp_path, tally, kills=1, console=Console(file=StringIO()))

    return stores, log, result


async def test_a_run_without_losses_holds(stage):
    _, _, result = stage
    found = await result()
    assert (found.acknowledged, found.lost, found.doubled, found.projections_equal) == (COUNT, 0, 0, True)
    assert found.held


async def test_an_acknowledged_event_that_is_not_in_the_log_is_lost(stage):
    stores, log, result = stage
    (last,) = await log.read(0, after=COUNT - 1)
    await stores[OWNER].delete(EVENTS, last.key)
    found = await result()
    assert (found.lost, found.held) == (1, False)


async def test_a_hole_in_the_log_ends_the_run(stage):
    stores, log, result = stage
    middle = (await log.read(0, after=9, limit=1))[0]
    await stores[OWNER].delete(EVENTS, middle.key)
    with pytest.raises(RuntimeError, match="hole"):
        await result()


async def test_an_event_that_is_stored_twice_is_doubled(stage):
    _, log, result = stage
    await log.append([new_event(999, payload={"id": "e3"})])
    found = await result()
    assert (found.doubled, found.held) == (1, False)


@pytest.mark.parametrize("change", ["missed", "changed", "removed"])
async def test_a_projection_that_differs_shows(stage, change):
    stores, log, result = stage
    if change == "missed":
        await log.append([new_event(999, payload={"id": "e999"})])
    else:
        document = await stores[READER].get(VISITORS, "card:3")
        if change == "removed":
            await stores[READER].delete(VISITORS, document.key)
        else:
            body = {**document.body, "events": document.body["events"] + 1}
            await stores[READER].replace(VISITORS, document.key, body, expected_revision=document.revision)
    found = await result()
    assert (found.projections_equal, found.held) == (False, False)
