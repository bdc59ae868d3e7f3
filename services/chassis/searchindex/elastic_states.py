"""Owns the states of one index that searches read: points in time of the live branch, shared while nothing changes.

A search reads through a point in time, so that its later pages can read the same state. One is opened when the branch
was refreshed since the last, not for every search: nothing else changes what it shows (``refresh_interval`` is off).
Our own refreshes are known at once; those of other processes are asked for every FRESH_S.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from services.chassis.clock import Clock
from services.chassis.searchindex.elastic_schema import Names
from services.chassis.searchindex.elastic_server import Ask, Refused
from services.chassis.searchindex.port import IndexUnavailableError
from services.chassis.searchindex.walks import HOLD_S, Walks

FRESH_S: Final = 0.2  # how long another process's refresh may stay unseen
CLOSING_S: Final = 5.0  # a search that began on a state ends on it
CLOSING_LIMIT: Final = 200  # states being given back at a time; beyond it the server lets them go by itself
_NEVER: Final = float("-inf")

Mark = tuple[str, int]  # the branch's uuid and how often it was refreshed


@dataclass(slots=True, eq=False)
class State:
    """A point in time of one branch."""

    point: str
    mark: Mark

    @property
    def branch(self) -> str:
        """What tells branches apart, those of the same name too."""
        return self.mark[0]


class States:
    """The newest state, and those that walks are held in."""

    def __init__(self, ask: Ask, names: Names, clock: Clock) -> None:
        self._ask, self._names, self._clock = ask, names, clock
        self._newest: State | None = None
        self._fresh_until = _NEVER
        self._refreshes = 0
        self._looking = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()
        self._ending = asyncio.Event()
        self.walks: Walks[State] = Walks(clock, let_go=self._let_go)
        self.keep_alive: Final = f"{int(HOLD_S) + 30}s"

    async def newest(self) -> State:
        """Return the state of now: all that this process refreshed, and others FRESH_S ago. Raises Refused (404)."""
        if self._newest is not None and self._clock.monotonic() < self._fresh_until:
            return self._newest
        async with self._looking:
            if self._newest is not None and self._clock.monotonic() < self._fresh_until:
                return self._newest
            return await self._look()

    def changed(self) -> None:
        """Take note that this process refreshed or promoted: the newest state is another now."""
        self._refreshes += 1
        self._fresh_until = _NEVER

    def lost(self, state: State) -> None:
        """Forget a state that the server does not have any more."""
        self.walks.forget(state)
        if state is self._newest:
            self._newest, self._fresh_until = None, _NEVER

    def clear(self) -> None:
        """Let every state go: another branch is live."""
        newest, self._newest = self._newest, None
        self.changed()
        self.walks.clear()
        if newest is not None:
            self._let_go(newest)

    async def close(self) -> None:
        """Give every state back."""
        self.clear()
        self._ending.set()
        await asyncio.gather(*self._closing)

    async def _look(self) -> State:
        asked, refreshes = self._clock.monotonic(), self._refreshes
        mark = await self._mark()
        state = self._newest
        if state is None or state.mark != mark:
            params = {"keep_alive": self.keep_alive, "preference": self._names.live}
            opened = await self._ask("POST", f"/{self._names.live}/_pit", params=params)
            before, self._newest = self._newest, State(opened["id"], mark)
            if before is not None:
                self._let_go(before)
            state = self._newest
        if refreshes == self._refreshes:
            self._fresh_until = asked + FRESH_S
        return state

    async def _mark(self) -> Mark:
        """Return what changes with every refresh of any copy of the live branch, and with the branch."""
        wanted = {"filter_path": "indices.*.uuid,indices.*.total.refresh.external_total"}
        answer = await self._ask("GET", f"/{self._names.live}/_stats/refresh", params=wanted)
        found: list[dict[str, Any]] = list(answer.get("indices", {}).values())
        if len(found) != 1:
            raise IndexUnavailableError("the index has no live branch yet", index=self._names.schema.name)
        return found[0]["uuid"], found[0]["total"]["refresh"]["external_total"]

    def _let_go(self, state: State) -> None:
        """Give a state back to the server once nobody reads it; it goes by itself a while after its last page."""
        if state is self._newest or self.walks.holds(state) or len(self._closing) >= CLOSING_LIMIT:
            return
        task = asyncio.get_running_loop().create_task(self._give_back(state))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _give_back(self, state: State) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), CLOSING_S)
        if self.walks.holds(state):
            return  # a page read from it was given out meanwhile
        with suppress(Refused, IndexUnavailableError):
            await self._ask("DELETE", "/_pit", body={"id": state.point})
