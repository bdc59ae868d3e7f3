"""Identity, fingerprint and stored form of an event never change: what is stored today is read for ever."""

from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import InvalidArgumentError
from services.chassis.eventlog.port import NewEvent
from services.chassis.eventlog.record import (
    body_from_new_event,
    event_fingerprint,
    event_from_body,
    event_key,
    micros_from_time,
    partition_of,
    time_from_micros,
)
from tests.fakes.events import OCCURRED_TIME, new_event

OCCURRED_US = 1_767_600_000_000_000
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)

# What version 1 wrote. Add one for each later version; never change one.
STORED_V1 = {
    "log": "user-events",
    "partition": 0,
    "seq": 7,
    "type": "detail-page-view",
    "schema_version": 1,
    "occurred_time_us": OCCURRED_US,
    "recorded_time_us": OCCURRED_US + 1_500_000,
    "shop": "shanghai",
    "channel": "web",
    "subject": "card:1",
    "trace": "",
    "synthetic": False,
    "payload": {"product": "p1", "名称": "茶", "quantity": 1},
    "fingerprint": "3e5e025f26ed692eb6e5f22c456d4339",
}
KEY_V1 = "f1f277b1a0097983ad31eceed853c457"


def test_the_stored_form_of_version_1_is_read_for_ever():
    event = event_from_body(KEY_V1, STORED_V1)
    said = new_event(1)
    for field in ("type", "occurred_time", "shop", "channel", "subject", "payload", "schema_version", "synthetic"):
        assert getattr(event, field) == getattr(said, field)
    assert (event.key, event.partition, event.seq, event.redrive_of) == (KEY_V1, 0, 7, "")
    assert event.recorded_time - event.occurred_time == timedelta(seconds=1.5)


def test_identity_and_fingerprint_of_version_1_are_the_same_for_ever():
    assert event_key("user-events", "shanghai", "key-1", "e1") == KEY_V1
    assert event_fingerprint(new_event(1), OCCURRED_US) == STORED_V1["fingerprint"]


def test_the_written_form_is_the_stored_one():
    body = body_from_new_event(
        new_event(1),
        log="user-events",
        partition=0,
        occurred_time_us=OCCURRED_US,
        recorded_time_us=OCCURRED_US + 1_500_000,
    )
    assert {**body, "seq": 7, "fingerprint": STORED_V1["fingerprint"]} == STORED_V1


def test_a_subject_keeps_its_partition_for_ever():
    assert [partition_of(f"card:{number}", 8) for number in range(12)] == [0, 6, 1, 3, 7, 3, 6, 2, 4, 4, 7, 3]
    assert partition_of("anything", 1) == 0


@given(TEXT, st.integers(1, 64))
def test_every_subject_has_a_partition(subject, partitions):
    assert 0 <= partition_of(subject, partitions) < partitions


FIRST, LAST = datetime(1, 1, 3), datetime(9999, 12, 29)  # noqa: DTZ001 - Hypothesis adds the zone


@given(st.datetimes(FIRST, LAST, timezones=st.just(UTC)), st.integers(-12, 12))
def test_a_time_survives_in_whatever_zone_it_came(time, hours):
    micros = micros_from_time(time.astimezone(timezone(timedelta(hours=hours))))
    assert time_from_micros(micros) == time


def test_a_time_without_zone_is_refused():
    with pytest.raises(InvalidArgumentError):
        micros_from_time(datetime(2026, 1, 5))  # noqa: DTZ001 - the point


@pytest.mark.parametrize(
    "time",
    [
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_a_time_that_its_zone_carries_out_of_the_calendar_is_refused(time):
    with pytest.raises(InvalidArgumentError):
        micros_from_time(time)


@given(st.tuples(TEXT, TEXT, TEXT, TEXT), st.tuples(TEXT, TEXT, TEXT, TEXT))
def test_two_identities_have_one_key_only_when_they_are_the_same(one, other):
    assert (event_key(*one) == event_key(*other)) == (one == other)


def test_the_order_of_keys_and_the_kind_of_mapping_do_not_change_a_fingerprint():
    def fingerprint(payload):
        event = NewEvent("e", "o", "t", OCCURRED_TIME, "s", "web", "card:1", payload)
        return event_fingerprint(event, OCCURRED_US)

    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint({"b": {"d": 3, "c": 2}, "a": 1})
    assert fingerprint({"a": 1}) == fingerprint(MappingProxyType({"a": 1}))
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_a_read_only_payload_is_stored_as_a_plain_one():
    event = new_event(1, payload=MappingProxyType({"a": 1}))
    body = body_from_new_event(event, log="l", partition=0, occurred_time_us=0, recorded_time_us=0)
    assert type(body["payload"]) is dict
