"""Follows the log of alerts for each who watches them, from any place that a client saw before.

A place says how far the log was told, partition by partition, in one generation of it; who comes again with it is told
everything after, however long the break was. What is told is each alert that moved, as it stands. A place of a
generation that is no more is answered with all live alerts, as is a first contact.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Final, TypeVar

import orjson
from zhike.reputation.v1 import alert_pb2, alert_service_pb2

from gateway.alert_clients import GET_ALERT, LIST_ALERTS
from gateway.clients import Caller
from gateway.errors import StreamsFullError
from gateway.public_form import public_form
from services.chassis.errors import ErrorKind, InvalidArgumentError, ZhikeError
from services.chassis.eventlog.backoff import Backoff, is_passing
from services.chassis.eventlog.port import Batch, Event, EventSource, GenerationMismatchError
from services.chassis.logs import get_log
from services.chassis.metrics import Metrics

ALERTS_LOG: Final = "alerts"
WATCHERS_LIMIT: Final = 100  # of this process: each follows the log by itself
LIVE_PAGE: Final = 200
LIVE_LIMIT: Final = 1_000  # alerts told at a first contact; the rest is told as it moves
PLACE_LIMIT: Final = 1_500  # characters
AGAIN: Final = Backoff(first_s=0.05, limit_s=2.0)

_PLACE: Final = re.compile(r"([A-Za-z0-9_-]{1,64})\.(\d{1,15}(?:-\d{1,15}){0,63})", re.ASCII)

AnswerT = TypeVar("AnswerT")

log = get_log("alert-streams")


@dataclass(frozen=True, slots=True)
class Place:
    """How far the log was told: its generation, and the last number of each partition."""

    generation: str
    seqs: tuple[int, ...]

    def __str__(self) -> str:
        """Return the form in which a client keeps it."""
        return f"{self.generation}.{'-'.join(map(str, self.seqs))}"

    @classmethod
    def parse(cls, text: str, *, field: str) -> "Place":
        """Invert ``str``. Raises InvalidArgumentError."""
        match = _PLACE.fullmatch(text) if len(text) <= PLACE_LIMIT else None
        if match is None:
            raise InvalidArgumentError(f"{field} is the id of an event of this stream", field=field)
        return cls(match[1], tuple(map(int, match[2].split("-"))))

    def after(self, partition: int, seq: int) -> "Place":
        """Return the place once an event was told."""
        return Place(self.generation, (*self.seqs[:partition], seq, *self.seqs[partition + 1 :]))


@dataclass(frozen=True, slots=True)
class News:
    """An alert as it stands, and the place after it; None: there is none yet."""

    alert: bytes
    place: Place | None


class Watcher:
    """One open stream."""

    __slots__ = ("closing",)

    def __init__(self) -> None:
        self.closing = asyncio.Event()


class AlertStreams:
    """The watchers of this process."""

    def __init__(self, source: EventSource, caller: Caller, metrics: Metrics, *, rng: Random | None = None) -> None:
        self._source, self._caller, self._rng = source, caller, rng or Random()
        self._watchers: set[Watcher] = set()
        self._closing = False
        metrics.gauge("zhike_alert_streams").set_function(lambda: len(self._watchers))

    @contextmanager
    def watching(self) -> Iterator[Watcher]:
        """Watch until the end of the block. Raises StreamsFullError."""
        if self._closing or len(self._watchers) >= WATCHERS_LIMIT:
            raise StreamsFullError("too many streams are open here; try again", retry_after_s=2)
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def close(self) -> None:
        """End every stream, and take no more: an open one would hold the process at its stop."""
        self._closing = True
        self.end_open()

    def end_open(self) -> None:
        """End the streams that are open; whoever may still read comes again."""
        for watcher in self._watchers:
            watcher.closing.set()

    async def told(
        self, watcher: Watcher, shop: str, place: Place | None, *, quiet_s: float
    ) -> AsyncGenerator[News | None, None]:
        """Yield what moves, None after ``quiet_s`` without anything; ends when the stream is to close."""
        while not watcher.closing.is_set():
            head = await self._patiently(watcher, self._head)
            if head is None:
                return
            if place is None or len(place.seqs) != len(head.seqs):
                place = head
                live = await self._patiently(watcher, lambda: self._live(shop))
                if live is None:
                    return
                for number, alert in enumerate(live, start=1):
                    # A client that leaves in the middle of these has no place yet, and begins again.
                    yield News(alert, place if number == len(live) else None)
            try:
                async with aclosing(self._moves(watcher, place, quiet_s)) as moves:
                    async for batch in moves:
                        if batch is None:
                            yield None
                            continue
                        for event in batch.events:
                            place = place.after(batch.partition, event.seq)
                            moved = await self._moved(watcher, event, shop)
                            if moved is not None:
                                yield News(moved, place)
                return
            except GenerationMismatchError:
                log.info("the log of alerts began anew")
                place = None

    async def _moves(self, watcher: Watcher, place: Place, quiet_s: float) -> AsyncGenerator[Batch | None, None]:
        """Yield batches with events, None after a quiet time, until the stream is to close."""
        after: Mapping[int, int] = dict(enumerate(place.seqs))
        closing = asyncio.ensure_future(watcher.closing.wait())
        loop = asyncio.get_running_loop()
        async with aclosing(self._source.subscribe(generation=place.generation, after=after)) as batches:
            coming = asyncio.ensure_future(anext(batches, None))
            quiet_until = loop.time() + quiet_s
            try:
                while True:
                    wait_s = max(0.0, quiet_until - loop.time())
                    await asyncio.wait({coming, closing}, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
                    if closing.done():
                        return
                    if coming.done():
                        batch = coming.result()
                        if batch is None:
                            return
                        coming = asyncio.ensure_future(anext(batches, None))
                        if batch.events:
                            yield batch
                            quiet_until = loop.time() + quiet_s
                            continue
                    if loop.time() >= quiet_until:
                        yield None
                        quiet_until = loop.time() + quiet_s
            finally:
                closing.cancel()
                coming.cancel()
                await asyncio.wait({coming})

    async def _head(self) -> Place:
        head = await self._source.head()
        return Place(head.generation, head.seqs)

    async def _live(self, shop: str) -> list[bytes]:
        found: list[bytes] = []
        token = ""
        while len(found) < LIVE_LIMIT:
            request = alert_service_pb2.ListAlertsRequest(shop=shop, live=True, page_size=LIVE_PAGE, page_token=token)
            page = await LIST_ALERTS(self._caller, request)
            found += map(written, page.alerts)
            token = page.next_page_token
            if not token:
                break
        return found

    async def _moved(self, watcher: Watcher, event: Event, shop: str) -> bytes | None:
        """Read the alert that an event tells of; None for another shop's, and one that is no more."""
        alert_id = str((event.payload.get("alert") or {}).get("id", ""))
        if event.shop != shop or not alert_id:
            return None

        async def read() -> bytes | None:
            try:
                request = alert_service_pb2.GetAlertRequest(id=alert_id)
                return written(await GET_ALERT(self._caller, request))
            except ZhikeError as error:
                if error.kind is ErrorKind.NOT_FOUND:
                    return None
                raise

        return await self._patiently(watcher, read)

    async def _patiently(self, watcher: Watcher, ask: Callable[[], Awaitable[AnswerT]]) -> AnswerT | None:
        """Ask again while the owner is away, for what the log said is a promise; None when the stream is to close."""
        attempt = 0
        while not watcher.closing.is_set():
            try:
                return await ask()
            except ZhikeError as error:
                if not is_passing(error):
                    raise
            await asyncio.sleep(AGAIN.wait_s(attempt, self._rng))
            attempt += 1
        return None


def written(alert: alert_pb2.Alert) -> bytes:
    """Write an alert for those who watch."""
    return orjson.dumps(public_form(alert))
