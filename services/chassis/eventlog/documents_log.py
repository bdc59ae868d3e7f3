"""The event log on documents: one document per event, unique by identity and by (log, partition, number).

A log document holds what is fixed at creation (the count of partitions) and the generation, which changes only when the
log is restored from a backup.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from services.chassis.clock import Clock
from services.chassis.documents.port import Document, DocumentStore, KeyTakenError, Range, Scalar
from services.chassis.errors import InvalidArgumentError, NotFoundError
from services.chassis.eventlog.errors import LogClosedError, PartitionCountError
from services.chassis.eventlog.partition_writer import Entry, PartitionWriter
from services.chassis.eventlog.port import (
    APPEND_LIMIT,
    CLIENT_EVENT_ID_LIMIT,
    READ_LIMIT,
    Batch,
    Event,
    GenerationMismatchError,
    Head,
    NewEvent,
    Verdict,
)
from services.chassis.eventlog.record import (
    EVENTS,
    LOGS,
    PARTITION_LIMIT,
    PLACE,
    body_from_new_event,
    check_bounds,
    event_fingerprint,
    event_from_body,
    event_key,
    micros_from_time,
    partition_of,
)
from services.chassis.metrics import Metrics
from services.chassis.traces import SpanKind, active_traces

MARK_INTERVAL_S = 0.5  # rule 12: a subscription says at least this often where the log stands
POLL_INTERVAL_S = 0.25  # another replica's append is seen within twice that; this process's own wake at once
GENERATION_BITS = 64


@dataclass(frozen=True, slots=True)
class _Look:
    """What one reading found behind a place, for all who stand there. ``changed``: of the last append before it."""

    after: int
    changed: asyncio.Event
    begin_s: float
    found: "asyncio.Task[Batch]"

    def answers(self, after: int, changed: asyncio.Event, now_s: float, lifetime_s: float) -> bool:
        """Tell whether who stands at ``after`` may take it, too."""
        if self.after != after or self.changed is not changed or now_s - self.begin_s >= lifetime_s:
            return False
        return not self.found.done() or (not self.found.cancelled() and self.found.exception() is None)


class DocumentsLog:
    """Keeps services.chassis.eventlog.port.EventLog. ``await open()`` before use, ``await close()`` after."""

    def __init__(
        self,
        documents: DocumentStore,
        name: str,
        partitions: int,
        clock: Clock,
        rng: Random,
        *,
        metrics: Metrics | None = None,
        poll_interval_s: float = POLL_INTERVAL_S,
    ) -> None:
        if not 1 <= partitions <= PARTITION_LIMIT:
            raise InvalidArgumentError(f"a log has 1 to {PARTITION_LIMIT} partitions", field="partitions")
        self.name = name
        self.owner = ""  # this process, as a source is asked
        self.partitions = partitions
        self._documents = documents
        self._clock = clock
        self._rng = rng
        self._appended = None if metrics is None else metrics.counter("zhike_log_appended_events_total")
        self._traces = active_traces()
        self._poll_interval_s = poll_interval_s
        self._generation = ""
        self._changed = asyncio.Event()
        self._looks: dict[int, _Look] = {}  # by partition: the latest
        self._writers = [
            PartitionWriter(documents, name, partition, rng=rng, on_stored=self._wake)
            for partition in range(partitions)
        ]

    async def open(self) -> None:
        """Create the log or check that it is the one that was created; raises PartitionCountError."""
        await self._documents.declare(EVENTS, LOGS)
        body = (await self._log_document()).body
        if body["partitions"] != self.partitions:
            raise PartitionCountError(
                f"log {self.name} was created with {body['partitions']} partitions and is opened with "
                f"{self.partitions}; the count is fixed",
                log=self.name,
                created=body["partitions"],
                asked=self.partitions,
            )
        self._generation = body["generation"]

    async def close(self) -> None:
        """Finish the appends that were accepted."""
        await asyncio.gather(*(writer.drain() for writer in self._writers))
        self._generation = ""
        self._wake()

    async def append(self, events: Sequence[NewEvent]) -> tuple[Verdict, ...]:
        """As EventLog.append."""
        self._check_open()
        if not 1 <= len(events) <= APPEND_LIMIT:
            raise InvalidArgumentError(f"an append takes 1 to {APPEND_LIMIT} events", field="events")
        recorded_time_us = micros_from_time(self._clock.now())
        entries = [self._entry(event, recorded_time_us) for event in events]
        if self._traces is None:
            await self._write(entries)
        else:
            said: dict[str, str | int] = {
                "messaging.destination.name": self.name,
                "messaging.batch.message_count": len(entries),
            }
            with self._traces.around(f"append {self.name}", SpanKind.PRODUCER, said):
                await self._write(entries)
        self._count(entries)
        return tuple(
            Verdict(status=entry.status, key=entry.key, partition=entry.body["partition"], seq=entry.seq)
            for entry in entries
        )

    async def redrive(self, partition: int, seq: int, *, key: str, attempt: str) -> Verdict:
        """As EventSource.redrive. ``key`` is the place's own or, of a redrive, the one that it names.

        ``redrive_of`` is the first of the chain, so that a reader counts the original and all its redrives once; all
        that the event says stays, the time at which it was first recorded too.
        """
        if not 1 <= len(attempt) <= CLIENT_EVENT_ID_LIMIT:
            message = f"an attempt is named by 1 to {CLIENT_EVENT_ID_LIMIT} characters"
            raise InvalidArgumentError(message, field="attempt", limit=CLIENT_EVENT_ID_LIMIT)
        original = await self._document_at(partition, seq, key)
        root = original.body.get("redrive_of") or original.key
        entry = Entry(
            event_key(self.name, original.body["shop"], f"redrive:{root}", attempt),
            original.body["fingerprint"],
            {**original.body, "redrive_of": root},
        )
        await self._writers[partition].submit([entry])
        self._count([entry])
        return Verdict(status=entry.status, key=entry.key, partition=partition, seq=entry.seq)

    async def event_at(self, partition: int, seq: int, *, key: str) -> Event:
        """Return the event of a place and identity. Raises NotFoundError: a restored log may hold another there."""
        document = await self._document_at(partition, seq, key)
        return event_from_body(document.key, document.body)

    async def events_named(self, shop: str, owner: str, client_event_ids: Sequence[str]) -> tuple[Event, ...]:
        """Return those of these events of one writer that are stored; at most READ_LIMIT ids."""
        keys = [event_key(self.name, shop, owner, each) for each in client_event_ids[:READ_LIMIT]]
        found = await self._documents.get_many(EVENTS, keys)
        return tuple(event_from_body(key, found[key].body) for key in keys if key in found)

    async def read(self, partition: int, *, after: int, limit: int = READ_LIMIT) -> tuple[Event, ...]:
        """As EventLog.read. Where the number after+1 is missing for good, what follows the hole is returned."""
        self._check_open()
        if not (0 <= partition < self.partitions and after >= 0 and 1 <= limit <= READ_LIMIT):
            raise InvalidArgumentError(f"log {self.name}: no such place to read from", field="after")
        found = await self._find_after(partition, after, limit)
        if found and found[0].body["seq"] != after + 1:
            # A store may walk past a place an instant before it is filled; a second look tells that from a hole.
            found = await self._find_after(partition, after, limit)
        events = []
        expected = found[0].body["seq"] if found else 0
        for seq, document in enumerate(found, expected):
            if document.body["seq"] != seq:
                break
            events.append(event_from_body(document.key, document.body))
        return tuple(events)

    async def head(self) -> Head:
        """As EventLog.head; always asked from the store, for other replicas append as well."""
        self._check_open()
        return Head(self._generation, tuple([await writer.read_tail() for writer in self._writers]))

    async def subscribe(self, *, generation: str, after: Mapping[int, int]) -> AsyncGenerator[Batch, None]:
        """As EventLog.subscribe."""
        await self._check_position(generation, after)
        positions = {partition: after.get(partition, 0) for partition in range(self.partitions)}
        marked = dict.fromkeys(positions, float("-inf"))
        while True:
            changed = self._changed  # taken before reading, so that no append falls between the two
            more = False
            for partition in positions:
                batch = await self._next_batch(partition, positions[partition])
                due = self._clock.monotonic() - marked[partition] >= MARK_INTERVAL_S - self._poll_interval_s
                if batch.events or due:
                    marked[partition] = self._clock.monotonic()
                    yield batch
                if batch.events:
                    positions[partition] = batch.events[-1].seq
                    more = more or batch.head_seq > positions[partition]
            if not more:
                await _wait(changed, self._poll_interval_s)
            self._check_open()

    async def start_generation(self) -> str:
        """Give the log a new generation, so that every reader rebuilds: what a restore does before it serves."""
        document = await self._log_document()
        generation = self._new_generation()
        await self._documents.replace(
            LOGS, self.name, {**document.body, "generation": generation}, expected_revision=document.revision
        )
        self._generation = generation
        return generation

    def _entry(self, event: NewEvent, recorded_time_us: int) -> Entry:
        check_bounds(event)
        occurred_time_us = micros_from_time(event.occurred_time)
        fingerprint = event_fingerprint(event, occurred_time_us)
        body = body_from_new_event(
            event,
            log=self.name,
            partition=partition_of(event.subject, self.partitions),
            occurred_time_us=occurred_time_us,
            recorded_time_us=recorded_time_us,
        )
        body["fingerprint"] = fingerprint
        return Entry(event_key(self.name, event.shop, event.owner, event.client_event_id), fingerprint, body)

    async def _write(self, entries: list[Entry]) -> None:
        if self.partitions == 1:
            await self._writers[0].submit(entries)
            return
        by_partition: dict[int, list[Entry]] = {}
        for entry in entries:
            by_partition.setdefault(entry.body["partition"], []).append(entry)
        for partition, own in by_partition.items():
            self._writers[partition].check_room(len(own))  # of all before any: a busy log takes nothing
        await asyncio.gather(*[self._writers[partition].submit(own) for partition, own in by_partition.items()])

    def _count(self, entries: Sequence[Entry]) -> None:
        if self._appended is None:
            return
        for status, count in Counter(entry.status for entry in entries).items():
            self._appended.labels(log=self.name, status=status.value).inc(count)

    async def _document_at(self, partition: int, seq: int, key: str) -> Document:
        self._check_open()
        page = await self._documents.find(EVENTS, PLACE, {"log": self.name, "partition": partition, "seq": seq})
        for document in page.documents:
            if key in (document.key, document.body.get("redrive_of")):
                return document
        raise NotFoundError(
            f"log {self.name} has no such event at {partition}/{seq}", resource="event", id=f"{partition}/{seq}"
        )

    async def _find_after(self, partition: int, after: int, limit: int) -> tuple[Document, ...]:
        place: dict[str, Scalar] = {"log": self.name, "partition": partition}
        page = await self._documents.find(EVENTS, PLACE, place, range_=Range(at_least=after + 1), limit=limit)
        return page.documents

    async def _next_batch(self, partition: int, after: int) -> Batch:
        """Read on, once for all subscriptions that stand at the same place: most stand at the head, and ask all day."""
        now_s = asyncio.get_running_loop().time()
        look = self._looks.get(partition)
        if look is None or not look.answers(after, self._changed, now_s, self._poll_interval_s):
            reading = asyncio.get_running_loop().create_task(self._read_batch(partition, after))
            reading.add_done_callback(_retrieved)
            look = self._looks[partition] = _Look(after, self._changed, now_s, reading)
        return await asyncio.shield(look.found)  # who goes away takes it from nobody

    async def _read_batch(self, partition: int, after: int) -> Batch:
        events = await self.read(partition, after=after)
        head_seq = events[-1].seq if events else after
        if len(events) == READ_LIMIT:
            head_seq = await self._writers[partition].read_tail()
        return Batch(
            partition=partition,
            events=events,
            head_seq=head_seq,
            marked_time=self._clock.now(),
            generation=self._generation,
        )

    async def _check_position(self, generation: str, after: Mapping[int, int]) -> None:
        head = await self.head()
        known = all(0 <= partition < self.partitions for partition in after)
        if known and generation in ("", head.generation) and all(head.seqs[p] >= seq for p, seq in after.items()):
            return
        raise GenerationMismatchError(
            f"log {self.name} stands at generation {head.generation}, {list(head.seqs)}; the reader stands elsewhere",
            log=self.name,
            generation=head.generation,
        )

    async def _log_document(self) -> Document:
        document = await self._documents.get(LOGS, self.name)
        if document is not None:
            return document
        body = {"partitions": self.partitions, "generation": self._new_generation()}
        try:
            return await self._documents.insert(LOGS, self.name, body)
        except KeyTakenError:  # another replica was first
            return await self._log_document()

    def _new_generation(self) -> str:
        return f"{self._rng.getrandbits(GENERATION_BITS):016x}"

    def _check_open(self) -> None:
        if not self._generation:
            raise LogClosedError(f"log {self.name} is not open", log=self.name)

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _retrieved(reading: "asyncio.Task[Batch]") -> None:
    """Take a failure that nobody waits for any more, so that the loop does not complain of it."""
    if not reading.cancelled():
        reading.exception()


async def _wait(changed: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await changed.wait()
    except TimeoutError:
        pass
