"""One stream of news per tab: it says which topics moved, and from where to go on; the page fetches what it shows anew.

An event's id holds the place in every topic of the stream, so that a browser that comes back (Last-Event-ID, or ?after=
in a new EventSource, which sends none) hears of all that moved meanwhile.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

import orjson

from gateway.console.pages import Moved, Topic
from gateway.console.staffing import Member
from gateway.console.visit import Visit
from gateway.errors import StreamsFullError
from gateway.event_stream import HEARTBEAT, HEARTBEAT_S, EventStream, message, opening
from services.chassis.errors import ErrorKind, InvalidArgumentError, ZhikeError
from services.chassis.logs import get_log

STREAMS_LIMIT: Final = 200  # of this process
MEMBER_LIMIT: Final = 12  # of one person: a browser opens at most six to a host
TOPICS_LIMIT: Final = 12  # of one stream
PLACE_LIMIT: Final = 2_000  # characters of an event's id
AGAIN_S: Final = 2.0  # before a topic whose source is away is followed again

log = get_log("console-live")

StillSignedIn = Callable[[], Awaitable[bool]]


def places_of(text: str) -> dict[str, str]:
    """Return the place in each topic of an event's id. Raises InvalidArgumentError."""
    if len(text) > PLACE_LIMIT:
        raise InvalidArgumentError("after is the id of an event of this stream", field="after")
    pairs = [each.partition("=") for each in text.split("&") if each]
    if any(not name or not sign for name, sign, _ in pairs):
        raise InvalidArgumentError("after is the id of an event of this stream", field="after")
    return {unquote(name): unquote(place) for name, _, place in pairs}


def id_of(places: Mapping[str, str]) -> str:
    """Invert ``places_of``; "" where it would be too long, which means to begin anew."""
    text = "&".join(f"{quote(name, safe='')}={quote(place, safe='')}" for name, place in sorted(places.items()))
    return text if len(text) <= PLACE_LIMIT else ""


class LiveStreams:
    """The open streams of this process."""

    def __init__(self, topics: Sequence[Topic], *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._topics = {topic.name: topic for topic in topics}
        self._heartbeat_s = heartbeat_s
        self._open: dict[object, str] = {}
        self._closing = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    def close(self) -> None:
        """End every stream and take no more: an open one would hold the process at its stop."""
        self._closing.set()

    def stream(self, visit: Visit, still_signed_in: StillSignedIn) -> EventStream:
        """Open a stream for what the address names. Raises InvalidArgumentError, StreamsFullError."""
        member = visit.staff
        names = [each for each in dict.fromkeys(visit.text("topics").split(",")) if each]
        if len(names) > TOPICS_LIMIT:
            raise InvalidArgumentError(f"a stream follows at most {TOPICS_LIMIT} topics", field="topics")
        # A topic of other roles is left out: the navigation of a page does not know them all.
        topics = [self._topics[name] for name in names if name in self._topics]
        topics = [topic for topic in topics if topic.roles & member.roles]
        headers = visit.request.headers
        places = places_of(headers.get("last-event-id", "") or visit.text("after", PLACE_LIMIT))
        ticket = self._take(member)
        chunks = self._told(visit, topics, places, still_signed_in)
        return EventStream(chunks, release=lambda: self._release(ticket))

    def _release(self, ticket: object) -> None:
        self._open.pop(ticket, None)

    def _take(self, member: Member) -> object:
        own = sum(each == member.id for each in self._open.values())
        if self._closing.is_set() or len(self._open) >= STREAMS_LIMIT or own >= MEMBER_LIMIT:
            raise StreamsFullError("too many streams are open here; try again", retry_after_s=5)
        ticket = object()
        self._open[ticket] = member.id
        return ticket

    async def _told(
        self, visit: Visit, topics: Sequence[Topic], places: dict[str, str], still_signed_in: StillSignedIn
    ) -> AsyncGenerator[bytes, None]:
        """Yield the events of all topics in one line, and end with the session."""
        news = _News()
        followers = [asyncio.create_task(_follow(topic, visit, places.get(topic.name, ""), news)) for topic in topics]
        closing = asyncio.create_task(self._closing.wait())
        coming: asyncio.Task[tuple[str, Moved]] | None = None
        try:
            yield opening()
            while True:
                coming = coming or asyncio.create_task(news.next())
                await asyncio.wait({coming, closing}, timeout=self._heartbeat_s, return_when=asyncio.FIRST_COMPLETED)
                if closing.done():
                    return
                if not coming.done():
                    if not await still_signed_in():
                        return
                    yield HEARTBEAT
                    continue
                (name, moved), coming = coming.result(), None
                places[name] = moved.place
                body: dict[str, Any] = {"topic": name, "count": moved.count, "first": moved.first}
                yield message("moved", orjson.dumps(body), id_=id_of(places) or None)
        finally:
            tasks = [*followers, closing, *([coming] if coming is not None else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _News:
    """What waits to be told: of each topic the latest, in the order in which they moved."""

    def __init__(self) -> None:
        self._waiting: dict[str, Moved] = {}
        self._any = asyncio.Event()

    def put(self, name: str, moved: Moved) -> None:
        before = self._waiting.pop(name, None)
        if before is not None and moved.first and not before.first:
            moved = Moved(moved.place, moved.count)
        self._waiting[name] = moved
        self._any.set()

    async def next(self) -> tuple[str, Moved]:
        await self._any.wait()
        name = next(iter(self._waiting))
        moved = self._waiting.pop(name)
        if not self._waiting:
            self._any.clear()
        return name, moved


async def _follow(topic: Topic, visit: Visit, place: str, news: _News) -> None:
    """Follow a topic for as long as the stream lasts; a source that is away is asked again."""
    while True:
        try:
            follower = topic.follow(visit.parts, visit.shop, place)
            async with aclosing(follower) as moves:
                async for moved in moves:
                    if moved is not None:
                        place = moved.place
                        news.put(topic.name, moved)
        except ZhikeError as error:
            if error.kind is ErrorKind.INVALID:
                place = ""  # a place of another life of this source
            else:
                log.debug("a topic is away", topic=topic.name, reason=error.reason)
        await asyncio.sleep(AGAIN_S)


@dataclass(slots=True)
class _State:
    place: str
    count: int | None
    time: float


Reading = Callable[[Any, str], Awaitable[tuple[str, int | None]]]


class Polled:
    """Follows what has no log to follow: read every so often, once for all who watch.

    ``read`` returns a text that changes when the thing does, and a number for the navigation.
    """

    def __init__(self, read: Reading, *, every_s: float) -> None:
        self._read, self._every_s = read, every_s
        self._states: dict[str, _State] = {}
        self._reading = asyncio.Lock()

    async def follow(self, parts: Any, shop: str, place: str) -> AsyncGenerator[Moved | None, None]:
        """Yield where it stands, then each time it is another."""
        state = await self._state(parts, shop)
        yield Moved(state.place, state.count, first=place in ("", state.place))
        place = state.place
        while True:
            await asyncio.sleep(self._every_s)
            state = await self._state(parts, shop)
            if state.place != place:
                place = state.place
                yield Moved(state.place, state.count)

    async def _state(self, parts: Any, shop: str) -> _State:
        async with self._reading:
            now = parts.clock.monotonic()
            state = self._states.get(shop)
            if state is None or now - state.time >= self._every_s * 0.9:
                place, count = await self._read(parts, shop)
                state = self._states[shop] = _State(place, count, now)
            return state
