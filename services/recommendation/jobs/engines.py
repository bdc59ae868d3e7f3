"""Where training tasks run: in this process, or as plain tasks on Ray. Both give the same results, bit for bit.

A task is an ordinary function of (shared, argument); an engine only decides where it is called, always with one BLAS
thread: that makes results equal everywhere, and two processes on two cores beat four threads. Only the trainer
process may use RayEngine: ``ray.init`` stalls an event loop and replaces SIGTERM's handler.
"""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from threadpoolctl import threadpool_limits

from services.recommendation.domain.cluster_address import OWN_RAY
from services.recommendation.domain.errors import ClusterDiffersError, ClusterLostError, ClusterUnreachableError
from services.recommendation.domain.model import EngineName
from services.recommendation.jobs.cluster import fingerprint, require_cluster

# Read by BLAS libraries when they are loaded, so that a process that computes starts no threads that it never uses.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

OBJECT_STORE_BYTES = 256 * 1024 * 1024
RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported anywhere
    "RAY_DISABLE_DOCKER_CPU_WARNING": "1",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
OWN_RAY_ENVIRONMENT = {"RAY_AUTH_MODE": "disabled"}  # one machine, loopback only; a cluster has its own way
NOT_INSTALLED = ("ModuleNotFoundError", "Can't get attribute")
RETRIES_LIMIT = 3  # of a task whose worker or node died
JOIN_ATTEMPTS = 3  # a cluster that is busy starts its side of a client slower than Ray waits for it

OnDone = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class _OtherCode:
    """What a node answers that must not work for us."""

    node: str


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

    def each(self, shared: Any, tasks: Sequence[Task]) -> Iterator[tuple[int, Any]]:
        """Yield (place in ``tasks``, result) as tasks end, in any order. A failing task raises.

        On Ray also ClusterLostError, ClusterDiffersError.
        """

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

    def each(self, shared: Any, tasks: Sequence[Task]) -> Iterator[tuple[int, Any]]:
        for place, task in enumerate(tasks):
            yield place, _call(shared, task)

    def run(self, shared: Any, tasks: Sequence[Task], on_done: OnDone | None = None) -> list[Any]:
        return _in_order(self.each(shared, tasks), len(tasks), on_done)


class RayEngine:
    """Plain Ray tasks, one core each, on a Ray of our own or on the cluster that ``address`` names."""

    name = EngineName.RAY

    def __init__(self, *, workers: int, address: str = "") -> None:
        self._workers, self._address = workers, "" if address in OWN_RAY else address
        self._put: tuple[Any, Any] | None = None

    def __enter__(self) -> Self:
        """Raises ClusterUnreachableError."""
        settled = RAY_ENVIRONMENT | (require_cluster(self._address) if self._address else OWN_RAY_ENVIRONMENT)
        os.environ.update({name: os.environ.get(name, value) for name, value in settled.items()})
        import ray  # here: 0.7 s and 60 MB that a local engine must not pay

        options: dict[str, Any] = {"logging_level": "warning", "log_to_driver": False, "namespace": "zhike"}
        if self._address:
            options["address"] = self._address
        else:
            options |= {
                "address": "local",  # whatever RAY_ADDRESS says
                "num_cpus": self._workers,
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE_BYTES,
                "_node_ip_address": "127.0.0.1",
            }
        for attempt in range(1, JOIN_ATTEMPTS + 1):
            try:
                ray.init(**options)
            except (ConnectionError, RuntimeError, ValueError) as error:
                if not self._address:
                    raise
                ray.shutdown()
                if attempt < JOIN_ATTEMPTS and isinstance(error, ConnectionError):
                    continue
                said = str(error).splitlines()[0] if str(error) else type(error).__name__
                message = f"the Ray cluster at {self._address} cannot be joined: {said}"
                raise ClusterUnreachableError(message, address=self._address) from error
            break
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import ray

        self._put = None
        ray.shutdown()

    def each(self, shared: Any, tasks: Sequence[Task]) -> Iterator[tuple[int, Any]]:
        import ray

        remote = ray.remote(num_cpus=1, max_retries=RETRIES_LIMIT)(_call_on_node)
        places: dict[Any, int] = {}
        waiting: list[Any] = []
        try:
            reference = self._reference(shared)
            for place, task in enumerate(tasks):
                waiting.append(remote.remote(reference, task, fingerprint()))
                places[waiting[-1]] = place
            while waiting:
                (done,), waiting = ray.wait(waiting, num_returns=1)
                answer = ray.get(done)  # a failed task ends the run now, not after all the others
                if isinstance(answer, _OtherCode):
                    raise ClusterDiffersError(f"node {answer.node} runs other code than this one", node=answer.node)
                yield places.pop(done), answer
        except ray.exceptions.RayTaskError as error:
            if not any(sign in str(error) for sign in NOT_INSTALLED):
                raise
            raise ClusterDiffersError("a node of the Ray cluster lacks this package", node="unknown") from error
        except (ray.exceptions.RayError, ConnectionError) as error:
            where = self._address or "this machine"
            message = f"the Ray cluster at {where} lost what it worked on: {type(error).__name__}"
            raise ClusterLostError(message, address=where) from error

    def run(self, shared: Any, tasks: Sequence[Task], on_done: OnDone | None = None) -> list[Any]:
        return _in_order(self.each(shared, tasks), len(tasks), on_done)

    def _reference(self, shared: Any) -> Any:
        """Return the reference to ``shared``, which travels to the cluster once however many runs use it."""
        import ray

        if self._put is None or self._put[0] is not shared:
            self._put = (shared, ray.put(shared))
        return self._put[1]


def open_engine(name: EngineName, *, workers: int, address: str = "") -> Engine:
    """Return the engine of that name, not yet entered."""
    return RayEngine(workers=workers, address=address) if name is EngineName.RAY else LocalEngine()


def _call(shared: Any, task: Task) -> Any:
    with threadpool_limits(limits=1, user_api="blas"):
        return task.function(shared, task.argument)


def _call_on_node(shared: Any, task: Task, expected: str) -> Any:
    return _call(shared, task) if fingerprint() == expected else _OtherCode(platform.node())


def _in_order(found: Iterator[tuple[int, Any]], count: int, on_done: OnDone | None) -> list[Any]:
    results: list[Any] = [None] * count
    for done, (place, result) in enumerate(found, 1):
        results[place] = result
        if on_done is not None:
            on_done(done)
    return results
