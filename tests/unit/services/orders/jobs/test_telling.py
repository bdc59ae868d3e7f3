"""Others are told of every fact under a name of its own, and of nothing personal."""

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.chassis.eventlog.port import Event
from services.kits.webhooks.messages import EVENT_TYPE
from services.orders.domain.lifecycle import LIFECYCLE
from services.orders.jobs.telling import NEWS_AGE, WEBHOOK_TYPES, webhooks_of
from tests.fakes.clock import START_TIME

ORDER = {"id": "o-1", "shop": "main", "number": "7"}


def event(type_: str, *, age: timedelta = timedelta(0), **payload: Any) -> Event:
    return Event(
        log="order-events",
        partition=0,
        seq=1,
        key=f"key of {type_}",
        type=type_,
        occurred_time=START_TIME,
        recorded_time=START_TIME + age,
        shop="main",
        channel="web",
        subject="order:main/7",
        payload={"source": "erp", "source_event_id": "1", "occurred_zone": "+08:00", "order": ORDER, **payload},
    )


def test_every_fact_has_a_name_that_a_target_can_listen_to() -> None:
    assert set(WEBHOOK_TYPES) == {each.name for each in LIFECYCLE}
    assert len(set(WEBHOOK_TYPES.values())) == len(LIFECYCLE)
    assert all(EVENT_TYPE.fullmatch(each) for each in WEBHOOK_TYPES.values())


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("order-placed", "order.placed"),
        ("delay-notified", "order.delayed"),
        ("shipment-delivered", "shipment.delivered"),
        ("shipment-out-for-delivery", "shipment.out_for_delivery"),
        ("stage-entered", "production.stage_entered"),
        ("return-requested", "return.requested"),
    ],
)
def test_a_fact_is_told_as_what_it_is(type_: str, name: str) -> None:
    (told,) = webhooks_of(event(type_, line=1, quantity=2, stage="ICING"))
    body = orjson.loads(told.body)
    assert (told.event_key, told.event_type, body["type"]) == (f"key of {type_}", name, name)
    assert body["data"] == {"order": ORDER, "line": 1, "quantity": 2, "stage": "ICING"}


def test_the_page_for_receivers_names_every_type() -> None:
    page = (Path(__file__).parents[5] / "docs" / "webhooks.md").read_text(encoding="utf-8")
    assert not [each for each in WEBHOOK_TYPES.values() if f"`{each}`" not in page]


def test_a_delay_is_told_with_its_times_and_words() -> None:
    words = {"zh": "晚一天", "en": "a day later"}
    (told,) = webhooks_of(event("delay-notified", slip=1, late=False, reason="stage-late", words=words))
    data = orjson.loads(told.body)["data"]
    assert (data["slip"], data["late"], data["reason"], data["words"]) == (1, False, "stage-late", words)


def test_nothing_personal_and_nothing_raw_is_told() -> None:
    personal = {
        "identifiers": ["phone:+8613800138000"],
        "raw": {"name": "王小明"},
        "text": "ring twice",
        "reason": "does not fit my mother",
        "place": "Unit 3, 12 Long Lane",
        "destination": "CN-31",
        "products": [{"id": "p-1"}],
    }
    (told,) = webhooks_of(event("return-requested", return_id="r-1", **personal))
    assert orjson.loads(told.body)["data"] == {"order": ORDER, "return_id": "r-1"}


def test_history_is_no_news() -> None:
    assert webhooks_of(event("order-placed", age=NEWS_AGE))
    assert not webhooks_of(event("order-placed", age=NEWS_AGE + timedelta(seconds=1)))


def test_a_parcel_whose_order_nobody_knows_and_an_unknown_type_are_not_told() -> None:
    scan = event("shipment-scanned")
    without_order = {name: value for name, value in scan.payload.items() if name != "order"}
    assert not webhooks_of(dataclasses.replace(scan, payload=without_order))
    assert not webhooks_of(event("of-a-later-version"))
