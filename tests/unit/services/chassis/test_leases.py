"""Work under a lease: it is renewed while the body runs, and a lease that is lost ends the body."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import RevisionMismatchError, StoreUnavailableError
from services.chassis.leases import ASK_INTERVAL_S, LEASES, TTL_S, LeaseLostError, Leases
from services.chassis.metrics import Metrics
from services.chassis.standing import LEASES as LEASES_PART
from services.chassis.standing import Standings
from tests.fakes.clock import ManualClock

Replica = Callable[..., Leases]


class FlakyDocuments(MemoryDocuments):
    """Refuses while ``away``; runs ``before_replace`` once between a caller's read and its write."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False

    async def get(self, collection, key):
        if self.away:
            raise StoreUnavailableError("away")
        return await super().get(collection, key)


@pytest.fixture
async def documents() -> AsyncIterator[FlakyDocuments]:
    store = FlakyDocuments()
    await store.declare(LEASES)
    yield store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def standings(metrics: Metrics) -> Standings:
    return Standings(metrics)


@pytest.fixture
def replica(documents: FlakyDocuments, clock: ManualClock, metrics: Metrics, standings: Standings) -> Replica:
    def make(holder_id: str, *, exclusive: bool = False, its_clock: ManualClock = clock) -> Leases:
        return Leases(
            documents,
            its_clock,
            holder_id,
            exclusive=exclusive,
            sleep=its_clock.sleep,
            metrics=metrics,
            standings=standings,
        )

    return make


async def test_the_body_runs_while_held_and_the_lease_is_free_after_it(replica: Replica, clock: ManualClock) -> None:
    first, second = replica("a"), replica("b")
    order = []

    async def work(leases: Leases, name: str) -> None:
        async with leases.while_held("train"):
            order.append(f"{name} begins")
            await clock.sleep(10 * TTL_S)
            order.append(f"{name} ends")

    async with asyncio.TaskGroup() as group:
        group.create_task(work(first, "a"))
        group.create_task(work(second, "b"))
        await clock.run_for(20 * TTL_S + 2 * ASK_INTERVAL_S)
    assert order == ["a begins", "a ends", "b begins", "b ends"], "renewed for ten times its ttl, then handed over"


async def test_a_lost_lease_cancels_the_body_with_its_own_error(
    documents: FlakyDocuments, replica: Replica, clock: ManualClock, metrics: Metrics, standings: Standings
) -> None:
    entered, leases = asyncio.Event(), replica("a")

    async def work() -> None:
        async with leases.while_held("train"):
            entered.set()
            await clock.sleep(1_000)

    task = asyncio.create_task(work())
    await entered.wait()
    document = await documents.get(LEASES, "train")
    assert document is not None
    stolen = {"holder_id": "b", "term": 2}
    await documents.replace(LEASES, "train", stolen, expected_revision=document.revision)
    await clock.run_for(TTL_S)
    with pytest.raises(LeaseLostError):
        await task
    assert (await documents.get(LEASES, "train")).body == stolen  # type: ignore[union-attr]
    assert metrics.registry.get_sample_value("zhike_lease_lost_total", {"lease": "train"}) == 1
    assert standings.degraded == {LEASES_PART: "lost train (term 1)"}


async def test_who_waits_for_a_lost_lease_again_stands_as_it_should(
    documents: FlakyDocuments, replica: Replica, clock: ManualClock, standings: Standings
) -> None:
    standings.failed(LEASES_PART, "lost train (term 1)")
    await documents.insert(LEASES, "train", {"holder_id": "b", "term": 2})

    async def work() -> None:
        async with replica("a").while_held("train"):
            raise AssertionError("another holds it")

    task = asyncio.create_task(work())
    await clock.run_for(ASK_INTERVAL_S)
    assert standings.degraded == {}
    task.cancel()


async def test_a_store_that_is_away_for_less_than_the_ttl_costs_nothing_and_for_longer_the_lease(
    documents: FlakyDocuments, replica: Replica, clock: ManualClock
) -> None:
    entered = asyncio.Event()

    async def work() -> None:
        async with replica("a").while_held("train"):
            entered.set()
            await clock.sleep(1_000)

    task = asyncio.create_task(work())
    await entered.wait()
    documents.away = True
    await clock.run_for(TTL_S - 1)
    documents.away = False
    await clock.run_for(TTL_S)
    assert not task.done()
    documents.away = True
    await clock.run_for(TTL_S + 1)
    with pytest.raises(LeaseLostError):
        await task


async def test_cancelling_the_body_from_outside_stays_a_cancellation(replica: Replica, clock: ManualClock) -> None:
    entered = asyncio.Event()
    leases = replica("a")

    async def work() -> None:
        async with leases.while_held("train"):
            entered.set()
            await clock.sleep(1_000)

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await replica("b").acquire("train") is not None, "released on the way out"


async def test_an_error_of_the_body_comes_through_and_frees_the_lease(replica: Replica) -> None:
    with pytest.raises(RevisionMismatchError):
        async with replica("a").while_held("train"):
            raise RevisionMismatchError("x", key="k", expected=1, actual=2)
    assert await replica("b").acquire("train") is not None


async def test_waiting_goes_on_while_the_store_is_away(
    documents: FlakyDocuments, replica: Replica, clock: ManualClock
) -> None:
    documents.away = True
    done = asyncio.Event()

    async def work() -> None:
        async with replica("a").while_held("train"):
            done.set()

    task = asyncio.create_task(work())
    await clock.run_for(5 * ASK_INTERVAL_S)
    assert not done.is_set()
    documents.away = False
    await clock.run_for(ASK_INTERVAL_S)
    await task
    assert done.is_set()
