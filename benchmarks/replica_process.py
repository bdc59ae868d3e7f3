"""A replica as benchmarks.replicas starts it: a writer of a log, or a candidate for a lease under which readers run.

It speaks lines on standard output and listens on standard input. Its wall clock may lie minutes beside the others'.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import uvloop

from services.chassis.documents.mongo import MongoDocuments
from services.chassis.documents.port import Collection
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.port import Event, NewEvent
from services.chassis.eventlog.projection import KeyedProjection
from services.chassis.eventlog.reader import Reader
from services.chassis.leases import LeaseLostError, Leases
from services.chassis.logs import configure_logs
from services.chassis.metrics import Metrics

LOG = "replicated"
LEASE = "readers"
SUBJECTS = Collection("subjects")
SUBJECT_COUNT = 50
BATCH = 50  # events in one append
CALLERS = 4  # appends that one replica has on the way
OCCURRED_TIME = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class SkewedClock:
    """Wall time ``skew_s`` beside the truth; durations run ``speed`` times as fast, so that leases run out sooner."""

    def __init__(self, skew_s: float = 0.0, speed: float = 1.0) -> None:
        self._skew, self._speed = timedelta(seconds=skew_s), speed

    def now(self) -> datetime:
        return datetime.now(UTC) + self._skew

    def monotonic(self) -> float:
        return time.monotonic() * self._speed

    async def sleep(self, seconds: float) -> None:
        """Stand in for asyncio.sleep where leases wait."""
        await asyncio.sleep(seconds / self._speed)


def numbered_event(number: int, owner: str = "replicas") -> NewEvent:
    return NewEvent(
        client_event_id=f"e{number}",
        owner=owner,
        type="detail-page-view",
        occurred_time=OCCURRED_TIME,
        shop="shanghai",
        channel="web",
        subject=f"visitor:{number % SUBJECT_COUNT}",
        payload={"number": number, "products": [{"id": f"p-{number % 997}", "quantity": 1}]},
    )


def fold(_key: str, body: dict[str, Any] | None, event: Event) -> dict[str, Any]:
    """Keep each number that was applied, in order: what is missing, doubled or out of turn shows."""
    body = body or {"numbers": []}
    return {"numbers": [*body["numbers"], event.payload["number"]]}


def tally(documents: MongoDocuments) -> KeyedProjection:
    return KeyedProjection(documents, SUBJECTS, name="tally", keys=lambda event: [event.subject], fold=fold)


class Effects:
    """Keeps eventlog.applier.Projection: tells the outside of each event, under the event's own key."""

    name = "effects"

    async def apply(self, events: Sequence[Event]) -> None:
        for event in events:
            say("effect", event.key, event.payload["number"])


def say(*words: object) -> None:
    print(*words, flush=True)


async def open_log(address: str, service: str, clock: SkewedClock, seed: int) -> tuple[MongoDocuments, DocumentsLog]:
    documents = MongoDocuments.open(address, service)
    log = DocumentsLog(documents, LOG, 1, clock, Random(seed))
    await documents.declare(SUBJECTS)
    await log.open()
    return documents, log


async def write(arguments: argparse.Namespace) -> None:
    """Append the numbers first, first + step, ... below ``events``; each batch until it is acknowledged."""
    clock = SkewedClock(arguments.skew_s)
    documents, log = await open_log(arguments.mongodb, arguments.service, clock, arguments.seed)
    numbers = range(arguments.first, arguments.events, arguments.step)
    batches = iter([numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)])
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)

    async def call() -> None:
        for batch in batches:
            events = [numbered_event(number) for number in batch]
            while True:
                try:
                    await log.append(events)
                except ZhikeError as error:
                    if error.kind not in {ErrorKind.UNAVAILABLE, ErrorKind.ABORTED}:
                        raise
                    say("again", error.reason)
                else:
                    break

    await asyncio.gather(*(call() for _ in range(CALLERS)))
    say("done", len(numbers))
    await log.close()
    await documents.close()


async def hold(arguments: argparse.Namespace) -> None:
    """Whenever the lease is ours, run both readers; say so, and say each effect. Ends when standard input does."""
    clock = SkewedClock(arguments.skew_s, arguments.speed)
    documents, log = await open_log(arguments.mongodb, arguments.service, clock, arguments.seed)
    leases = Leases(documents, clock, f"replica-{arguments.seed}", sleep=clock.sleep)
    await leases.open()
    rng = Random(arguments.seed)
    say("ready")

    async def take_turns() -> None:
        while True:
            try:
                async with leases.while_held(LEASE):
                    say("holding")
                    readers = [
                        Reader(log, projection, documents, clock, rng=rng, metrics=Metrics([EVENTLOG_METRICS]))
                        for projection in (tally(documents), Effects())
                    ]
                    async with asyncio.TaskGroup() as group:
                        for reader in readers:
                            group.create_task(reader.run())
            except LeaseLostError:
                say("lost")

    turns = asyncio.create_task(take_turns())
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait({turns, ended}, return_when=asyncio.FIRST_COMPLETED)
    turns.cancel()
    await asyncio.gather(turns, return_exceptions=True)
    await log.close()
    await documents.close()
    if turns.done() and not turns.cancelled():
        turns.result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=("write", "hold"))
    parser.add_argument("--mongodb", required=True)
    parser.add_argument("--service", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--skew-s", type=float, default=0.0)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--events", type=int, default=0)
    arguments = parser.parse_args()
    configure_logs("replica", log_format="json", level="error")
    uvloop.run(write(arguments) if arguments.mode == "write" else hold(arguments))


if __name__ == "__main__":
    main()
