"""The public JSON of user events: read a batch, write its verdicts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from services.kits.event_forms import EventRefusedError
from services.knowledge.domain.errors import MalformedBatchError
from services.knowledge.domain.user_events import MAX_ID_CHARACTERS, UserEventForm
from services.knowledge.usecases.intake import DUPLICATE, REJECTED, STORED, BatchVerdict, ItemVerdict, RefusedForm

MALFORMED = "EVENT_MALFORMED"


@dataclass(frozen=True, slots=True)
class _Batch:
    events: list[UserEventForm]


@dataclass(frozen=True, slots=True)
class _RawBatch:
    events: list[msgspec.Raw]


_BATCH = msgspec.json.Decoder(_Batch)
_RAW_BATCH = msgspec.json.Decoder(_RawBatch)
_EVENT = msgspec.json.Decoder(UserEventForm)
_PATH = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)


def read_batch(body: bytes) -> list[UserEventForm | RefusedForm]:
    """Return the events of a batch; one that cannot be read is refused by itself. Raises MalformedBatchError."""
    try:
        return [*_BATCH.decode(body).events]
    except msgspec.ValidationError:
        pass  # one of them, or the batch itself, is not of the public form: read them one by one
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from error
    try:
        raw = _RAW_BATCH.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from error
    return [read_event(bytes(each)) for each in raw.events]


def read_event(body: bytes) -> UserEventForm | RefusedForm:
    """Return one event, or why it cannot be read."""
    try:
        return _EVENT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message, path = _explained(error)
        return RefusedForm(_legible_id(body), EventRefusedError(MALFORMED, message, field=path))


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


def _item(item: ItemVerdict) -> dict[str, Any]:
    if item.error is None:
        return {"id": item.id, "status": item.status}
    error = {"reason": item.error.reason, "message": item.error.message, "field": item.error.field}
    return {"id": item.id, "status": item.status, "error": error}


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
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    event_id = item.get("id") if isinstance(item, dict) else None
    return event_id[:MAX_ID_CHARACTERS] if isinstance(event_id, str) else ""


def forms_from_lines(lines: Sequence[bytes]) -> list[UserEventForm | RefusedForm]:
    """Return the events of NDJSON lines."""
    return [read_event(line) for line in lines]
