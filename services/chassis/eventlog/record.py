"""What an event looks like as a document: its identity, its fingerprint, its fields and how its times are written.

Times are stored as integer microseconds since 1970 UTC: exact, ordered, and four times cheaper to write than text.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from services.chassis.canonical import FINGERPRINT_BYTES, canonical_json
from services.chassis.documents.port import Body, Collection, Index
from services.chassis.errors import InvalidArgumentError
from services.chassis.eventlog.port import CLIENT_EVENT_ID_LIMIT, Event, NewEvent

KEY_BYTES = 16
TEXT_LIMIT = 512  # characters of each of type, shop, channel, subject, trace, owner
PAYLOAD_LIMIT_BYTES = 1024 * 1024
PARTITION_LIMIT = 64

PLACE = "place"
EVENTS = Collection("events", (Index(PLACE, ("log", "partition", "seq"), unique=True),))
LOGS = Collection("logs")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def micros_from_time(time: datetime) -> int:
    """Return whole microseconds since 1970 UTC; raises InvalidArgumentError for a time without zone or past the end."""
    try:
        micros = (time - _EPOCH) // _MICROSECOND
    except TypeError as error:
        raise InvalidArgumentError("a time needs its zone", field="occurred_time") from error
    if not _FIRST <= micros <= _LAST:  # its zone carries it out of the years 1 to 9999, where no reader could say it
        raise InvalidArgumentError("a time outside the years 1 to 9999 UTC", field="occurred_time")
    return micros


def time_from_micros(micros: int) -> datetime:
    """Invert micros_from_time."""
    return _EPOCH + timedelta(microseconds=micros)


def event_key(log: str, shop: str, owner: str, client_event_id: str) -> str:
    """Return the identity of an event: hash(log, shop, owner, client event id), each part with its length before it."""
    text = f"{len(log)}:{log}{len(shop)}:{shop}{len(owner)}:{owner}{client_event_id}"
    try:
        return blake2b(text.encode(), digest_size=KEY_BYTES).hexdigest()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError("an id holds a lone surrogate", field="client_event_id") from error


def event_fingerprint(event: NewEvent, occurred_time_us: int) -> str:
    """Return the fingerprint of what the event says. The trace is left out: a retry comes with another."""
    said = [
        event.type,
        event.schema_version,
        occurred_time_us,
        event.channel,
        event.subject,
        event.synthetic,
        event.payload,
    ]
    text = canonical_json(said)
    if len(text) > PAYLOAD_LIMIT_BYTES:
        message = f"an event takes {len(text)} bytes, at most {PAYLOAD_LIMIT_BYTES} are kept"
        raise InvalidArgumentError(message, field="payload", limit=PAYLOAD_LIMIT_BYTES)
    return blake2b(text, digest_size=FINGERPRINT_BYTES).hexdigest()


def partition_of(subject: str, partitions: int) -> int:
    """Return the partition of a subject; depends on nothing else, so one subject's events stay in order."""
    if partitions == 1:
        return 0
    return int.from_bytes(blake2b(subject.encode(), digest_size=8).digest()) % partitions


def check_bounds(event: NewEvent) -> None:
    """Raise InvalidArgumentError for a text that is missing or past its bound."""
    if not 1 <= len(event.client_event_id) <= CLIENT_EVENT_ID_LIMIT:
        message = f"an event id has 1 to {CLIENT_EVENT_ID_LIMIT} characters"
        raise InvalidArgumentError(message, field="client_event_id", limit=CLIENT_EVENT_ID_LIMIT)
    if not (event.type and event.subject):
        raise InvalidArgumentError("an event has a type and a subject", field="type" if event.subject else "subject")
    longest = max(
        len(event.type),
        len(event.shop),
        len(event.channel),
        len(event.subject),
        len(event.trace),
        len(event.owner),
    )
    if longest > TEXT_LIMIT:
        raise InvalidArgumentError(f"a field of an event exceeds {TEXT_LIMIT} characters", limit=TEXT_LIMIT)


def body_from_new_event(
    event: NewEvent, *, log: str, partition: int, occurred_time_us: int, recorded_time_us: int
) -> dict[str, Any]:
    """Return the stored fields but for ``seq`` and ``fingerprint``, which the writer sets."""
    payload = event.payload
    return {
        "log": log,
        "partition": partition,
        "seq": 0,
        "type": event.type,
        "schema_version": event.schema_version,
        "occurred_time_us": occurred_time_us,
        "recorded_time_us": recorded_time_us,
        "shop": event.shop,
        "channel": event.channel,
        "subject": event.subject,
        "trace": event.trace,
        "synthetic": event.synthetic,
        "payload": payload if type(payload) is dict else _plain(payload),
    }


def event_from_body(key: str, body: Body) -> Event:
    """Return the event that a document holds."""
    return Event(
        log=body["log"],
        partition=body["partition"],
        seq=body["seq"],
        key=key,
        type=body["type"],
        occurred_time=time_from_micros(body["occurred_time_us"]),
        recorded_time=time_from_micros(body["recorded_time_us"]),
        shop=body["shop"],
        channel=body["channel"],
        subject=body["subject"],
        payload=body["payload"],
        schema_version=body["schema_version"],
        trace=body["trace"],
        synthetic=body["synthetic"],
        redrive_of=body.get("redrive_of", ""),
    )


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    return dict(value)
