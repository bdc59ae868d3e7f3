"""The one thread that writes to a SQLite file: it drains what concurrent callers queued and commits it as one group.

An operation is acknowledged after the commit (and its fsync) that holds it. Operations of a group do not see each
other's failures: a refused statement undoes itself alone, and when the group as a whole fails (disk full, an I/O error)
its halves are tried by themselves, down to the single operation that fails.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from services.chassis.documents.port import (
    DeclarationError,
    KeyTakenError,
    RevisionMismatchError,
    StoreUnavailableError,
)

GROUP_LIMIT = 512  # operations in one transaction
GROUP_LIMIT_BYTES = 8 * 1024 * 1024
QUEUE_LIMIT = 8_192  # operations accepted and not yet answered; the next caller waits
QUEUE_LIMIT_BYTES = 64 * 1024 * 1024

Work = Callable[[sqlite3.Connection], Any]

# What an operation may answer beside a result: these leave its group's transaction as it should be.
REFUSALS = (KeyTakenError, RevisionMismatchError, DeclarationError)


@dataclass(slots=True, eq=False)
class Operation:
    """Queued work. ``alone``: it manages its own transaction (schema changes, checkpoints) and joins no group."""

    work: Work
    size_bytes: int
    alone: bool
    answer: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None


def unavailable(error: sqlite3.Error) -> StoreUnavailableError:
    """Return a driver's error as the port says it."""
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    return StoreUnavailableError(f"the document store cannot answer now: {error}", cause=name)


def closed() -> StoreUnavailableError:
    """Return the error of every operation after the end."""
    return StoreUnavailableError("the document store is closed")


class GroupWriter:
    """Owns the writing connection. Callers live on one event loop."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._handed: queue.SimpleQueue[list[Operation] | None] = queue.SimpleQueue()
        self._collected: list[Operation] = []
        self._waiting = 0
        self._waiting_bytes = 0
        self._space = asyncio.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"documents-writer-{name}", daemon=True)
        self._thread.start()

    async def submit(self, work: Work, *, size_bytes: int = 0, alone: bool = False) -> Any:
        """Queue ``work`` and return its result once it is durable; raises what it raised or StoreUnavailableError."""
        while not self._closed and (self._waiting >= QUEUE_LIMIT or self._waiting_bytes >= QUEUE_LIMIT_BYTES):
            self._space.clear()
            await self._space.wait()
        if self._closed:
            raise closed()
        loop = asyncio.get_running_loop()
        operation = Operation(work, size_bytes, alone, loop.create_future())
        if not self._collected:
            # Handed over once this turn of the loop is done, so that callers woken together commit together.
            loop.call_soon(self._hand_over)
        self._collected.append(operation)
        self._waiting += 1
        self._waiting_bytes += size_bytes
        return await operation.answer

    async def close(self) -> None:
        """Refuse new work, finish what was accepted, end the thread and close its connection."""
        if self._closed:
            return
        self._closed = True
        self._hand_over()
        self._handed.put(None)
        await asyncio.to_thread(self._thread.join)
        self._space.set()

    def _hand_over(self) -> None:
        if self._collected:
            self._handed.put(self._collected)
            self._collected = []

    def _run(self) -> None:
        operations: list[Operation] | None = None
        try:
            while (operations := self._next_operations()) is not None:
                for group in _groups(operations):
                    self._carry_out(group)
                    self._deliver(group)
        finally:  # at the end, or should the thread itself break: nobody may wait for ever
            self._closed = True
            self._connection.close()
            self._abandon(operations or [])

    def _next_operations(self) -> list[Operation] | None:
        operations = self._handed.get()
        # Whoever queued while the last group was committing joins this one.
        while operations is not None and len(operations) < GROUP_LIMIT:
            try:
                more = self._handed.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self._handed.put(None)
                break
            operations += more
        return operations

    def _carry_out(self, group: list[Operation]) -> None:
        if group[0].alone:
            self._carry_out_alone(group[0])
            return
        try:
            self._commit(group)
        except Exception as error:  # noqa: BLE001 - a defect in one operation is its caller's to hear, nobody else's
            self._roll_back()
            if len(group) == 1 or _is_locked(error):
                for operation in group:
                    operation.error = _answered(error)
                return
            middle = len(group) // 2
            self._carry_out(group[:middle])
            self._carry_out(group[middle:])

    def _carry_out_alone(self, operation: Operation) -> None:
        try:
            self._roll_back()
            operation.result = operation.work(self._connection)
        except Exception as error:  # noqa: BLE001 - as above
            self._roll_back()
            operation.error = _answered(error)

    def _commit(self, group: Sequence[Operation]) -> None:
        connection = self._connection
        self._roll_back()
        connection.execute("BEGIN IMMEDIATE")
        for operation in group:
            if operation.answer.cancelled():
                continue
            operation.result = operation.error = None
            try:
                operation.result = operation.work(connection)
            except REFUSALS as refusal:
                operation.error = refusal
        connection.execute("COMMIT")

    def _roll_back(self) -> None:
        """Undo what is open. It can fail on a broken disk; the next group begins by trying again."""
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def _abandon(self, operations: list[Operation]) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                operations += self._handed.get_nowait() or []
        for operation in operations:
            operation.error = operation.error or closed()
        self._deliver(operations)

    def _deliver(self, group: Sequence[Operation]) -> None:
        if group:
            with contextlib.suppress(RuntimeError):  # a loop that is closed has nobody left to tell
                group[0].answer.get_loop().call_soon_threadsafe(self._delivered, group)

    def _delivered(self, group: Sequence[Operation]) -> None:
        for operation in group:
            self._waiting -= 1
            self._waiting_bytes -= operation.size_bytes
            if operation.answer.done():  # the caller went away; its write stands
                continue
            if operation.error is not None:
                operation.answer.set_exception(operation.error)
            else:
                operation.answer.set_result(operation.result)
        self._space.set()


def _groups(operations: list[Operation]) -> list[list[Operation]]:
    """Split in order: at most GROUP_LIMIT operations and about GROUP_LIMIT_BYTES each; lone operations stay alone."""
    groups: list[list[Operation]] = []
    size_bytes = 0
    for operation in operations:
        last = groups[-1] if groups else None
        full = last is None or last[0].alone or len(last) >= GROUP_LIMIT or size_bytes >= GROUP_LIMIT_BYTES
        if full or operation.alone:
            groups.append([operation])
            size_bytes = operation.size_bytes
        elif last is not None:
            last.append(operation)
            size_bytes += operation.size_bytes
    return groups


def _answered(error: Exception) -> Exception:
    return unavailable(error) if isinstance(error, sqlite3.Error) else error


def _is_locked(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
