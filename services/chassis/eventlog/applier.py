"""What to do when a projection fails: wait while something is away, set aside what fails by itself (rule 9)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from random import Random
from typing import Protocol, TypeVar

import structlog

from services.chassis.errors import ZhikeError
from services.chassis.eventlog.backoff import Backoff, is_passing
from services.chassis.eventlog.dead_letters import DeadLetters
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.reader_spans import Links, ReaderSpans
from services.chassis.eventlog.tombstones import leaves_no_trace
from services.chassis.metrics import Metrics
from services.chassis.traces import active_traces

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Projection(Protocol):
    """What a reader keeps up to date. Applying an event that was applied before changes nothing."""

    @property
    def name(self) -> str:
        """The name under which cursors and dead letters are kept."""

    async def apply(self, events: Sequence[Event]) -> None:
        """Apply 1..READ_LIMIT events of one partition in order, and return when all is saved."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try."""

    tries: int = 5  # of an event that fails by itself, before it becomes a dead letter
    try_again_s: float = 0.05
    away: Backoff = field(default_factory=Backoff)  # while a store or the log's owner is away


class Applier:
    """Hands events to a projection until each is applied or set aside."""

    def __init__(
        self,
        projection: Projection,
        dead_letters: DeadLetters,
        *,
        log_name: str,
        rng: Random,
        metrics: Metrics,
        patience: Patience,
        links: Links | None = None,
        seen: Callable[[Event], Event | None] | None = None,
    ) -> None:
        self._seen = _as_told if seen is None else seen
        self._projection = projection
        self._dead_letters = dead_letters
        self._rng = rng
        self._patience = patience
        self._aside: set[str] | None = None  # keys of the events that were set aside; None: not looked up yet
        labels = {"projection": projection.name, "log": log_name}
        self._retries = metrics.counter("zhike_reader_retries_total").labels(**labels)
        self._set_aside = metrics.counter("zhike_reader_dead_letters_total").labels(**labels)
        self._log = log.bind(projection=projection.name, log=log_name)
        traces = active_traces()
        self._spans: ReaderSpans | None = None
        if traces is not None:
            self._spans = ReaderSpans(traces, projection=projection.name, log_name=log_name, links=links)

    def begin(self) -> None:
        """Look up anew what was set aside: another holder of the projection may have done so since."""
        self._aside = None

    async def apply(self, events: Sequence[Event]) -> None:
        """Return when every event is applied, set aside, or a redrive that this projection does not need.

        What was set aside once stays so, also when it is read again by code that could apply it: only its redrive
        counts, or the two together would count twice.
        """
        events = [told for event in events if (told := self._seen(event)) is not None]
        if not events:
            return
        if self._spans is None:
            await self._apply(events)
            return
        start_ns = self._spans.now_ns()
        await self._apply(events)
        await self._spans.note(events, start_ns, aside=self._aside or ())

    async def _apply(self, events: Sequence[Event]) -> None:
        if self._aside is None:
            name = self._projection.name
            self._aside = await self.ask_until_there(partial(self._dead_letters.keys, name))
        if self._aside:
            events = [event for event in events if event.redrive_of or event.key not in self._aside]
        for is_redrive, group in groupby(events, key=_is_redrive):
            if not is_redrive:
                await self._apply_all(list(group))
                continue
            for event in group:
                await self._apply_redrive(event)

    async def _apply_redrive(self, event: Event) -> None:
        """Apply a redrive that is this projection's, under the identity that the event had at first."""
        name = self._projection.name
        if not await self.ask_until_there(partial(self._dead_letters.claim, name, event)):
            return
        await self._apply_all([replace(event, key=event.redrive_of)])
        await self.ask_until_there(partial(self._dead_letters.settle, name, event))

    async def ask_until_there(self, act: Callable[[], Awaitable[T]]) -> T:
        """Return what ``act`` returns; what is away is asked again for ever, with growing waits."""
        attempt = 0
        while True:
            try:
                return await act()
            except ZhikeError as error:
                if not is_passing(error):
                    raise
                await self._wait_while_away(error, attempt)
                attempt += 1

    async def _apply_all(self, events: Sequence[Event]) -> None:
        """Apply; halve a batch that fails by itself until the failing event stands alone."""
        error = await self._try(events)
        if error is None:
            return
        if len(events) > 1:
            middle = len(events) // 2
            await self._apply_all(events[:middle])
            await self._apply_all(events[middle:])
            return
        for _ in range(self._patience.tries - 1):
            await asyncio.sleep(self._patience.try_again_s)
            failure = await self._try(events)
            if failure is None:
                return
            error = failure
        await self._set_aside_as_dead(events[0], error)

    async def _try(self, events: Sequence[Event]) -> Exception | None:
        """Return None when applied, the error when the events themselves are at fault; wait out everything else."""
        attempt = 0
        while True:
            try:
                await self._projection.apply(events)
            except Exception as error:  # noqa: BLE001 - a job loop: any failure is either waited out or set aside
                if not is_passing(error):
                    return error
                await self._wait_while_away(error, attempt)
                attempt += 1
            else:
                return None

    async def _set_aside_as_dead(self, event: Event, error: Exception) -> None:
        name = self._projection.name
        await self.ask_until_there(partial(self._dead_letters.record, name, event, error, tries=self._patience.tries))
        if self._aside is not None:
            self._aside.add(event.redrive_of or event.key)
        self._set_aside.inc()
        self._log.error(
            "event set aside as dead letter",
            partition=event.partition,
            seq=event.seq,
            type=event.type,
            error=type(error).__name__,
        )
        self._log.debug("why it was set aside", exc_info=error)  # may hold personal data

    async def _wait_while_away(self, error: Exception, attempt: int) -> None:
        self._retries.inc()
        self._log.warning("trying again", error=type(error).__name__, attempt=attempt)
        await asyncio.sleep(self._patience.away.wait_s(attempt, self._rng))


def _as_told(event: Event) -> Event | None:
    """Return an event as a reader may see it where nobody keeps a list of the erased."""
    return None if leaves_no_trace(event.type) else event


def _is_redrive(event: Event) -> bool:
    return event.redrive_of != ""
