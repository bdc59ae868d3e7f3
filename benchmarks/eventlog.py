"""What the event log costs on SQLite: events a second and CPU time for each, at 1x, 4x and 16x events stored before.

Run ``python -m benchmarks.eventlog`` for a table, ``--json`` for one object as the last line. Every append is durable
(fsync) when it counts. ``singles`` are 32 callers of one event each, whose appends ride together; ``project`` a reader
that folds each event into one of 3,000 documents. CPU is that of the whole process.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from services.chassis.clock import SystemClock
from services.chassis.documents.port import Collection
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.port import Event, NewEvent
from services.chassis.eventlog.projection import KeyedProjection
from services.chassis.eventlog.reader import Reader
from services.chassis.eventlog.subscription import batch_from_response, responses_from_batch
from services.chassis.metrics import Metrics

SCALES = {"1x": 10_000, "4x": 40_000, "16x": 160_000}  # events stored before anything is measured
BATCHED = 20_000
BATCH = 500
SINGLES = 4_000
CALLERS = 32
SUBJECTS = 3_000
RECENT = 50
MARKS = 20
DOCUMENTS = Collection("subjects")


@dataclass(frozen=True)
class Figure:
    """Of one way of using the log."""

    events_per_s: float
    cpu_us_per_event: float


async def measure(stored: int, folder: Path) -> dict[str, Figure]:
    """Return the figures over a log that holds ``stored`` events."""
    documents = SqliteDocuments.open(folder / "documents.sqlite")
    await documents.declare(DOCUMENTS)
    log = DocumentsLog(documents, "user-events", 1, SystemClock(), Random(1))
    await log.open()
    events = _events(Random(stored))
    await _append(log, [next(events) for _ in range(stored)])
    batched, singles = ([next(events) for _ in range(count)] for count in (BATCHED, SINGLES))
    figures = {
        "append_batched": await _timed(BATCHED, lambda: _append(log, batched)),
        "append_again": await _timed(BATCHED, lambda: _append(log, batched)),
        "append_singles": await _timed(SINGLES, lambda: _append_singles(log, singles)),
    }
    total = (await log.head()).seqs[0]
    figures["subscribe"] = await _timed(total, lambda: _drain(log, total, encode=False))
    figures["subscribe_wire"] = await _timed(total, lambda: _drain(log, total, encode=True))
    figures["project"] = await _timed(total, lambda: _project(log, documents))
    await log.close()
    await documents.close()
    return figures


def _events(rng: Random) -> Iterator[NewEvent]:
    number = 0
    now = datetime.now(UTC)
    while True:
        number += 1
        visitor = f"v-{rng.randrange(SUBJECTS):022}"
        product = {"id": f"p-{rng.randrange(6_000)}", "quantity": 1, "price": {"amount": "19.90", "currency": "CNY"}}
        payload = {"id": f"e-{number}", "type": "detail-page-view", "visitor_id": visitor, "products": [product]}
        yield NewEvent(
            client_event_id=f"e-{number}",
            owner="benchmark",
            type="detail-page-view",
            occurred_time=now,
            shop="shanghai",
            channel="web",
            subject=f"visitor:{visitor}",
            payload={**payload, "attribution_token": f"{rng.getrandbits(256):064x}"},
        )


async def _timed(count: int, work: Callable[[], Awaitable[None]]) -> Figure:
    start, cpu_start = time.perf_counter(), time.process_time()
    await work()
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    return Figure(round(count / wall_s), round(cpu_s / count * 1e6, 1))


async def _append(log: DocumentsLog, events: Sequence[NewEvent]) -> None:
    for start in range(0, len(events), BATCH):
        await log.append(events[start : start + BATCH])


async def _append_singles(log: DocumentsLog, events: Sequence[NewEvent]) -> None:
    waiting = iter(events)

    async def call() -> None:
        for event in waiting:
            await log.append([event])

    await asyncio.gather(*(call() for _ in range(CALLERS)))


async def _drain(log: DocumentsLog, total: int, *, encode: bool) -> None:
    seen = 0
    async with aclosing(log.subscribe(generation="", after={})) as batches:
        async for batch in batches:
            seen += len(batch.events)
            for response in responses_from_batch(batch) if encode else ():
                batch_from_response(log.name, type(response).FromString(response.SerializeToString()))
            if seen == total:
                return


async def longest_mark_gap_ms(folder: Path) -> float:
    """Return the longest time between two marks of a quiet log; consistency rule 12 allows 500 ms."""
    documents = SqliteDocuments.open(folder / "documents.sqlite")
    log = DocumentsLog(documents, "user-events", 1, SystemClock(), Random(1))
    await log.open()
    times: list[float] = []
    async with aclosing(log.subscribe(generation="", after={})) as batches:
        async for _ in batches:
            times.append(time.perf_counter())
            if len(times) == MARKS:
                break
    await log.close()
    await documents.close()
    return round(max(later - earlier for earlier, later in pairwise(times)) * 1_000, 1)


async def _project(log: DocumentsLog, documents: SqliteDocuments) -> None:
    projection = KeyedProjection(documents, DOCUMENTS, name="p", keys=lambda event: [event.subject], fold=_fold)
    metrics = Metrics([EVENTLOG_METRICS])
    reader = Reader(log, projection, documents, SystemClock(), rng=Random(1), metrics=metrics)
    running = asyncio.create_task(reader.run())
    await reader.caught_up()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _fold(_key: str, body: dict[str, Any] | None, event: Event) -> dict[str, Any]:
    body = body or {"views": 0, "recent": []}
    return {"views": body["views"] + 1, "recent": [event.payload["products"][0]["id"], *body["recent"]][:RECENT]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one object as the last line")
    arguments = parser.parse_args()
    figures: dict[str, dict[str, Figure]] = {}
    for scale, stored in SCALES.items():
        with tempfile.TemporaryDirectory(prefix="zhike-eventlog-") as folder:
            figures[scale] = uvloop.run(measure(stored, Path(folder)))
    with tempfile.TemporaryDirectory(prefix="zhike-eventlog-") as folder:
        mark_gap_ms = uvloop.run(longest_mark_gap_ms(Path(folder)))
    _show(figures, mark_gap_ms)
    if arguments.json:
        plain: dict[str, Any] = {
            scale: {name: asdict(each) for name, each in ways.items()} for scale, ways in figures.items()
        }
        print(json.dumps({**plain, "longest_mark_gap_ms": mark_gap_ms}), flush=True)


def _show(figures: dict[str, dict[str, Figure]], mark_gap_ms: float) -> None:
    table = Table("way", *(f"{scale}: events/s (CPU µs)" for scale in figures), title="Event log on SQLite")
    for name in next(iter(figures.values())):
        cells = [f"{ways[name].events_per_s:,.0f} ({ways[name].cpu_us_per_event:.1f})" for ways in figures.values()]
        table.add_row(name, *cells)
    console = Console(stderr=True)
    console.print(table)
    console.print(f"longest time between two marks of a quiet log: {mark_gap_ms} ms")


if __name__ == "__main__":
    main()
