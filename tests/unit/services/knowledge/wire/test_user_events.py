"""The public JSON of a batch: strict, item by item, errors that say where and never what."""

from typing import Any

import orjson
import pytest

from services.kits.event_forms import EventRefusedError
from services.knowledge.domain.errors import MalformedBatchError
from services.knowledge.domain.user_events import UserEventForm
from services.knowledge.usecases.intake import BatchVerdict, ItemVerdict, RefusedForm
from services.knowledge.wire.user_events import read_batch, read_event, verdicts_json

EVENT = {"id": "e1", "type": "detail-page-view", "time": "2026-11-23T10:00:00+08:00", "products": [{"id": "p-1"}]}


def batch(*events: Any) -> bytes:
    return orjson.dumps({"events": list(events)})


def test_a_batch_of_the_public_form_is_read() -> None:
    full = {
        **EVENT,
        "visitor_id": "v-1",
        "identifiers": ["login:u42"],
        "products": [{"id": "p-1", "quantity": 2, "price": {"amount": "3.99", "currency": "USD"}}],
        "search": {"query": "牛奶 🥛", "attribution_token": "t"},
        "order": {"number": "1001", "total": {"amount": "7.98", "currency": "USD"}, "kind": "sale"},
        "attributes": {"simulated": "true"},
        "position": 3,
        "shop": None,
        "a_field_of_a_later_version": {"x": 1},
    }
    (form,) = read_batch(batch(full))
    assert isinstance(form, UserEventForm)
    assert form.products[0].price is not None
    assert (form.search and form.search.query, form.order and form.order.number) == ("牛奶 🥛", "1001")
    assert form.time.tzinfo is not None


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"events": 5}', b"{}", b'{"events": [{"id": NaN}]}', b"\xff\xfe",
     b'{"events":' + b"[" * 100_000, b'{"events": [{"id": "\\ud800"}]}'],
)  # fmt: skip
def test_what_is_no_batch_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(MalformedBatchError) as refused:
        read_batch(body)
    assert refused.value.metadata["field"] == "events"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": 5}, "id"),
        ({"type": None}, "type"),
        ({"time": "yesterday"}, "time"),
        ({"time": 1_700_000_000.5}, "time"),
        ({"products": "p-1"}, "products"),
        ({"products": [{"id": "p", "quantity": "2"}]}, "products[0].quantity"),
        ({"products": [{"id": "p", "quantity": True}]}, "products[0].quantity"),
        ({"products": [{"id": "p", "price": {"amount": 3.99, "currency": "USD"}}]}, "products[0].price.amount"),
        ({"identifiers": "login:u1"}, "identifiers"),
        ({"attributes": {"a": 1}}, "attributes[...]"),
        ({"search": {"query": ["x"]}}, "search.query"),
    ],
)
def test_an_event_of_another_shape_is_refused_by_itself_and_names_the_field(change: dict[str, Any], field: str) -> None:
    bad, good = read_batch(batch({**EVENT, **change}, {**EVENT, "id": "e2"}))
    assert isinstance(bad, RefusedForm)
    assert (bad.error.reason, bad.error.field) == ("EVENT_MALFORMED", field)
    assert bad.id == ("" if "id" in change else "e1")
    assert isinstance(good, UserEventForm)


@pytest.mark.parametrize("event", [5, "event", None, [], {}])
def test_an_item_that_is_no_event_has_no_id(event: Any) -> None:
    (bad,) = read_batch(batch(event))
    assert isinstance(bad, RefusedForm)
    assert bad.id == ""


def test_an_error_never_repeats_what_was_sent() -> None:
    (bad,) = read_batch(batch({**EVENT, "visitor_id": {"phone": "13911223344"}}))
    assert isinstance(bad, RefusedForm)
    assert "139" not in bad.error.message


def test_a_nest_without_end_is_refused() -> None:
    form = read_event(b'{"id":"e","type":"x","time":"2026-01-01T00:00:00Z","x":' + b"[" * 50_000)
    assert isinstance(form, RefusedForm)


def test_the_verdicts_are_written_once_in_the_public_form() -> None:
    error = EventRefusedError("FUTURE_EVENT", "the time lies in the future", field="time")
    verdict = BatchVerdict(
        (ItemVerdict("e1", "stored"), ItemVerdict("e2", "duplicate"), ItemVerdict("", "rejected", error))
    )
    assert orjson.loads(verdicts_json(verdict)) == {
        "verdicts": [
            {"id": "e1", "status": "stored"},
            {"id": "e2", "status": "duplicate"},
            {
                "id": "",
                "status": "rejected",
                "error": {"reason": "FUTURE_EVENT", "message": "the time lies in the future", "field": "time"},
            },
        ],
        "stored": 1,
        "duplicate": 1,
        "rejected": 1,
    }
