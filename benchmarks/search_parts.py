"""CPU of one served search by part, in one process: the ``search_parts_cpu_us`` of benchmarks.search_engine.

``engine``: finding the page (tantivy, order, hits). ``answer``: the rest of the call from the request's bytes to the
answer's, without gRPC. ``log`` and ``mining``: writing the search to the ``searches`` log and counting what it says, by
the search's own reader, both at PACE_PER_S as they come in batches. ``order_mining``: counting one order of the
history, in batches of ORDERS_AT_ONCE. All threads count; each is the least of TRIES, as other work on the machine only
adds.
"""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from zhike.search.v1 import search_service_pb2
from zhike.type.v1 import answer_pb2

from services.chassis.clock import SystemClock
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.reader import Reader
from services.chassis.eventlog.running import running
from services.chassis.metrics import Metrics
from services.search.domain.suggestions import Completion
from services.search.jobs.log_mining import SEARCHES_LOG, LogMiner, MinedNumbers, miner_projection
from services.search.jobs.search_log import GATHER_S, SearchLog
from services.search.main import SEARCH_METRICS
from services.search.servicer.searches import SearchServicer
from services.search.store.mined import COUNTED_ORDERS, MINED, PROJECTION
from services.search.usecases.finding import Request
from services.search.usecases.searching import Query, Searching, Served

TRIES = 3
PACE_PER_S = 600
SEARCHES_AT_ONCE = 30
ORDERS = 2_000
ORDERS_AT_ONCE = 500
LINES_MOST = 20
SEED = 2017


async def parts_cpu_us(searching: Searching, queries: Sequence[Query], folder: Path) -> dict[str, int]:
    """Return microseconds of CPU by part. ``folder`` is for the log and is written anew."""
    served: list[Served] = []
    servicer = SearchServicer(replace(searching, note=served.append), Completion, lambda _: None)
    requests = [_bytes_of(query) for query in queries]

    async def find() -> None:
        for query in queries:
            await searching.finder.first_page(Request(query.query, query.language, query.limit))

    async def answer() -> None:
        served.clear()
        for request in requests:
            response = await servicer.Search(search_service_pb2.SearchRequest.FromString(request), None)
            response.SerializeToString()

    engine_us = await _least_us(find, len(queries))
    whole_us = await _least_us(answer, len(queries))
    log_us = min([await _noted_us(served, folder, mined=False) for _ in range(TRIES)])
    noted_us = min([await _noted_us(served, folder, mined=True) for _ in range(TRIES)])
    return {
        "engine": round(engine_us),
        "answer": round(whole_us - engine_us),
        "log": round(log_us),
        "mining": round(noted_us - log_us),
        "order_mining": round(min([await _orders_us(folder) for _ in range(TRIES)])),
    }


def _bytes_of(query: Query) -> bytes:
    return search_service_pb2.SearchRequest(
        query=query.query,
        language=query.language,
        page_size=query.limit,
        format=answer_pb2.ANSWER_FORMAT_JSON,
    ).SerializeToString()


async def _least_us(act: Callable[[], Awaitable[None]], count: int) -> float:
    times = []
    for _ in range(TRIES):
        started = time.process_time()
        await act()
        times.append((time.process_time() - started) / count * 1e6)
    return min(times)


async def _noted_us(served: Sequence[Served], folder: Path, *, mined: bool) -> float:
    """Return the CPU of one search that is noted, written and, if ``mined``, counted."""
    async with AsyncExitStack() as stack:
        documents, projection = await _mined_documents(folder, stack)
        clock, rng, metrics = SystemClock(), Random(SEED), Metrics()
        metrics.declare((*EVENTLOG_METRICS, *SEARCH_METRICS))
        log = DocumentsLog(documents, SEARCHES_LOG, 1, clock, rng)
        await log.open()
        stack.push_async_callback(log.close)
        search_log = SearchLog(log, metrics.counter("zhike_search_log_lost_total"))
        reader = Reader(log, projection, documents, clock, rng=rng, metrics=metrics)
        await stack.enter_async_context(running([search_log.run(), *([reader.run()] if mined else [])]))
        if mined:
            await reader.caught_up()
        started = time.process_time()
        for start in range(0, len(served), SEARCHES_AT_ONCE):
            for each in served[start : start + SEARCHES_AT_ONCE]:
                search_log.note(each)
            await asyncio.sleep(SEARCHES_AT_ONCE / PACE_PER_S)
        await asyncio.sleep(2 * GATHER_S)
        if mined:
            await reader.caught_up()
        return (time.process_time() - started) / len(served) * 1e6


async def _orders_us(folder: Path) -> float:
    """Return the CPU of counting one order, in documents that have the products already."""
    async with AsyncExitStack() as stack:
        _, projection = await _mined_documents(folder, stack)
        orders = _orders(Random(SEED))
        await projection.apply(orders[:ORDERS_AT_ONCE])
        started = time.process_time()
        for start in range(ORDERS_AT_ONCE, ORDERS, ORDERS_AT_ONCE):
            await projection.apply(orders[start : start + ORDERS_AT_ONCE])
        return (time.process_time() - started) / (ORDERS - ORDERS_AT_ONCE) * 1e6


async def _mined_documents(folder: Path, stack: AsyncExitStack) -> tuple[SqliteDocuments, MinedNumbers]:
    shutil.rmtree(folder, ignore_errors=True)
    documents = SqliteDocuments.open(folder / "documents.sqlite")
    stack.push_async_callback(documents.close)
    await documents.declare(MINED, COUNTED_ORDERS)
    miner = LogMiner(bytes(32), ZoneInfo("Asia/Shanghai"))
    return documents, miner_projection(documents, miner)(PROJECTION, lambda collection: collection)


def _orders(rng: Random) -> list[Event]:
    """Return orders of 1 to LINES_MOST lines over 6,000 products, a few of them wanted most."""
    product = partial(rng.paretovariate, 0.5)
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    orders = []
    for number in range(1, ORDERS + 1):
        lines = [{"id": f"p{int(product()) % 6_000}"} for _ in range(rng.randint(1, LINES_MOST))]
        placed = begun + timedelta(minutes=10 * number)
        orders.append(
            Event(
                log="user-events",
                partition=0,
                seq=number,
                key=f"{number:032x}",
                type="purchase-complete",
                occurred_time=placed,
                recorded_time=placed,
                shop="demo",
                channel="store",
                subject=f"card:{number % 200}",
                payload={"products": lines, "order": {"number": str(number), "kind": "sale"}},
            )
        )
    return orders
