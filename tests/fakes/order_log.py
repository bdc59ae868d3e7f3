"""The log of order facts as the gateway follows it: a test appends, breaks the line, or begins the log anew."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime

from services.chassis.errors import ErrorKind
from services.chassis.eventlog.port import Batch, Event, GenerationMismatchError, Head, Verdict
from services.chassis.status import RemoteError

TIME = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class FakeOrderLog:
    """Keeps services.chassis.eventlog.port.EventSource with one partition."""

    name = "order-events"
    owner = "orders"

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.generation = "g1"
        self.subscriptions = 0
        self.away = False
        self._changed = asyncio.Event()

    def append(self, order_id: str, *, redrive_of: str = "") -> int:
        """Append a fact of an order; return its number."""
        seq = len(self.events) + 1
        payload = {"order": {"id": order_id}} if order_id else {}
        self.events.append(
            Event(
                log=self.name, partition=0, seq=seq, key=f"k{seq}", type="payment-captured", occurred_time=TIME,
                recorded_time=TIME, shop="main", channel="web", subject="order:main/7", payload=payload,
                redrive_of=redrive_of,
            )
        )  # fmt: skip
        self._wake()
        return seq

    def break_off(self) -> None:
        """Have the line break, and the owner away until ``come_back``."""
        self.away = True
        self._wake()

    def come_back(self) -> None:
        self.away = False

    def begin_anew(self) -> None:
        """Restore the log: another generation."""
        self.generation += "+"
        self._wake()

    async def head(self) -> Head:
        self._check_there()
        return Head(self.generation, (len(self.events),))

    async def redrive(self, partition: int, seq: int, *, key: str, attempt: str) -> Verdict:
        raise AssertionError("nobody redrives here")

    async def subscribe(self, *, generation: str, after: Mapping[int, int]) -> AsyncGenerator[Batch, None]:
        self.subscriptions += 1
        place = after.get(0, 0)
        while True:
            self._check_there()
            if generation != self.generation:
                raise GenerationMismatchError("another generation", log=self.name)
            fresh = tuple(self.events[place:])
            place = len(self.events)
            changed = self._changed
            yield Batch(partition=0, events=fresh, head_seq=place, marked_time=TIME, generation=self.generation)
            await changed.wait()

    def _check_there(self) -> None:
        if self.away:
            raise RemoteError(
                "orders cannot be reached", kind=ErrorKind.UNAVAILABLE, reason="SERVICE_UNAVAILABLE", service="orders"
            )

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
