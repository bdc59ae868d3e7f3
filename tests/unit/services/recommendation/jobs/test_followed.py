"""A copy that follows its log: snapshots when a restart would cost, rebuilt while the old one answers."""

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
from services.recommendation.jobs import followed
from services.recommendation.jobs.followed import Followed
from services.recommendation.store.ledger import LOG, Ledger
from tests.fakes.clock import ManualClock
from tests.unit.services.recommendation.shop import NOW


class Copy:
    """A ledger that follows a log in memory."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.documents, self.artifacts = ManualClock(), MemoryDocuments(), LocalArtifacts(folder)
        self.log = DocumentsLog(self.documents, LOG, 1, self.clock, Random(1))
        self.metrics = Metrics((CHASSIS_METRICS, EVENTLOG_METRICS))
        self.installed: list[Ledger] = []

    async def open(self) -> None:
        await self.artifacts.open()
        await self.log.open()
        await Manifests(self.documents, self.artifacts, self.clock).open()

    def followed(self) -> Followed[Ledger]:
        return Followed(Ledger, self._replica, self.installed.append, self.log)

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

    async def snapshots(self) -> int:
        manifest = await Manifests(self.documents, self.artifacts, self.clock).current("interactions")
        return 0 if manifest is None else manifest.version

    def _replica(self, state: Ledger) -> ReplicaState:
        return ReplicaState(
            state, [self.log], self.documents, self.artifacts, self.clock, rng=Random(2), metrics=self.metrics
        )


@pytest.fixture
async def copy(tmp_path: Path) -> AsyncIterator[Copy]:
    copy = Copy(tmp_path)
    await copy.open()
    yield copy
    await copy.log.close()


async def test_what_is_in_the_log_is_in_the_copy_and_its_numbers_are_exact(copy: Copy) -> None:
    await copy.bought(0, 5)
    ledger = copy.followed()
    await ledger.open()
    async with running([ledger.run()]):
        await ledger.caught_up()
        assert len(copy.installed[-1]) == 5
        assert dict(ledger.trained_through().seqs) == {0: 5}
        assert ledger.trained_through().generation == (await copy.log.head()).generation
        assert (ledger.applied, ledger.lag_events()) == (5, 0)


async def test_a_snapshot_is_taken_when_much_came_and_not_before(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "SAVE_EVENTS", 5)
    ledger = copy.followed()
    await ledger.open()
    async with running([ledger.run()]):
        await copy.bought(0, 4)
        await ledger.caught_up()
        await ledger.save_if_much_came()
        assert await copy.snapshots() == 0
        await copy.bought(4, 5)
        await ledger.caught_up()
        await ledger.save_if_much_came()
        await ledger.save_if_much_came()
        assert await copy.snapshots() == 1


async def test_the_next_process_begins_at_the_snapshot(copy: Copy) -> None:
    first = copy.followed()
    await first.open()
    async with running([first.run()]):
        await copy.bought(0, 5)
        await first.caught_up()
        await first.save()
        await first.save()
    assert await copy.snapshots() == 1
    await copy.bought(5, 7)
    second = copy.followed()
    await second.open()
    assert len(copy.installed[-1]) == 5
    async with running([second.run()]):
        await second.caught_up()
        assert len(copy.installed[-1]) == 7
        assert second.applied == 2


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
        assert dict(ledger.trained_through().seqs) == {0: 6}


def operation_run() -> OperationRun:
    async def nobody_looks(run: OperationRun) -> None:
        return None

    operation = Operation("recommendation.1", "rebuild", OperationState.RUNNING, {}, Progress(), NOW)
    return OperationRun(operation, nobody_looks, ManualClock())
