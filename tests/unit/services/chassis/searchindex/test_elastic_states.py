"""One point in time serves every search until something was refreshed, and none is kept for nothing."""

import asyncio
from typing import Any

import pytest

from services.chassis.searchindex.elastic_schema import Names
from services.chassis.searchindex.elastic_server import Refused
from services.chassis.searchindex.elastic_states import FRESH_S, States
from services.chassis.searchindex.port import IndexSchema, IndexUnavailableError, TextField
from tests.fakes.clock import ManualClock

NAMES = Names("zhike", IndexSchema("things", (TextField("title"),)))


class Branch:
    """A branch of which the refreshes are counted."""

    def __init__(self) -> None:
        self.refreshes, self.opened, self.looks = 0, 0, 0
        self.closed: list[str] = []
        self.there = True

    async def __call__(self, method: str, path: str, *, body: Any = None, **_: Any) -> Any:
        await asyncio.sleep(0)
        if not self.there:
            raise Refused(404, "index_not_found_exception", "")
        if path.endswith("/_stats/refresh"):
            self.looks += 1
            return {"indices": {"one": {"uuid": "u", "total": {"refresh": {"external_total": self.refreshes}}}}}
        if method == "POST":
            self.opened += 1
            return {"id": f"point{self.opened}"}
        self.closed.append(body["id"])
        return {}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def branch() -> Branch:
    return Branch()


@pytest.fixture
def states(branch: Branch, clock: ManualClock) -> States:
    return States(branch, NAMES, clock)


async def test_searches_at_once_share_one_state(states: States, branch: Branch) -> None:
    found = await asyncio.gather(*(states.newest() for _ in range(20)))
    assert len({id(state) for state in found}) == 1
    assert (branch.looks, branch.opened) == (1, 1)


async def test_a_state_stays_the_newest_while_nobody_refreshes(
    states: States, branch: Branch, clock: ManualClock
) -> None:
    first = await states.newest()
    for _ in range(5):
        clock.advance(FRESH_S + 0.01)
        assert await states.newest() is first
    assert (branch.looks, branch.opened) == (6, 1)


async def test_the_refresh_of_another_process_is_seen_after_a_moment(
    states: States, branch: Branch, clock: ManualClock
) -> None:
    first = await states.newest()
    branch.refreshes += 1
    assert await states.newest() is first
    clock.advance(FRESH_S + 0.01)
    assert await states.newest() is not first


async def test_our_own_refresh_is_seen_at_once(states: States, branch: Branch) -> None:
    first = await states.newest()
    branch.refreshes += 1
    states.changed()
    assert await states.newest() is not first


async def test_a_refresh_while_the_counter_is_asked_for_is_not_missed(states: States, branch: Branch) -> None:
    looking = asyncio.create_task(states.newest())
    await asyncio.sleep(0)
    branch.refreshes += 1
    states.changed()
    await looking
    branch.refreshes += 1
    assert (await states.newest()).mark == ("u", 2)


async def test_a_state_that_no_walk_holds_is_given_back_and_a_held_one_is_not(states: States, branch: Branch) -> None:
    held = await states.newest()
    states.walks.hold(held, 0)
    for _ in range(3):
        branch.refreshes += 1
        states.changed()
        await states.newest()
    assert states.walks.holds(held)
    await states.close()
    assert sorted(branch.closed) == ["point1", "point2", "point3", "point4"]


async def test_a_lost_state_is_no_longer_read(states: States) -> None:
    state = await states.newest()
    number = states.walks.hold(state, 0)
    states.lost(state)
    newest = await states.newest()
    assert newest is not state
    assert states.walks.state(number, newest) is newest


async def test_without_a_live_branch_there_is_no_state(states: States, branch: Branch) -> None:
    branch.there = False
    with pytest.raises(Refused):
        await states.newest()

    async def nothing(*_: Any, **__: Any) -> Any:
        return {}

    with pytest.raises(IndexUnavailableError):
        await States(nothing, NAMES, ManualClock()).newest()
