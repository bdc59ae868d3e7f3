"""Where training tasks run: in this process, or as plain tasks on Ray. Both give the same results, bit for bit.

A task is an ordinary function of (shared, argument); an engine only decides where it is called, always with one BLAS
thread: that makes results equal everywhere, and two processes on two cores beat four threads. Only the trainer
process may use RayEngine: ``ray.init`` stalls an event loop and replaces SIGTERM's handler.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from threadpoolctl import threadpool_limits

from services.recommendation.domain.model import EngineName

# Read by BLAS libraries when they are loaded, so that a process that computes starts no threads that it never uses.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

OBJECT_STORE_BYTES = 256 * 1024 * 1024
RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported anywhere
    "RAY_DISABLE_DOCKER_CPU_WARNING": "1",
    "RAY_DEDUP_LOGS": "0",
    "RAY_AUTH_MODE": "disabled",  # one machine, loopback only
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

OnDone = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Task:
    """A call of ``function(shared, argument)``; both travel to another process, so they pickle."""

    function: Callable[[Any, Any], Any]
    argument: Any


class Engine(Protocol):
    """Runs tasks. Use it as a context manager."""

    name: EngineName

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def run(self, shared: Any, tasks: Sequence[Task], on_done: OnDone | None = None) -> list[Any]:
        """Return the results in the order of ``tasks``; ``on_done`` hears how many are done. A failing task raises."""


class LocalEngine:
    """One task after the other, here."""

    name = EngineName.LOCAL

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was opened."""

    def run(self, shared: Any, tasks: Sequence[Task], on_done: OnDone | None = None) -> list[Any]:
        results = []
        for task in tasks:
            results.append(_call(shared, task))
            if on_done is not None:
                on_done(len(results))
        return results


class RayEngine:
    """Plain Ray tasks, one core each, on a Ray of our own or on the cluster that ``address`` names."""

    name = EngineName.RAY

    def __init__(self, *, workers: int, address: str = "") -> None:
        self._workers, self._address = workers, address

    def __enter__(self) -> Self:
        os.environ.update({name: os.environ.get(name, value) for name, value in RAY_ENVIRONMENT.items()})
        import ray  # here: 0.7 s and 60 MB that a local engine must not pay

        options: dict[str, Any] = {"logging_level": "warning", "log_to_driver": False, "namespace": "zhike"}
        if self._address:
            options["address"] = self._address
        else:
            options |= {
                "num_cpus": self._workers,
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE_BYTES,
                "_node_ip_address": "127.0.0.1",
            }
        ray.init(**options)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import ray

        ray.shutdown()

    def run(self, shared: Any, tasks: Sequence[Task], on_done: OnDone | None = None) -> list[Any]:
        import ray

        remote = ray.remote(num_cpus=1, max_retries=2)(_call)
        shared_reference = ray.put(shared)
        references = [remote.remote(shared_reference, task) for task in tasks]
        waiting = list(references)
        while waiting:
            done, waiting = ray.wait(waiting, num_returns=1)
            ray.get(done)  # a failed task ends the run now, not after all the others
            if on_done is not None:
                on_done(len(references) - len(waiting))
        results: list[Any] = ray.get(references)
        return results


def open_engine(name: EngineName, *, workers: int, address: str = "") -> Engine:
    """Return the engine of that name, not yet entered."""
    return RayEngine(workers=workers, address=address) if name is EngineName.RAY else LocalEngine()


def _call(shared: Any, task: Task) -> Any:
    with threadpool_limits(limits=1, user_api="blas"):
        return task.function(shared, task.argument)
