"""Runs an import: a process stages the file, this one appends what was staged and counts every row.

Safe to run again from its beginning: orders and events carry ids made of their content, rows of customers ids made of
the operation and the row, so what an interrupted run wrote is met again as a duplicate.
"""

import asyncio
import shutil
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.canonical import fingerprint
from services.chassis.clock import Clock
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.eventlog.port import EventLog, NewEvent, Verdict, VerdictStatus
from services.chassis.operation_run import OperationRun, RowError
from services.kits.purchases import authority_of, order_key
from services.kits.times import micros, time_of
from services.knowledge.domain.customer_rows import is_news
from services.knowledge.domain.errors import ImportConfigError, StagingFailedError
from services.knowledge.domain.import_plan import CUSTOMERS, ORDERS, ImportPlan
from services.knowledge.domain.purchases import Order, order_from_payload
from services.knowledge.domain.statements import CLAIMS_WRITTEN, records_of_event
from services.knowledge.jobs.staging import ERRORS, KEY_BYTES, STAGED, StagingTask
from services.knowledge.jobs.staging_process import stage_in_process
from services.knowledge.store.customers import CustomerStore
from services.knowledge.wire.imports import plan_from_arguments

BATCH_ROWS: Final = 500
BATCH_BYTES: Final = 128 * 1024  # of staged lines: about 20 ms of work in which nothing else is served
BATCHES_IN_FLIGHT: Final = 3
STAGING_SHARE: Final = 0.3  # of the progress bar
BUSY_WAIT_S: Final = 0.25
BUSY_TRIES: Final = 240
PAYLOADS_REMEMBERED: Final = 1_000_000  # rows of one file that are recognised when they come twice
CUSTOMER: Final = "customer"


@dataclass(frozen=True, slots=True)
class Importing:
    """What imports take. ``folder``: where staged files may lie; ``read_back``: returns when the logs are readable."""

    folder: Path
    artifacts: ArtifactStore
    user_events: EventLog
    customer_claims: EventLog
    customers: CustomerStore
    clock: Clock
    time_zone: str
    currency: str
    read_back: Callable[[], Awaitable[None]]
    new_id: Callable[[], str]
    stage: Callable[[StagingTask], AsyncGenerator[Mapping[str, Any], None]] = stage_in_process

    def worker(self, kind: str) -> Callable[[OperationRun], Awaitable[None]]:
        """Return what runs an import of a kind."""

        async def run_import(run: OperationRun) -> None:
            await _Import(self, kind, run).run()

        return run_import


class _Import:
    """One run of one import."""

    def __init__(self, parts: Importing, kind: str, run: OperationRun) -> None:
        self._parts, self._kind, self._run = parts, kind, run
        self._plan: ImportPlan = plan_from_arguments(run.arguments)
        # One of its own for every run: a staging process that outlived its parent still writes where it began.
        self._folder = parts.folder / f"{run.id}-{parts.new_id()}"
        self._now_us = micros(parts.clock.now())
        self._seen: set[str] = set()
        self._is_current = False

    async def run(self) -> None:
        progress = self._run.progress
        progress.total_bytes = self._run.arguments["total_bytes"]
        await asyncio.to_thread(_clear_away, self._parts.folder, self._run.id)
        await asyncio.to_thread(self._folder.mkdir, parents=True)
        try:
            kinds = await self._stage()
            await self._take_refusals()
            if self._plan.dry_run:
                for kind, count in kinds.items():
                    progress.accept(kind, count)
            elif self._kind == CUSTOMERS:
                await self._append_all(self._append_customers, 1)
            else:
                await self._append_all(self._append_events, BATCHES_IN_FLIGHT)
            progress.done_bytes = progress.total_bytes
        finally:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _stage(self) -> dict[str, int]:
        path = await self._parts.artifacts.open_path(self._run.arguments["upload"])
        task = StagingTask(
            kind=self._kind,
            path=str(path),
            folder=str(self._folder),
            plan=asdict(self._plan),
            now_us=self._now_us,
            time_zone=self._parts.time_zone,
            currency=self._parts.currency,
        )
        progress = self._run.progress
        last: Mapping[str, Any] = {}
        async with aclosing(self._parts.stage(task)) as messages:
            async for last in messages:
                if "failure" in last:
                    failure = last["failure"]
                    raise ImportConfigError(failure["message"], field=failure["field"])
                progress.rows = last["rows"]
                progress.done_bytes = int(last.get("bytes", 0) * STAGING_SHARE) or progress.done_bytes
                await self._run.report()
        if not last.get("done"):
            raise StagingFailedError("the process that reads the file ended early")
        kinds: dict[str, int] = last["kinds"]
        return kinds

    async def _take_refusals(self) -> None:
        with (self._folder / ERRORS).open("rb") as file:
            for lines in _batches(file):
                for line in lines:
                    error = orjson.loads(line)
                    raw = error.pop("raw")
                    self._run.reject(RowError(**error), raw)
                await asyncio.sleep(0)

    async def _append_all(self, append: Callable[[list[dict[str, Any]]], Awaitable[None]], in_flight: int) -> None:
        """Append batch by batch, some of them waiting for the disk at once; they are stored in order all the same."""
        progress = self._run.progress
        path = self._folder / STAGED
        size = max(1, path.stat().st_size)
        done, begun = 0, progress.done_bytes
        waiting: deque[tuple[asyncio.Task[None], int]] = deque()
        try:
            with path.open("rb") as file:
                for lines in _batches(file):
                    items = [orjson.loads(line[KEY_BYTES:]) for line in lines]
                    waiting.append((asyncio.ensure_future(append(items)), sum(len(line) for line in lines)))
                    await asyncio.sleep(0)
                    while len(waiting) >= in_flight:
                        done += await _first(waiting)
                        progress.done_bytes = begun + int((progress.total_bytes - begun) * done / size)
                        await self._run.report()
            while waiting:
                await _first(waiting)
        finally:
            for task, _ in waiting:
                task.cancel()
            await asyncio.gather(*(task for task, _ in waiting), return_exceptions=True)

    async def _append_events(self, items: list[dict[str, Any]]) -> None:
        events = [self._user_event(item["event"]) for item in items]
        verdicts = list(await _append_patiently(self._parts.user_events, events))
        if self._kind == ORDERS:
            places = await self._replaced(events, verdicts)
            again = [replace(events[place], client_event_id=self._anew(events[place])) for place in places]
            appended = await _append_patiently(self._parts.user_events, again) if again else ()
            for place, verdict in zip(places, appended, strict=True):
                verdicts[place] = verdict
        for item, verdict in zip(items, verdicts, strict=True):
            self._count(item["rows"], item["kinds"], verdict)

    async def _append_customers(self, items: list[dict[str, Any]]) -> None:
        fresh = [item for item in items if self._is_first(item["payload"])]
        self._run.progress.duplicate += len(items) - len(fresh)
        await self._read_back_once()
        said = [records_of_event(CLAIMS_WRITTEN, item["payload"], self._now_us) for item in fresh]
        known = await self._parts.customers.records(sorted({name for records in said for name in records}))
        news = []
        for item, records in zip(fresh, said, strict=True):
            is_new = any(is_news(known[name], record) for name, record in records.items())
            if is_new or await self._is_first_met(item["payload"]):
                news.append(item)
            else:
                self._run.progress.duplicate += 1
        if news:
            verdicts = await _append_patiently(
                self._parts.customer_claims, [self._statement_event(item) for item in news]
            )
            for item, verdict in zip(news, verdicts, strict=True):
                self._count([item["row"]], {CUSTOMER: 1}, verdict)

    async def _is_first_met(self, payload: dict[str, Any]) -> bool:
        """Tell whether a row names nobody but one who was never met, and says nothing else."""
        if payload["claims"] or payload["consents"] or payload["account"]:
            return False
        return not await self._parts.customers.is_known(payload["identifiers"][0][0])

    async def _read_back_once(self) -> None:
        """Wait until what earlier imports wrote can be read."""
        if not self._is_current:
            await self._parts.read_back()
            self._is_current = True

    def _is_first(self, payload: dict[str, Any]) -> bool:
        """Tell whether no earlier row of the file said the same."""
        name = fingerprint(payload)
        if name in self._seen:
            return False
        if len(self._seen) < PAYLOADS_REMEMBERED:
            self._seen.add(name)
        return True

    async def _replaced(self, events: Sequence[NewEvent], verdicts: Sequence[Verdict]) -> list[int]:
        """Return the places of orders that came before and were corrected since: what the file says must hold again."""
        keys = {
            place: order_key(event.shop, event.payload["order"]["kind"], event.payload["order"]["number"])
            for place, (event, verdict) in enumerate(zip(events, verdicts, strict=True))
            if verdict.status is VerdictStatus.DUPLICATE
        }
        if not keys:
            return []
        await self._read_back_once()
        standing = await self._parts.customers.orders(list(keys.values()))
        return [place for place, key in keys.items() if key in standing and not _says(events[place], standing[key])]

    def _anew(self, event: NewEvent) -> str:
        """Return the id under which an order comes again; the same when an interrupted run is done again."""
        return f"{event.client_event_id}@{self._run.id}"[-128:]

    def _user_event(self, event: dict[str, Any]) -> NewEvent:
        return NewEvent(
            client_event_id=event["id"],
            owner=self._plan.owner,
            type=event["type"],
            occurred_time=time_of(event["time_us"]),
            shop=event["shop"],
            channel=event["channel"],
            subject=event["subject"],
            payload=event["payload"],
            synthetic=self._plan.synthetic,
        )

    def _statement_event(self, item: dict[str, Any]) -> NewEvent:
        payload = item["payload"]
        return NewEvent(
            client_event_id=f"{self._run.id}/{item['row']}"[-128:],
            owner=self._plan.owner,
            type=CLAIMS_WRITTEN,
            occurred_time=time_of(self._now_us),
            shop=self._plan.shop,
            channel=self._plan.channel,
            subject=payload["identifiers"][0][0],
            payload=payload,
            synthetic=self._plan.synthetic,
        )

    def _count(self, rows: Sequence[int], kinds: dict[str, int], verdict: Verdict) -> None:
        if verdict.status is VerdictStatus.STORED:
            for kind, count in kinds.items():
                self._run.progress.accept(kind, count)
        elif verdict.status is VerdictStatus.DUPLICATE or self._kind == CUSTOMERS:
            self._run.progress.duplicate += len(rows)
        else:
            for row in rows:
                self._run.reject(RowError(row, "EVENT_ID_REUSED", "this id came with another event before", "id"))


def _says(event: NewEvent, order: Order) -> bool:
    """Tell whether the event says of an order what stands."""
    said = order_from_payload(
        event.payload,
        authority=authority_of(event.type, event.payload),
        subject=event.subject,
        time_us=micros(event.occurred_time),
        recorded_us=order.recorded_us,
        event_key=order.event_key,
    )
    return said == order


async def _append_patiently(log: EventLog, events: Sequence[NewEvent]) -> tuple[Verdict, ...]:
    """Append; wait while the log or its store is busy with others."""
    for attempt in range(BUSY_TRIES):
        try:
            return await log.append(events)
        except ZhikeError as error:
            if error.kind not in (ErrorKind.UNAVAILABLE, ErrorKind.EXHAUSTED) or attempt == BUSY_TRIES - 1:
                raise
        await asyncio.sleep(BUSY_WAIT_S)
    raise AssertionError("unreachable")


async def _first(waiting: deque[tuple[asyncio.Task[None], int]]) -> int:
    """Wait for the batch that was sent first; return its size in bytes."""
    task, size = waiting[0]
    await task
    waiting.popleft()
    return size


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield runs of lines within BATCH_ROWS and, but for a line that is longer by itself, BATCH_BYTES."""
    batch: list[bytes] = []
    held = 0
    for line in lines:
        if batch and (len(batch) == BATCH_ROWS or held + len(line) > BATCH_BYTES):
            yield batch
            batch, held = [], 0
        batch.append(line)
        held += len(line)
    if batch:
        yield batch


def _clear_away(folder: Path, run_id: str) -> None:
    """Remove what earlier runs of the operation left behind."""
    for left in folder.glob(f"{run_id}-*"):
        shutil.rmtree(left, ignore_errors=True)
