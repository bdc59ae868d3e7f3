"""Long-running operations: work that outlives a call, kept in a document so that a restart neither loses nor hides it.

A service registers a worker per kind before it starts; ``start`` stores what the worker needs (JSON arguments; files go
to the artifacts first) and answers at once. Ids are ``<service>.<id>``, so whoever holds one knows whom to ask. An
operation whose process died is run again from its beginning where its kind says that this is safe, else it is marked
failed with OPERATION_INTERRUPTED: an operation never stays "running" with nobody running it.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.canonical import fingerprint
from services.chassis.clock import Clock
from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    Page,
    RevisionMismatchError,
)
from services.chassis.errors import ErrorKind, NotFoundError, ZhikeError
from services.chassis.eventlog.record import micros_from_time
from services.chassis.logs import CallContext, bind_call, bound_call, get_log, log_defect
from services.chassis.metrics import Metrics
from services.chassis.operation_run import (
    Operation,
    OperationRun,
    OperationState,
    Progress,
    body_from_error,
    body_from_progress,
    operation_from_body,
)

RUNNING_LIMIT = 2  # at once in one process; the rest wait their turn
UNFINISHED_LIMIT = 64
POLL_INTERVAL_S = 0.25
REQUEST_ID_LIMIT = 256
SAVE_ATTEMPTS_LIMIT = 5

BY_START, BY_DONE = "by_start", "by_done"
OPERATIONS = Collection(
    "operations", (Index(BY_START, ("service", "start_time_us")), Index(BY_DONE, ("service", "done", "start_time_us")))
)

log = get_log("operations")


class RequestIdReusedError(ZhikeError):
    """A request id that started another operation, or this one with other arguments."""

    kind = ErrorKind.CONFLICT
    reason = "REQUEST_ID_REUSED"


class OperationsFullError(ZhikeError):
    """Too many operations are unfinished; wait for one to end."""

    kind = ErrorKind.EXHAUSTED
    reason = "OPERATIONS_FULL"


class OperationInterruptedError(ZhikeError):
    """The process that ran it died, and its kind cannot be run again safely."""

    kind = ErrorKind.ABORTED
    reason = "OPERATION_INTERRUPTED"


class OperationCancelledError(ZhikeError):
    """Somebody cancelled it; what it did until then stays done."""

    kind = ErrorKind.ABORTED
    reason = "OPERATION_CANCELLED"


class OperationRunningError(ZhikeError):
    """It cannot be deleted before it has ended."""

    kind = ErrorKind.PRECONDITION
    reason = "OPERATION_RUNNING"


Worker = Callable[[OperationRun], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Kind:
    worker: Worker
    repeatable: bool


class Operations:
    """The operations of one service. ``instance`` names this process, so that a later one knows whose they were."""

    def __init__(
        self,
        service: str,
        documents: DocumentStore,
        artifacts: ArtifactStore,
        *,
        clock: Clock,
        metrics: Metrics,
        instance: str,
    ) -> None:
        self._service, self._instance = service, instance
        self._documents, self._artifacts, self._clock = documents, artifacts, clock
        self._ended = metrics.counter("zhike_operations_total")
        self._kinds: dict[str, _Kind] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._runs: dict[str, OperationRun] = {}
        self._slots = asyncio.Semaphore(RUNNING_LIMIT)

    def register(self, kind: str, worker: Worker, *, repeatable: bool) -> None:
        """Say who does the work of ``kind``. ``repeatable``: running it again from its beginning does no harm."""
        self._kinds[kind] = _Kind(worker, repeatable)

    async def open(self) -> None:
        """Declare the collection; before anything else."""
        await self._documents.declare(OPERATIONS)

    async def recover(self) -> None:
        """Take up what earlier processes left unfinished. The data directory's lock proves that they are dead."""
        for document in await self._unfinished():
            if document.body["instance"] == self._instance:
                continue
            operation = operation_from_body(document.key, document.body)
            kind = self._kinds.get(operation.kind)
            if kind is not None and kind.repeatable and not document.body["cancel_requested"]:
                body = {**document.body, "instance": self._instance, "progress": body_from_progress(Progress())}
                with contextlib.suppress(RevisionMismatchError):
                    await self._documents.replace(OPERATIONS, document.key, body, expected_revision=document.revision)
                    log.info("operation resumed", operation=operation.id, kind=operation.kind)
                    self._launch(operation_from_body(document.key, body))
            else:
                error = OperationInterruptedError("the process that ran this operation stopped before its end")
                await self._finish(operation.id, operation.progress, error)

    async def start(
        self, kind: str, arguments: Mapping[str, Any], *, request_id: str = "", owner: str = ""
    ) -> Operation:
        """Store and launch an operation; the same owner and request id again answers the same one.

        Raises RequestIdReusedError, OperationsFullError.
        """
        if kind not in self._kinds:
            raise ValueError(f"nobody registered operations of kind {kind}")
        key = self._new_id(kind, owner, request_id)
        wanted = fingerprint({"kind": kind, "arguments": arguments})
        existing = await self._documents.get(OPERATIONS, key)
        if existing is None:
            existing = await self._insert(key, kind, arguments, wanted)
        if existing.body["fingerprint"] != wanted:
            raise RequestIdReusedError("this request id started another operation", operation=key)
        return self._live(operation_from_body(key, existing.body))

    async def get(self, operation_id: str) -> Operation:
        """Return an operation as it stands now. Raises NotFoundError."""
        return self._live(operation_from_body(operation_id, (await self._document(operation_id)).body))

    async def list_page(
        self, *, done: bool | None, after: str | None, limit: int
    ) -> tuple[tuple[Operation, ...], str | None]:
        """Return operations, latest start first, and the position after the last."""
        index = BY_START if done is None else BY_DONE
        equals: dict[str, str | int | None] = {"service": self._service}
        if done is not None:
            equals["done"] = done
        page: Page = await self._documents.find(OPERATIONS, index, equals, after=after, limit=limit, descending=True)
        found = tuple(self._live(operation_from_body(each.key, each.body)) for each in page.documents)
        return found, page.next_after

    async def wait(self, operation_id: str, *, timeout_s: float) -> Operation:
        """Return the operation when it is done, or as it stands when the time is over."""
        end = self._clock.monotonic() + timeout_s
        while True:
            operation = await self.get(operation_id)
            left_s = end - self._clock.monotonic()
            if operation.done or left_s <= 0:
                return operation
            task = self._tasks.get(operation_id)
            if task is not None:
                await asyncio.wait([task], timeout=left_s)
            else:
                await asyncio.sleep(min(POLL_INTERVAL_S, left_s))

    async def cancel(self, operation_id: str) -> None:
        """Ask a running operation to stop; silent for one that has ended. Raises NotFoundError."""
        await self._change(operation_id, lambda body: {**body, "cancel_requested": True})
        task = self._tasks.get(operation_id)
        if task is not None:
            task.cancel()

    async def delete(self, operation_id: str) -> None:
        """Forget an operation that has ended. Raises NotFoundError, OperationRunningError."""
        document = await self._document(operation_id)
        if not document.body["done"]:
            raise OperationRunningError("cancel the operation before deleting it", operation=operation_id)
        await self._documents.delete(OPERATIONS, operation_id)

    async def named_blobs(self) -> frozenset[str]:
        """Return the blobs that operations still name: error files and uploads."""
        digests: set[str] = set()
        after: str | None = None
        while True:
            page = await self._documents.scan(OPERATIONS, after=after, limit=500)
            for document in page.documents:
                digests.add(document.body["progress"]["error_file"])
                digests.update(value for value in document.body["arguments"].values() if isinstance(value, str))
            if page.next_after is None:
                return frozenset(digests - {""})
            after = page.next_after

    async def close(self) -> None:
        """Stop the running ones where they are; the next process takes them up."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _insert(self, key: str, kind: str, arguments: Mapping[str, Any], wanted: str) -> Document:
        unfinished = await self._documents.count(OPERATIONS, BY_DONE, {"service": self._service, "done": False})
        if unfinished >= UNFINISHED_LIMIT:
            raise OperationsFullError(
                f"{unfinished} operations are unfinished", limit=UNFINISHED_LIMIT, retry_after_s=5
            )
        body = {
            "service": self._service,
            "kind": kind,
            "fingerprint": wanted,
            "arguments": dict(arguments),
            "instance": self._instance,
            "state": OperationState.RUNNING.value,
            "done": False,
            "cancel_requested": False,
            "start_time_us": micros_from_time(self._clock.now()),
            "end_time_us": None,
            "progress": body_from_progress(Progress()),
            "failure": None,
        }
        try:
            document = await self._documents.insert(OPERATIONS, key, body)
        except KeyTakenError:  # the same request, twice at once
            return await self._document(key)
        self._launch(operation_from_body(key, document.body))
        return document

    def _launch(self, operation: Operation) -> None:
        run = OperationRun(operation, self._save, self._clock)
        task = asyncio.create_task(self._run(operation.kind, run), name=f"operation {operation.id}")
        self._runs[operation.id], self._tasks[operation.id] = run, task

    async def _run(self, kind: str, run: OperationRun) -> None:
        call = bound_call()
        bind_call(CallContext(call.request_id if call else run.id, call.trace_id if call else "", f"operation/{kind}"))
        failure: ZhikeError | None = None
        try:
            async with self._slots:
                await self._kinds[kind].worker(run)
        except asyncio.CancelledError:
            if run.id not in self._tasks:  # the process stops: leave it unfinished, the next one takes it up
                raise
            failure = OperationCancelledError("the operation was cancelled")
        except ZhikeError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - a defect ends the operation, not the process
            log_defect(log, "operation crashed", error, operation=run.id, kind=kind)
            failure = ZhikeError("internal error")
        try:
            await run.put_error_file(self._artifacts)
            await self._finish(run.id, run.progress, failure)
        finally:
            self._tasks.pop(run.id, None)
            self._runs.pop(run.id, None)

    async def _finish(self, operation_id: str, progress: Progress, error: ZhikeError | None) -> None:
        state = OperationState.SUCCEEDED
        if error is not None:
            cancelled = isinstance(error, OperationCancelledError)
            state = OperationState.CANCELLED if cancelled else OperationState.FAILED
        end_time_us = micros_from_time(self._clock.now())
        stored = await self._change(
            operation_id,
            lambda body: {
                **body,
                "state": state.value,
                "done": True,
                "end_time_us": end_time_us,
                "progress": body_from_progress(progress),
                "failure": body_from_error(error),
            },
        )
        self._ended.labels(stored["kind"], state.value).inc()
        log.info("operation ended", operation=operation_id, kind=stored["kind"], state=state.value, rows=progress.rows)

    async def _save(self, run: OperationRun) -> None:
        stored = await self._change(run.id, lambda body: {**body, "progress": body_from_progress(run.progress)})
        task = self._tasks.get(run.id)
        if stored["cancel_requested"] and task is not None:  # asked through another replica
            task.cancel()

    async def _change(self, operation_id: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Compare and set until it holds; an operation that has ended changes no more."""
        for attempt in range(SAVE_ATTEMPTS_LIMIT):
            document = await self._document(operation_id)
            if document.body["done"]:
                return document.body
            try:
                changed = change(document.body)
                await self._documents.replace(OPERATIONS, operation_id, changed, expected_revision=document.revision)
            except RevisionMismatchError:
                if attempt == SAVE_ATTEMPTS_LIMIT - 1:
                    raise
            else:
                return changed
        raise AssertionError("unreachable")

    async def _document(self, operation_id: str) -> Document:
        known = operation_id.startswith(f"{self._service}.")
        document = await self._documents.get(OPERATIONS, operation_id) if known else None
        if document is None:
            raise NotFoundError(f"there is no operation {operation_id}", resource="operation", id=operation_id)
        return document

    async def _unfinished(self) -> list[Document]:
        page = await self._documents.find(
            OPERATIONS, BY_DONE, {"service": self._service, "done": False}, limit=UNFINISHED_LIMIT
        )
        return list(page.documents)

    def _live(self, operation: Operation) -> Operation:
        """Show the counters of a run of this process as they are now, not as last saved."""
        run = self._runs.get(operation.id)
        if run is None or operation.done:
            return operation
        return Operation(
            operation.id, operation.kind, operation.state, operation.arguments, run.progress, operation.start_time
        )

    def _new_id(self, kind: str, owner: str, request_id: str) -> str:
        if len(request_id) > REQUEST_ID_LIMIT:
            raise RequestIdReusedError(f"a request id has at most {REQUEST_ID_LIMIT} characters", field="request_id")
        if not request_id:
            return f"{self._service}.{secrets.token_hex(12)}"
        named = orjson.dumps([kind, owner, request_id])
        return f"{self._service}.{blake2b(named, digest_size=12).hexdigest()}"
