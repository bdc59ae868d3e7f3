"""A lease spares replicas double work: one holder while all goes well, another once the holder is silent."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from services.chassis.documents.port import DocumentStore, RevisionMismatchError
from services.chassis.leases import LEASES, TTL_S, Lease, Leases
from tests.fakes.clock import ManualClock

Replica = Callable[..., Leases]


@pytest.fixture
async def documents(documents: DocumentStore) -> DocumentStore:
    await documents.declare(LEASES)
    return documents


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def replica(documents: DocumentStore, clock: ManualClock) -> Replica:
    def make(holder_id: str, *, place: str = "", exclusive: bool = False, its_clock: ManualClock = clock) -> Leases:
        return Leases(documents, its_clock, holder_id, replica=place, exclusive=exclusive)

    return make


async def test_a_free_lease_is_taken_and_a_held_one_is_refused(replica: Replica) -> None:
    first, second = replica("a"), replica("b")
    assert await first.acquire("train") == Lease("train", "a", 1)
    assert await second.acquire("train") is None
    assert await first.acquire("train") is None, "the same process has it already"
    assert await second.acquire("mine") is not None, "another name is another lease"


async def test_of_two_that_ask_at_once_for_a_new_lease_one_gets_it(replica: Replica) -> None:
    leases = await asyncio.gather(*(replica(f"r{number}").acquire("train") for number in range(20)))
    assert sum(lease is not None for lease in leases) == 1


async def test_a_silent_holder_is_replaced_after_the_ttl_since_the_last_change_that_was_seen(
    replica: Replica, clock: ManualClock
) -> None:
    holder, observer = replica("a"), replica("b")
    lease = await holder.acquire("train")
    assert lease is not None
    assert await observer.acquire("train") is None
    clock.advance(TTL_S - 0.25)
    assert await observer.acquire("train") is None
    assert await holder.renew(lease)
    clock.advance(0.5)
    assert await observer.acquire("train") is None, "the change starts the wait anew"
    clock.advance(TTL_S - 0.25)
    assert await observer.acquire("train") is None
    clock.advance(0.25)
    assert await observer.acquire("train") == Lease("train", "b", 2)
    assert not await holder.renew(lease), "the old holder learns it at its next renewal"


async def test_who_takes_the_place_of_another_takes_its_leases_at_once_and_nobody_elses(replica: Replica) -> None:
    gone, neighbour = replica("a", place="zhike-0"), replica("b", place="zhike-1")
    lease = await gone.acquire("train")
    assert lease is not None
    await neighbour.acquire("mine")
    successor, placeless = replica("c", place="zhike-0"), replica("d")
    assert await placeless.acquire("train") is None
    assert await successor.acquire("train") == Lease("train", "c", 2)
    assert await successor.acquire("mine") is None
    assert not await gone.renew(lease), "was it not dead, it learns it at its next renewal"


async def test_without_a_place_nobody_is_known_to_be_gone(replica: Replica) -> None:
    await replica("a").acquire("train")
    assert await replica("b").acquire("train") is None


async def test_of_many_observers_of_a_silent_holder_one_takes_over(replica: Replica, clock: ManualClock) -> None:
    await replica("dead").acquire("train")
    observers = [replica(f"r{number}") for number in range(20)]
    assert await asyncio.gather(*(each.acquire("train") for each in observers)) == [None] * 20
    clock.advance(TTL_S)
    taken = [lease for lease in await asyncio.gather(*(each.acquire("train") for each in observers)) if lease]
    assert [lease.term for lease in taken] == [2]


async def test_wall_clocks_minutes_apart_change_nothing(documents: DocumentStore, replica: Replica) -> None:
    its_clock, other = ManualClock(), ManualClock(monotonic=5_000.0)
    other.step_wall(timedelta(minutes=10).total_seconds())
    holder, observer = replica("a", its_clock=its_clock), replica("b", its_clock=other)
    lease = await holder.acquire("train")
    assert lease is not None
    for _ in range(5):
        assert await observer.acquire("train") is None
        other.advance(TTL_S - 1)
        other.step_wall(-3_600)
        assert await holder.renew(lease)
    assert "time" not in str((await documents.get(LEASES, "train")).body)  # type: ignore[union-attr]


async def test_a_released_lease_is_free_at_once_and_its_revision_only_grows(
    documents: DocumentStore, replica: Replica
) -> None:
    holder, observer = replica("a"), replica("b")
    lease = await holder.acquire("train")
    assert lease is not None
    await holder.release(lease)
    assert await observer.acquire("train") == Lease("train", "b", 2)
    await holder.release(lease)
    document = await documents.get(LEASES, "train")
    assert document is not None
    assert (document.body["holder_id"], document.revision) == ("b", 3), "a late release takes nothing from the next"


async def test_embedded_a_predecessors_lease_is_taken_at_once_and_needs_no_renewal(
    documents: DocumentStore, replica: Replica
) -> None:
    assert await replica("killed", exclusive=True).acquire("train") is not None
    successor = replica("new", exclusive=True)
    lease = await successor.acquire("train")
    assert lease == Lease("train", "new", 2)
    written = await documents.get(LEASES, "train")
    assert await successor.renew(lease)
    assert await documents.get(LEASES, "train") == written, "nothing was written"


async def test_two_holders_at_once_change_nothing_in_the_result(documents: DocumentStore, replica: Replica) -> None:
    """A paused holder goes on beside its successor; the compare and set on what they save lets one of them through."""
    await documents.insert(LEASES, "result", {"total": 0, "applied": 0})
    both_read = asyncio.Barrier(2)

    async def apply_next() -> bool:
        document = await documents.get(LEASES, "result")
        assert document is not None
        await both_read.wait()
        body = {"total": document.body["total"] + 10, "applied": document.body["applied"] + 1}
        try:
            await documents.replace(LEASES, "result", body, expected_revision=document.revision)
        except RevisionMismatchError:
            return False
        return True

    paused, successor = replica("a"), replica("b", exclusive=True)
    assert await paused.acquire("train") is not None
    assert await successor.acquire("train") is not None
    assert sorted(await asyncio.gather(apply_next(), apply_next())) == [False, True]
    document = await documents.get(LEASES, "result")
    assert document is not None
    assert document.body == {"total": 10, "applied": 1}
