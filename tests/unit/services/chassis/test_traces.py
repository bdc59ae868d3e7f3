"""Spans are made where a trace is recorded, and nowhere else."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.logs import CallContext, bind_call
from services.chassis.traces import (
    FinishedSpan,
    Place,
    SpanKind,
    Traces,
    active_traces,
    current_trace,
    install_traces,
    sampled_place,
    traceparent_of,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
RECORDED, NOT_RECORDED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"


def traces_into(finished: list[FinishedSpan], *, ratio: float = 1.0, now_ns: int = 1_000) -> Traces:
    return Traces(finished.append, ratio=ratio, chance=Random(1), now_ns=lambda: now_ns)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1))
def test_a_place_is_read_as_it_was_written(trace_id: int, span_id: int) -> None:
    place = Place(trace_id, span_id)
    assert sampled_place(traceparent_of(place)) == place


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "x",
        NOT_RECORDED,
        f"00-{TRACE}-{SPAN}-02",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        "ab" * 32,
    ],
)
def test_what_is_absent_malformed_not_recorded_or_erased_is_no_place(traceparent: str) -> None:
    assert sampled_place(traceparent) is None
    assert traces_into([]).child("a", SpanKind.CLIENT, traceparent) is None


@given(st.text(max_size=80))
def test_any_text_is_a_place_or_none(text: str) -> None:
    sampled_place(text)


def test_the_flag_decides_whatever_the_ratio_is() -> None:
    assert traces_into([], ratio=0.0).enter("a", RECORDED) is not None
    assert traces_into([], ratio=1.0).enter("a", NOT_RECORDED) is None


def test_the_ratio_decides_for_a_request_without_a_trace() -> None:
    assert all(traces_into([], ratio=1.0).enter("a", "") for _ in range(100))
    assert not any(traces_into([], ratio=0.0).enter("a", "") for _ in range(100))
    half = traces_into([], ratio=0.5)
    assert 4_700 < sum(half.enter("a", "") is not None for _ in range(10_000)) < 5_300


def test_a_child_is_in_its_parents_trace_and_ends_with_what_it_says() -> None:
    finished: list[FinishedSpan] = []
    parent = traces_into(finished).enter("GET /v1/search", RECORDED)
    assert parent is not None and TRACE in parent.traceparent
    child = traces_into(finished, now_ns=2_000).child("call", SpanKind.CLIENT, parent.traceparent)
    assert child is not None
    child.end({"a": 1}, failed=True, links=(RECORDED, NOT_RECORDED, "x"))
    (span,) = finished
    assert (span.name, span.kind, span.failed, span.attributes) == ("call", SpanKind.CLIENT, True, {"a": 1})
    assert traceparent_of(Place(span.place.trace_id, span.parent_id)) == parent.traceparent
    assert span.links == (Place(int(TRACE, 16), int(SPAN, 16)),)


def test_a_span_never_ends_before_it_began() -> None:
    finished: list[FinishedSpan] = []
    span = traces_into(finished, now_ns=5).child("a", SpanKind.CONSUMER, RECORDED, start_ns=9)
    assert span is not None
    span.end({})
    assert (finished[0].start_ns, finished[0].end_ns) == (9, 9)


def test_a_block_is_a_span_of_the_bound_call_and_fails_with_it() -> None:
    finished: list[FinishedSpan] = []
    traces = traces_into(finished)
    bind_call(CallContext("r-1", RECORDED))
    with traces.around("append", SpanKind.PRODUCER, {}):
        pass
    with pytest.raises(KeyError), traces.around("append", SpanKind.PRODUCER, {}):
        raise KeyError
    bind_call(CallContext("r-2"))
    with traces.around("append", SpanKind.PRODUCER, {}):
        pass
    assert [span.failed for span in finished] == [False, True]


def test_an_event_carries_the_trace_of_a_recorded_call_while_spans_are_made() -> None:
    bind_call(CallContext("r-1", RECORDED))
    assert (active_traces(), current_trace()) == (None, "")
    install_traces(traces_into([]))
    try:
        assert current_trace() == RECORDED
        bind_call(CallContext("r-1", NOT_RECORDED))
        assert current_trace() == ""
    finally:
        install_traces(None)
