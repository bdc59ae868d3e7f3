"""Replicas on one MongoDB: what several writers of a log cost, and what paused holders of a lease do to the result.

Run ``python -m benchmarks.replicas --json`` where ZHIKE_TEST_MONGODB (or --mongodb) names a server. Every replica is a
process with a client of its own; their wall clocks lie 5 minutes before or behind. First one writer, then four append
the same count of events to one partition: the log must hold each event once, numbered without a gap. Then readers run
under a lease whose holder is paused (SIGSTOP) again and again, and goes on (SIGCONT) beside its successor: every event
must be applied once and in order, and what was told to the outside must be told of every event, under one id each.

The last line of ``--json`` is one object; exit 1 when something was lost, doubled or out of turn. ``--speed`` divides
the leases' times (3 s until a silent holder is replaced), so that 100 hand-overs take a minute and not seven.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pymongo
import uvloop

from benchmarks.replica_process import LOG, SUBJECTS, SkewedClock, numbered_event, open_log
from services.chassis.documents.mongo import database_name
from services.chassis.documents.port import DocumentStore
from services.chassis.eventlog.cursors import DocumentCursors
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.projection import live_body

ROOT = Path(__file__).parents[1]
EVENTS = 20_000
WRITERS = 4
HANDOVERS = 100
HOLDERS = 3
SPEED = 10.0
SKEW_S = 300.0
FEED_BATCH = 10
FEED_INTERVAL_S = 0.05
STEP_LIMIT_S = 60.0  # for anything that one line of a replica announces
DRAIN_LIMIT_S = 120.0


@dataclass(frozen=True)
class Written:
    """What writers left in a log."""

    events_per_s: float
    gaps: int
    doubled: int
    lost: int


@dataclass(frozen=True)
class HandedOver:
    """What paused holders left."""

    handovers: int
    events: int
    applied_twice: int
    applied_out_of_turn: int
    never_applied: int
    effects_repeated: int
    effects_missing: int
    effects_with_two_ids: int

    @property
    def held(self) -> bool:
        wrong = (self.applied_twice, self.applied_out_of_turn, self.never_applied)
        return not any((*wrong, self.effects_missing, self.effects_with_two_ids))


@dataclass
class Replica:
    """A running process, and what it has said."""

    process: asyncio.subprocess.Process
    effects: list[tuple[str, int]] = field(default_factory=list)
    said: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def hear(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            word, *rest = line.decode().split()
            if word == "effect":
                self.effects.append((rest[0], int(rest[1])))
            else:
                self.said.put_nowait(word)

    async def says(self, *words: str) -> str:
        async with asyncio.timeout(STEP_LIMIT_S):
            while (word := await self.said.get()) not in words:
                pass
        return word


@asynccontextmanager
async def replica(mode: str, address: str, service: str, *, seed: int, **options: object) -> AsyncIterator[Replica]:
    """Start a process of benchmarks.replica_process for the length of the block."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.replica_process", mode),
        *(f"--mongodb={address}", f"--service={service}", f"--seed={seed}", *words),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    running = Replica(process)
    hearing = asyncio.create_task(running.hear())
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.wait()
        await hearing


async def measure_writers(address: str, service: str, *, writers: int, events: int) -> Written:
    """Let ``writers`` processes append ``events`` to one partition and count what the log holds."""
    async with contextlib.AsyncExitStack() as stack:
        replicas = [
            await stack.enter_async_context(
                replica(
                    "write",
                    address,
                    service,
                    seed=place + 1,
                    first=place,
                    step=writers,
                    events=events,
                    skew_s=SKEW_S * (-1) ** place,
                )
            )
            for place in range(writers)
        ]
        await asyncio.gather(*(each.says("ready") for each in replicas))
        start = time.perf_counter()
        for each in replicas:
            assert each.process.stdin is not None
            each.process.stdin.write(b"go\n")
        await asyncio.gather(*(each.says("done") for each in replicas))
        wall_s = time.perf_counter() - start
    documents, log = await open_log(address, service, SkewedClock(), seed=99)
    try:
        found = await whole_log(log)
    finally:
        await log.close()
        await documents.close()
    return written(found, events, wall_s)


def written(found: Sequence[Event], events: int, wall_s: float) -> Written:
    """Compare what the log holds with what was acknowledged."""
    numbers = Counter(event.payload["number"] for event in found)
    seqs = sorted(event.seq for event in found)
    return Written(
        events_per_s=round(events / wall_s),
        gaps=sum(seq != place for place, seq in enumerate(seqs, 1)),
        doubled=sum(count - 1 for count in numbers.values()),
        lost=sum(number not in numbers for number in range(events)),
    )


async def whole_log(log: DocumentsLog) -> list[Event]:
    """Return everything up to the head; a hole ends it early and shows as lost."""
    found: list[Event] = []
    while events := await log.read(0, after=found[-1].seq if found else 0, limit=1_000):
        found.extend(events)
    return found


async def measure_handovers(address: str, service: str, *, handovers: int, seed: int, speed: float) -> HandedOver:
    """Pause whoever holds the lease until another does, ``handovers`` times, under a steady flow of events."""
    chance = Random(seed)
    documents, log = await open_log(address, service, SkewedClock(), seed=0)
    try:
        async with contextlib.AsyncExitStack() as stack:
            replicas = [
                await stack.enter_async_context(
                    replica("hold", address, service, seed=place + 1, speed=speed, skew_s=SKEW_S * (place - 1))
                )
                for place in range(HOLDERS)
            ]
            feeding = asyncio.create_task(_feed(log))
            await _hand_over(replicas, handovers, chance)
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            await _drained(documents, log)
            effects = [effect for each in replicas for effect in each.effects]
        applied = [body["numbers"] for body in await _bodies(documents)]
        return handed_over(await whole_log(log), applied, effects, handovers)
    finally:
        await log.close()
        await documents.close()


def handed_over(
    found: Sequence[Event], applied: Sequence[Sequence[int]], effects: Sequence[tuple[str, int]], handovers: int
) -> HandedOver:
    """Compare what was applied and told with the log."""
    expected: dict[str, list[int]] = {}
    for event in found:
        expected.setdefault(event.subject, []).append(event.payload["number"])
    counts = Counter(number for numbers in applied for number in numbers)
    numbers = {event.payload["number"] for event in found}
    told = Counter(effects)
    keys = {event.key: event.payload["number"] for event in found}
    return HandedOver(
        handovers=handovers,
        events=len(found),
        applied_twice=sum(count - 1 for count in counts.values()),
        applied_out_of_turn=sum(list(each) not in expected.values() for each in applied),
        never_applied=len(numbers - counts.keys()),
        effects_repeated=sum(count - 1 for count in told.values()),
        effects_missing=len(numbers - {number for _, number in effects}),
        effects_with_two_ids=sum(keys.get(key) != number for key, number in told),
    )


async def _feed(log: DocumentsLog) -> None:
    first = 0
    while True:
        await log.append([numbered_event(number) for number in range(first, first + FEED_BATCH)])
        first += FEED_BATCH
        await asyncio.sleep(FEED_INTERVAL_S)


async def _hand_over(replicas: Sequence[Replica], handovers: int, chance: Random) -> None:
    """Pause the holder until another holds, then let it go on beside that one after a random while."""
    waiting = {asyncio.create_task(each.says("holding")): each for each in replicas}
    paused: Replica | None = None
    done = 0
    while True:
        first, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=STEP_LIMIT_S)
        if not first:
            raise TimeoutError("nobody takes the lease")
        for task in first:
            holder = waiting.pop(task)
            task.result()
            waiting[asyncio.create_task(holder.says("holding"))] = holder
        await asyncio.sleep(chance.uniform(0.0, 0.2))  # in the midst of its work
        if paused is not None:
            paused.process.send_signal(signal.SIGCONT)  # believes that it holds the lease, until it looks
            done += 1
            await asyncio.sleep(chance.uniform(0.0, 0.1))
        if done == handovers:
            break
        holder.process.send_signal(signal.SIGSTOP)
        paused = holder
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def _drained(documents: DocumentStore, log: DocumentsLog) -> None:
    """Return when the cursors of both readers stand at the log's head."""
    async with asyncio.timeout(DRAIN_LIMIT_S):
        head = (await log.head()).seqs[0]
        for name in ("tally", "effects"):
            cursors = DocumentCursors(documents, name)
            await cursors.declare()
            while (await cursors.load(LOG)).seqs.get(0, 0) < head:  # noqa: ASYNC110 - moved by another process
                await asyncio.sleep(0.2)


async def _bodies(documents: DocumentStore) -> list[dict[str, Any]]:
    page = await documents.scan(SUBJECTS, limit=1_000)
    return [body for body in map(live_body, page.documents) if body is not None]


@contextlib.contextmanager
def database(address: str, name: str) -> Any:
    """A service's name whose database is dropped after the block."""
    service = f"{name}_{os.getpid()}"
    try:
        yield service
    finally:
        with pymongo.MongoClient(address) as client:
            client.drop_database(database_name(address, service))


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    address = arguments.mongodb
    result: dict[str, Any] = {"events": arguments.events, "writers": WRITERS}
    for name, writers in (("one_writer", 1), ("four_writers", WRITERS)):
        with database(address, name) as service:
            found = await measure_writers(address, service, writers=writers, events=arguments.events)
        result[name] = asdict(found)
        print(f"{name:<14} {found.events_per_s:>8,.0f} events/s   gaps {found.gaps}  doubled {found.doubled}")
    with database(address, "handovers") as service:
        handed = await measure_handovers(
            address, service, handovers=arguments.handovers, seed=arguments.seed, speed=arguments.speed
        )
    result["handovers"] = asdict(handed)
    print(*(f"{name} {value}" for name, value in asdict(handed).items()), sep="  ")
    lost = [result[name][what] for name in ("one_writer", "four_writers") for what in ("gaps", "doubled", "lost")]
    result["held"] = handed.held and not any(lost)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mongodb", default=os.environ.get("ZHIKE_TEST_MONGODB", ""))
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--handovers", type=int, default=HANDOVERS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=SPEED)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    arguments = parser.parse_args()
    if not arguments.mongodb:
        parser.error("name a server by --mongodb or ZHIKE_TEST_MONGODB")
    result = uvloop.run(measure(arguments))
    if arguments.json:
        print(json.dumps(result))
    sys.exit(0 if result["held"] else 1)


if __name__ == "__main__":
    main()
