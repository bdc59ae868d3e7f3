"""What is sent is fixed once: the bytes, the type, and the id for each target."""

from datetime import UTC, datetime

import orjson
import pytest

from services.kits.webhooks.errors import MessageLimitError
from services.kits.webhooks.messages import (
    BODY_LIMIT_BYTES,
    EVENT_KEY_LIMIT,
    delivery_id,
    message,
    message_of_body,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_message_has_the_specifications_form_without_blanks() -> None:
    told = message("e-1", "order.delayed", NOW, {"order": "七"})
    assert told.body == '{"type":"order.delayed","timestamp":"2026-03-01T12:00:00Z","data":{"order":"七"}}'


def test_a_message_may_have_a_form_of_its_own() -> None:
    told = message_of_body("e-1", "alert.opened", {"version": "4", "alerts": []})
    assert orjson.loads(told.body) == {"version": "4", "alerts": []}


def test_an_id_is_of_its_target_and_event_alone_and_may_be_signed() -> None:
    ids = [delivery_id(*pair) for pair in (("a", "b"), ("a", "c"), ("b", "b"), ("ab", ""), ("a1:a", "b"))]
    assert len(set(ids)) == len(ids)
    assert ids[0] == delivery_id("a", "b")
    assert all("." not in each and each.startswith("msg_") for each in ids)


def test_one_byte_past_the_body_bound_is_refused() -> None:
    frame = len(message_of_body("e", "order.delayed", {"text": ""}).body)
    assert message_of_body("e", "order.delayed", {"text": "x" * (BODY_LIMIT_BYTES - frame)})
    with pytest.raises(MessageLimitError):
        message_of_body("e", "order.delayed", {"text": "x" * (BODY_LIMIT_BYTES - frame + 1)})


def test_one_character_past_the_key_bound_is_refused() -> None:
    assert message("k" * EVENT_KEY_LIMIT, "order.delayed", NOW, {})
    for key in ("", "k" * (EVENT_KEY_LIMIT + 1)):
        with pytest.raises(MessageLimitError):
            message(key, "order.delayed", NOW, {})


@pytest.mark.parametrize("event_type", ["", "order", "Order.delayed", "order-delayed.x", "order.", "a." + "b" * 70])
def test_an_event_type_is_words_joined_by_points(event_type: str) -> None:
    with pytest.raises(MessageLimitError):
        message("e", event_type, NOW, {})
