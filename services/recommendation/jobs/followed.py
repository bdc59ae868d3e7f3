"""One in-memory copy that follows its log, and can be read anew from the log's start while the old one answers."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from services.chassis.errors import ZhikeError
from services.chassis.eventlog.dead_letters import LetterBox
from services.chassis.eventlog.port import EventSource
from services.chassis.eventlog.reader import Reader
from services.chassis.eventlog.running import first_end, running, set_of
from services.chassis.eventlog.snapshots import ReplicaState, State
from services.chassis.logs import get_log
from services.chassis.operation_run import OperationRun
from services.recommendation.domain.model import TrainedThrough

PROGRESS_INTERVAL_S = 0.5
SAVE_EVENTS = 20_000  # about two seconds of reading at a restart
SAVE_CHECK_INTERVAL_S = 10.0

log = get_log("copies")

StateT = TypeVar("StateT", bound=State)


class Followed(Generic[StateT]):
    """A copy of one log. ``await open()``, then ``run`` is a job of every replica.

    ``replica(state)`` wraps a state with the chassis's snapshots and reader; ``install(state)`` makes a state the one
    that answers.
    """

    def __init__(
        self,
        make: Callable[[], StateT],
        replica: Callable[[StateT], ReplicaState],
        install: Callable[[StateT], None],
        source: EventSource,
    ) -> None:
        self._make, self._make_replica, self._install, self._source = make, replica, install, source
        self.state = make()
        self._replica = replica(self.state)
        self._saved = self._replica.positions()
        self._switched = asyncio.Event()
        self._rebuilding = asyncio.Lock()

    async def open(self) -> None:
        """Load the latest snapshot."""
        await self._replica.open()
        self._saved = self._replica.positions()
        self._install(self.state)

    async def run(self) -> None:
        """Follow the log until cancelled, with whichever state is in force."""
        while True:
            replica, switched = self._replica, self._switched
            async with running([replica.run(), set_of(switched)]) as tasks:
                await first_end(tasks)

    async def caught_up(self) -> None:
        """Return when the copy holds all that the log holds now."""
        await self._replica.caught_up()

    async def save(self) -> None:
        """Store a snapshot if something came since the last one of this object; a start reads the rest of the log."""
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
        seqs = self._replica.positions()[self._source.name].seqs
        saved = self._saved[self._source.name].seqs
        if sum(seqs.values()) - sum(saved.values()) >= SAVE_EVENTS:
            await self.save()

    async def rebuild(self, run: OperationRun) -> None:
        """Read the log from its start into a new state and let that one answer (docs/consistency.md rule 10)."""
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
            await self.save()
            log.info("copy rebuilt", copy=state.name)

    def trained_through(self) -> TrainedThrough:
        """Return exactly what is in the state: the log's generation and the last number of each partition."""
        cursor = self._replica.positions()[self._source.name]
        return TrainedThrough(cursor.generation, dict(cursor.seqs))

    @property
    def projection_name(self) -> str:
        return self.state.name

    @property
    def log_name(self) -> str:
        return self._source.name

    @property
    def applied(self) -> int:
        return self._reader.applied

    def lag_events(self) -> int:
        """Return how many events of the last known heads are not applied."""
        return self._reader.lag_events()

    def staleness_s(self) -> float:
        """Return how old the copy may be (docs/consistency.md rule 12)."""
        return self._reader.staleness_s()

    @property
    def letters(self) -> LetterBox:
        """The events that were set aside."""
        return self._reader.letters

    @property
    def _reader(self) -> Reader:
        return self._replica.readers[0]


async def _report(replica: ReplicaState, run: OperationRun) -> None:
    while True:
        await asyncio.sleep(PROGRESS_INTERVAL_S)
        _count(replica, run)
        await run.report()


def _count(replica: ReplicaState, run: OperationRun) -> None:
    run.progress.accepted = sum(reader.applied for reader in replica.readers)
    run.progress.rows = run.progress.accepted + sum(reader.lag_events() for reader in replica.readers)
