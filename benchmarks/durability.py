"""Kills processes under load and counts what is lost: ``python -m benchmarks.durability --kills 50 --json``.

Writers send batches of events and repeat each until it is acknowledged, as every client does; some acknowledged batches
are sent again. Meanwhile the owner of the log and a reader of it are killed with SIGKILL at seeded random moments, also
while they start, and started again at once. In the end every acknowledged event must be in the log exactly once, the
numbers must have no hole, and every projection must equal one that is built anew from the log.

The last line of ``--json`` is {kills, acknowledged, lost, doubled, projections_equal}. Exit 1 when anything failed.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from zhike.chassis.v1 import system_service_pb2 as system_pb
from zhike.knowledge.v1 import user_event_service_pb2 as pb

from benchmarks.durability_processes import LOG, OWNER
from benchmarks.durability_stages import STAGES, Check, Stage
from services.chassis.clients import Clients, declare_method
from services.chassis.clock import SystemClock
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.mongo import MongoDocuments
from services.chassis.documents.port import Collection, DocumentStore
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.errors import ZhikeError
from services.chassis.eventlog.applier import Projection
from services.chassis.eventlog.backoff import is_passing
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.generations import Generations
from services.chassis.eventlog.port import Event
from services.chassis.metrics import Metrics
from services.chassis.settings import ChassisSettings

SQLITE = "sqlite"
WRITERS = 8
BATCH_SIZES = (1, 1, 1, 20, 100)
RESENT_SHARE = 0.1  # of acknowledged batches, as if the answer had been lost
VISITORS_COUNT = 500
EVENT_TYPES = (("detail-page-view", "add-to-cart", "search", "login", "purchase-complete"), (60, 10, 15, 5, 10))
PAUSE_S = (0.0, 0.05)  # of a writer between two batches
KILL_AFTER_S = (0.05, 1.0)  # since the last kill
START_LIMIT_S = 60.0
DRAIN_LIMIT_S = 300.0
CALL_TIMEOUT_MS = 5_000
STATUS_INTERVAL_S = 0.1

WRITE = declare_method(
    OWNER, pb, "UserEventService/WriteUserEvents", pb.WriteUserEventsRequest, pb.WriteUserEventsResponse
)


def _status_method(service: str):
    name = "SystemService/GetSystemStatus"
    request, response = system_pb.GetSystemStatusRequest, system_pb.SystemStatus
    return declare_method(service, system_pb, name, request, response, idempotent=True)


class Child:
    """One process that is killed and started again on the same port."""

    def __init__(self, service: str, program: Sequence[str], env: Mapping[str, str], log_file: Path) -> None:
        self.service = service
        self.kills = 0
        self._program, self._env, self._log_file = program, env, log_file
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log_file.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *self._program, env=dict(self._env), stdout=output, stderr=output
            )

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)
        self.kills += 1

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        process = self._process
        assert process is not None
        if process.returncode is not None and number is signal.SIGKILL:
            raise RuntimeError(f"{self.service} ended by itself with {process.returncode}; see {self._log_file}")
        if process.returncode is None:
            process.send_signal(number)
            await process.wait()


@dataclass
class Tally:
    """What the writers know."""

    acknowledged: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    resent: int = 0
    retried: int = 0


class Writer:
    """A client that repeats every batch until it is acknowledged."""

    def __init__(self, number: int, clients: Clients, rng: Random, tally: Tally) -> None:
        self._number, self._clients, self._rng, self._tally = number, clients, rng, tally
        self._sent = 0

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            batch = [self._event() for _ in range(self._rng.choice(BATCH_SIZES))]
            await self._write(batch)
            if self._rng.random() < RESENT_SHARE:
                self._tally.resent += len(batch)
                await self._write(batch)
            await asyncio.sleep(self._rng.uniform(*PAUSE_S))

    def _event(self) -> dict[str, object]:
        """Return an event of the public form: browsing, searching, logging in, buying."""
        self._sent += 1
        rng, number = self._rng, self._sent
        visitor = rng.randrange(VISITORS_COUNT)
        event: dict[str, object] = {
            "id": f"w{self._number}-{number}",
            "type": rng.choices(*EVENT_TYPES)[0],
            "time": datetime.now(UTC).isoformat(),
            "visitor_id": f"v-{visitor:022}",
        }
        if event["type"] == "search":
            event["search"] = {"query": f"茶 {rng.randrange(50)}"}
        elif event["type"] == "login":
            event["identifiers"] = [f"login:shopper-{visitor}"]
        else:
            price = {"amount": f"{rng.randrange(1, 500)}.90", "currency": "CNY"}
            event["products"] = [{"id": f"p-{rng.randrange(5_000)}", "quantity": 1, "price": price}]
        if event["type"] == "purchase-complete":
            event["order"] = {"number": f"o-{self._number}-{number}"}
        return event

    async def _write(self, batch: Sequence[Mapping[str, object]]) -> None:
        request = pb.WriteUserEventsRequest(
            json=orjson.dumps({"events": batch}),
            owner=f"writer-{self._number}",
            default_shop="durability",
            default_channel="web",
        )
        while True:
            try:
                response = await self._clients.call(WRITE, request, timeout_ms=CALL_TIMEOUT_MS)
            except ZhikeError as error:
                if not is_passing(error):
                    raise
                self._tally.retried += 1
                await asyncio.sleep(0.02)
                continue
            for verdict in orjson.loads(response.json)["verdicts"]:
                if verdict["status"] in ("stored", "duplicate"):
                    self._tally.acknowledged.add(verdict["id"])
                else:
                    self._tally.refused[json.dumps(verdict.get("error", verdict["status"]))] += 1
            return


@dataclass(frozen=True)
class Result:
    """What stands in the last line."""

    kills: int
    acknowledged: int
    lost: int
    doubled: int
    projections_equal: bool

    @property
    def held(self) -> bool:
        return self.acknowledged > 0 and self.lost == self.doubled == 0 and self.projections_equal


async def measure(
    stage: Stage, folder: Path, *, kills: int, seed: int, console: Console, documents: str = SQLITE
) -> Result:
    """Run the whole, on SQLite or the MongoDB at the address ``documents``, and return what it showed."""
    rng, tally = Random(seed), Tally()
    async with _running(stage, folder, documents) as (children, clients):
        stop = asyncio.Event()
        writers = [Writer(number, clients, Random(rng.random()), tally) for number in range(WRITERS)]
        writing = [asyncio.create_task(writer.run(stop)) for writer in writers]
        try:
            await _kill(children, clients, kills=kills, rng=rng, console=console)
        finally:
            stop.set()
            await asyncio.gather(*writing)
        await _drained(children, clients)
    for child in children:
        console.print(f"{child.service}: killed {child.kills} times")
    console.print(f"{tally.retried} calls repeated, {tally.resent} acknowledged events sent again")
    if tally.refused:  # every event is well formed, and a repeated one is a duplicate
        raise RuntimeError(f"events were refused: {dict(tally.refused)}")
    return await verify(stage, folder, tally, kills=kills, console=console, documents=documents)


@asynccontextmanager
async def _running(stage: Stage, folder: Path, documents: str) -> AsyncIterator[tuple[list[Child], Clients]]:
    ports = {service: _free_port() for service in stage.programs}
    addresses = {f"{service}_address": f"127.0.0.1:{port}" for service, port in ports.items()}
    env = {**os.environ, "ZHIKE_DATA": str(folder), "ZHIKE_LOG_LEVEL": "warning", "ZHIKE_DRAIN_MS": "0"}
    env |= {"ZHIKE_DOCUMENTS": documents, "ZHIKE_LOG_PARTITIONS": "1"}
    env |= {f"ZHIKE_{name.upper()}": address for name, address in addresses.items()}
    env |= {f"ZHIKE_{service.upper()}_PORT": str(port) for service, port in ports.items()}
    async with AsyncExitStack() as stack:
        clients = Clients(ChassisSettings(**addresses), Metrics())
        children = [
            Child(service, program, env, folder / f"{service}.log") for service, program in stage.programs.items()
        ]
        for child in children:
            await child.start()
            stack.push_async_callback(child.stop)
        stack.push_async_callback(clients.close)
        for child in children:
            await _ready(child, clients)
        yield children, clients


async def _kill(children: Sequence[Child], clients: Clients, *, kills: int, rng: Random, console: Console) -> None:
    columns = (TextColumn("kills"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("kills", total=kills)
        for _ in range(kills):
            await asyncio.sleep(rng.uniform(*KILL_AFTER_S))
            child = rng.choice(children)
            await child.kill()
            await child.start()
            if rng.random() < 0.7:  # else the next kill may hit it while it starts
                await _ready(child, clients)
            progress.advance(bar)
    for child in children:
        await _ready(child, clients)


async def _ready(child: Child, clients: Clients) -> None:
    async with asyncio.timeout(START_LIMIT_S):
        while not (await _status(child, clients)).ready:  # noqa: ASYNC110 - another process
            await asyncio.sleep(STATUS_INTERVAL_S)


async def _drained(children: Sequence[Child], clients: Clients) -> None:
    """Wait until every reader stands at the head of logs that nobody writes to any more, and has said so a while."""
    quiet = 0
    async with asyncio.timeout(DRAIN_LIMIT_S):
        while quiet < 5:
            statuses = [await _status(child, clients) for child in children]
            readers = [reader for status in statuses for reader in status.readers]
            quiet = quiet + 1 if all(r.lag_events == 0 and 0 <= r.staleness_s < 2 for r in readers) else 0
            await asyncio.sleep(3 * STATUS_INTERVAL_S)


async def _status(child: Child, clients: Clients) -> system_pb.SystemStatus:
    while True:
        try:
            request = system_pb.GetSystemStatusRequest()
            return await clients.call(_status_method(child.service), request, timeout_ms=CALL_TIMEOUT_MS)
        except ZhikeError as error:
            if not is_passing(error):
                raise
            await asyncio.sleep(STATUS_INTERVAL_S)


async def verify(
    stage: Stage,
    folder: Path,
    tally: Tally,
    *,
    kills: int,
    console: Console,
    documents: str = SQLITE,
    partitions: int = 1,
) -> Result:
    """Read what is stored, with no process running, and hold it against what was acknowledged."""
    async with AsyncExitStack() as stack:
        stores: dict[str, DocumentStore] = {}
        for service in stage.programs:
            if documents == SQLITE:
                stores[service] = SqliteDocuments.open(folder / service / "documents.sqlite")
            else:
                stores[service] = MongoDocuments.open(documents, service)
            stack.push_async_callback(stores[service].close)
        stored = Counter(event.payload["id"] for event in await _whole_log(stores[OWNER], LOG, partitions))
        equal = True
        for check in stage.checks:
            same, size = await _is_equal(check, stores, partitions)
            console.print(f"{check.service}/{check.name}: {size} documents, {'equal' if same else 'DIFFERENT'}")
            equal = equal and same and size > 0
    return Result(
        kills=kills,
        acknowledged=len(tally.acknowledged),
        lost=len(tally.acknowledged - stored.keys()),
        doubled=sum(count - 1 for count in stored.values()),
        projections_equal=equal,
    )


async def _is_equal(check: Check, stores: Mapping[str, DocumentStore], partitions: int) -> tuple[bool, int]:
    """Compare the projection in force, tombstones and watermarks included, with one built anew in memory."""
    live = stores[check.service]
    generations = Generations(live, check.name, check.collections)
    await generations.open()
    anew = MemoryDocuments()
    await anew.declare(*check.collections)
    projection = (await check.prepare(live, anew))(check.name, lambda collection: collection)
    for owner, name in check.logs:
        await _apply(projection, await _whole_log(stores[owner], name, partitions))
    same, size = True, 0
    for collection in check.collections:
        expected = await _documents(anew, collection)
        same = same and await _documents(live, generations.resolve(collection)) == expected
        size += len(expected)
    return same, size


async def _apply(projection: Projection, events: Sequence[Event]) -> None:
    for start in range(0, len(events), 500):
        await projection.apply(events[start : start + 500])


async def _whole_log(documents: DocumentStore, name: str, partitions: int) -> list[Event]:
    """Return every event, partition after partition. Raises RuntimeError for a missing number."""
    log = DocumentsLog(documents, name, partitions, SystemClock(), Random(0))
    await log.open()
    events: list[Event] = []
    for partition, last in enumerate((await log.head()).seqs):
        seq = 0
        while found := await log.read(partition, after=seq):
            if found[0].seq != seq + 1:
                raise RuntimeError(f"partition {partition} of log {name} has a hole after {seq}")
            seq = found[-1].seq
            events.extend(found)
        if seq != last:
            raise RuntimeError(f"partition {partition} of log {name} has a hole after {seq}")
    return events


async def _documents(documents: DocumentStore, collection: Collection) -> dict[str, object]:
    bodies: dict[str, object] = {}
    after: str | None = None
    while True:
        page = await documents.scan(collection, after=after, limit=1_000)
        bodies.update({document.key: document.body for document in page.documents})
        if page.next_after is None:
            return bodies
        after = page.next_after


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument(
        "--stage", choices=STAGES, default="platform", help="knowledge and search, or the smallest two services"
    )
    parser.add_argument("--data", type=Path, help="keep the data and the processes' logs in this new directory")
    parser.add_argument("--json", action="store_true", help="print one object as the last line")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="zhike-durability-") as temporary:
        folder = arguments.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = asyncio.run(
            measure(STAGES[arguments.stage], folder, kills=arguments.kills, seed=arguments.seed, console=console)
        )
    line = {name: getattr(result, name) for name in Result.__dataclass_fields__}
    if arguments.json:
        print(json.dumps(line), flush=True)
    else:
        console.print(line)
    sys.exit(0 if result.held else 1)


if __name__ == "__main__":
    main()
