"""Background work of a service: started with it, run again after a crash with back-off, stopped with it.

A job is a coroutine function. With ``every_s`` it is one pass that is repeated; without, it runs until it is cancelled
(a log reader) or returns because it is done. A SINGLETON runs while its process holds the job's lease, which spares the
other replicas the work; nothing's correctness rests on that (docs/consistency.md rule 5).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Protocol

from services.chassis.leases import LeaseLostError
from services.chassis.logs import CallContext, bind_call, get_log, log_defect, new_request_id
from services.chassis.metrics import Metrics

BACK_OFF_FIRST_S = 0.2
BACK_OFF_LIMIT_S = 30.0
HEALTHY_AFTER_S = 60.0  # a run that lasted this long starts the back-off anew
STOP_LIMIT_S = 10.0

log = get_log("jobs")


class JobKind(StrEnum):
    """Where a job runs."""

    SINGLETON = "singleton"
    PER_REPLICA = "per-replica"


@dataclass(frozen=True, slots=True)
class Job:
    """A named piece of background work. ``every_s``: pause between passes; None: ``run`` itself goes on."""

    name: str
    run: Callable[[], Awaitable[None]]
    kind: JobKind = JobKind.SINGLETON
    every_s: float | None = None


class Guard(Protocol):
    """What a singleton needs of leases."""

    def while_held(self, name: str) -> AbstractAsyncContextManager[None]:
        """Wait for the lease ``name``, hold it; cancel the body when it is lost."""


@dataclass(slots=True)
class JobStanding:
    """How a job stands, for an operator. ``state``: waiting, running, done or failed."""

    name: str
    state: str = "waiting"
    last_error: str = ""


class JobRunner:
    """Supervises the jobs of one process."""

    def __init__(
        self,
        guard: Guard,
        metrics: Metrics,
        *,
        chance: Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._guard, self._chance, self._sleep = guard, chance, sleep
        self._running = metrics.gauge("zhike_job_running")
        self._failures = metrics.counter("zhike_job_failures_total")
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._standings: dict[str, JobStanding] = {}

    @property
    def standings(self) -> tuple[JobStanding, ...]:
        """Return how each job stands."""
        return tuple(self._standings.values())

    def start(self, jobs: Sequence[Job]) -> None:
        """Start every job; two of one name are a ValueError."""
        for job in jobs:
            if job.name in self._tasks:
                raise ValueError(f"two jobs are named {job.name}")
            self._standings[job.name] = JobStanding(job.name)
            self._tasks[job.name] = asyncio.create_task(self._supervise(job), name=f"job {job.name}")

    async def stop(self) -> None:
        """Cancel every job and wait until each has put its things away."""
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_LIMIT_S)
            for task in late:
                log.error("job did not stop", job=task.get_name())

    async def _supervise(self, job: Job) -> None:
        loop, failures, standing = asyncio.get_running_loop(), 0, self._standings[job.name]
        while True:
            started = loop.time()
            try:
                if job.kind is JobKind.SINGLETON:
                    async with self._guard.while_held(f"job/{job.name}"):
                        await self._run(job, standing)
                else:
                    await self._run(job, standing)
            except LeaseLostError:  # told of already; it goes on where the lease is now, and waits for it here
                standing.state = "waiting"
                await self._sleep(BACK_OFF_FIRST_S)
            except Exception as error:  # noqa: BLE001 - one crash must not end the process, and is logged and counted
                failures = 1 if loop.time() - started > HEALTHY_AFTER_S else failures + 1
                self._failures.labels(job.name).inc()
                standing.state, standing.last_error = "failed", type(error).__qualname__
                pause_s = back_off_s(failures, self._chance)
                log_defect(log, "job crashed", error, job=job.name, failures=failures, again_in_s=round(pause_s, 2))
                await self._sleep(pause_s)
            else:
                standing.state = "done"
                log.info("job is done", job=job.name)
                return

    async def _run(self, job: Job, standing: JobStanding) -> None:
        """Run the job, or pass after pass of it; a singleton keeps its lease between passes."""
        gauge = self._running.labels(job.name)
        while True:
            bind_call(CallContext(new_request_id(), rpc=f"job/{job.name}"))
            gauge.set(1)
            standing.state = "running"
            try:
                await job.run()
            finally:
                gauge.set(0)
            if job.every_s is None:
                return
            standing.state, standing.last_error = "waiting", ""
            await self._sleep(job.every_s)


def back_off_s(failures: int, chance: Random) -> float:
    """Return the pause after the n-th crash in a row: doubling, capped, half of it random so that replicas spread."""
    full: float = min(BACK_OFF_LIMIT_S, BACK_OFF_FIRST_S * 2 ** min(failures - 1, 16))
    return full / 2 + chance.random() * full / 2
