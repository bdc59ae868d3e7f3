"""The spans of a reader: applying an event goes on with the trace of the request that wrote it.

One span for each trace of a batch, as long as the batch took, for a projection applies a batch as one. An old event
makes none, so that a rebuild adds nothing to traces that ended long ago.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from services.chassis.errors import ZhikeError
from services.chassis.eventlog.port import Event
from services.chassis.traces import SpanKind, Traces

SPANS_LIMIT = 100  # for one batch; the traces of further events end without this reader
EVENT_AGE_LIMIT = timedelta(minutes=10)  # an event recorded earlier is replayed, or its reader was away
_NS_PER_S = 1_000_000_000

# Names what else events follow from: traceparents of spans of other traces.
Links = Callable[[Sequence[Event]], Awaitable[Sequence[str]]]


class ReaderSpans:
    """Makes the spans of one projection over one log."""

    def __init__(self, traces: Traces, *, projection: str, log_name: str, links: Links | None) -> None:
        self._traces, self._projection, self._log_name, self._links = traces, projection, log_name, links

    def now_ns(self) -> int:
        """Return the time at which a batch begins."""
        return self._traces.now_ns()

    async def note(self, events: Sequence[Event], start_ns: int, *, aside: Collection[str]) -> None:
        """Make the spans of a batch that was applied since ``start_ns``. ``aside``: keys of what became dead letters.

        A link that cannot be found out is left out: the events are applied, and no trace is worth applying them again.
        """
        oldest = datetime.fromtimestamp(start_ns / _NS_PER_S, UTC) - EVENT_AGE_LIMIT
        by_trace: dict[str, list[Event]] = {}
        for event in events:
            if event.trace and event.recorded_time >= oldest:
                by_trace.setdefault(event.trace, []).append(event)
        made = 0
        for trace, own in by_trace.items():
            span = self._traces.child(f"apply {self._projection}", SpanKind.CONSUMER, trace, start_ns=start_ns)
            if span is None:
                continue
            failed = any((event.redrive_of or event.key) in aside for event in own)
            span.end(self._said(own), failed=failed, links=await self._linked(own))
            made += 1
            if made == SPANS_LIMIT:
                return

    def _said(self, events: Sequence[Event]) -> dict[str, str | int]:
        return {
            "messaging.destination.name": self._log_name,
            "messaging.destination.partition.id": str(events[0].partition),
            "messaging.consumer.group.name": self._projection,
            "messaging.batch.message_count": len(events),
            "zhike.event.type": events[0].type,
            "zhike.event.seq": events[0].seq,
        }

    async def _linked(self, events: Sequence[Event]) -> Sequence[str]:
        if self._links is None:
            return ()
        try:
            return await self._links(events)
        except ZhikeError:
            return ()
