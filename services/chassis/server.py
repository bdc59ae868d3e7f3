"""The life of a service: settings, logs, ports, readiness, a two-step drain, and a clean end.

What a service's main.py looks like, in full::

    from zhike.search.v1 import search_service_pb2_grpc

    from services.chassis.eventlog.reader import Reader
    from services.chassis.jobs import Job, JobKind
    from services.chassis.server import Runtime, Service, run_service
    from services.search.projections import CustomersCopy
    from services.search.servicer import SearchServicer
    from services.search.settings import SearchSettings
    from services.search.store import ProductStore


    async def build(runtime: Runtime[SearchSettings]) -> Service:
        products = ProductStore(runtime.documents)
        await products.declare()
        changes = runtime.event_log("products")  # opened by the chassis as soon as build returns
        customers = Reader(
            runtime.source("customers", "knowledge"), CustomersCopy(runtime.documents), runtime.documents,
            runtime.clock, rng=runtime.chance, metrics=runtime.metrics,
        )
        servicer = SearchServicer(products, changes, runtime.clock, runtime.operations)
        runtime.operations.register("import-products", servicer.run_import, repeatable=True)
        return Service(
            servicers=[(search_service_pb2_grpc.add_SearchServiceServicer_to_server, servicer)],
            jobs=[Job("customers-copy", customers.run, JobKind.SINGLETON)],
            ready=[products.load],
            close=[products.close],
        )


    if __name__ == "__main__":
        run_service("search", SearchSettings, build)

The order of a start: settings, logs, lock, stores, ``build``, logs opened, operations recovered, gRPC server up (health
NOT_SERVING; other services may already read this one's logs), jobs, ``ready`` all returned, SERVING, one ready line.
The order of a stop: NOT_SERVING, ``drain_ms`` for callers to notice, streams ended, calls in flight finished within
``grace_ms``, jobs, operations, ``close`` backwards, stores. SIGTERM and SIGINT stop.
"""

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom
from typing import Any, Generic, NoReturn, TypeVar

import grpc
import uvloop
from google.longrunning import operations_pb2_grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from prometheus_client import CollectorRegistry
from zhike.chassis.v1 import (
    call_stream_service_pb2_grpc,
    erasure_service_pb2_grpc,
    event_log_service_pb2_grpc,
    system_service_pb2_grpc,
)

from services.chassis.adapters import Adapters, open_adapters
from services.chassis.artifacts.manifest import Manifests
from services.chassis.artifacts.port import ArtifactStore
from services.chassis.backup.marks import refuse_half_restored
from services.chassis.callstream.servicer import CallStreamServicer, StreamedMethods
from services.chassis.clients import TRANSPORT_OPTIONS, Clients
from services.chassis.clock import Clock, SystemClock
from services.chassis.documents.measured import STORE_METRICS, MeasuredDocuments
from services.chassis.erasure.owner import ErasureOwner, Owned
from services.chassis.erasure.policies import ErasureParts
from services.chassis.erasure.servicer import ErasureServicer
from services.chassis.erasure.suppression import REFRESH_INTERVAL_S as SUPPRESSION_REFRESH_INTERVAL_S
from services.chassis.erasure.suppression import Suppression
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.port import EventSource
from services.chassis.eventlog.subscription import EventLogServicer, RemoteSource
from services.chassis.idempotency import IdempotentCreates
from services.chassis.interceptors import CallInterceptor, Gate
from services.chassis.jobs import Job, JobKind, JobRunner
from services.chassis.leases import Leases
from services.chassis.logs import configure_logs, get_log
from services.chassis.metrics import CHASSIS_METRICS, Metrics, stop_serving
from services.chassis.operations import Operations, Worker
from services.chassis.operations_servicer import OperationsServicer
from services.chassis.readiness import Readiness
from services.chassis.settings import ChassisSettings, SettingsError, load_settings
from services.chassis.standing import Standings
from services.chassis.system_servicer import ReaderFace, SystemServicer, rebuild_kind
from services.chassis.traces import install_traces

CONCURRENT_CALLS_LIMIT = 2_000
LOOP_LAG_INTERVAL_S = 1.0
HOUSEKEEPING_INTERVAL_S = 900.0
RECOVERY_INTERVAL_S = 5.0
COLLECT_AFTER_OBJECTS = 10_000
EXIT_SETTINGS, EXIT_START = 2, 3

SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    *TRANSPORT_OPTIONS,
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.so_reuseport", 0),  # a second process on a taken port is an error, not a lottery
)

SettingsT = TypeVar("SettingsT", bound=ChassisSettings)

log = get_log("server")


class StartError(ZhikeError):
    """The process cannot start; the message says what to change."""

    kind = ErrorKind.PRECONDITION
    reason = "CANNOT_START"


@dataclass(frozen=True, slots=True)
class Runtime(Generic[SettingsT]):
    """What the chassis hands a service to build itself from."""

    name: str
    settings: SettingsT
    folder: Path  # the service's own place for files
    clock: Clock
    chance: Random
    instance: str  # names this process; new with every start
    documents: MeasuredDocuments
    artifacts: ArtifactStore
    manifests: Manifests
    leases: Leases
    metrics: Metrics
    standings: Standings
    clients: Clients
    operations: Operations
    idempotency: IdempotentCreates
    suppression: Suppression
    logs: dict[str, DocumentsLog] = field(default_factory=dict)

    @property
    def registry(self) -> CollectorRegistry:
        """The registry that /metrics shows."""
        return self.metrics.registry

    def event_log(self, name: str, *, partitions: int | None = None) -> DocumentsLog:
        """Return a log that this service owns, always the same one; the chassis opens, serves and closes it.

        ``partitions`` is for a log whose reading depends on the order of all its events; else the settings say.
        """
        if name not in self.logs:
            partitions = partitions or self.settings.partitions
            self.logs[name] = DocumentsLog(
                self.documents, name, partitions, self.clock, self.chance, metrics=self.metrics
            )
        return self.logs[name]

    def source(self, log_name: str, owner_service: str) -> EventSource:
        """Return the reading half of a log, its owner's own one or over the wire."""
        if owner_service == self.name:
            return self.event_log(log_name)
        return RemoteSource(
            self.clients, owner_service, log_name, rng=self.chance, clock=self.clock, standings=self.standings
        )


@dataclass(frozen=True, slots=True)
class Service:
    """What a service is made of. ``close`` runs backwards, before the stores close."""

    servicers: Sequence[tuple[Callable[..., None], object]]
    jobs: Sequence[Job] = ()
    ready: Sequence[Callable[[], Awaitable[None]]] = ()
    close: Sequence[Callable[[], Awaitable[None]]] = ()
    readers: Callable[[], Sequence[ReaderFace]] = tuple  # shown to an operator; asked anew each time
    named_blobs: Sequence[Callable[[], Awaitable[frozenset[str]]]] = ()  # blobs that no manifest names and it needs
    rebuilds: Mapping[str, Worker] = field(default_factory=dict)  # projection -> what rebuilds it
    facts: Callable[[], Awaitable[Mapping[str, object]]] | None = None  # shown to an operator
    erasure: ErasureParts = field(default_factory=ErasureParts)  # how persons leave what the service keeps


Build = Callable[[Runtime[SettingsT]], Awaitable[Service]]


@dataclass(frozen=True, slots=True)
class Running(Generic[SettingsT]):
    """A started process. ``port`` and ``metrics_port`` are the real ones."""

    runtime: Runtime[SettingsT]
    port: int
    metrics_port: int
    become_ready: Callable[[], Awaitable[None]]

    @property
    def address(self) -> str:
        """Where the service answers, as a client needs it."""
        return f"{self.runtime.settings.bind}:{self.port}"


def run_service(name: str, settings_class: type[SettingsT], build: Build[SettingsT]) -> NoReturn:
    """Run a service until it is told to stop, then exit: 0, 2 (settings) or 3 (cannot start)."""
    # Its handlers crash the child of a fork in a process with busy gRPC threads, before the child's exec; what we start
    # (trainer, staging) is always another program, which needs none of them. Read when gRPC first starts.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    try:
        settings = load_settings(settings_class, name)
    except SettingsError as error:
        sys.stderr.write(f"{name} cannot start: {error.message}\n")
        sys.exit(EXIT_SETTINGS)
    configure_logs(name, log_format=settings.log_format, level=settings.log_level)
    try:
        uvloop.run(_run(name, settings, build))
    except ZhikeError as error:
        log.error("cannot start", reason=error.reason, message=error.message)
        sys.exit(EXIT_SETTINGS if isinstance(error, SettingsError) else EXIT_START)
    sys.exit(0)


async def _run(name: str, settings: SettingsT, build: Build[SettingsT]) -> None:
    """Start, say so when ready, wait for a signal, stop."""
    started, stop, loop = time.perf_counter(), asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(name, settings, build) as process:
        ready = asyncio.ensure_future(process.become_ready())
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait({ready, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            ready.result()
            start_ms = round((time.perf_counter() - started) * 1_000)
            metrics_address = f"{settings.bind}:{process.metrics_port}"
            _spare_the_collector()
            log.info("ready", address=process.address, metrics=metrics_address, pid=os.getpid(), start_ms=start_ms)
        ready.cancel()
        await stopped
        log.info("stopping")
    log.info("stopped")


def _spare_the_collector() -> None:
    """Leave what lives as long as the process out of garbage collection, and collect the young ten times less often.

    A call leaves no cycles behind; walking a loaded catalogue again and again shows as latency.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 20)


@asynccontextmanager
async def running(
    name: str,
    settings: SettingsT,
    build: Build[SettingsT],
    *,
    clock: Clock | None = None,
    chance: Random | None = None,
) -> AsyncIterator[Running[SettingsT]]:
    """Start a service in this event loop and stop it at the end of the block. Tests use it as run_service does."""
    async with AsyncExitStack() as stack:
        metrics = Metrics((CHASSIS_METRICS, EVENTLOG_METRICS, STORE_METRICS))
        collect_traces(stack, settings, name, metrics)
        adapters = await open_adapters(settings, name)
        stack.push_async_callback(adapters.close)
        await refuse_half_restored(settings, name, adapters.documents)
        runtime = _runtime(name, settings, adapters, metrics, clock=clock or SystemClock(), chance=chance or Random())
        stack.push_async_callback(runtime.clients.close)
        for each in (
            runtime.manifests,
            runtime.leases,
            runtime.idempotency,
            runtime.operations,
            runtime.suppression,
        ):
            await each.open()
        stack.push_async_callback(_close_logs, runtime)
        service = await build(runtime)
        for close in service.close:
            stack.push_async_callback(close)
        for event_log in runtime.logs.values():
            await event_log.open()
        stack.push_async_callback(runtime.operations.close)
        yield await _serve(stack, runtime, service)


def collect_traces(stack: AsyncExitStack, settings: ChassisSettings, name: str, metrics: Metrics) -> None:
    """Have what is built from now on make spans, until ``stack`` closes; without an endpoint nothing is loaded."""
    if not settings.traces_endpoint:
        return
    from services.chassis.traces_export import open_traces  # half a second and 20 MB that most processes never need

    traces, sink = open_traces(
        settings.traces_endpoint,
        service=name,
        instance=f"{os.getpid()}",
        ratio=settings.traces_ratio,
        chance=Random(),
        spans=metrics.counter("zhike_trace_spans_total"),
    )
    install_traces(traces)
    stack.push_async_callback(sink.close)
    stack.callback(install_traces, None)


def _runtime(
    name: str, settings: SettingsT, adapters: Adapters, metrics: Metrics, *, clock: Clock, chance: Random
) -> Runtime[SettingsT]:
    standings = Standings(metrics)
    documents, artifacts = MeasuredDocuments(adapters.documents, metrics, standings), adapters.artifacts
    suppression = Suppression(documents, clock, metrics)
    instance = f"{name}-{SystemRandom().getrandbits(64):016x}"
    leases = Leases(
        documents,
        clock,
        instance,
        replica=settings.replica,
        exclusive=settings.embedded,
        metrics=metrics,
        standings=standings,
    )
    return Runtime(
        name=name,
        settings=settings,
        folder=adapters.folder,
        clock=clock,
        chance=chance,
        instance=instance,
        documents=documents,
        artifacts=artifacts,
        manifests=Manifests(documents, artifacts, clock),
        leases=leases,
        metrics=metrics,
        standings=standings,
        clients=Clients(settings, metrics, chance=chance),
        operations=Operations(name, documents, artifacts, leases, clock=clock, metrics=metrics, instance=instance),
        idempotency=IdempotentCreates(documents),
        suppression=suppression,
    )


async def _serve(stack: AsyncExitStack, runtime: Runtime[SettingsT], service: Service) -> Running[SettingsT]:
    """Bring jobs, /metrics and the gRPC server up; what stops them goes onto ``stack``."""
    settings, metrics, gate = runtime.settings, runtime.metrics, Gate()
    for projection, worker in service.rebuilds.items():
        runtime.operations.register(rebuild_kind(projection), worker, repeatable=True)
    jobs = JobRunner(runtime.leases, metrics, chance=runtime.chance)
    stack.push_async_callback(jobs.stop)
    metrics_port = _serve_metrics(stack, runtime)
    health_servicer = HealthServicer()
    interceptor = CallInterceptor(runtime.name, metrics, gate)
    server = grpc.aio.server(
        interceptors=(interceptor,),
        options=SERVER_OPTIONS,
        maximum_concurrent_rpcs=CONCURRENT_CALLS_LIMIT,
    )
    streamed = StreamedMethods(server, interceptor)
    call_stream_service_pb2_grpc.add_CallStreamServiceServicer_to_server(CallStreamServicer(streamed, gate), server)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    readiness = Readiness(health_servicer, metrics, runtime.standings, runtime.clock)
    await readiness.show()
    erasing = await _erasing(runtime, service)
    stack.push_async_callback(erasing.close)
    own = _own_servicers(runtime, service, readiness, jobs, erasing)
    for add, servicer in (*service.servicers, *own):
        add(servicer, streamed)
    port = _bind(server, settings)
    await server.start()
    for watching, name in ((_watch_loop(metrics), "event loop lag"), (readiness.watch(runtime.documents), "store")):
        stack.callback(asyncio.create_task(watching, name=name).cancel)

    async def drain() -> None:
        await readiness.drain()
        await asyncio.sleep(settings.drain_ms / 1_000)
        gate.drain()
        await server.stop(settings.grace_ms / 1_000)

    async def become_ready() -> None:
        await asyncio.gather(*(ready() for ready in service.ready))
        gate.open()
        await readiness.become_ready()

    stack.push_async_callback(drain)
    await runtime.operations.recover()
    jobs.start([*_own_jobs(runtime, service), *service.jobs])
    return Running(runtime, port, metrics_port, become_ready)


async def _erasing(runtime: Runtime[Any], service: Service) -> ErasureServicer:
    owned = Owned(
        runtime.name,
        runtime.documents,
        runtime.documents.declared,
        runtime.logs,
        runtime.artifacts,
        runtime.manifests,
        runtime.operations,
        rebuild_kind,
        runtime.clock,
        settle_s=0.0 if runtime.settings.embedded else 2 * SUPPRESSION_REFRESH_INTERVAL_S,
    )
    owner = ErasureOwner(owned, runtime.suppression, service.erasure)
    await owner.open()
    return ErasureServicer(owner)


def _own_servicers(
    runtime: Runtime[Any], service: Service, readiness: Readiness, jobs: JobRunner, erasing: ErasureServicer
) -> Sequence[tuple[Callable[..., None], object]]:
    """What every service serves besides its own."""
    system = SystemServicer(
        runtime.name,
        readiness=readiness,
        jobs=jobs,
        readers=service.readers,
        rebuilds=tuple(service.rebuilds),
        operations=runtime.operations,
        artifacts=runtime.artifacts,
        start_time=runtime.clock.now(),
        facts=service.facts,
    )
    return (
        (operations_pb2_grpc.add_OperationsServicer_to_server, OperationsServicer(runtime.operations, runtime.name)),
        (system_service_pb2_grpc.add_SystemServiceServicer_to_server, system),
        (event_log_service_pb2_grpc.add_EventLogServiceServicer_to_server, EventLogServicer(runtime.logs)),
        (erasure_service_pb2_grpc.add_ErasureServiceServicer_to_server, erasing),
    )


def _own_jobs(runtime: Runtime[Any], service: Service) -> Sequence[Job]:
    """What every service does besides its own work."""

    async def named_blobs() -> frozenset[str]:
        parts = [await named() for named in (runtime.operations.named_blobs, *service.named_blobs)]
        return frozenset().union(*parts)

    async def keep_house() -> None:
        purged = await runtime.operations.purge()
        deleted = await runtime.manifests.collect_garbage(named_blobs)
        if purged or deleted:
            log.info("house kept", operations=purged, blobs=len(deleted))

    own = [Job("housekeeping", keep_house, JobKind.SINGLETON, every_s=HOUSEKEEPING_INTERVAL_S)]
    if not runtime.settings.embedded:  # an embedded process has no other replica that could die beside it
        refuse = runtime.suppression.refresh
        own.append(Job("erased-names", refuse, JobKind.PER_REPLICA, every_s=SUPPRESSION_REFRESH_INTERVAL_S))
        recover = runtime.operations.recover
        own.append(Job("operations-recovery", recover, JobKind.PER_REPLICA, every_s=RECOVERY_INTERVAL_S))
    return own


def _serve_metrics(stack: AsyncExitStack, runtime: Runtime[Any]) -> int:
    settings = runtime.settings
    try:
        server, port = runtime.metrics.serve(settings.bind, settings.metrics_port)
    except OSError as error:
        raise StartError(f"/metrics cannot listen on {settings.bind}:{settings.metrics_port}: {error}") from error
    stack.callback(stop_serving, server)
    return port


def _bind(server: grpc.aio.Server, settings: ChassisSettings) -> int:
    address = f"{settings.bind}:{settings.port}"
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise StartError(f"gRPC cannot listen on {address}; is the port taken?") from error
    if port == 0:
        raise StartError(f"gRPC cannot listen on {address}; is the port taken?")
    return port


async def _close_logs(runtime: Runtime[Any]) -> None:
    for event_log in runtime.logs.values():
        await event_log.close()


async def _watch_loop(metrics: Metrics) -> None:
    """Show how late the event loop wakes up: heavy work on it delays every call."""
    loop, gauge = asyncio.get_running_loop(), metrics.gauge("zhike_event_loop_lag_seconds")
    while True:
        due = loop.time() + LOOP_LAG_INTERVAL_S
        await asyncio.sleep(LOOP_LAG_INTERVAL_S)
        gauge.set(max(0.0, loop.time() - due))
