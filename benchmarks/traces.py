"""What traces cost: µs of a call's two ends without a collector, with one and not recorded, and recorded.

    python -m benchmarks.traces [--rounds 9] [--calls 20000] [--json]

``served``: the interceptor around a handler that answers at once; ``called``: Clients around a channel that does. No
socket is in it, so that the little that traces add can be seen. Medians over rounds that take turns.
"""

import argparse
import asyncio
import json
import statistics
from collections.abc import Awaitable, Callable
from random import Random
from time import process_time
from typing import Any

import uvloop
from google.protobuf.wrappers_pb2 import BytesValue
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from services.chassis.clients import Clients, Method
from services.chassis.interceptors import CallInterceptor, Gate
from services.chassis.logs import CallContext, bind_call, configure_logs
from services.chassis.metrics import Metrics
from services.chassis.settings import ChassisSettings
from services.chassis.traces import Traces, install_traces
from services.chassis.traces_export import SpanSink

PATH = "/zhike.benchmark.v1.EchoService/Echo"
RECORDED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOT_RECORDED = RECORDED[:-1] + "0"
CASES = {"off": (False, RECORDED), "not_recorded": (True, NOT_RECORDED), "recorded": (True, RECORDED)}
PAYLOAD = BytesValue(value=b"x" * 400)


class Nowhere(SpanExporter):
    """A collector that takes everything at once."""

    def export(self, spans: Any) -> SpanExportResult:  # noqa: ARG002
        return SpanExportResult.SUCCESS


class Context:
    """A call as grpc.aio shows it to a handler."""

    def __init__(self, traceparent: str) -> None:
        self._metadata = (("x-request-id", "0123456789abcdef"), ("traceparent", traceparent))

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata

    def time_remaining(self) -> float:
        return 5.0


async def echo(request: BytesValue, _: Any) -> BytesValue:
    return request


def answered(request: BytesValue, **_: Any) -> Awaitable[BytesValue]:
    return echo(request, None)


class Channel:
    """A channel whose other side answers at once."""

    def unary_unary(self, *_: Any) -> Callable[..., Awaitable[BytesValue]]:
        return answered

    async def close(self, _: Any) -> None:
        return


def ends_of(*, traced: bool, traceparent: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Return one call of each end, built with or without a collector."""
    if traced:
        sink = SpanSink(BatchSpanProcessor(Nowhere(), max_queue_size=4_096), service="search")
        install_traces(Traces(sink, chance=Random(1)))
    gate = Gate()
    gate.open()
    serve = CallInterceptor("search", Metrics(), gate).around_unary(PATH, echo)
    clients = Clients(ChassisSettings(search_address="127.0.0.1:1"), Metrics())
    clients._channels["search"] = Channel()  # type: ignore[assignment]
    install_traces(None)
    method = Method("search", PATH, BytesValue, BytesValue, True)
    context = Context(traceparent)

    async def call() -> None:
        bind_call(CallContext("0123456789abcdef", traceparent))
        await clients.call(method, PAYLOAD, timeout_ms=5_000)

    return {"served": lambda: serve(PAYLOAD, context), "called": call}


async def cpu_us(act: Callable[[], Awaitable[Any]], calls: int) -> float:
    before = process_time()
    for _ in range(calls):
        await act()
    return (process_time() - before) / calls * 1e6


async def measured(rounds: int, calls: int) -> dict[str, float]:
    """Return the medians by end and case."""
    ends = {case: ends_of(traced=traced, traceparent=parent) for case, (traced, parent) in CASES.items()}
    found: dict[str, list[float]] = {f"{end}_{case}": [] for end in ("served", "called") for case in CASES}
    for _ in range(rounds):
        for name, figures in found.items():
            end, _, case = name.partition("_")
            figures.append(await cpu_us(ends[case][end], calls))
            await asyncio.sleep(0)
    return {name: round(statistics.median(figures), 2) for name, figures in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    configure_logs("search", log_format="json", level="warning")
    figures = uvloop.run(measured(arguments.rounds, arguments.calls))
    for end in ("served", "called"):
        off, not_recorded, recorded = (figures[f"{end}_{case}"] for case in CASES)
        print(
            f"{end}: {off:.1f} µs without a collector, {not_recorded:.1f} µs not recorded, {recorded:.1f} µs recorded"
        )
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
