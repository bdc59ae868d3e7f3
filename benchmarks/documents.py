"""What the document store costs on SQLite and MongoDB: operations a second and CPU for each, at 1x, 4x, 16x documents.

Run ``python -m benchmarks.documents`` for a table, ``--json`` for one object as the last line. MongoDB stands beside
SQLite where ZHIKE_TEST_MONGODB (or --mongodb) names a server; a server that only speaks its protocol keeps everything
in memory and fsyncs nothing, so its writes are no figures of MongoDB's. On SQLite every write is durable (WAL,
synchronous=FULL) when it counts. CPU is that of this process (event loop, writer or driver threads), not the server's.
``fsync`` and ``thread_hop`` are the machine's own prices, measured in the same run. Events also go
through the gateway with knowledge on each store (``--no-intake`` leaves that out).
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from random import Random

import pymongo
import uvloop

from benchmarks.documents_intake import measure_intake
from benchmarks.replicas import database
from services.chassis.documents.mongo import MongoDocuments, database_name
from services.chassis.documents.port import Collection, DocumentStore, Index, Range
from services.chassis.documents.sqlite import SqliteDocuments

EVENTS = Collection("events", (Index("seq", ("log", "partition", "seq"), unique=True), Index("subject", ("subject",))))
SCALES = {"1x": 10_000, "4x": 40_000, "16x": 160_000}  # documents stored before the operations are measured
BODY_BYTES = 600
BATCH = 500
SMALL_BATCH = 50
CALLERS = 50  # concurrent callers of single writes
SUBJECTS = 500
FSYNCS = 50
SINGLES = 4_000
READS = 4_000


@dataclass(frozen=True)
class Figure:
    """``ops`` counts documents for batches and pages, calls otherwise."""

    ops_per_s: float
    cpu_us_per_op: float
    p50_us: float
    p99_us: float


class Stopwatch:
    """Times calls one by one and the whole by wall and CPU."""

    def __init__(self) -> None:
        self._walls: list[float] = []
        self._start = time.perf_counter()
        self._cpu_start = time.process_time()

    async def time(self, call: Awaitable[object]) -> None:
        start = time.perf_counter()
        await call
        self._walls.append(time.perf_counter() - start)

    def figure(self, ops: int) -> Figure:
        wall, cpu = time.perf_counter() - self._start, time.process_time() - self._cpu_start
        walls = sorted(self._walls)
        p99 = walls[min(len(walls) - 1, int(len(walls) * 0.99))]
        return Figure(ops / wall, cpu / ops * 1e6, statistics.median(walls) * 1e6, p99 * 1e6)


def event_key(seq: int) -> str:
    return blake2b(seq.to_bytes(8, "big"), digest_size=16).hexdigest()


def event_body(seq: int) -> dict[str, object]:
    body: dict[str, object] = {"log": "user-events", "partition": 0, "seq": seq, "subject": f"card:{seq % SUBJECTS}"}
    padding = BODY_BYTES - len(json.dumps(body)) - len(', "payload": ""')
    return {**body, "payload": "x" * padding}


class Run:
    """The operations on one store, in the order in which they are measured."""

    def __init__(self, store: DocumentStore, stored: int, chance: Random) -> None:
        self.store, self.stored, self.chance = store, stored, chance

    async def insert_many(self, batch: int, batches: int, callers: int = 1) -> Figure:
        first, self.stored = self.stored, self.stored + batch * batches
        rows = [
            [(event_key(seq), event_body(seq)) for seq in range(first + n * batch, first + (n + 1) * batch)]
            for n in range(batches)
        ]
        watch = Stopwatch()
        await share(callers, [lambda items=items: watch.time(self.store.insert_many(EVENTS, items)) for items in rows])
        return watch.figure(batch * batches)

    async def insert(self, callers: int, count: int) -> Figure:
        first, self.stored = self.stored, self.stored + count
        rows = [(event_key(seq), event_body(seq)) for seq in range(first, first + count)]
        watch = Stopwatch()
        calls = [lambda key=key, body=body: watch.time(self.store.insert(EVENTS, key, body)) for key, body in rows]
        await share(callers, calls)
        return watch.figure(count)

    async def replace(self, callers: int, count: int) -> Figure:
        chosen = self.chance.sample(range(self.stored), count)
        documents = [await self.store.get(EVENTS, event_key(seq)) for seq in chosen]
        watch = Stopwatch()
        calls = [
            lambda document=document: watch.time(
                self.store.replace(EVENTS, document.key, document.body, expected_revision=document.revision)
            )
            for document in documents
            if document is not None
        ]
        await share(callers, calls)
        return watch.figure(count)

    async def get(self, count: int) -> Figure:
        keys = [event_key(seq) for seq in self.chance.choices(range(self.stored), k=count)]
        watch = Stopwatch()
        for key in keys:
            await watch.time(self.store.get(EVENTS, key))
        return watch.figure(count)

    async def get_many(self, size: int, count: int) -> Figure:
        pages = [[event_key(seq) for seq in self.chance.sample(range(self.stored), size)] for _ in range(count)]
        watch = Stopwatch()
        for keys in pages:
            await watch.time(self.store.get_many(EVENTS, keys))
        return watch.figure(size * count)

    async def find(self, size: int, count: int) -> Figure:
        """Read pages of a log, each from a random place."""
        starts = self.chance.choices(range(self.stored - size), k=count)
        watch = Stopwatch()
        for start in starts:
            equals = {"log": "user-events", "partition": 0}
            await watch.time(self.store.find(EVENTS, "seq", equals, range_=Range(at_least=start), limit=size))
        return watch.figure(size * count)


async def share(callers: int, calls: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Let ``callers`` tasks work off the calls, each one call at a time."""

    async def work(mine: Sequence[Callable[[], Awaitable[None]]]) -> None:
        for call in mine:
            await call()

    await asyncio.gather(*(work(calls[caller::callers]) for caller in range(callers)))


async def measure(open_store: Callable[[], DocumentStore], stored: int) -> dict[str, Figure]:
    store = open_store()
    await store.declare(EVENTS)
    run = Run(store, 0, Random(1))
    await run.insert_many(BATCH, stored // BATCH)
    figures = {
        "insert_many_500": await run.insert_many(BATCH, 40),
        "insert_many_50_by_8": await run.insert_many(SMALL_BATCH, 200, callers=8),
        "insert_by_1": await run.insert(1, SINGLES // 4),
        "insert_by_50": await run.insert(CALLERS, SINGLES),
        "replace_by_1": await run.replace(1, SINGLES // 4),
        "replace_by_50": await run.replace(CALLERS, SINGLES),
        "get": await run.get(READS),
        "get_many_100": await run.get_many(100, READS // 100),
        "find_20": await run.find(20, READS // 20),
        "find_100": await run.find(100, READS // 100),
        "find_1000": await run.find(1_000, 20),
    }
    await store.close()
    return figures


def fsync_ms(folder: Path) -> float:
    walls = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(FSYNCS):
            file.write(b"x" * 4_096)
            file.flush()
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            walls.append(time.perf_counter() - start)
    return statistics.median(walls) * 1e3


async def thread_hop_us() -> float:
    loop = asyncio.get_running_loop()
    watch = Stopwatch()
    for _ in range(READS):
        await watch.time(loop.run_in_executor(None, int))
    return watch.figure(READS).cpu_us_per_op


def measure_store(name: str, address: str, stored: int) -> dict[str, Figure]:
    """Measure on a new store, and leave nothing of it."""
    if name == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            return uvloop.run(measure(lambda: SqliteDocuments.open(Path(folder, "documents.sqlite")), stored))
    with database(address, "documents") as service:
        return uvloop.run(measure(lambda: MongoDocuments.open(address, service), stored))


def intake(name: str, address: str) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        if name == "sqlite":
            return measure_intake("sqlite", Path(folder))
        base = f"{address.rstrip('/')}/intake{os.getpid()}"
        try:
            return measure_intake(base, Path(folder))
        finally:
            with pymongo.MongoClient(address) as client:
                client.drop_database(database_name(base, "knowledge"))


def show(figures: dict[str, dict[str, Figure]]) -> None:
    """Print the stores side by side."""
    for operation in next(iter(figures.values())):
        columns = [
            f"{name} {each[operation].ops_per_s:>9,.0f}/s {each[operation].cpu_us_per_op:>7.1f} CPU us"
            f" p50 {each[operation].p50_us:>7,.0f} p99 {each[operation].p99_us:>8,.0f} us"
            for name, each in figures.items()
        ]
        print(f"  {operation:<20}", "   ".join(columns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--scale", choices=SCALES, action="append", help="only this scale; may be repeated")
    parser.add_argument("--mongodb", default=os.environ.get("ZHIKE_TEST_MONGODB", ""))
    parser.add_argument("--intake", action=argparse.BooleanOptionalAction, default=True, help="through the gateway too")
    arguments = parser.parse_args()
    stores = ["sqlite", "mongodb"] if arguments.mongodb else ["sqlite"]
    result: dict[str, object] = {"body_bytes": BODY_BYTES, "batch": BATCH, "callers": CALLERS, "stores": stores}
    with tempfile.TemporaryDirectory() as folder:
        result["fsync_ms"] = fsync_ms(Path(folder))
    result["thread_hop_cpu_us"] = uvloop.run(thread_hop_us())
    for scale in arguments.scale or SCALES:
        figures = {name: measure_store(name, arguments.mongodb, SCALES[scale]) for name in stores}
        print(f"\n{scale}: {SCALES[scale]:,} documents of {BODY_BYTES} bytes")
        show(figures)
        result[scale] = {
            name: {operation: asdict(figure) for operation, figure in each.items()} for name, each in figures.items()
        }
    if arguments.intake:
        result["intake"] = {name: intake(name, arguments.mongodb) for name in stores}
        print("\nthrough the gateway:", result["intake"])
    print(f"\nfsync {result['fsync_ms']:.2f} ms, hop to a thread {result['thread_hop_cpu_us']:.0f} CPU us")
    if arguments.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
