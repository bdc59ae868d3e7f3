"""Calls of tracking services: signed as each signs, read as each writes, nothing in them lost."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import ZhikeError
from services.kits.purchases import FUTURE_TOLERANCE
from services.kits.webhooks.errors import WebhookStaleError, WebhookTamperedError
from services.kits.webhooks.signing import signed_headers
from services.orders.domain.carrier_calls import (
    MAX_CALL_BYTES,
    MAX_NUMBER_CHARACTERS,
    MAX_SCANS,
    MAX_SHIPMENTS,
    MAX_TEXT_CHARACTERS,
    CallReader,
    ShipmentReport,
)
from services.orders.domain.carrier_errors import (
    CarrierCallError,
    CarrierCallTooLargeError,
    CarrierSignatureError,
)
from services.orders.domain.carrier_signatures import AFTERSHIP_HEADER, check_signature, form_fields, signed_form
from services.orders.domain.carriers import UNDATED, World, own_carrier_words
from services.orders.domain.lifecycle import SHIPMENT_SCANNED

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
WHSEC = "whsec_" + base64.b64encode(b"k" * 32).decode()

AFTERSHIP_CALL = {
    "event": "tracking_update",
    "msg": {
        "tracking_number": "1Z999",
        "slug": "UPS",
        "expected_delivery": "2026-12-03",
        "checkpoints": [
            {
                "checkpoint_time": "2026-11-30T09:10:11",
                "tag": "InTransit",
                "subtag": "InTransit_003",
                "location": "Louisville, KY",
                "message": "Arrived at facility",
            },
            {"checkpoint_time": "2026-12-01T06:00:00-05:00", "tag": "OutForDelivery", "subtag": "OutForDelivery_077"},
            None,
        ],
    },
}
KUAIDI100_CALL = {
    "status": "polling",
    "lastResult": {
        "com": "yuantong",
        "nu": "YT624",
        "data": [
            {"ftime": "2026-12-01 17:16:34", "context": "已签收", "statusCode": "304", "status": "投柜或站签收"},
            {"ftime": "2026-11-30 09:36:44", "context": "【成都】 已打包", "status": "干线", "areaName": "四川,成都市"},
        ],
    },
}
KDNIAO_CALL = {
    "EBusinessID": "1237100",
    "Count": "1",
    "Data": [
        {
            "ShipperCode": "SF",
            "LogisticCode": "SF100",
            "Success": True,
            "Traces": [
                {"AcceptTime": "2026-11-30 10:00:00", "AcceptStation": "已揽收", "Action": "1", "Location": "深圳市"},
                {"AcceptTime": "2026-12-01 08:00:00", "AcceptStation": "正在派送", "Action": 202},
            ],
        },
        {"ShipperCode": "SF", "LogisticCode": "SF101", "Success": False, "Traces": None},
    ],
}
SCHEMA_ORG_CALL = {
    "@context": "https://schema.org",
    "@type": "ParcelDelivery",
    "trackingNumber": "D-1",
    "provider": {"@type": "Organization", "identifier": "demo-post"},
    "expectedArrivalUntil": "2026-12-02T18:00:00Z",
    "deliveryStatus": {
        "@type": "DeliveryEvent",
        "name": "https://schema.org/OrderInTransit",
        "startDate": "2026-12-01T08:00:00Z",
        "location": {"@type": "Place", "address": {"addressLocality": "Cincinnati"}},
    },
}


def body_of(world: World, call: Any) -> bytes:
    text = orjson.dumps(call)
    if world in (World.KUAIDI100, World.KDNIAO):
        return urlencode(signed_form(world, text.decode(), "salt")).encode()
    return text


def read(world: World, call: Any, now: datetime = NOW) -> tuple[ShipmentReport, ...]:
    return CallReader(world, "post", own_carrier_words(), NEW_YORK).read(body_of(world, call), now=now)


def with_checkpoint(**fields: Any) -> dict[str, Any]:
    return {"msg": {"tracking_number": "1", "slug": "ups", "checkpoints": [fields]}}


def test_aftership_is_read() -> None:
    (report,) = read(World.AFTERSHIP, AFTERSHIP_CALL)
    assert (report.carrier, report.tracking_number) == ("ups", "1Z999")
    arrived, out = report.scans
    assert (arrived.type, arrived.detail, arrived.place) == ("shipment-in-transit", "arrived-at-hub", "Louisville, KY")
    assert (arrived.time, arrived.zone) == (datetime(2026, 11, 30, 14, 10, 11, tzinfo=UTC), "America/New_York")
    assert (out.type, out.word, out.zone) == ("shipment-out-for-delivery", "OutForDelivery", "UTC")
    assert report.expected_time == datetime(2026, 12, 4, 5, tzinfo=UTC)  # the end of the day, where it says no hour


def test_kuaidi100_is_read_in_the_time_of_china() -> None:
    (report,) = read(World.KUAIDI100, KUAIDI100_CALL)
    signed, packed = report.scans
    assert (report.carrier, report.tracking_number) == ("yto", "YT624")
    assert (signed.type, signed.detail) == ("shipment-delivered", "picked-up-by-recipient")
    assert signed.time == datetime(2026, 12, 1, 9, 16, 34, tzinfo=UTC)
    assert (packed.type, packed.place, packed.text) == ("shipment-in-transit", "四川,成都市", "【成都】 已打包")


def test_kdniao_is_read_shipment_by_shipment() -> None:
    first, second = read(World.KDNIAO, KDNIAO_CALL)
    assert [scan.type for scan in first.scans] == ["shipment-picked-up", "shipment-out-for-delivery"]
    assert (first.carrier, second.tracking_number, second.scans) == ("sf-express", "SF101", ())


def test_schema_org_is_read_one_parcel_or_several() -> None:
    (report,) = read(World.SCHEMA_ORG, SCHEMA_ORG_CALL)
    assert (report.carrier, report.scans[0].type, report.scans[0].place) == (
        "demo-post",
        "shipment-in-transit",
        "Cincinnati",
    )
    assert report.expected_time == datetime(2026, 12, 2, 18, tzinfo=UTC)
    assert len(read(World.SCHEMA_ORG, {"@graph": [SCHEMA_ORG_CALL, SCHEMA_ORG_CALL]})) == 2
    unnamed = {**SCHEMA_ORG_CALL, "provider": None}
    assert read(World.SCHEMA_ORG, unnamed)[0].carrier == "post"


def test_a_parcel_that_a_service_gave_up_has_no_history() -> None:
    assert read(World.KUAIDI100, {"status": "abort", "message": "3天查询无记录"}) == ()


def test_a_scan_is_the_same_fact_however_often_it_is_pushed() -> None:
    once = read(World.AFTERSHIP, AFTERSHIP_CALL)
    again = read(World.AFTERSHIP, AFTERSHIP_CALL, NOW + timedelta(days=3))
    assert [scan.id for scan in once[0].scans] == [scan.id for scan in again[0].scans]
    assert len({scan.id for scan in once[0].scans}) == 2


def test_a_word_that_nobody_knows_is_kept_and_moves_nothing() -> None:
    ((scan,),) = [report.scans for report in read(World.AFTERSHIP, with_checkpoint(tag="Teleported"))]
    assert (scan.type, scan.word, scan.is_known) == (SHIPMENT_SCANNED, "Teleported", False)


@pytest.mark.parametrize("time", ["", "yesterday", "0001-01-01", "1999-12-31T23:59:59Z", "2026-12-01T12:05:01Z"])
def test_a_scan_without_a_time_that_can_be_is_kept_by_its_arrival_and_moves_nothing(time: str) -> None:
    (report,) = read(World.AFTERSHIP, with_checkpoint(tag="Delivered", checkpoint_time=time))
    (scan,) = report.scans
    assert (scan.type, scan.time, scan.is_dated, scan.time_text) == (SHIPMENT_SCANNED, NOW, False, time)
    assert (scan.word, scan.detail, scan.is_known) == ("Delivered", UNDATED, True)


def test_a_scan_from_a_clock_that_runs_ahead_counts_once_its_time_has_come() -> None:
    call = with_checkpoint(tag="Delivered", checkpoint_time="2026-12-01T13:00:00Z")
    ((early,),) = [report.scans for report in read(World.AFTERSHIP, call)]
    ((later,),) = [report.scans for report in read(World.AFTERSHIP, call, NOW + timedelta(hours=1))]
    assert (early.type, later.type) == (SHIPMENT_SCANNED, "shipment-delivered")
    assert early.id != later.id
    just = with_checkpoint(tag="Delivered", checkpoint_time=(NOW + FUTURE_TOLERANCE).isoformat())
    assert read(World.AFTERSHIP, just)[0].scans[0].type == "shipment-delivered"


def test_an_expected_time_that_has_passed_is_none() -> None:
    message = {"tracking_number": "1", "expected_delivery": "2026-11-30"}
    assert read(World.AFTERSHIP, {"msg": message})[0].expected_time is None


def test_texts_are_cut_at_their_bound() -> None:
    fields = {"tag": "InTransit", "location": "x" * (MAX_TEXT_CHARACTERS + 1), "message": "y" * 2_000}
    scan = read(World.AFTERSHIP, with_checkpoint(**fields))[0].scans[0]
    assert (len(scan.place), len(scan.text)) == (MAX_TEXT_CHARACTERS, MAX_TEXT_CHARACTERS)


def test_a_call_is_bounded() -> None:
    scans = [{"tag": "InTransit", "message": str(number)} for number in range(MAX_SCANS + 1)]
    message = {"tracking_number": "1", "checkpoints": scans[1:]}
    assert len(read(World.AFTERSHIP, {"msg": message})[0].scans) == MAX_SCANS
    with pytest.raises(CarrierCallTooLargeError):
        read(World.AFTERSHIP, {"msg": {"tracking_number": "1", "checkpoints": scans}})
    parcels = [SCHEMA_ORG_CALL] * (MAX_SHIPMENTS + 1)
    assert len(read(World.SCHEMA_ORG, {"@graph": parcels[1:]})) == MAX_SHIPMENTS
    with pytest.raises(CarrierCallTooLargeError):
        read(World.SCHEMA_ORG, {"@graph": parcels})
    reader = CallReader(World.AFTERSHIP, "post", own_carrier_words(), NEW_YORK)
    with pytest.raises(CarrierCallTooLargeError):
        reader.read(b" " * (MAX_CALL_BYTES + 1), now=NOW)


@pytest.mark.parametrize(
    ("world", "call"),
    [
        (World.AFTERSHIP, []),
        (World.AFTERSHIP, {}),
        (World.AFTERSHIP, {"msg": {}}),
        (World.AFTERSHIP, {"msg": {"tracking_number": "x" * (MAX_NUMBER_CHARACTERS + 1)}}),
        (World.AFTERSHIP, {"msg": {"tracking_number": "1\u202e2"}}),
        (World.AFTERSHIP, {"msg": {"tracking_number": "1", "slug": "an other"}}),
        (World.AFTERSHIP, {"msg": {"tracking_number": "1", "checkpoints": {}}}),
        (World.AFTERSHIP, {"msg": {"tracking_number": "1", "checkpoints": ["InTransit"]}}),
        (World.KUAIDI100, {"lastResult": []}),
        (World.KDNIAO, {"Data": {}}),
        (World.SCHEMA_ORG, {"@graph": "parcel"}),
        (World.SCHEMA_ORG, {"trackingNumber": "1", "deliveryStatus": "OrderInTransit"}),
    ],
)
def test_a_call_of_another_shape_is_refused(world: World, call: Any) -> None:
    with pytest.raises(CarrierCallError):
        read(world, call)


def test_a_body_that_is_no_json_or_no_form_is_refused() -> None:
    for world, body in ((World.AFTERSHIP, b"{"), (World.KUAIDI100, b"param=%7B"), (World.KDNIAO, b"\xff\xfe=1")):
        with pytest.raises(CarrierCallError):
            CallReader(world, "post", own_carrier_words(), NEW_YORK).read(body, now=NOW)
    with pytest.raises(CarrierCallError):
        form_fields(b"&".join(b"a=1" for _ in range(51)))


FIELDS = ["msg", "checkpoints", "tracking_number", "slug", "tag", "checkpoint_time", "lastResult", "data", "nu", "com"]
FIELDS += ["Data", "Traces", "LogisticCode", "Action", "@graph", "trackingNumber", "deliveryStatus", "location", "name"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=20,
)


@given(st.sampled_from(list(World)), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6))
def test_any_json_is_read_or_refused_by_name(world: World, call: dict[str, Any]) -> None:
    try:
        reports = read(world, call)
    except ZhikeError as error:
        assert error.reason in {"CARRIER_CALL_MALFORMED", "CARRIER_CALL_TOO_LARGE"}
    else:
        assert all(scan.time <= NOW + FUTURE_TOLERANCE for report in reports for scan in report.scans)


def check(world: World, headers: dict[str, str], body: bytes, *secrets: str) -> None:
    check_signature(world, headers, body, secrets, now=NOW)


def test_aftership_signs_the_body() -> None:
    body = body_of(World.AFTERSHIP, AFTERSHIP_CALL)
    signature = base64.b64encode(hmac.new(b"secret", body, hashlib.sha256).digest()).decode()
    check(World.AFTERSHIP, {AFTERSHIP_HEADER: signature}, body, "older", "secret")
    for headers, tampered in (
        ({AFTERSHIP_HEADER: signature}, body + b" "),
        ({AFTERSHIP_HEADER: signature[:-4]}, body),
        ({AFTERSHIP_HEADER: "ключ"}, body),
        ({AFTERSHIP_HEADER: ""}, body),
        ({}, body),
    ):
        with pytest.raises(CarrierSignatureError):
            check(World.AFTERSHIP, headers, tampered, "secret")


def test_kuaidi100_signs_param_and_salt_in_either_case() -> None:
    text = orjson.dumps(KUAIDI100_CALL).decode()
    sign = hashlib.md5((text + "salt").encode()).hexdigest()
    for given_sign in (sign, sign.upper()):
        check(World.KUAIDI100, {}, urlencode({"sign": given_sign, "param": text}).encode(), "salt")
    for form in ({"sign": sign, "param": text + " "}, {"param": text}, {"sign": "", "param": ""}):
        with pytest.raises(CarrierSignatureError):
            check(World.KUAIDI100, {}, urlencode(form).encode(), "salt")


def test_kdniao_signs_request_data_and_key() -> None:
    text = orjson.dumps(KDNIAO_CALL).decode()
    sign = base64.b64encode(hashlib.md5((text + "key").encode()).hexdigest().encode()).decode()
    check(World.KDNIAO, {}, urlencode({"DataSign": sign, "RequestData": text}).encode(), "key")
    with pytest.raises(CarrierSignatureError):
        check(World.KDNIAO, {}, urlencode({"DataSign": sign, "RequestData": text}).encode(), "other")


def test_a_form_that_names_a_field_twice_is_judged_by_what_is_read() -> None:
    text = orjson.dumps(KUAIDI100_CALL).decode()
    form = signed_form(World.KUAIDI100, text, "salt")
    body = urlencode([("param", text), ("sign", form["sign"]), ("param", "{}")]).encode()
    check(World.KUAIDI100, {}, body, "salt")
    assert form_fields(body)["param"] == text


def test_everyone_else_signs_standard_webhooks() -> None:
    body = body_of(World.SCHEMA_ORG, SCHEMA_ORG_CALL)
    headers = signed_headers("msg_1", body, [WHSEC], NOW)
    check(World.SCHEMA_ORG, headers, body, WHSEC)
    with pytest.raises(WebhookTamperedError):
        check(World.SCHEMA_ORG, headers, body + b" ", WHSEC)
    with pytest.raises(WebhookStaleError):
        check_signature(World.SCHEMA_ORG, headers, body, [WHSEC], now=NOW + timedelta(hours=1))


def test_the_forms_of_the_simulators_are_the_services_own() -> None:
    for world, call in ((World.KUAIDI100, KUAIDI100_CALL), (World.KDNIAO, KDNIAO_CALL)):
        check(world, {}, body_of(world, call), "salt")
    with pytest.raises(ValueError, match="no form"):
        signed_form(World.AFTERSHIP, "", "salt")
