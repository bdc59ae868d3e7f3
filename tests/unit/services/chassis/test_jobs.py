"""Jobs run again after a crash, under their lease, and end with their process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.jobs import BACK_OFF_FIRST_S, BACK_OFF_LIMIT_S, Job, JobKind, JobRunner, back_off_s
from services.chassis.leases import LeaseLostError, Leases
from services.chassis.metrics import Metrics
from tests.fakes.clock import ManualClock


class Pauses:
    """Sleeps that take no time and are remembered; after ``limit`` of them the sleeper stays asleep."""

    def __init__(self, limit: int) -> None:
        self.taken: list[float] = []
        self.all_taken = asyncio.Event()
        self._limit = limit

    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        if len(self.taken) >= self._limit:
            self.all_taken.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)


class OpenGuard:
    """A lease that is always free; ``names`` remembers who asked."""

    def __init__(self) -> None:
        self.names: list[str] = []

    @asynccontextmanager
    async def while_held(self, name: str) -> AsyncIterator[None]:
        self.names.append(name)
        yield


def runner(pauses: Pauses, guard: object = None, metrics: Metrics | None = None) -> JobRunner:
    return JobRunner(guard or OpenGuard(), metrics or Metrics(), chance=Random(1), sleep=pauses.sleep)


async def test_a_crash_is_counted_and_the_job_runs_again_after_a_growing_pause() -> None:
    pauses, metrics, runs = Pauses(4), Metrics(), 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        raise ValueError("13800138000")

    jobs = runner(pauses, metrics=metrics)
    jobs.start([Job("work", work)])
    await pauses.all_taken.wait()
    assert runs == 4
    assert pauses.taken == sorted(pauses.taken)
    assert metrics.registry.get_sample_value("zhike_job_failures_total", {"background_job": "work"}) == 4
    assert metrics.registry.get_sample_value("zhike_job_running", {"background_job": "work"}) == 0
    (standing,) = jobs.standings
    assert (standing.state, standing.last_error) == ("failed", "ValueError")
    await jobs.stop()


async def test_one_crashing_job_leaves_the_others_alone() -> None:
    pauses, other = Pauses(1), asyncio.Event()

    async def crash() -> None:
        raise RuntimeError

    async def work() -> None:
        other.set()
        await asyncio.Event().wait()

    jobs = runner(pauses)
    jobs.start([Job("crash", crash), Job("work", work)])
    await pauses.all_taken.wait()
    await other.wait()
    assert {each.name: each.state for each in jobs.standings} == {"crash": "failed", "work": "running"}
    await jobs.stop()


async def test_a_repeated_job_pauses_between_passes_and_a_job_without_pause_is_done_when_it_returns() -> None:
    pauses, done = Pauses(3), asyncio.Event()

    async def once() -> None:
        done.set()

    async def work() -> None:
        return None

    jobs = runner(pauses)
    jobs.start([Job("passes", work, every_s=7.0), Job("once", once)])
    await pauses.all_taken.wait()
    await done.wait()
    assert pauses.taken == [7.0] * 3
    assert {each.name: each.state for each in jobs.standings} == {"passes": "waiting", "once": "done"}
    await jobs.stop()


async def test_a_singleton_asks_for_its_lease_and_a_job_per_replica_does_not() -> None:
    pauses, guard, ran = Pauses(2), OpenGuard(), []

    async def work() -> None:
        ran.append(1)

    jobs = runner(pauses, guard)
    jobs.start(
        [
            Job("train", work, JobKind.SINGLETON, every_s=1.0),
            Job("cache", work, JobKind.PER_REPLICA, every_s=1.0),
        ]
    )
    await pauses.all_taken.wait()
    assert guard.names == ["job/train"], "asked for once, kept between passes"
    assert len(ran) >= 2
    await jobs.stop()


async def test_of_two_replicas_one_runs_a_singleton_and_the_other_takes_over() -> None:
    documents, clock, ran = MemoryDocuments(), ManualClock(), []

    def replica(name: str) -> JobRunner:
        leases = Leases(documents, clock, name, sleep=lambda _: asyncio.sleep(0))
        return JobRunner(leases, Metrics(), chance=Random(1), sleep=lambda _: asyncio.sleep(0))

    def work(name: str) -> Job:
        async def run() -> None:
            ran.append(name)
            await asyncio.Event().wait()

        return Job("train", run)

    await Leases(documents, clock, "any").open()
    first, second = replica("a"), replica("b")
    first.start([work("a")])
    while not ran:  # noqa: ASYNC110 - turns of the loop, no time
        await asyncio.sleep(0)
    second.start([work("b")])
    for _ in range(50):
        await asyncio.sleep(0)
    assert ran == ["a"]
    assert second.standings[0].state == "waiting"
    await first.stop()
    while len(ran) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert ran == ["a", "b"]
    await second.stop()


async def test_a_lost_lease_is_no_crash_and_its_job_waits_for_it_again() -> None:
    pauses, metrics = Pauses(1), Metrics()

    class LosingGuard(OpenGuard):
        @asynccontextmanager
        async def while_held(self, name: str) -> AsyncIterator[None]:
            yield
            raise LeaseLostError("lost", lease=name)

    async def work() -> None:
        return None

    jobs = runner(pauses, LosingGuard(), metrics)
    jobs.start([Job("train", work)])
    await pauses.all_taken.wait()
    assert (jobs.standings[0].state, jobs.standings[0].last_error) == ("waiting", "")
    assert metrics.registry.get_sample_value("zhike_job_failures_total", {"background_job": "train"}) is None
    await jobs.stop()


async def test_stopping_cancels_and_waits_until_things_are_put_away() -> None:
    put_away = False
    started = asyncio.Event()

    async def work() -> None:
        nonlocal put_away
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            put_away = True

    jobs = runner(Pauses(1))
    jobs.start([Job("work", work)])
    await started.wait()
    await jobs.stop()
    assert put_away
    await jobs.stop()


async def test_two_jobs_of_one_name_are_refused() -> None:
    async def work() -> None:
        return None

    jobs = runner(Pauses(1))
    with pytest.raises(ValueError, match="work"):
        jobs.start([Job("work", work), Job("work", work)])
    await jobs.stop()


def test_the_back_off_doubles_from_its_first_to_its_limit_and_is_never_less_than_half() -> None:
    for failures in range(1, 200):
        full = min(BACK_OFF_LIMIT_S, BACK_OFF_FIRST_S * 2 ** (failures - 1))
        pause_s = back_off_s(failures, Random(failures))
        assert full / 2 <= pause_s <= full
