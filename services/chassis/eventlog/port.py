"""What the event log promises to writers and readers.

A log is a set of partitions; within one, numbers run 1, 2, 3, … without gap or double on any store. An event's identity
is hash(log, shop, owner, client event id): the same id with the same canonical body is a duplicate (a success), with
another body it is EVENT_ID_REUSED. docs/consistency.md, rules 1-9.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from services.chassis.errors import ErrorKind, ZhikeError

APPEND_LIMIT = 500  # events in one append
READ_LIMIT = 1_000  # events in one read
CLIENT_EVENT_ID_LIMIT = 128  # characters


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append. ``owner``: stable id of the key or job that writes (part of the identity, rule 2)."""

    client_event_id: str
    owner: str
    type: str
    occurred_time: datetime
    shop: str
    channel: str
    subject: str  # the identifier as it came, for ever ("card:123"); also picks the partition
    payload: Mapping[str, Any]
    schema_version: int = 1
    trace: str = ""
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """An event as stored. ``key`` is its identity, (partition, seq) its place."""

    log: str
    partition: int
    seq: int
    key: str
    type: str
    occurred_time: datetime
    recorded_time: datetime
    shop: str
    channel: str
    subject: str
    payload: Mapping[str, Any]
    schema_version: int = 1
    trace: str = ""
    synthetic: bool = False
    redrive_of: str = ""


class VerdictStatus(StrEnum):
    """What became of one event of an append."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    REUSED = "reused"  # same id, other body: refused with EVENT_ID_REUSED


@dataclass(frozen=True, slots=True)
class Verdict:
    """One per appended event, in order. ``partition`` and ``seq`` are those of the stored event."""

    status: VerdictStatus
    key: str
    partition: int
    seq: int


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log stands: generation and last number by partition."""

    generation: str
    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a subscription yields: events of one partition in order (maybe none: a mark), and that partition's head."""

    partition: int
    events: tuple[Event, ...]
    head_seq: int
    marked_time: datetime
    generation: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


class GenerationMismatchError(ZhikeError):
    """The reader's position belongs to another generation or lies beyond the head: rebuild (rule 7)."""

    kind = ErrorKind.PRECONDITION
    reason = "LOG_GENERATION_MISMATCH"


class EventLog(Protocol):
    """One log. Any replica may append to any partition; readers go through ``subscribe`` or ``read``."""

    name: str
    partitions: int

    async def append(self, events: Sequence[NewEvent]) -> tuple[Verdict, ...]:
        """Append in order, durable before it returns. 1..APPEND_LIMIT events; ids repeated inside are folded."""

    async def read(self, partition: int, *, after: int, limit: int = READ_LIMIT) -> tuple[Event, ...]:
        """Return the events numbered after+1 … after+limit, contiguous."""

    async def head(self) -> Head:
        """Return generation and last numbers."""

    def subscribe(self, *, generation: str, after: Mapping[int, int]) -> AsyncGenerator[Batch, None]:
        """Yield what follows ``after`` per partition, then marks at least every 500 ms.

        ``generation`` "" takes any: the first contact. Raises GenerationMismatchError at the first step.
        """


class EventSource(Protocol):
    """What a reader needs of a log, local or over gRPC. ``owner``: the service that keeps it, "" for this process."""

    name: str
    owner: str

    async def head(self) -> Head:
        """Return generation and last numbers."""

    async def redrive(self, partition: int, seq: int, *, key: str, attempt: str) -> Verdict:
        """Append the event of this place and identity again under a new number with ``redrive_of`` (rule 9).

        ``attempt`` names this redrive: the same name again is the same event. Raises NotFoundError.
        """

    def subscribe(self, *, generation: str, after: Mapping[int, int]) -> AsyncGenerator[Batch, None]:
        """As EventLog.subscribe."""
