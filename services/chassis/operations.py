"""Long-running operations: work that outlives a call, kept in a document so that a restart neither loses nor hides it.

A service registers a worker per kind before it starts; ``start`` stores what the worker needs (JSON arguments; files go
to the artifacts first) and answers at once. Ids are ``<service>.<id>``, so whoever holds one knows whom to ask.

Who runs an operation holds its lease. One whose process died is run again from its beginning where its kind says that
this is safe, else it is marked failed with OPERATION_INTERRUPTED: none stays "running" with nobody running it.
"""

import asyncio
import contextlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from services.chassis.artifacts.port import ArtifactStore, ArtifactsUnavailableError
from services.chassis.canonical import canonical_json, fingerprint
from services.chassis.clock import Clock
from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    Range,
    RevisionMismatchError,
    StoreUnavailableError,
)
from services.chassis.erasure.subjects import REFUSED_AS_ERASED
from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, ZhikeError
from services.chassis.eventlog.record import micros_from_time
from services.chassis.leases import LeaseLostError, Leases
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
RUNS_LIMIT = 3  # of one operation; what ended its process so often would end it again
KEPT = timedelta(days=7)  # after its start; error files quote rows of customers, so they do not stay for long
PURGE_PAGE = 200
FINISH_RETRY_S = 1.0
POLL_INTERVAL_S = 0.25
REQUEST_ID_LIMIT = 256
ID_LIMIT = 128  # characters

_BLOB = re.compile(r"[0-9a-f]{64}", re.ASCII)

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


@dataclass(slots=True)
class _Running:
    """A run of this process. ``ending``: the worker is through, only the outcome is still written."""

    run: OperationRun
    task: asyncio.Task[None] | None = None
    cancel_asked: bool = False
    ending: bool = False


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
        leases: Leases,
        *,
        clock: Clock,
        metrics: Metrics,
        instance: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._service, self._instance, self._sleep = service, instance, sleep
        self._documents, self._artifacts, self._leases, self._clock = documents, artifacts, leases, clock
        self._ended = metrics.counter("zhike_operations_total")
        self._kinds: dict[str, _Kind] = {}
        self._running: dict[str, _Running] = {}
        self._slots = asyncio.Semaphore(RUNNING_LIMIT)
        self._closing = False

    def register(self, kind: str, worker: Worker, *, repeatable: bool) -> None:
        """Say who does the work of ``kind``. ``repeatable``: running it again from its beginning does no harm."""
        self._kinds[kind] = _Kind(worker, repeatable)

    async def open(self) -> None:
        """Declare the collection; before anything else."""
        await self._documents.declare(OPERATIONS)

    async def recover(self) -> None:
        """Take up what dead processes left unfinished: a lease that can be taken proves that its runner is gone."""
        unfinished = await self._documents.find(
            OPERATIONS, BY_DONE, {"service": self._service, "done": False}, limit=UNFINISHED_LIMIT
        )
        for document in unfinished.documents:
            if document.key in self._running:
                continue
            lease = await self._leases.acquire(_lease_name(document.key))
            if lease is None:
                continue
            try:
                adopted = await self._adopt(document)
            finally:
                await self._leases.release(lease)
            if adopted is not None:
                log.info("operation resumed", operation=adopted.id, kind=adopted.kind)
                await self._launch(adopted)

    async def start(
        self, kind: str, arguments: Mapping[str, Any], *, request_id: str = "", owner: str = ""
    ) -> Operation:
        """Store and launch an operation; the same owner and request id again answers the same one.

        Raises RequestIdReusedError, OperationsFullError, InvalidArgumentError.
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
        page = await self._documents.find(OPERATIONS, index, equals, after=after, limit=limit, descending=True)
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
            running = self._running.get(operation_id)
            if running is not None and running.task is not None:
                await asyncio.wait([running.task], timeout=left_s)
            else:
                await self._sleep(min(POLL_INTERVAL_S, left_s))

    async def cancel(self, operation_id: str) -> None:
        """Ask a running operation to stop; silent for one that has ended. Raises NotFoundError."""
        await self._change(operation_id, lambda body: {**body, "cancel_requested": True})
        self._cancel_here(operation_id)

    async def delete(self, operation_id: str) -> None:
        """Forget an operation that has ended. Raises NotFoundError, OperationRunningError."""
        document = await self._document(operation_id)
        if not document.body["done"]:
            raise OperationRunningError("cancel the operation before deleting it", operation=operation_id)
        await self._documents.delete(OPERATIONS, operation_id)

    async def purge(self) -> int:
        """Forget operations that have ended and were started longer than KEPT ago; return how many."""
        before_us, purged = micros_from_time(self._clock.now() - KEPT), 0
        while True:
            page = await self._documents.find(
                OPERATIONS,
                BY_DONE,
                {"service": self._service, "done": True},
                range_=Range(below=before_us),
                limit=PURGE_PAGE,
            )
            for document in page.documents:
                purged += await self._documents.delete(OPERATIONS, document.key)
            if page.next_after is None:
                return purged

    async def named_blobs(self) -> frozenset[str]:
        """Return the blobs that operations still name: error and result files, and uploads among their arguments."""
        digests: set[str] = set()
        after: str | None = None
        while True:
            page = await self._documents.scan(OPERATIONS, after=after, limit=PURGE_PAGE)
            for document in page.documents:
                progress = document.body["progress"]
                digests.update((progress["error_file"], progress.get("result_file", "")))
                digests.update(value for value in document.body["arguments"].values() if isinstance(value, str))
            if page.next_after is None:
                return frozenset(digests - {""})
            after = page.next_after

    async def close(self) -> None:
        """Stop the running ones where they are; the next process takes them up. What is ending may end."""
        self._closing = True
        tasks = [each.task for each in self._running.values() if each.task is not None]
        for each in self._running.values():
            if each.task is not None and not each.ending:
                each.task.cancel()
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
            "runs": 1,
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
        await self._launch(operation_from_body(key, document.body))
        return document

    async def _adopt(self, document: Document) -> Operation | None:
        """Make a dead process's operation this one's, or end it; None when there is nothing to run."""
        body = document.body
        operation = operation_from_body(document.key, body)
        if body["cancel_requested"]:
            await self._finish(operation.id, operation.progress, OperationCancelledError("the operation was cancelled"))
            return None
        kind = self._kinds.get(operation.kind)
        if kind is None or not kind.repeatable or body["runs"] >= RUNS_LIMIT:
            error = OperationInterruptedError("the process that ran this operation stopped before its end")
            await self._finish(operation.id, operation.progress, error)
            return None
        anew = {
            **body,
            "instance": self._instance,
            "runs": body["runs"] + 1,
            "progress": body_from_progress(Progress(total_bytes=operation.progress.total_bytes)),
        }
        try:
            await self._documents.replace(OPERATIONS, document.key, anew, expected_revision=document.revision)
        except RevisionMismatchError:  # another replica was first, or somebody cancels it just now
            return None
        return operation_from_body(document.key, anew)

    async def _launch(self, operation: Operation) -> None:
        running = _Running(OperationRun(operation, self._save, self._clock))
        self._running[operation.id] = running
        running.task = asyncio.create_task(self._run(operation.kind, running), name=f"operation {operation.id}")
        await asyncio.sleep(0)  # a task that is cancelled before its first step never comes to its own clean-up

    async def _run(self, kind: str, running: _Running) -> None:
        run, call = running.run, bound_call()
        caller = call or CallContext(run.id)
        bind_call(CallContext(caller.request_id, caller.traceparent, f"operation/{kind}"))
        try:
            async with self._leases.while_held(_lease_name(run.id)):
                failure = await self._work(kind, running)
                running.ending = True
                await self._end(run, failure)
        except LeaseLostError:
            log.warning("operation left to another replica", operation=run.id)
        finally:
            self._running.pop(run.id, None)
            run.close()

    async def _work(self, kind: str, running: _Running) -> ZhikeError | None:
        """Let the worker do it; return why it failed. A process that stops leaves it unfinished."""
        try:
            async with self._slots:
                await self._kinds[kind].worker(running.run)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closing or not running.cancel_asked or task is None:
                raise
            task.uncancel()
            return OperationCancelledError("the operation was cancelled")
        except ZhikeError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a defect ends the operation, not the process
            log_defect(log, "operation crashed", error, operation=running.run.id, kind=kind)
            return ZhikeError("internal error")
        return None

    async def _end(self, run: OperationRun, failure: ZhikeError | None) -> None:
        """Write the outcome down, for as long as it takes: a store that is away comes back."""
        while True:
            try:
                await run.put_error_file(self._artifacts)
                await self._finish(run.id, run.progress, failure)
            except (StoreUnavailableError, ArtifactsUnavailableError) as error:
                log.warning("operation's end cannot be written yet", operation=run.id, reason=error.reason)
                await self._sleep(FINISH_RETRY_S)
            else:
                return

    async def _finish(self, operation_id: str, progress: Progress, error: ZhikeError | None) -> None:
        state = OperationState.SUCCEEDED
        if error is not None:
            cancelled = isinstance(error, OperationCancelledError)
            state = OperationState.CANCELLED if cancelled else OperationState.FAILED
        ended = {
            "state": state.value,
            "done": True,
            "end_time_us": micros_from_time(self._clock.now()),
            "progress": body_from_progress(progress),
            "failure": body_from_error(error),
        }
        stored = await self._change(operation_id, lambda body: {**body, **ended})
        self._ended.labels(stored["kind"], state.value).inc()
        if REFUSED_AS_ERASED in progress.rejected_by_reason:
            await self._forget_uploads(stored["arguments"])
        why = {} if error is None else {"reason": error.reason}
        say = log.warning if state is OperationState.FAILED else log.info
        kind, rows = stored["kind"], progress.rows
        say("operation ended", operation=operation_id, kind=kind, state=state.value, rows=rows, **why)

    async def _forget_uploads(self, arguments: Mapping[str, Any]) -> None:
        """Delete the files that an operation was given: they hold persons of whom nothing is kept."""
        for value in arguments.values():
            if isinstance(value, str) and _BLOB.fullmatch(value):
                await self._artifacts.delete(value)

    async def _save(self, run: OperationRun) -> None:
        stored = await self._change(run.id, lambda body: {**body, "progress": body_from_progress(run.progress)})
        if stored["cancel_requested"]:  # asked through another replica
            self._cancel_here(run.id)

    def _cancel_here(self, operation_id: str) -> None:
        running = self._running.get(operation_id)
        if running is not None and running.task is not None and not running.cancel_asked and not running.ending:
            running.cancel_asked = True
            running.task.cancel()

    async def _change(self, operation_id: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Compare and set until it holds; an operation that has ended changes no more."""
        while True:
            document = await self._document(operation_id)
            if document.body["done"]:
                return document.body
            changed = change(document.body)
            with contextlib.suppress(RevisionMismatchError):
                await self._documents.replace(OPERATIONS, operation_id, changed, expected_revision=document.revision)
                return changed

    async def _document(self, operation_id: str) -> Document:
        known = operation_id.startswith(f"{self._service}.") and len(operation_id) <= ID_LIMIT
        document = await self._documents.get(OPERATIONS, operation_id) if known else None
        if document is None:
            raise NotFoundError("there is no such operation", resource="operation", id=operation_id[:ID_LIMIT])
        return document

    def _live(self, operation: Operation) -> Operation:
        """Show the counters of a run of this process as they are now, not as last saved."""
        running = self._running.get(operation.id)
        if running is None or operation.done:
            return operation
        return replace(operation, progress=running.run.progress)

    def _new_id(self, kind: str, owner: str, request_id: str) -> str:
        if len(request_id) > REQUEST_ID_LIMIT:
            raise InvalidArgumentError(f"a request id has at most {REQUEST_ID_LIMIT} characters", field="request_id")
        if not request_id:
            return f"{self._service}.{secrets.token_hex(12)}"
        named = canonical_json([kind, owner, request_id])
        return f"{self._service}.{blake2b(named, digest_size=12).hexdigest()}"


def _lease_name(operation_id: str) -> str:
    return f"operation/{operation_id}"
