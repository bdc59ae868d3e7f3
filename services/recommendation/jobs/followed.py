"""One in-memory copy that follows its logs, and can be read anew from their start while the old one answers."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from services.chassis.errors import ZhikeError
from services.chassis.eventlog.reader import Reader
from services.chassis.eventlog.rebuild import FollowedLog
from services.chassis.eventlog.running import first_end, running, set_of
from services.chassis.eventlog.snapshots import Positions, ReplicaState, State
from services.chassis.logs import get_log
from services.chassis.operation_run import OperationRun
from services.recommendation.domain.model import TrainedThrough

PROGRESS_INTERVAL_S = 0.5
SAVE_EVENTS = 20_000  # about two seconds of reading at a restart
SAVE_CHECK_INTERVAL_S = 10.0

log = get_log("copies")

StateT = TypeVar("StateT", bound=State)


class Followed(Generic[StateT]):
    """A copy of one log or more. ``await open()``, then ``run`` is a job of every replica.

    ``replica(state)`` wraps a state with the chassis's snapshots and readers; ``install(state)`` makes a state the one
    that answers. ``logs``: each of them as an operator's page shows it.
    """

    def __init__(
        self,
        make: Callable[[], StateT],
        replica: Callable[[StateT], ReplicaState],
        install: Callable[[StateT], None],
    ) -> None:
        self._make, self._make_replica, self._install = make, replica, install
        self.state = make()
        self._replica = replica(self.state)
        self.logs = tuple(FollowedLog(self, place) for place in range(len(self._replica.readers)))
        self._saved = self._replica.positions()
        self._switched = asyncio.Event()
        self._rebuilding = asyncio.Lock()

    async def open(self) -> None:
        """Load the latest snapshot."""
        await self._replica.open()
        self._saved = self._replica.positions()
        self._install(self.state)

    async def run(self) -> None:
        """Follow the logs until cancelled, with whichever state is in force."""
        while True:
            replica, switched = self._replica, self._switched
            async with running([replica.run(), set_of(switched)]) as tasks:
                await first_end(tasks)

    async def caught_up(self) -> None:
        """Return when the copy holds all that the logs hold now."""
        await self._replica.caught_up()

    async def save(self) -> None:
        """Store a snapshot if something came since the last one of this object; a start reads the rest of the logs."""
        positions = self._replica.positions()
        if positions == self._saved:
            return
        try:
            await self._replica.save()
            self._saved = positions
        except ZhikeError as error:
            log.error("snapshot not saved", copy=self.state.name, reason=error.reason)

    async def save_if_much_came(self) -> None:
        """Store a snapshot when a restart would have to read SAVE_EVENTS or more: a pass of a job."""
        if _events(self._replica.positions()) - _events(self._saved) >= SAVE_EVENTS:
            await self.save()

    async def rebuild(self, run: OperationRun) -> None:
        """Read the logs from their start into a new state and let that one answer (docs/consistency.md rule 10)."""
        async with self._rebuilding:
            state = self._make()
            replica = self._make_replica(state)
            async with running([replica.run(), replica.caught_up(), _report(replica, run)]) as tasks:
                await first_end(tasks)
            _count(replica, run)
            self.state, self._replica = state, replica
            self._install(state)
            switched, self._switched = self._switched, asyncio.Event()
            switched.set()
            self._saved = {}  # where the copy before it stood says nothing of what is in this one
            await self.save()
            log.info("copy rebuilt", copy=state.name)

    def trained_through(self) -> Mapping[str, TrainedThrough]:
        """Return exactly what is in the state: by log, its generation and the last number of each partition."""
        positions = self._replica.positions()
        return {log: TrainedThrough(cursor.generation, dict(cursor.seqs)) for log, cursor in positions.items()}

    def staleness_s(self) -> float:
        """Return how old the copy may be (docs/consistency.md rule 12): as old as of the log that is worst off."""
        return max(reader.staleness_s() for reader in self.readers)

    @property
    def name(self) -> str:
        """The copy's name, whichever state is in force."""
        return self.state.name

    @property
    def readers(self) -> tuple[Reader, ...]:
        """The readers of the state in force."""
        return self._replica.readers


def _events(positions: Positions) -> int:
    """Return how many events of all logs stand in a state at these positions."""
    return sum(seq for cursor in positions.values() for seq in cursor.seqs.values())


async def _report(replica: ReplicaState, run: OperationRun) -> None:
    while True:
        await asyncio.sleep(PROGRESS_INTERVAL_S)
        _count(replica, run)
        await run.report()


def _count(replica: ReplicaState, run: OperationRun) -> None:
    run.progress.accepted = sum(reader.applied for reader in replica.readers)
    run.progress.rows = run.progress.accepted + sum(reader.lag_events() for reader in replica.readers)
