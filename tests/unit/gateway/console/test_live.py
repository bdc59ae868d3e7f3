"""One stream per tab: topics in one line, places that survive a break, limits, and an end with the session."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from gateway.console.live import MEMBER_LIMIT, PLACE_LIMIT, TOPICS_LIMIT, LiveStreams, Polled, id_of, places_of
from gateway.console.pages import Moved, Topic
from gateway.console.staffing import EVERYBODY, StaffRole
from gateway.errors import StreamsFullError
from services.chassis.errors import InvalidArgumentError, UnavailableError
from tests.fakes.console import ConsoleOnFakes


class Source:
    """A topic that a test moves by hand; it remembers from where it was followed."""

    def __init__(self) -> None:
        self.moves: asyncio.Queue[Moved | Exception] = asyncio.Queue()
        self.followed: list[str] = []
        self.again = asyncio.Event()

    async def follow(self, _parts: Any, _shop: str, place: str) -> AsyncGenerator[Moved | None, None]:
        self.followed.append(place)
        if len(self.followed) > 1:
            self.again.set()
        while True:
            moved = await self.moves.get()
            if isinstance(moved, Exception):
                raise moved
            yield moved


async def told(stream, wanted: int) -> list[str]:  # type: ignore[no-untyped-def]
    """Read so many events of a stream, and leave."""
    said: list[str] = []
    left = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        text = message.get("body", b"").decode()
        if "event: moved" in text:
            said.append(text)
        if len(said) >= wanted:
            left.set()

    async with asyncio.timeout(30):
        await stream({"type": "http", "method": "GET", "headers": [], "path": "/"}, receive, send)
    return said


async def yes() -> bool:
    return True


def visit_of(console: ConsoleOnFakes, query: str, roles: frozenset[StaffRole] = EVERYBODY):  # type: ignore[no-untyped-def]
    from starlette.requests import Request

    from gateway.console.answering import _LIVE_PAGE
    from gateway.staff.members import StaffMember
    from gateway.staff.sessions import StaffSession
    from tests.fakes.clock import START_TIME as START

    scope = {"type": "http", "method": "GET", "path": "/console/live", "query_string": query.encode(), "headers": []}
    member = StaffSession(StaffMember("lin", "Lin", roles, START), "handle", "main", START)
    return console.console._visit(Request(scope), _LIVE_PAGE, {}, member)


async def test_topics_are_told_in_one_line_with_the_place_of_each(console: ConsoleOnFakes) -> None:
    first, second = Source(), Source()
    live = LiveStreams([Topic("a", EVERYBODY, first.follow), Topic("b", EVERYBODY, second.follow)])
    first.moves.put_nowait(Moved("g.1-2", 3))
    stream = live.stream(visit_of(console, "topics=a,b,unknown"), yes)
    said = await told(stream, 1)
    assert '"topic":"a","count":3' in said[0]
    assert "id: a=g.1-2" in said[0]
    assert len(live) == 0


async def test_a_stream_goes_on_from_where_it_was(console: ConsoleOnFakes) -> None:
    source = Source()
    live = LiveStreams([Topic("a", EVERYBODY, source.follow)])
    source.moves.put_nowait(Moved("later"))
    await told(live.stream(visit_of(console, "topics=a&after=a%3Dg.1-2"), yes), 1)
    assert source.followed == ["g.1-2"]


async def test_a_topic_of_other_roles_is_not_told(console: ConsoleOnFakes) -> None:
    source, open_one = Source(), Source()
    topics = [Topic("secret", frozenset({StaffRole.ADMIN}), source.follow), Topic("open", EVERYBODY, open_one.follow)]
    live = LiveStreams(topics)
    source.moves.put_nowait(Moved("x"))
    open_one.moves.put_nowait(Moved("y"))
    said = await told(live.stream(visit_of(console, "topics=secret,open", frozenset({StaffRole.PR})), yes), 1)
    assert '"open"' in said[0]
    assert source.followed == []


async def test_a_source_that_is_away_is_followed_again(
    console: ConsoleOnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.console import live as module

    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    source = Source()
    live = LiveStreams([Topic("a", EVERYBODY, source.follow)])
    source.moves.put_nowait(Moved("p1"))
    source.moves.put_nowait(UnavailableError("away"))
    telling = asyncio.create_task(told(live.stream(visit_of(console, "topics=a"), yes), 2))
    async with asyncio.timeout(30):
        await source.again.wait()
    source.moves.put_nowait(Moved("p2"))
    before, after = await telling
    assert "id: a=p1" in before and "id: a=p2" in after
    assert source.followed == ["", "p1"], "it goes on from where it was"


async def test_a_stream_ends_with_its_session(console: ConsoleOnFakes) -> None:
    async def no() -> bool:
        return False

    live = LiveStreams([Topic("a", EVERYBODY, Source().follow)], heartbeat_s=0.01)
    assert await told(live.stream(visit_of(console, "topics=a"), no), 1) == []


async def test_streams_are_bounded_and_closed_ones_make_room(console: ConsoleOnFakes) -> None:
    live = LiveStreams([Topic("a", EVERYBODY, Source().follow)])
    kept = [live.stream(visit_of(console, "topics=a"), yes) for _ in range(MEMBER_LIMIT)]
    with pytest.raises(StreamsFullError):
        live.stream(visit_of(console, "topics=a"), yes)
    live.close()
    assert await told(kept[0], 1) == []
    with pytest.raises(StreamsFullError):
        live.stream(visit_of(console, "topics=a"), yes)


def test_places_are_read_as_they_were_written_and_bounded() -> None:
    places = {"a": "g.1-2", "b": "x=y&z, 是"}
    assert places_of(id_of(places)) == places
    assert id_of({"a": "x" * PLACE_LIMIT}) == ""
    for wrong in ("x" * (PLACE_LIMIT + 1), "noequals", "=x"):
        with pytest.raises(InvalidArgumentError):
            places_of(wrong)


async def test_too_many_topics_are_refused(console: ConsoleOnFakes) -> None:
    live = LiveStreams([])
    names = ",".join(f"t{number}" for number in range(TOPICS_LIMIT + 1))
    with pytest.raises(InvalidArgumentError):
        live.stream(visit_of(console, f"topics={names}"), yes)


async def test_who_polls_reads_once_for_all(console: ConsoleOnFakes) -> None:
    reads = 0

    async def read(_parts: Any, _shop: str) -> tuple[str, int | None]:
        nonlocal reads
        reads += 1
        return "same", 1

    polled = Polled(read, every_s=5.0)
    for _ in range(3):
        follower = polled.follow(console.shop.parts, "main", "")
        assert await anext(follower) == Moved("same", 1, first=True)
        await follower.aclose()
    assert reads == 1
    follower = polled.follow(console.shop.parts, "main", "before")
    assert await anext(follower) == Moved("same", 1)


async def test_nobody_is_told_nothing(console: ConsoleOnFakes) -> None:
    console.roles = None
    assert (await console.get("/live?topics=alerts")).status_code == 401
