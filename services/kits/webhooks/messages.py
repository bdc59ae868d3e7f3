"""What is sent: an event's type, when it happened, and its data, as the very bytes that are signed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import orjson

from services.chassis.canonical import plain_mapping
from services.kits.webhooks.errors import MessageLimitError

BODY_LIMIT_BYTES: Final = 256 * 1024  # the specification recommends 20 KB
EVENT_KEY_LIMIT: Final = 512  # characters
TEST_EVENT: Final = "webhook.test"
EVENT_TYPE: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){1,4}", re.ASCII)
EVENT_TYPE_LIMIT: Final = 64
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell every target that listens to its type.

    ``event_key`` is its identity for ever: publishing it again, after a crash or from another replica, sends nothing
    twice. ``body`` is JSON.
    """

    event_key: str
    event_type: str
    body: str


def message(event_key: str, event_type: str, occurred_time: datetime, data: Mapping[str, Any]) -> Message:
    """Return a message of the specification's form: ``{"type", "timestamp", "data"}``. Raises MessageLimitError."""
    body = {"type": event_type, "timestamp": occurred_time, "data": data}
    return message_of_body(event_key, event_type, body)


def message_of_body(event_key: str, event_type: str, body: Mapping[str, Any]) -> Message:
    """Return a message whose whole body has a form that its receivers expect. Raises MessageLimitError."""
    text = orjson.dumps(body, default=plain_mapping, option=orjson.OPT_UTC_Z)
    if len(text) > BODY_LIMIT_BYTES:
        raise MessageLimitError(
            f"a message of {len(text)} bytes; at most {BODY_LIMIT_BYTES} are sent", limit=BODY_LIMIT_BYTES
        )
    if not 1 <= len(event_key) <= EVENT_KEY_LIMIT:
        raise MessageLimitError(f"an event key has 1 to {EVENT_KEY_LIMIT} characters", limit=EVENT_KEY_LIMIT)
    if len(event_type) > EVENT_TYPE_LIMIT or not EVENT_TYPE.fullmatch(event_type):
        raise MessageLimitError(
            f"an event type is words joined by points, at most {EVENT_TYPE_LIMIT} characters", limit=EVENT_TYPE_LIMIT
        )
    return Message(event_key, event_type, text.decode())


def delivery_id(target_id: str, event_key: str) -> str:
    """Return the id of an event's delivery to a target; it is the ``webhook-id`` of every try."""
    return "msg_" + blake2b(f"{len(target_id)}:{target_id}{event_key}".encode(), digest_size=_ID_BYTES).hexdigest()
