"""What an operation is: its state, its counters, how it is written down, and what its worker is given."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from tempfile import SpooledTemporaryFile
from typing import Any

import orjson

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.erasure.subjects import REFUSED_AS_ERASED
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.eventlog.record import time_from_micros

ERRORS_SHOWN_LIMIT = 100
SPOOL_BYTES = 4 * 1024 * 1024  # of refused rows in memory; more go to a temporary file
CHUNK_BYTES = 1024 * 1024
SAVE_INTERVAL_S = 0.5


class OperationState(StrEnum):
    """Where an operation stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row of the input was refused. ``row`` counts from 1, a header aside."""

    row: int
    reason: str
    message: str
    field: str = ""


@dataclass(slots=True)
class Progress:
    """How far an operation is; the worker counts here. The parts of ``rows`` add up: nothing is dropped silently."""

    rows: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    rejected_by_reason: dict[str, int] = field(default_factory=dict)
    accepted_by_kind: dict[str, int] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)  # the first ERRORS_SHOWN_LIMIT
    error_file: str = ""  # digest of the NDJSON artifact with all of them, "" without any
    result_file: str = ""  # digest of the artifact that the operation made, "" without one
    total_bytes: int = 0
    done_bytes: int = 0

    def accept(self, kind: str = "", count: int = 1) -> None:
        """Count rows that were written, by what they became."""
        self.accepted += count
        if kind:
            self.accepted_by_kind[kind] = self.accepted_by_kind.get(kind, 0) + count


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as it stands. ``failure`` is set when it failed or was cancelled."""

    id: str
    kind: str
    state: OperationState
    arguments: Mapping[str, Any]
    progress: Progress
    start_time: datetime
    end_time: datetime | None = None
    failure: "Failure | None" = None

    @property
    def done(self) -> bool:
        """Whether it ended, in whatever way."""
        return self.state is not OperationState.RUNNING


@dataclass(frozen=True, slots=True)
class Failure:
    """A ZhikeError as it is stored."""

    kind: ErrorKind
    reason: str
    message: str
    metadata: Mapping[str, str]


class OperationRun:
    """What a worker is given: its arguments, the counters, and a place for refused rows."""

    def __init__(self, operation: Operation, save: Callable[["OperationRun"], Awaitable[None]], clock: Clock) -> None:
        self.id, self.arguments, self.progress = operation.id, operation.arguments, operation.progress
        self._save, self._clock = save, clock
        self._saved_at = clock.monotonic()
        self._rejects = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - closed by close()
        self._rejected = False

    def reject(self, error: RowError, raw: Any = None) -> None:
        """Count a refused row and keep it, with what it said, for the error file; of an erased person nothing is."""
        raw = None if error.reason == REFUSED_AS_ERASED else raw
        progress = self.progress
        progress.rejected += 1
        progress.rejected_by_reason[error.reason] = progress.rejected_by_reason.get(error.reason, 0) + 1
        if len(progress.errors) < ERRORS_SHOWN_LIMIT:
            progress.errors.append(error)
        line = {"row": error.row, "reason": error.reason, "message": error.message, "field": error.field, "raw": raw}
        self._rejects.write(orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE))
        self._rejected = True

    async def report(self) -> None:
        """Let others see the counters: saved at most every SAVE_INTERVAL_S, so call it as often as is handy."""
        if self._clock.monotonic() - self._saved_at >= SAVE_INTERVAL_S:
            self._saved_at = self._clock.monotonic()
            await self._save(self)

    async def put_error_file(self, artifacts: ArtifactStore) -> None:
        """Store every refused row as NDJSON and name the file in the progress."""
        if self._rejected:
            self.progress.error_file = (await artifacts.put(self._reject_chunks())).digest

    def close(self) -> None:
        """Let go of the refused rows."""
        self._rejects.close()

    async def _reject_chunks(self) -> AsyncIterator[bytes]:
        self._rejects.seek(0)
        while chunk := self._rejects.read(CHUNK_BYTES):
            yield chunk


def operation_from_body(key: str, body: Mapping[str, Any]) -> Operation:
    """Read a stored operation."""
    failure = body["failure"]
    end_time_us = body["end_time_us"]
    return Operation(
        id=key,
        kind=body["kind"],
        state=OperationState(body["state"]),
        arguments=body["arguments"],
        progress=progress_from_body(body["progress"]),
        start_time=time_from_micros(body["start_time_us"]),
        end_time=None if end_time_us is None else time_from_micros(end_time_us),
        failure=None
        if failure is None
        else Failure(ErrorKind(failure["kind"]), **{k: failure[k] for k in ("reason", "message", "metadata")}),
    )


def body_from_error(error: ZhikeError | None) -> dict[str, Any] | None:
    """Write a failure down."""
    if error is None:
        return None
    return {"kind": error.kind.value, "reason": error.reason, "message": error.message, "metadata": error.metadata}


def body_from_progress(progress: Progress) -> dict[str, Any]:
    """Write the counters down."""
    body = {name: getattr(progress, name) for name in Progress.__slots__}
    body["errors"] = [[each.row, each.reason, each.message, each.field] for each in progress.errors]
    return body


def progress_from_body(body: Mapping[str, Any]) -> Progress:
    """Read the counters."""
    return Progress(**{**body, "errors": [RowError(*each) for each in body["errors"]]})
