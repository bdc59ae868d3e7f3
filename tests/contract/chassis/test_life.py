"""How a service starts, becomes ready, drains and stops, in this process and in one of its own."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import grpc
import httpx
import orjson
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1 import health_pb2, health_pb2_grpc

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
    settings = ChassisSettings(data=tmp_path, documents="memory", drain_ms=300)
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
    await asyncio.sleep(0.5)
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
    from services.chassis.server import Service, run_service
    from services.chassis.settings import ChassisSettings
    from tests.fakes.echo_service import EchoServicer, add_echo_servicer

    async def never():
        print("built", flush=True)
        await asyncio.Event().wait()

    async def build(runtime):
        return Service(servicers=[(add_echo_servicer, EchoServicer())], ready=READY)

    run_service("search", ChassisSettings, build)
    """
)


def start(folder: Path, ready: str = "[]", **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.replace("READY", ready)],
        env={**os.environ, "ZHIKE_DATA": str(folder), "ZHIKE_DRAIN_MS": "50", "PYTHONPATH": os.getcwd(), **environment},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def ready_line(process: subprocess.Popen[bytes]) -> dict[str, object]:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(b"{") and (parsed := orjson.loads(line))["event"] == "ready":
            return parsed
    raise AssertionError("the process ended before it was ready")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_process_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path)
    line = await asyncio.to_thread(ready_line, process)
    assert line["pid"] == process.pid
    clients = clients_to(str(line["address"]))
    in_flight = [asyncio.ensure_future(clients.call(method("Echo"), TEXT, timeout_ms=5_000)) for _ in range(50)]
    process.send_signal(number)
    assert await asyncio.gather(*in_flight) == [TEXT] * 50
    _, errors = await asyncio.to_thread(process.communicate, None, 20)
    assert process.returncode == 0, errors
    assert b"Traceback" not in errors
    await clients.close()


async def test_a_signal_before_readiness_stops_as_well(tmp_path: Path) -> None:
    process = start(tmp_path, ready="[never]")
    assert process.stdout is not None
    await asyncio.to_thread(process.stdout.readline)
    process.terminate()
    _, errors = await asyncio.to_thread(process.communicate, None, 20)
    assert process.returncode == 0, errors


def test_a_second_process_exits_with_a_message_that_names_the_first(tmp_path: Path) -> None:
    first = start(tmp_path)
    ready_line(first)
    second = start(tmp_path)
    _, errors = second.communicate(timeout=20)
    assert second.returncode == 3
    assert f"in use by the process with pid {first.pid}".encode() in errors
    first.terminate()
    first.communicate(timeout=20)


def test_unusable_settings_end_the_process_with_the_variable_in_the_message(tmp_path: Path) -> None:
    process = start(tmp_path, ZHIKE_SEARCH_PORT="many")
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert b"ZHIKE_SEARCH_PORT" in errors and b"Traceback" not in errors
