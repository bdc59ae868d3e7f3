"""A process says SERVING once it is ready, while its store answers, and until it drains."""

from collections.abc import Callable

import pytest
from grpc_health.v1 import health_pb2

from services.chassis.documents.measured import STORE_METRICS, MeasuredDocuments
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import Body, Collection, Document, StoreUnavailableError
from services.chassis.metrics import CHASSIS_METRICS, Metrics
from services.chassis.readiness import PING_SLOW_S, PINGS_MISSED, Readiness
from services.chassis.standing import DOCUMENT_WRITES, DOCUMENTS, Standings
from tests.fakes.clock import ManualClock


class Health:
    """Keeps the last state that was set."""

    def __init__(self) -> None:
        self.state = health_pb2.HealthCheckResponse.UNKNOWN

    async def set(self, service: str, state: int) -> None:
        assert service == ""
        self.state = state


class Flaky(MemoryDocuments):
    away = False

    full = False
    slow_s = 0.0

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    async def ping(self) -> None:
        self._clock.advance(self.slow_s)
        if self.away:
            raise StoreUnavailableError("away", cause="ServerSelectionTimeoutError")

    async def insert(self, collection: Collection, key: str, body: Body) -> Document:
        if self.full:
            raise StoreUnavailableError("full", cause="OutOfDiskSpace")
        return await super().insert(collection, key, body)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def standings() -> Standings:
    return Standings()


@pytest.fixture
def stands(standings: Standings, clock: ManualClock) -> tuple[Readiness, Callable[[], bool]]:
    health, metrics = Health(), Metrics((CHASSIS_METRICS,))

    def serving() -> bool:
        told = health.state == health_pb2.HealthCheckResponse.SERVING
        assert metrics.registry.get_sample_value("zhike_ready") == float(told)
        return told

    return Readiness(health, metrics, standings, clock), serving


async def test_it_serves_from_ready_to_drain(stands: tuple[Readiness, Callable[[], bool]]) -> None:
    readiness, serving = stands
    await readiness.show()
    assert not serving()
    await readiness.become_ready()
    assert serving()
    await readiness.drain()
    assert not serving()


async def test_a_store_that_is_away_takes_readiness_and_gives_it_back(
    stands: tuple[Readiness, Callable[[], bool]], clock: ManualClock, standings: Standings
) -> None:
    readiness, serving = stands
    documents = Flaky(clock)
    await readiness.become_ready()
    documents.away = True
    for missed in range(1, PINGS_MISSED + 2):
        await readiness.look(documents)
        assert serving() == (missed < PINGS_MISSED)
    assert readiness.degraded == standings.degraded == {DOCUMENTS: "ServerSelectionTimeoutError"}
    documents.away = False
    await readiness.look(documents)
    assert serving()


async def test_a_store_that_comes_back_makes_no_draining_or_starting_process_ready(
    stands: tuple[Readiness, Callable[[], bool]], clock: ManualClock, standings: Standings
) -> None:
    readiness, serving = stands
    documents = Flaky(clock)
    documents.away = True
    for _ in range(PINGS_MISSED):
        await readiness.look(documents)
    documents.away = False
    await readiness.look(documents)
    assert not serving(), "it was never ready"
    await readiness.become_ready()
    await readiness.drain()
    await readiness.look(documents)
    assert not serving()


async def test_a_slow_store_is_named_and_the_process_serves_on(
    stands: tuple[Readiness, Callable[[], bool]], clock: ManualClock
) -> None:
    readiness, serving = stands
    documents = Flaky(clock)
    await readiness.become_ready()
    documents.slow_s = PING_SLOW_S + 0.1
    for asked in range(1, PINGS_MISSED + 1):
        await readiness.look(documents)
        assert serving()
        assert readiness.degraded == ({DOCUMENTS: "slow: 1.1 s to answer"} if asked == PINGS_MISSED else {})
    documents.slow_s = PING_SLOW_S
    await readiness.look(documents)
    assert readiness.degraded == {}


async def test_while_writes_fail_one_is_tried_at_every_look(
    stands: tuple[Readiness, Callable[[], bool]], clock: ManualClock, standings: Standings
) -> None:
    readiness, serving = stands
    flaky = Flaky(clock)
    documents = MeasuredDocuments(flaky, Metrics([STORE_METRICS]), standings)
    await readiness.become_ready()
    flaky.full = True
    standings.failed(DOCUMENT_WRITES, "OutOfDiskSpace")
    await readiness.look(documents)
    assert readiness.degraded == {DOCUMENT_WRITES: "OutOfDiskSpace"}
    assert serving(), "it reads"
    flaky.full = False
    await readiness.look(documents)
    assert readiness.degraded == {}
    standings.failed(DOCUMENT_WRITES, "OutOfDiskSpace")
    await readiness.look(documents)
    assert readiness.degraded == {}, "the probe is there already, and is written again"
