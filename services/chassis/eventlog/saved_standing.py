"""How far a projection is by its saved cursors: what a replica knows of a reader whose job another replica holds.

The cursor follows the projection's saves (rule 8), so what it has passed can be read by everyone. It is saved a moment
after it moved and hardly ever stands at the head of a busy log; staleness is therefore the age of the latest head that
it was seen to have passed, on this process's own monotonic clock (rule 12).
"""

import asyncio

from services.chassis.clock import Clock
from services.chassis.errors import ZhikeError
from services.chassis.eventlog.backoff import is_passing
from services.chassis.eventlog.cursors import Cursors
from services.chassis.eventlog.port import EventSource, Head

NEVER = float("inf")
LOOK_S = 0.1  # between looks at a cursor that somebody waits for


class SavedStanding:
    """One projection's cursors in one log, held against the log's heads."""

    def __init__(self, source: EventSource, cursors: Cursors, clock: Clock) -> None:
        self._source = source
        self._cursors = cursors
        self._clock = clock
        self._passed_at = -NEVER  # when the latest head that was passed was asked for
        self._waiting: tuple[Head, float] | None = None  # the earliest head that was not passed yet, and when that was
        self._lag_events: int | None = None

    async def look(self) -> None:
        """Hold the cursors against the head of now and an earlier one: a pass of a job. Who is away tells nothing."""
        asked_at = self._clock.monotonic()
        try:
            head = await self._source.head()
            cursor = await self._cursors.load(self._source.name)
        except ZhikeError as error:
            if not is_passing(error):
                raise
            return
        self._lag_events = cursor.lag_events(head)
        earlier, self._waiting = self._waiting, None
        heads = [(head, asked_at)]
        if earlier is not None and earlier[0].generation == head.generation:
            heads.insert(0, earlier)
        for known, known_at in heads:
            if not cursor.has_reached(known):
                self._waiting = (known, known_at)
                break
            self._passed_at = known_at

    async def reach(self, head: Head, *, look_s: float = LOOK_S) -> None:
        """Return when the cursors have passed ``head``; a store that is away is asked again until it is there."""
        while True:
            await asyncio.sleep(look_s)  # before the first look too: where the reader runs it is nearly always quicker
            try:
                if (await self._cursors.load(self._source.name)).has_reached(head):
                    return
            except ZhikeError as error:
                if not is_passing(error):
                    raise

    def lag_events(self) -> int | None:
        """Return how many events were not applied at the last look, None before one."""
        return self._lag_events

    def staleness_s(self) -> float:
        """Return the age of the latest head that was passed; infinite before one was."""
        return self._clock.monotonic() - self._passed_at
