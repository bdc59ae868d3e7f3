"""The public JSON of facts: read a batch or one body, write a batch's verdicts."""

import re
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import orjson

from services.kits.event_forms import EventRefusedError
from services.orders.domain.doors import NewOrderForm, NewReturnForm, NewShipmentForm
from services.orders.domain.errors import MalformedBatchError, OrderMalformedError
from services.orders.domain.remarks import DOUBT_WORDS, Remark
from services.orders.domain.reports import MAX_ID_CHARACTERS, EventForm
from services.orders.usecases.writing import DUPLICATE, REJECTED, STORED, BatchVerdict, ItemVerdict, RefusedForm

MALFORMED = "EVENT_MALFORMED"

FormT = TypeVar("FormT", NewOrderForm, NewShipmentForm, NewReturnForm)


@dataclass(frozen=True, slots=True)
class _Batch:
    events: list[EventForm]


@dataclass(frozen=True, slots=True)
class _RawBatch:
    events: list[msgspec.Raw]


_BATCH = msgspec.json.Decoder(_Batch)
_RAW_BATCH = msgspec.json.Decoder(_RawBatch)
_EVENT = msgspec.json.Decoder(EventForm)
_PATH = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_batch(body: bytes) -> list[EventForm | RefusedForm]:
    """Return the events of a batch; one that cannot be read is refused by itself. Raises MalformedBatchError."""
    try:
        return [*_BATCH.decode(body).events]
    except msgspec.ValidationError:
        pass  # one of them, or the batch itself, is not of the public form: read them one by one
    except _UNREADABLE as error:
        raise _malformed(error) from error
    try:
        raw = _RAW_BATCH.decode(body)
    except _UNREADABLE as error:
        raise _malformed(error) from error
    return [_read_event(bytes(each)) for each in raw.events]


def read_form(body: bytes, form: type[FormT]) -> FormT:
    """Return an order, shipment or return as it is made. Raises OrderMalformedError."""
    try:
        return msgspec.json.decode(body, type=form)
    except _UNREADABLE as error:
        message, path = _explained(error)
        raise OrderMalformedError(message, field=path or "body") from error


def body_mapping(body: bytes) -> dict[str, Any]:
    """Return a body that was read as a form, as what an idempotency key is bound to."""
    said: dict[str, Any] = orjson.loads(body)
    return said


def verdicts_json(verdict: BatchVerdict) -> bytes:
    """Return the public answer, written once."""
    return orjson.dumps(
        {
            "verdicts": [_item(item) for item in verdict.items],
            STORED: verdict.count(STORED),
            DUPLICATE: verdict.count(DUPLICATE),
            REJECTED: verdict.count(REJECTED),
        }
    )


def _read_event(body: bytes) -> EventForm | RefusedForm:
    try:
        return _EVENT.decode(body)
    except _UNREADABLE as error:
        message, path = _explained(error)
        return RefusedForm(_legible_id(body), EventRefusedError(MALFORMED, message, field=path))


def _item(item: ItemVerdict) -> dict[str, Any]:
    if item.error is not None:
        error = {"reason": item.error.reason, "message": item.error.message, "field": item.error.field}
        return {"id": item.id, "status": item.status, "error": error}
    return {
        "id": item.id,
        "status": item.status,
        "event_id": item.event_id,
        "order_id": item.order_id,
        "remarks": [_remark(each) for each in item.remarks],
    }


def _remark(remark: Remark) -> dict[str, Any]:
    words = DOUBT_WORDS[remark.doubt]
    return {
        "reason": remark.doubt.value,
        "words": {"zh": words.zh, "en": words.en},
        "line": remark.line,
        "quantity": remark.quantity,
    }


def _malformed(error: Exception) -> MalformedBatchError:
    message, _ = _explained(error)
    return MalformedBatchError(f'the body is not {{"events": […]}}: {message}', field="events")


def _explained(error: Exception) -> tuple[str, str]:
    """Return what msgspec found and where; its messages never repeat values."""
    if isinstance(error, RecursionError):
        return "nested too deep", ""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8", ""
    match = _PATH.match(str(error))
    if match is None:
        return "not readable", ""
    return match["what"], match["path"] or ""


def _legible_id(body: bytes) -> str:
    try:
        item = msgspec.json.decode(body)
    except _UNREADABLE:
        return ""
    event_id = item.get("id") if isinstance(item, dict) else None
    return event_id[:MAX_ID_CHARACTERS] if isinstance(event_id, str) else ""
