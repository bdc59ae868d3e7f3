"""The Controls that answer now: compiled when one changes and at each start and end, looked up by every request."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from services.chassis.clock import Clock
from services.chassis.logs import get_log
from services.kits.controls.catalogue import Catalogue
from services.kits.controls.control import Control, ControlState
from services.kits.controls.control_store import ControlStore
from services.kits.controls.matching import Asked, ControlTables
from services.kits.controls.plan import Plan

REFRESH_INTERVAL_S: Final = 0.5  # how soon another replica's change is seen here
PLANS_LIMIT: Final = 512  # of different requests; each knows what it says of the products that it met

log = get_log("controls")


class ControlSet:
    """Some Controls, as requests meet them. Plans are kept by what the Controls ask of a request."""

    def __init__(self, controls: Iterable[Control], catalogue: Catalogue) -> None:
        self.tables = ControlTables(controls)
        self.catalogue = catalogue
        self._plans: dict[Asked, Plan | None] = {}
        self._shared: dict[tuple[str, ...], Plan] = {}  # by the Controls that apply: many requests have the same ones

    def __bool__(self) -> bool:
        return len(self.tables) > 0

    def plan(self, asked: Asked) -> Plan | None:
        """Return what the Controls say to a request, None where none applies."""
        relevant = self.tables.relevant(asked)
        try:
            plan = self._plans[relevant]
        except KeyError:
            if len(self._plans) >= PLANS_LIMIT:
                del self._plans[next(iter(self._plans))]  # the oldest
            plan = self._plans[relevant] = self._plan_of(self.tables.matching(relevant))
        if plan is not None:
            plan.freshen()
        return plan

    def _plan_of(self, matching: tuple[Control, ...]) -> Plan | None:
        if not matching:
            return None
        key = tuple(each.id for each in matching)
        plan = self._shared.get(key)
        if plan is None:
            if len(self._shared) >= PLANS_LIMIT:
                self._shared.clear()
            plan = self._shared[key] = Plan(matching, self.catalogue)
        return plan


class LiveControls:
    """What is live in this replica. ``refresh`` after a change of our own, and at intervals for those of others."""

    def __init__(self, store: ControlStore, catalogue: Catalogue, clock: Clock) -> None:
        self._store, self._catalogue, self._clock = store, catalogue, clock
        self._served: tuple[Control, ...] = ()
        self._refreshing = asyncio.Lock()
        self._next_s = float("inf")
        self._set = ControlSet((), catalogue)

    @property
    def served(self) -> tuple[Control, ...]:
        """The Controls that are live or scheduled."""
        return self._served

    def current(self) -> ControlSet:
        """Return what applies now; a start or an end that has passed is seen at once."""
        if self._next_s != float("inf") and self._clock.now().timestamp() >= self._next_s:
            self._compile()
        return self._set

    async def refresh(self) -> None:
        """Look for changes; compile only where there are any. One look at a time: none puts older Controls back."""
        async with self._refreshing:
            served = await self._store.served({each.id: each for each in self._served})
            if [(each.id, each.revision) for each in served] != [(each.id, each.revision) for each in self._served]:
                self._served = served
                self._compile()

    def with_draft(self, draft: Control) -> ControlSet:
        """Return what would apply with a draft live, in the place of the Control that it is an edit of."""
        now = self._clock.now()
        others = [each for each in self._served if each.id != draft.id and _is_live(each, now)]
        return ControlSet([*others, draft], self._catalogue)

    def without(self, control_id: str) -> ControlSet:
        """Return what would apply without one Control."""
        now = self._clock.now()
        return ControlSet(
            [each for each in self._served if each.id != control_id and _is_live(each, now)], self._catalogue
        )

    def _compile(self) -> None:
        now = self._clock.now()
        live = [each for each in self._served if _is_live(each, now)]
        times = [
            time.timestamp()
            for each in self._served
            for time in (each.content.start_time, each.content.end_time)
            if time is not None and time > now
        ]
        self._next_s = min(times, default=float("inf"))
        self._set = ControlSet(live, self._catalogue)
        log.info("controls in force", live=len(live), served=len(self._served))


def _is_live(control: Control, now: datetime) -> bool:
    return control.state_at(now) is ControlState.LIVE
