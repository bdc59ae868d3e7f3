"""Follows the log of order facts once for this process, and wakes who watches an order when it moves.

A watcher holds a place, the number of the last fact that it was told. What it is told next is read off the order as it
stands: all facts after that place, then the order. So a wake-up that is lost, a slow reader, a reconnect and a replay
are one and the same, and nothing has to be queued: a watcher holds one order, the newest.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

import orjson
from zhike.orders.v1 import order_pb2, order_service_pb2

from gateway.clients import BATCH_GET_ORDERS, Caller
from gateway.errors import StreamsFullError
from gateway.public_form import public_form
from services.chassis.errors import ZhikeError
from services.chassis.eventlog.backoff import Backoff
from services.chassis.eventlog.port import Batch, Event, EventSource, GenerationMismatchError
from services.chassis.logs import get_log
from services.chassis.metrics import Metrics

WATCHERS_LIMIT: Final = 2_000  # of this process
ORDER_WATCHERS_LIMIT: Final = 50  # of one order
ASKED_AT_ONCE: Final = 100  # orders of one request
READINGS_AT_ONCE: Final = 4
RECENT_LIMIT: Final = 50_000  # orders that moved lately
TRIES_LIMIT: Final = 20  # for a fact that the order's reader set aside: it comes with the next one
AGAIN: Final = Backoff(first_s=0.05, limit_s=2.0)

log = get_log("order-streams")


@dataclass(frozen=True, slots=True)
class LiveOrder:
    """An order as watchers are told of it, written once for all of them. ``facts``: (number, JSON), ascending."""

    version: int
    facts: tuple[tuple[int, bytes], ...]
    order: bytes

    def after(self, place: int) -> Sequence[tuple[int, bytes]]:
        """Return the facts that follow a place."""
        return [fact for fact in self.facts if fact[0] > place]


class Watcher:
    """One open stream. ``woken`` is set whenever ``newest`` or ``closing`` changed."""

    __slots__ = ("closing", "newest", "order_id", "woken")

    def __init__(self, order_id: str) -> None:
        self.order_id = order_id
        self.newest: LiveOrder | None = None
        self.closing = False
        self.woken = asyncio.Event()

    def tell(self, order: LiveOrder) -> None:
        """Hand the order as it stands now."""
        if self.newest is None or order.version > self.newest.version:
            self.newest = order
            self.woken.set()

    def close(self) -> None:
        """End the stream after what it was told."""
        self.closing = True
        self.woken.set()


@dataclass(frozen=True, slots=True)
class Wish:
    """An order that watchers are to be told of once it holds the fact of this number."""

    seq: int
    tries: int = 0  # times that the order was read and did not hold it
    waits: int = 0


class OrderStreams:
    """The watchers of this process and the one subscription that wakes them. ``run`` until cancelled."""

    def __init__(self, source: EventSource, caller: Caller, metrics: Metrics, *, rng: Random | None = None) -> None:
        self._source, self._caller, self._rng = source, caller, rng or Random()
        self._watchers: dict[str, set[Watcher]] = {}
        self._count = 0
        self._closing = False
        self._wanted: dict[str, Wish] = {}  # by order
        self._some_wanted = asyncio.Event()
        # Orders with their latest numbers, the longest quiet first: who begins to watch may have read the order just
        # before it held what was told of it a moment ago.
        self._recent: dict[str, int] = {}
        metrics.gauge("zhike_order_streams").set_function(lambda: self._count)
        self._told = metrics.counter("zhike_order_stream_updates_total")

    @contextmanager
    def watching(self, order_id: str) -> Iterator[Watcher]:
        """Watch an order until the end of the block. Raises StreamsFullError."""
        watchers = self._watchers.setdefault(order_id, set())
        if self._closing or self._count >= WATCHERS_LIMIT or len(watchers) >= ORDER_WATCHERS_LIMIT:
            if not watchers:
                del self._watchers[order_id]
            raise StreamsFullError("too many streams are open here; try again", retry_after_s=2)
        watcher = Watcher(order_id)
        watchers.add(watcher)
        if order_id in self._recent:
            self._want(order_id, self._recent[order_id])
        self._count += 1
        try:
            yield watcher
        finally:
            self._count -= 1
            watchers.discard(watcher)
            if not watchers:
                self._watchers.pop(order_id, None)

    def close(self) -> None:
        """End every stream, and take no more: an open one would hold the process at its stop."""
        self._closing = True
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.close()

    def close_order(self, order_id: str) -> None:
        """End the streams of one order: whoever may still read it comes again."""
        for watcher in self._watchers.get(order_id, ()):
            watcher.close()

    async def run(self) -> None:
        """Follow the log, and tell of the orders that move."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._tell())

    async def _follow(self) -> None:
        """Note which orders move. What happens while nobody follows is not known: every watched one may have."""
        attempt = 0
        while True:
            try:
                async for batch in self._batches():
                    attempt = 0
                    self._note(batch.events)
            except GenerationMismatchError:
                log.warning("the log of orders began anew")
            except ZhikeError as error:
                if attempt == 0:
                    log.warning("the log of orders cannot be followed", reason=error.reason)
            await asyncio.sleep(AGAIN.wait_s(attempt, self._rng))
            attempt += 1

    async def _batches(self) -> AsyncIterator[Batch]:
        """Yield what the log says from now on; who connects later reads the order itself."""
        head = await self._source.head()
        for order_id in self._watchers:
            self._want(order_id, 0)
        after: Mapping[int, int] = dict(enumerate(head.seqs))
        async for batch in self._source.subscribe(generation=head.generation, after=after):
            yield batch

    def _note(self, events: Sequence[Event]) -> None:
        for event in events:
            order_id = str((event.payload.get("order") or {}).get("id", ""))
            if not order_id:
                continue
            seq = 0 if event.redrive_of else event.seq  # a redrive may be another reader's
            self._recent.pop(order_id, None)
            self._recent[order_id] = seq
            if order_id in self._watchers:
                self._want(order_id, seq)
        while len(self._recent) > RECENT_LIMIT:
            del self._recent[next(iter(self._recent))]

    def _want(self, order_id: str, seq: int, *, tries: int = 0, waits: int = 0) -> None:
        known = self._wanted.get(order_id)
        if known is None or known.seq < seq:
            self._wanted[order_id] = Wish(seq, tries, waits)
        self._some_wanted.set()

    async def _tell(self) -> None:
        """Read the orders that moved, as long as somebody watches them, and hand them on.

        A few readings are under way at once: one that waits for a fact holds up no other.
        """
        room = asyncio.Semaphore(READINGS_AT_ONCE)
        async with asyncio.TaskGroup() as readings:
            while True:
                await room.acquire()
                await self._some_wanted.wait()
                reading = readings.create_task(self._tell_of(self._next_wishes()))
                reading.add_done_callback(lambda _: room.release())

    def _next_wishes(self) -> dict[str, "Wish"]:
        """Take up to ASKED_AT_ONCE wishes of orders that somebody watches."""
        taken: dict[str, Wish] = {}
        while self._wanted and len(taken) < ASKED_AT_ONCE:
            name = next(iter(self._wanted))
            wish = self._wanted.pop(name)
            if name in self._watchers:
                taken[name] = wish
        if not self._wanted:
            self._some_wanted.clear()
        return taken

    async def _tell_of(self, wishes: Mapping[str, "Wish"]) -> None:
        """Hand on the orders that are wished for. What is not there yet is asked for again, and holds up nobody."""
        if not wishes:
            return
        try:
            orders = {order.id: order for order in await self._read(wishes)}
        except ZhikeError as error:
            log.info("orders cannot be read", reason=error.reason, orders=len(wishes))
            for name, wish in wishes.items():
                self._want_later(name, wish.seq, tries=wish.tries, waits=wish.waits + 1)
            return
        for order in orders.values():
            self._hand_on(order)
        for name, wish in wishes.items():
            is_late = name not in orders or orders[name].version < wish.seq
            if is_late and wish.tries < TRIES_LIMIT:
                self._want_later(name, wish.seq, tries=wish.tries + 1, waits=wish.waits + 1)

    def _want_later(self, order_id: str, seq: int, *, tries: int, waits: int) -> None:
        wait_s = AGAIN.wait_s(waits - 1, self._rng)
        asyncio.get_running_loop().call_later(wait_s, partial(self._want, order_id, seq, tries=tries, waits=waits))

    async def _read(self, wishes: Mapping[str, "Wish"]) -> Sequence[order_pb2.Order]:
        request = order_service_pb2.BatchGetOrdersRequest(
            ids=list(wishes),
            at_least={name: wish.seq for name, wish in wishes.items()},
            view=order_service_pb2.ORDER_VIEW_SHOPPER,
        )
        return (await BATCH_GET_ORDERS(self._caller, request)).orders

    def _hand_on(self, order: order_pb2.Order) -> None:
        live = live_order(order)
        for watcher in self._watchers.get(order.id, ()):
            watcher.tell(live)
            self._told.inc()


def live_order(order: order_pb2.Order) -> LiveOrder:
    """Write an order for those who watch it."""
    form = public_form(order)
    facts = sorted(form.pop("events"), key=lambda fact: fact["seq"])
    return LiveOrder(
        version=order.version,
        facts=tuple((fact["seq"], orjson.dumps(fact)) for fact in facts),
        order=orjson.dumps(form),
    )
