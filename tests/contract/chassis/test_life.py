"""How a service starts, becomes ready, drains and stops, in this process and in one of its own."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import httpx
import orjson
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis import server
from services.chassis.clients import Clients
from services.chassis.documents.lock import StoreInUseError
from services.chassis.errors import ErrorKind
from services.chassis.jobs import Job, JobKind
from services.chassis.metrics import Metrics
from services.chassis.server import Runtime, Service, StartError, running
from services.chassis.settings import ChassisSettings
from services.chassis.status import RemoteError
from tests.contract.chassis.conftest import Echo, settings_in
from tests.fakes.echo_service import EchoServicer, add_echo_servicer, method

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
TEXT = StringValue(value="x")


async def ask_health(channel: grpc.aio.Channel) -> int:
    stub = health_pb2_grpc.HealthStub(channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(), timeout=5, wait_for_ready=True)).status


def build_with(servicer: EchoServicer, **parts: object):
    async def build(_: Runtime[ChassisSettings]) -> Service:
        return Service(servicers=[(add_echo_servicer, servicer)], **parts)

    return build


def clients_to(address: str) -> Clients:
    return Clients(ChassisSettings(search_address=address), Metrics())


async def test_health_follows_readiness_and_a_call_before_it_waits(tmp_path: Path) -> None:
    warm = asyncio.Event()
    build = build_with(EchoServicer(), ready=[warm.wait])
    async with running("search", settings_in(tmp_path), build) as process:
        clients = clients_to(process.address)
        ready = asyncio.ensure_future(process.become_ready())
        early = asyncio.ensure_future(clients.call(method("Echo"), TEXT, timeout_ms=5_000))
        assert await ask_health(clients.channel("search")) == NOT_SERVING
        assert not early.done()
        warm.set()
        await ready
        assert await early == TEXT
        assert await ask_health(clients.channel("search")) == SERVING
        await clients.close()


async def test_a_call_whose_deadline_ends_before_readiness_is_told_to_come_again(tmp_path: Path) -> None:
    async with running("search", settings_in(tmp_path), build_with(EchoServicer())) as process:
        clients = clients_to(process.address)
        await ask_health(clients.channel("search"))
        with pytest.raises(RemoteError) as caught:
            await clients.call(method("Echo"), TEXT, timeout_ms=300)
        assert (caught.value.kind, caught.value.reason) == (ErrorKind.UNAVAILABLE, "NOT_READY")
        await clients.close()


async def test_a_ready_check_that_fails_fails_the_start(tmp_path: Path) -> None:
    async def broken() -> None:
        raise ValueError("the index is not there")

    async with running("search", settings_in(tmp_path), build_with(EchoServicer(), ready=[broken])) as process:
        with pytest.raises(ValueError, match="index"):
            await process.become_ready()


async def test_a_drain_loses_no_call_in_flight_and_says_so_first(tmp_path: Path) -> None:
    servicer = EchoServicer()
    settings = ChassisSettings(data=tmp_path, documents="memory", drain_ms=1_000)
    context = running("search", settings, build_with(servicer))
    process = await context.__aenter__()
    await process.become_ready()
    clients = clients_to(process.address)
    waiting = [asyncio.ensure_future(clients.call(method("Wait"), TEXT, timeout_ms=8_000)) for _ in range(20)]
    await servicer.started.wait()
    stopping = asyncio.ensure_future(context.__aexit__(None, None, None))
    while await ask_health(clients.channel("search")) != NOT_SERVING:
        pass
    assert await clients.call(method("Echo"), TEXT, timeout_ms=5_000) == TEXT  # callers need time to notice
    await asyncio.sleep(1.2)
    assert not stopping.done()
    servicer.release.set()
    assert await asyncio.gather(*waiting) == [TEXT] * 20
    await stopping
    await clients.close()


async def test_a_drain_ends_open_streams_with_a_reason(tmp_path: Path) -> None:
    servicer = EchoServicer()
    context = running("search", settings_in(tmp_path), build_with(servicer))
    process = await context.__aenter__()
    await process.become_ready()
    clients = clients_to(process.address)
    stream = clients.stream(method("Forever"), TEXT, timeout_ms=None)
    assert (await anext(stream)).value == "first"
    watch = health_pb2_grpc.HealthStub(clients.channel("search")).Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == SERVING
    stopping = asyncio.ensure_future(context.__aexit__(None, None, None))
    with pytest.raises(RemoteError) as caught:
        await anext(stream)
    assert (caught.value.kind, caught.value.reason) == (ErrorKind.UNAVAILABLE, "DRAINING")
    async with asyncio.timeout(5):  # the grace is 10 s: a health watcher must not use it up
        await stopping
    assert servicer.streams_closed == 1
    await clients.close()


async def test_a_call_past_the_grace_is_cut_off(tmp_path: Path) -> None:
    servicer = EchoServicer()
    settings = ChassisSettings(data=tmp_path, documents="memory", drain_ms=0, grace_ms=100)
    context = running("search", settings, build_with(servicer))
    process = await context.__aenter__()
    await process.become_ready()
    clients = clients_to(process.address)
    waiting = asyncio.ensure_future(clients.call(method("Wait"), TEXT, timeout_ms=8_000))
    await servicer.started.wait()
    async with asyncio.timeout(5):
        await context.__aexit__(None, None, None)
    with pytest.raises(RemoteError):
        await waiting
    await clients.close()


async def test_a_call_past_the_limit_of_calls_at_once_is_refused_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CONCURRENT_CALLS_LIMIT", 3)
    servicer = EchoServicer()
    async with running("search", settings_in(tmp_path), build_with(servicer)) as process:
        await process.become_ready()
        clients = clients_to(process.address)
        waiting = [asyncio.ensure_future(clients.call(method("Wait"), TEXT, timeout_ms=8_000)) for _ in range(4)]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        (refused,) = done
        assert refused.exception().kind is ErrorKind.EXHAUSTED
        servicer.release.set()
        assert await asyncio.gather(*(call for call in waiting if call is not refused)) == [TEXT] * 3
        await clients.close()


async def test_closing_goes_backwards_and_before_the_stores(tmp_path: Path) -> None:
    order: list[str] = []

    async def build(runtime: Runtime[ChassisSettings]) -> Service:
        async def close(name: str) -> None:
            await runtime.documents.ping()
            order.append(name)

        return Service(servicers=[], close=[lambda: close("first"), lambda: close("second")])

    async with running("search", settings_in(tmp_path), build):
        pass
    assert order == ["second", "first"]


async def test_jobs_run_beside_the_service_and_stop_with_it(tmp_path: Path) -> None:
    running_now, stopped = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        running_now.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    build = build_with(EchoServicer(), jobs=[Job("work", work, JobKind.SINGLETON)])
    async with running("search", settings_in(tmp_path), build):
        await running_now.wait()
    assert stopped.is_set()


async def test_a_second_process_on_the_same_data_directory_is_refused(tmp_path: Path) -> None:
    settings = ChassisSettings(data=tmp_path, drain_ms=0)
    async with running("search", settings, build_with(EchoServicer())):
        with pytest.raises(StoreInUseError, match=str(os.getpid())):
            async with running("search", settings, build_with(EchoServicer())):
                pass
        async with running("knowledge", settings, build_with(EchoServicer())):  # another service has its own
            pass
    async with running("search", settings, build_with(EchoServicer())):
        pass


async def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    async with running("search", settings_in(tmp_path), build_with(EchoServicer())) as process:
        for field, port in (("port", process.port), ("metrics_port", process.metrics_port)):
            with pytest.raises(StartError, match=str(port)):
                async with running("knowledge", settings_in(tmp_path, **{field: port}), build_with(EchoServicer())):
                    pass


async def test_metrics_are_shown_on_the_private_port(echo: Echo) -> None:
    await echo.clients.call(method("Echo"), TEXT, timeout_ms=5_000)
    async with httpx.AsyncClient() as http:
        shown = (await http.get(f"http://127.0.0.1:{echo.process.metrics_port}/metrics")).text
    assert "zhike_ready 1.0" in shown
    assert 'zhike_rpc_calls_total{code="OK",rpc="zhike.test.v1.EchoService/Echo"} 1.0' in shown


PROGRAM = textwrap.dedent(
    """
    import asyncio
    from services.chassis.logs import get_log
    from services.chassis.server import Service, run_service
    from services.chassis.settings import ChassisSettings
    from tests.fakes.echo_service import EchoServicer, add_echo_servicer

    async def never():
        get_log("test").info("built")
        await asyncio.Event().wait()

    async def build(runtime):
        return Service(servicers=[(add_echo_servicer, EchoServicer())], ready=READY)

    run_service("search", ChassisSettings, build)
    """
)


class Program:
    """The service in a process of its own. Its log goes to a file: a full pipe would stop the writer."""

    def __init__(self, folder: Path, ready: str = "[]", **environment: str) -> None:
        folder.mkdir(exist_ok=True)
        self._log = folder / f"log-{len(list(folder.iterdir()))}"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM.replace("READY", ready)],
                env={
                    **os.environ,
                    "ZHIKE_DATA": str(folder / "data"),
                    "ZHIKE_DRAIN_MS": "50",
                    "PYTHONPATH": os.getcwd(),
                    **environment,
                },
                stderr=log,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    async def line(self, event: str) -> dict[str, object]:
        """Return the first log line of an event, when it is written."""
        async with asyncio.timeout(20):
            while True:
                for line in self.log.splitlines():
                    if line.startswith("{") and line.endswith("}") and (parsed := orjson.loads(line))["event"] == event:
                        return parsed
                assert self.process.poll() is None, self.log
                await asyncio.sleep(0.02)

    async def end(self, number: signal.Signals | None = None) -> int:
        """Send a signal, if one is given, and return the exit status."""
        if number is not None:
            self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, 20)


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start programs over one data directory; none outlives the test."""
    started: list[Program] = []

    def start(ready: str = "[]", **environment: str) -> Program:
        started.append(Program(tmp_path / "programs", ready, **environment))
        return started[-1]

    yield start
    for program in started:
        program.process.kill()
        program.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_process_cleanly(start: Start, number: signal.Signals) -> None:
    program = start(ZHIKE_DRAIN_MS="1500")  # callers that do not retry need the time to get through
    line = await program.line("ready")
    assert line["pid"] == program.process.pid
    clients = clients_to(str(line["address"]))
    in_flight = [asyncio.ensure_future(clients.call(method("Echo"), TEXT, timeout_ms=5_000)) for _ in range(50)]
    await asyncio.sleep(0)
    program.process.send_signal(number)
    assert await asyncio.gather(*in_flight) == [TEXT] * 50
    assert await program.end() == 0
    assert "Traceback" not in program.log
    await clients.close()


async def test_a_signal_before_readiness_stops_as_well(start: Start) -> None:
    program = start(ready="[never]")
    await program.line("built")
    assert await program.end(signal.SIGTERM) == 0
    assert '"event":"ready"' not in program.log and "Traceback" not in program.log


async def test_a_second_process_exits_with_a_message_that_names_the_first(start: Start) -> None:
    first = start()
    await first.line("ready")
    second = start()
    assert await second.end() == 3
    assert f"in use by the process with pid {first.process.pid}" in second.log
    assert first.process.poll() is None


async def test_a_killed_process_leaves_no_lock_behind(start: Start) -> None:
    first = start()
    await first.line("ready")
    await first.end(signal.SIGKILL)
    await start().line("ready")


async def test_unusable_settings_end_the_process_with_the_variable_in_the_message(start: Start) -> None:
    program = start(ZHIKE_SEARCH_PORT="many")
    assert await program.end() == 2
    assert "ZHIKE_SEARCH_PORT" in program.log and "Traceback" not in program.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restart_shows_as_latency_not_as_errors(start: Start, number: signal.Signals) -> None:
    program = start()
    address = str((await program.line("ready"))["address"])
    clients, answered, stop = clients_to(address), 0, asyncio.Event()

    async def keep_calling() -> None:
        nonlocal answered
        while not stop.is_set():
            await clients.call(method("Echo", idempotent=True), TEXT, timeout_ms=60_000)
            answered += 1

    async def until_answered(count: int) -> None:
        while answered < count:
            await asyncio.sleep(0.01)
            for caller in callers:
                if caller.done():
                    caller.result()

    callers = [asyncio.create_task(keep_calling()) for _ in range(8)]
    await until_answered(50)
    await program.end(number)
    await start(ZHIKE_PORT=address.rpartition(":")[2]).line("ready")
    await until_answered(answered + 50)
    stop.set()
    await asyncio.gather(*callers)
    await clients.close()
