"""A copy that follows its log: snapshots when a restart would cost, rebuilt while the old one answers."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.manifest import Manifests
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.port import NewEvent
from services.chassis.eventlog.running import running
from services.chassis.eventlog.snapshots import ReplicaState
from services.chassis.metrics import CHASSIS_METRICS, Metrics
from services.chassis.operation_run import Operation, OperationRun, OperationState, Progress
from services.kits.purchases import ORDER_EVENTS
from services.recommendation.jobs import followed
from services.recommendation.jobs.followed import Followed
from services.recommendation.store.ledger import LOGS, USER_EVENTS, Ledger
from tests.fakes.clock import ManualClock
from tests.fakes.order_facts import order_fact, placed
from tests.unit.services.recommendation.shop import NOW


class Copy:
    """A ledger that follows its logs in memory."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.documents, self.artifacts = ManualClock(), MemoryDocuments(), LocalArtifacts(folder)
        self.logs = [DocumentsLog(self.documents, name, 1, self.clock, Random(1)) for name, _ in LOGS]
        self.log, self.facts = self.logs
        self.metrics = Metrics((CHASSIS_METRICS, EVENTLOG_METRICS))
        self.installed: list[Ledger] = []

    async def open(self) -> None:
        await self.artifacts.open()
        for log in self.logs:
            await log.open()
        await Manifests(self.documents, self.artifacts, self.clock).open()

    async def close(self) -> None:
        for log in self.logs:
            await log.close()

    def followed(self, logs: int = 2) -> Followed[Ledger]:
        """``logs`` 1: as it was before there were order facts."""

        def replica(state: Ledger) -> ReplicaState:
            own = self.logs[:logs]
            return ReplicaState(
                state, own, self.documents, self.artifacts, self.clock, rng=Random(2), metrics=self.metrics
            )

        return Followed(Ledger, replica, self.installed.append)

    async def bought(self, first: int, last: int) -> None:
        events = [
            NewEvent(
                client_event_id=f"e{number}",
                owner="test",
                type="purchase-complete",
                occurred_time=NOW,
                shop="main",
                channel="web",
                subject="card:1",
                payload={"order": {"kind": "sale"}, "products": [{"id": f"p{number}", "quantity": 1}]},
            )
            for number in range(first, last)
        ]
        await self.log.append(events)

    async def placed(self, first: int, last: int) -> None:
        """Orders as facts, each with another event of its life."""
        facts = [
            fact
            for number in range(first, last)
            for fact in (
                placed(f"f{number}", f"{number}", NOW, products=[{"id": f"f{number}", "quantity": 1}]),
                order_fact(f"s{number}", f"{number}", NOW, type="stage-entered"),
            )
        ]
        await self.facts.append(facts)

    async def snapshots(self) -> int:
        manifest = await Manifests(self.documents, self.artifacts, self.clock).current("interactions")
        return 0 if manifest is None else manifest.version


@pytest.fixture
async def copy(tmp_path: Path) -> AsyncIterator[Copy]:
    copy = Copy(tmp_path)
    await copy.open()
    yield copy
    await copy.close()


async def test_what_is_in_the_logs_is_in_the_copy_and_its_numbers_are_exact(copy: Copy) -> None:
    await copy.bought(0, 5)
    await copy.placed(0, 3)
    ledger = copy.followed()
    await ledger.open()
    async with running([ledger.run()]):
        await ledger.caught_up()
        assert len(copy.installed[-1]) == 8
        through = ledger.trained_through()
        assert {log: dict(each.seqs) for log, each in through.items()} == {USER_EVENTS: {0: 5}, ORDER_EVENTS: {0: 6}}
        assert [through[log.name].generation for log in copy.logs] == [
            (await log.head()).generation for log in copy.logs
        ]
        shown = [(log.projection_name, log.log_name, log.applied, log.lag_events()) for log in ledger.logs]
        assert shown == [("interactions", USER_EVENTS, 5, 0), ("interactions", ORDER_EVENTS, 6, 0)]


async def test_it_is_as_stale_as_of_the_log_that_is_worst_off(copy: Copy) -> None:
    ledger = copy.followed()
    await ledger.open()
    async with running([ledger.readers[0].run()]):
        await ledger.readers[0].caught_up()
        async with asyncio.timeout(5):
            while ledger.readers[0].staleness_s() == math.inf:  # noqa: ASYNC110 - until its first mark
                await asyncio.sleep(0.001)
        assert ledger.staleness_s() == math.inf, "of the orders it never heard"


async def test_a_snapshot_from_before_there_were_order_facts_is_taken_and_these_are_read_from_their_start(
    copy: Copy,
) -> None:
    before = copy.followed(logs=1)
    await before.open()
    async with running([before.run()]):
        await copy.bought(0, 5)
        await before.caught_up()
        await before.save()
    await copy.placed(0, 3)
    after = copy.followed()
    await after.open()
    assert len(copy.installed[-1]) == 5
    async with running([after.run()]):
        await after.caught_up()
        assert [log.applied for log in after.logs] == [0, 6], "what the snapshot holds is not read again"
        assert len(copy.installed[-1]) == 8


async def test_a_snapshot_is_taken_when_much_came_and_not_before(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "SAVE_EVENTS", 5)
    ledger = copy.followed()
    await ledger.open()
    async with running([ledger.run()]):
        await copy.bought(0, 4)
        await ledger.caught_up()
        await ledger.save_if_much_came()
        assert await copy.snapshots() == 0
        await copy.placed(0, 1)
        await ledger.caught_up()
        await ledger.save_if_much_came()
        await ledger.save_if_much_came()
        assert await copy.snapshots() == 1


async def test_the_next_process_begins_at_the_snapshot(copy: Copy) -> None:
    first = copy.followed()
    await first.open()
    async with running([first.run()]):
        await copy.bought(0, 5)
        await copy.placed(0, 2)
        await first.caught_up()
        await first.save()
        await first.save()
    assert await copy.snapshots() == 1
    await copy.bought(5, 7)
    await copy.placed(2, 3)
    second = copy.followed()
    await second.open()
    assert len(copy.installed[-1]) == 7
    async with running([second.run()]):
        await second.caught_up()
        assert len(copy.installed[-1]) == 10
        assert [log.applied for log in second.logs] == [2, 2]


async def test_rebuilt_it_is_another_object_with_the_same_content(copy: Copy) -> None:
    await copy.bought(0, 5)
    ledger = copy.followed()
    await ledger.open()
    async with running([ledger.run()]):
        await ledger.caught_up()
        old = copy.installed[-1]
        with closing(operation_run()) as run:
            await ledger.rebuild(run)
        assert (run.progress.rows, run.progress.accepted) == (5, 5), "however quickly it was done"
        await copy.bought(5, 6)
        await ledger.caught_up()
        new = copy.installed[-1]
        assert new is not old
        assert (len(old), len(new)) == (5, 6)
        assert new.dump() != old.dump()
        assert dict(ledger.trained_through()[USER_EVENTS].seqs) == {0: 6}
        assert [log.applied for log in ledger.logs] == [6, 0], "its own readers, not those of the old one"


def operation_run() -> OperationRun:
    async def nobody_looks(run: OperationRun) -> None:
        return None

    operation = Operation("recommendation.1", "rebuild", OperationState.RUNNING, {}, Progress(), NOW)
    return OperationRun(operation, nobody_looks, ManualClock())
