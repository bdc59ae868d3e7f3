"""A process says SERVING once it is ready, while its store answers, and until it drains."""

from collections.abc import Callable

import pytest
from grpc_health.v1 import health_pb2

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import StoreUnavailableError
from services.chassis.metrics import CHASSIS_METRICS, Metrics
from services.chassis.readiness import PINGS_MISSED, Readiness


class Health:
    """Keeps the last state that was set."""

    def __init__(self) -> None:
        self.state = health_pb2.HealthCheckResponse.UNKNOWN

    async def set(self, service: str, state: int) -> None:
        assert service == ""
        self.state = state


class Flaky(MemoryDocuments):
    away = False

    async def ping(self) -> None:
        if self.away:
            raise StoreUnavailableError("away", cause="OutOfDiskSpace")


@pytest.fixture
def stands() -> tuple[Readiness, Callable[[], bool]]:
    health, metrics = Health(), Metrics((CHASSIS_METRICS,))

    def serving() -> bool:
        told = health.state == health_pb2.HealthCheckResponse.SERVING
        assert metrics.registry.get_sample_value("zhike_ready") == float(told)
        return told

    return Readiness(health, metrics), serving


async def test_it_serves_from_ready_to_drain(stands: tuple[Readiness, Callable[[], bool]]) -> None:
    readiness, serving = stands
    await readiness.show()
    assert not serving()
    await readiness.become_ready()
    assert serving()
    await readiness.drain()
    assert not serving()


async def test_a_store_that_is_away_takes_readiness_and_gives_it_back(
    stands: tuple[Readiness, Callable[[], bool]],
) -> None:
    readiness, serving = stands
    documents = Flaky()
    await readiness.become_ready()
    documents.away = True
    for missed in range(1, PINGS_MISSED + 2):
        await readiness.look(documents)
        assert serving() == (missed < PINGS_MISSED)
    documents.away = False
    await readiness.look(documents)
    assert serving()


async def test_a_store_that_comes_back_makes_no_draining_or_starting_process_ready(
    stands: tuple[Readiness, Callable[[], bool]],
) -> None:
    readiness, serving = stands
    documents = Flaky()
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
