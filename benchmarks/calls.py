"""What the chassis costs around a gRPC call: CPU µs at both ends, bare against ours, in alternating rounds.

    python -m benchmarks.calls [--rounds 5] [--calls 6000] [--json]

``bare`` is grpc.aio alone; ``quiet`` adds the interceptor without its access line; ``served`` is what a service runs;
``called`` is ``served`` called through Clients instead of a bare stub. Medians over the rounds.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
from typing import Any

import grpc
import psutil
import uvloop
from google.protobuf.wrappers_pb2 import BytesValue

from services.chassis.clients import CHANNEL_OPTIONS, Clients, Method
from services.chassis.interceptors import CallInterceptor, Gate
from services.chassis.logs import configure_logs
from services.chassis.metrics import Metrics
from services.chassis.server import SERVER_OPTIONS
from services.chassis.settings import ChassisSettings

MODES = ("bare", "quiet", "served", "called")
IN_FLIGHT = 8
WARM_UP_CALLS = 400
PAYLOAD = BytesValue(value=b"x" * 400)
ECHO = Method("search", "/zhike.benchmark.v1.EchoService/Echo", BytesValue, BytesValue, True)


async def echo(request: BytesValue, _: Any) -> BytesValue:
    return request


async def serve(mode: str) -> None:
    """Answer until the parent ends this process; the port is the first line."""
    interceptors: tuple[CallInterceptor, ...] = ()
    if mode != "bare":
        configure_logs("search", log_format="json", level="warning" if mode == "quiet" else "info")
        gate = Gate()
        gate.open()
        interceptors = (CallInterceptor("search", Metrics(), gate),)
    server = grpc.aio.server(interceptors=interceptors, options=SERVER_OPTIONS)
    handler = grpc.unary_unary_rpc_method_handler(echo, BytesValue.FromString, BytesValue.SerializeToString)
    service = grpc.method_handlers_generic_handler("zhike.benchmark.v1.EchoService", {"Echo": handler})
    server.add_generic_rpc_handlers((service,))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()


async def measure(mode: str, port: int, pid: int, calls: int) -> tuple[float, float]:
    """Return CPU µs per call of the server and of this process."""
    clients = Clients(ChassisSettings(search_address=f"127.0.0.1:{port}"), Metrics())
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS)
    stub = channel.unary_unary(ECHO.path, BytesValue.SerializeToString, BytesValue.FromString)

    async def call_in_turn(count: int) -> None:
        for _ in range(count):
            if mode == "called":
                await clients.call(ECHO, PAYLOAD, timeout_ms=5_000)
            else:
                await stub(PAYLOAD, timeout=5)

    async def call(count: int) -> None:
        await asyncio.gather(*(call_in_turn(count // IN_FLIGHT) for _ in range(IN_FLIGHT)))

    await call(WARM_UP_CALLS)
    server, here = psutil.Process(pid), psutil.Process(os.getpid())
    server_before, here_before = cpu_s(server), cpu_s(here)
    await call(calls)
    figures = (cpu_s(server) - server_before) / calls * 1e6, (cpu_s(here) - here_before) / calls * 1e6
    await clients.close()
    await channel.close()
    return figures


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def one_round(mode: str, calls: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.calls", "--serve", mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            return uvloop.run(measure(mode, int(server.stdout.readline()), server.pid, calls))
        finally:
            server.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=6_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", choices=MODES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        uvloop.run(serve(arguments.serve))
        return
    found: dict[str, list[tuple[float, float]]] = {mode: [] for mode in MODES}
    for _ in range(arguments.rounds):
        for mode in MODES:
            found[mode].append(one_round(mode, arguments.calls))
    server_us = {mode: round(statistics.median(each[0] for each in found[mode]), 1) for mode in MODES}
    client_us = {mode: round(statistics.median(each[1] for each in found[mode]), 1) for mode in MODES}
    for mode in MODES:
        print(f"{mode:8} server {server_us[mode]:7.1f} µs CPU   client {client_us[mode]:7.1f} µs CPU")
    interceptor_us = round(server_us["served"] - server_us["bare"], 1)
    client_extra_us = round(client_us["called"] - client_us["served"], 1)
    print(f"interceptor {interceptor_us} µs, of it the access line {server_us['served'] - server_us['quiet']:.1f} µs")
    if arguments.json:
        result = {
            "server_us": server_us,
            "client_us": client_us,
            "interceptor_us": interceptor_us,
            "client_extra_us": client_extra_us,
        }
        print(json.dumps(result))


if __name__ == "__main__":
    main()
