"""What the chassis costs around a gRPC call: CPU µs at both ends, bare against ours, in alternating rounds.

    python -m benchmarks.calls [--rounds 5] [--calls 6000] [--json]

``bare`` is grpc.aio alone; ``quiet`` adds the interceptor without its access line; ``served`` is what a service runs;
``called`` is ``served`` called through Clients instead of a bare stub; ``streamed`` is the same method coalesced: its
calls share a stream. The last two also with 1 and with 32 calls under way, the others with 8. Medians over the rounds.
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
from zhike.chassis.v1 import call_stream_service_pb2_grpc

from services.chassis.callstream.servicer import CallStreamServicer, StreamedMethods
from services.chassis.clients import CHANNEL_OPTIONS, Clients, Method
from services.chassis.interceptors import CallInterceptor, Gate
from services.chassis.logs import configure_logs
from services.chassis.metrics import Metrics
from services.chassis.server import SERVER_OPTIONS
from services.chassis.settings import ChassisSettings

MODES = ("bare", "quiet", "served", "called", "streamed")
IN_FLIGHT = 8
CASES = (*((mode, IN_FLIGHT) for mode in MODES), *((mode, count) for count in (1, 32) for mode in MODES[-2:]))
WARM_UP_CALLS = 400
PAYLOAD = BytesValue(value=b"x" * 400)
PATH = "/zhike.benchmark.v1.EchoService/Echo"
ALONE, COALESCED = (Method("search", PATH, BytesValue, BytesValue, True, shared) for shared in (False, True))


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
    registrar: Any = server
    if mode != "bare":
        registrar = StreamedMethods(server, interceptors[0])
        call_stream_service_pb2_grpc.add_CallStreamServiceServicer_to_server(
            CallStreamServicer(registrar, gate), server
        )
    handler = grpc.unary_unary_rpc_method_handler(echo, BytesValue.FromString, BytesValue.SerializeToString)
    service = grpc.method_handlers_generic_handler("zhike.benchmark.v1.EchoService", {"Echo": handler})
    registrar.add_generic_rpc_handlers((service,))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()


async def measure(mode: str, in_flight: int, port: int, pid: int, *, calls: int) -> tuple[float, float]:
    """Return CPU µs per call of the server and of this process."""
    clients = Clients(ChassisSettings(search_address=f"127.0.0.1:{port}"), Metrics())
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS)
    stub = channel.unary_unary(PATH, BytesValue.SerializeToString, BytesValue.FromString)

    async def call_in_turn(count: int) -> None:
        for _ in range(count):
            if mode == "streamed":
                await clients.call(COALESCED, PAYLOAD, timeout_ms=5_000)
            elif mode == "called":
                await clients.call(ALONE, PAYLOAD, timeout_ms=5_000)
            else:
                await stub(PAYLOAD, timeout=5)

    async def call(count: int) -> None:
        await asyncio.gather(*(call_in_turn(count // in_flight) for _ in range(in_flight)))

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


async def one_round(mode: str, in_flight: int, calls: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.calls", "--serve", mode]
    # Nothing else runs in this loop while the server starts.
    with subprocess.Popen(  # noqa: ASYNC220
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        try:
            return await measure(mode, in_flight, int(server.stdout.readline()), server.pid, calls=calls)
        finally:
            server.terminate()


async def all_rounds(rounds: int, calls: int) -> dict[tuple[str, int], list[tuple[float, float]]]:
    """Return the figures of every case, its rounds taking turns with the others'."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = {case: [] for case in CASES}
    for _ in range(rounds):
        for case in CASES:
            found[case].append(await one_round(*case, calls))
    return found


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
    found = uvloop.run(all_rounds(arguments.rounds, arguments.calls))
    figures = {case: [round(statistics.median(side), 1) for side in zip(*found[case], strict=True)] for case in CASES}
    for (mode, in_flight), (server_us, client_us) in figures.items():
        print(f"{mode:8} {in_flight:2} under way: server {server_us:6.1f} µs CPU, client {client_us:6.1f} µs CPU")
    bare, quiet, served, called = (figures[mode, IN_FLIGHT] for mode in MODES[:4])
    print(f"interceptor {served[0] - bare[0]:.1f} µs, of it the access line {served[0] - quiet[0]:.1f} µs")
    shares = {count: sum(figures["called", count]) / sum(figures["streamed", count]) for count in (1, IN_FLIGHT, 32)}
    for count, share in shares.items():
        print(f"coalesced, {count} under way: {share:.1f} times cheaper than unary")
    if arguments.json:
        result = {
            "server_us": {f"{mode}_{count}": figures[mode, count][0] for mode, count in CASES},
            "client_us": {f"{mode}_{count}": figures[mode, count][1] for mode, count in CASES},
            "interceptor_us": round(served[0] - bare[0], 1),
            "client_extra_us": round(called[1] - served[1], 1),
            "unary_to_coalesced": {str(count): round(share, 1) for count, share in shares.items()},
        }
        print(json.dumps(result))


if __name__ == "__main__":
    main()
