"""A reader goes on with the traces of the events that it applies, within bounds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from services.chassis.errors import UnavailableError
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.reader_spans import EVENT_AGE_LIMIT, SPANS_LIMIT, Links, ReaderSpans
from services.chassis.traces import FinishedSpan, Place, SpanKind, Traces, sampled_place, traceparent_of

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 1_000_000_000
RECORDED = traceparent_of(Place(1, 1))


def event(seq: int, trace: str = RECORDED, *, age: timedelta = timedelta(0)) -> Event:
    return Event(
        log="user-events",
        partition=0,
        seq=seq,
        key=f"k{seq}",
        type="purchase-complete",
        occurred_time=NOW,
        recorded_time=NOW - age,
        shop="main",
        channel="web",
        subject="card:1",
        payload={},
        trace=trace,
    )


async def noted(
    events: Sequence[Event], *, links: Links | None = None, aside: Sequence[str] = ()
) -> list[FinishedSpan]:
    finished: list[FinishedSpan] = []
    traces = Traces(finished.append, chance=Random(1), now_ns=lambda: NOW_NS + 5)
    spans = ReaderSpans(traces, projection="carts", log_name="user-events", links=links)
    await spans.note(events, NOW_NS, aside=aside)
    return finished


async def test_the_events_of_one_request_are_one_span_of_its_trace() -> None:
    (span,) = await noted([event(4), event(5), event(6)])
    assert (span.name, span.kind, span.parent_id, span.place.trace_id) == ("apply carts", SpanKind.CONSUMER, 1, 1)
    assert (span.start_ns, span.end_ns, span.failed) == (NOW_NS, NOW_NS + 5, False)
    assert span.attributes == {
        "messaging.destination.name": "user-events",
        "messaging.destination.partition.id": "0",
        "messaging.consumer.group.name": "carts",
        "messaging.batch.message_count": 3,
        "zhike.event.type": "purchase-complete",
        "zhike.event.seq": 4,
    }


async def test_events_without_a_recorded_trace_make_no_span() -> None:
    assert await noted([event(1, ""), event(2, RECORDED[:-1] + "0"), event(3, "5f" * 32)]) == []


async def test_a_batch_makes_so_many_spans_and_no_more() -> None:
    traces = [traceparent_of(Place(number, number)) for number in range(1, SPANS_LIMIT + 2)]
    assert len(await noted([event(seq, trace) for seq, trace in enumerate(traces, 1)])) == SPANS_LIMIT


async def test_an_event_of_long_ago_makes_no_span() -> None:
    just = event(1, age=EVENT_AGE_LIMIT)
    late = event(2, age=EVENT_AGE_LIMIT + timedelta(microseconds=1))
    assert [span.attributes["zhike.event.seq"] for span in await noted([just, late])] == [1]


async def test_an_event_that_was_set_aside_makes_its_span_a_failed_one() -> None:
    redrive = replace(event(9, traceparent_of(Place(2, 2))), redrive_of="k1")
    other = event(3, traceparent_of(Place(3, 3)))
    assert [span.failed for span in await noted([event(1), redrive, other], aside=["k1"])] == [True, True, False]


async def test_what_events_follow_from_is_linked_and_a_store_that_is_away_links_nothing() -> None:
    async def found(events: Sequence[Event]) -> Sequence[str]:
        return [traceparent_of(Place(7, each.seq)) for each in events]

    async def away(_: Sequence[Event]) -> Sequence[str]:
        raise UnavailableError("away")

    (span,) = await noted([event(4), event(5)], links=found)
    assert span.links == (sampled_place(traceparent_of(Place(7, 4))), Place(7, 5))
    (span,) = await noted([event(4)], links=away)
    assert span.links == ()
