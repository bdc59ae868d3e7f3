"""The public JSON of facts: one bad item refuses itself, a body that is none refuses the request."""

from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.orders.domain.doors import NewOrderForm
from services.orders.domain.errors import MalformedBatchError, OrderMalformedError
from services.orders.domain.remarks import Doubt, Remark
from services.orders.domain.reports import EventForm
from services.orders.usecases.writing import BatchVerdict, ItemVerdict, RefusedForm
from services.orders.wire.reports import read_batch, read_form, verdicts_json

GOOD = {"type": "payment-captured", "time": "2026-11-23T10:00:00+08:00", "order": {"number": "7"}}


def batch(*events: Any) -> bytes:
    return orjson.dumps({"events": events})


def test_a_batch_is_read_and_what_this_version_does_not_know_is_passed_over() -> None:
    read = read_batch(batch({**GOOD, "id": "e1", "of_a_later_version": True}))
    assert isinstance(read[0], EventForm)
    assert (read[0].id, read[0].time) == ("e1", datetime.fromisoformat("2026-11-23T10:00:00+08:00"))


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({**GOOD, "id": "e1", "time": "yesterday"}, "time"),
        ({**GOOD, "id": "e1", "quantity": "2"}, "quantity"),
        ({"id": "e1", "time": GOOD["time"]}, ""),
        ({**GOOD, "id": "e1", "items": [{"quantity": 1}]}, "items[0]"),
    ],
)
def test_one_that_cannot_be_read_refuses_itself(event: dict[str, Any], field: str) -> None:
    first, second = read_batch(batch(event, GOOD))
    assert isinstance(first, RefusedForm)
    assert (first.id, first.error.reason, first.error.field) == ("e1", "EVENT_MALFORMED", field)
    assert isinstance(second, EventForm)


@pytest.mark.parametrize("event", [3, None, [], "x", {"id": 7}])
def test_one_without_a_legible_id_has_none(event: Any) -> None:
    read = read_batch(batch(event))[0]
    assert isinstance(read, RefusedForm) and read.id == ""


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"events":{}}', b"\xff", b"[" * 5_000, b'{"events":[' * 5_000]
)
def test_what_is_no_batch_is_refused_whole(body: bytes) -> None:
    with pytest.raises(MalformedBatchError):
        read_batch(body)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"number": 7}', b"\xff"])
def test_a_form_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(OrderMalformedError):
        read_form(body, NewOrderForm)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_body_breaks_the_reading(body: bytes) -> None:
    try:
        read_batch(body)
    except MalformedBatchError as error:
        assert error.message.isprintable()


def test_verdicts_say_what_became_of_each() -> None:
    stored = ItemVerdict("a", "stored", "e1", "o-1", (Remark(Doubt.OVER_SHIPPED, "e1", 1, 3),))
    read = read_batch(batch({**GOOD, "id": "b", "time": 3}))[0]
    assert isinstance(read, RefusedForm)
    written = orjson.loads(verdicts_json(BatchVerdict((stored, ItemVerdict("b", "rejected", error=read.error)))))
    assert written == {
        "verdicts": [
            {
                "id": "a",
                "status": "stored",
                "event_id": "e1",
                "order_id": "o-1",
                "remarks": [
                    {
                        "reason": "OVER_SHIPPED",
                        "words": {"zh": "发货数量超过了未发数量", "en": "more was shipped than was open"},
                        "line": 1,
                        "quantity": 3,
                    }
                ],
            },
            {
                "id": "b",
                "status": "rejected",
                "error": {"reason": "EVENT_MALFORMED", "message": read.error.message, "field": "time"},
            },
        ],
        "stored": 1,
        "duplicate": 0,
        "rejected": 1,
    }
