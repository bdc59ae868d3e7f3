"""Traces: spans around what this process does, made only where somebody collects them (ZHIKE_TRACES_ENDPOINT).

A place in a trace is its W3C ``traceparent`` text and nothing else: it travels in the metadata of a call, on a call
stream, and in a stored event, so that an event's readers go on with the trace of the request that wrote it. A trace
begins at the gateway's edge; everything behind it follows the flag of the traceparent that it was called with, and what
no request caused is in no trace. Spans hold names, numbers and reasons, never what a request says.

Whoever makes spans asks ``active_traces`` once, when it is built: without an endpoint a call costs what it did before.
The spans leave through a sink; services/chassis/traces_export.py holds the one that speaks OpenTelemetry.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from services.chassis.logs import bound_call, usable_traceparent

SAMPLED = 1  # the flag of a traceparent
_TRACE_BITS, _SPAN_BITS, _RATIO_BITS = 128, 64, 53

Attributes = Mapping[str, str | int | bool]


class SpanKind(StrEnum):
    """What a span stands for, in OpenTelemetry's words."""

    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Place:
    """A span as others name it. Both ids are numbers above 0."""

    trace_id: int
    span_id: int


@dataclass(frozen=True, slots=True)
class FinishedSpan:
    """A span as a sink takes it. ``parent_id`` 0: the first of its trace. Times in ns since 1970 UTC."""

    name: str
    kind: SpanKind
    place: Place
    parent_id: int
    start_ns: int
    end_ns: int
    attributes: Attributes
    links: tuple[Place, ...] = ()
    failed: bool = False


Sink = Callable[[FinishedSpan], None]


def sampled_place(traceparent: str) -> Place | None:
    """Return the place that a traceparent names; None where it is absent, malformed, or says not to record."""
    usable = usable_traceparent(traceparent)
    if not usable or not int(usable[-2:], 16) & SAMPLED:
        return None
    return Place(int(usable[3:35], 16), int(usable[36:52], 16))


def traceparent_of(place: Place) -> str:
    """Write the traceparent of a span that is recorded."""
    return f"00-{place.trace_id:032x}-{place.span_id:016x}-01"


class Span:
    """A span under way. What never ends is never seen."""

    __slots__ = ("_kind", "_parent_id", "_place", "_start_ns", "_traces", "name", "traceparent")

    def __init__(self, traces: "Traces", name: str, kind: SpanKind, *, place: Place, parent_id: int, start_ns: int):
        self._traces, self._kind, self._place, self._parent_id = traces, kind, place, parent_id
        self._start_ns, self.name, self.traceparent = start_ns, name, traceparent_of(place)

    def end(self, attributes: Attributes, *, failed: bool = False, links: Sequence[str] = ()) -> None:
        """Hand the span to the sink; of ``links``, traceparents, those that are recorded."""
        places = tuple([place for place in map(sampled_place, links) if place is not None])
        self._traces.sink(
            FinishedSpan(
                name=self.name,
                kind=self._kind,
                place=self._place,
                parent_id=self._parent_id,
                start_ns=self._start_ns,
                end_ns=max(self._start_ns, self._traces.now_ns()),
                attributes=attributes,
                links=places,
                failed=failed,
            )
        )


class Traces:
    """Makes the spans of one process. ``ratio``: share of the requests without a traceparent that are traced."""

    def __init__(
        self, sink: Sink, *, ratio: float = 1.0, chance: Random, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.sink, self.now_ns = sink, now_ns
        self._bound, self._bits = int(ratio * (1 << _RATIO_BITS)), chance.getrandbits

    def enter(self, name: str, traceparent: str) -> Span | None:
        """Begin the span of a request from outside: a child of what it came with, else by chance a trace of its own."""
        if usable_traceparent(traceparent):
            return self.child(name, SpanKind.SERVER, traceparent)
        if self._bits(_RATIO_BITS) >= self._bound:
            return None
        return self._span(name, SpanKind.SERVER, self._bits(_TRACE_BITS) or 1, 0, self.now_ns())

    def child(self, name: str, kind: SpanKind, traceparent: str, *, start_ns: int = 0) -> Span | None:
        """Begin a span below ``traceparent``; None where that is not recorded."""
        parent = sampled_place(traceparent)
        if parent is None:
            return None
        return self._span(name, kind, parent.trace_id, parent.span_id, start_ns or self.now_ns())

    @contextmanager
    def around(self, name: str, kind: SpanKind, attributes: Attributes) -> Iterator[None]:
        """Make the block a span of the bound call's trace, if it has one; a block that raises has failed."""
        call = bound_call()
        span = None if call is None else self.child(name, kind, call.traceparent)
        failed = True
        try:
            yield
            failed = False
        finally:
            if span is not None:
                span.end(attributes, failed=failed)

    def _span(self, name: str, kind: SpanKind, trace_id: int, parent_id: int, start_ns: int) -> Span:
        place = Place(trace_id, self._bits(_SPAN_BITS) or 1)
        return Span(self, name, kind, place=place, parent_id=parent_id, start_ns=start_ns)


_active: Traces | None = None


def active_traces() -> Traces | None:
    """Return what makes this process's spans, None while nobody collects them."""
    return _active


def install_traces(traces: Traces | None) -> None:
    """Have everything that is built from now on make spans, or none."""
    global _active
    _active = traces


def current_trace() -> str:
    """Return the traceparent that an event of the bound call carries: "" where the call is not recorded."""
    call = bound_call() if _active is not None else None
    return call.traceparent if call is not None and sampled_place(call.traceparent) is not None else ""
