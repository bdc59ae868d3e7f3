"""Asks a process whether it is ready: the gRPC health service of a service, /healthz of the gateway."""

import asyncio

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from infra.local.plan import Process

PROBE_TIMEOUT_S = 1.0
PROBE_PAUSE_S = 0.1


async def wait_until_ready(process: Process, host: str) -> None:
    """Return once the process serves. The caller bounds the wait."""
    while not await is_ready(process, host):  # noqa: ASYNC110 - what it waits for is another process
        await asyncio.sleep(PROBE_PAUSE_S)


async def is_ready(process: Process, host: str) -> bool:
    """Ask once; a process that nobody can ask is ready when it runs."""
    if not process.health:
        return True
    if not await _listens(host, process.port):
        return False
    probe = _grpc_ready if process.health == "grpc" else _http_ready
    return await probe(host, process.port)


async def _listens(host: str, port: int) -> bool:
    """Whoever waits for a start asks often, and a client costs the processor that the start needs."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:  # of which TimeoutError is one
        return False
    writer.close()
    return True


async def _grpc_ready(host: str, port: int) -> bool:
    async with grpc.aio.insecure_channel(f"{host}:{port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=PROBE_TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def _http_ready(host: str, port: int) -> bool:
    async with httpx.AsyncClient(timeout=PROBE_TIMEOUT_S, trust_env=False) as client:
        try:
            return (await client.get(f"http://{host}:{port}/healthz")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False
