"""Writes what tracking services push, as each of them writes it, and signs it as each of them signs.

The counterpart of the orders service's reader, for simulated carriers, load and tests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson

from services.kits.webhooks.signing import signed_headers
from services.orders.domain.carrier_signatures import AFTERSHIP_HEADER, aftership_signature, signed_form
from services.orders.domain.carriers import World

CHINA: Final = ZoneInfo("Asia/Shanghai")
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
PLACE: Final = "simulated depot"
TEXT: Final = "[simulated]"
# What each simulated carrier speaks, and through which tracking service.
CARRIERS: Final = (
    ("simulated-parcel", World.AFTERSHIP),
    ("simulated-express", World.KUAIDI100),
    ("simulated-courier", World.KDNIAO),
    ("simulated-post", World.SCHEMA_ORG),
)

# What happens to a parcel, in the words of each world; "odd" is one that nobody knows.
_WORDS: Final[Mapping[World, Mapping[str, str]]] = {
    World.AFTERSHIP: {
        "picked-up": "InTransit_002",
        "arrived-at-hub": "InTransit_003",
        "out-for-delivery": "OutForDelivery_001",
        "attempted": "AttemptFail_002",
        "delivered": "Delivered_001",
        "odd": "Simulated_999",
    },
    World.KUAIDI100: {
        "picked-up": "103",
        "arrived-at-hub": "1002",
        "out-for-delivery": "5",
        "attempted": "204",
        "delivered": "301",
        "odd": "模拟未知状态",
    },
    World.KDNIAO: {
        "picked-up": "1",
        "arrived-at-hub": "2",
        "out-for-delivery": "202",
        "attempted": "405",
        "delivered": "301",
        "odd": "999",
    },
    World.SCHEMA_ORG: {
        "picked-up": "shipment-picked-up",
        "arrived-at-hub": "https://schema.org/OrderInTransit",
        "out-for-delivery": "shipment-out-for-delivery",
        "attempted": "shipment-attempted",
        "delivered": "https://schema.org/OrderDelivered",
        "odd": "https://schema.org/SimulatedUnknown",
    },
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A scan: when, and what happened (a key of the table of words)."""

    time: datetime
    way: str


@dataclass(frozen=True, slots=True)
class CarrierCall:
    """A call before it is signed. ``connection``: the name under which the shop has set the sender up."""

    world: World
    connection: str
    content: bytes


@dataclass(frozen=True, slots=True)
class SignedCall:
    """A call as it is sent."""

    headers: Mapping[str, str]
    body: bytes


def carrier_call(world: World, carrier: str, tracking_number: str, history: Sequence[Checkpoint]) -> CarrierCall:
    """Return the call that tells of a parcel's history, as its world writes it."""
    content = orjson.dumps(_CONTENTS[world](carrier, tracking_number, history))
    return CarrierCall(world, carrier if world is World.SCHEMA_ORG else world.value, content)


def signed_call(call: CarrierCall, secret: str, *, message_id: str, now: datetime) -> SignedCall:
    """Return the call with its signature. ``message_id`` is of Standard Webhooks alone."""
    if call.world is World.AFTERSHIP:
        signature = aftership_signature(call.content, secret)
        return SignedCall({"content-type": JSON, AFTERSHIP_HEADER: signature}, call.content)
    if call.world is World.SCHEMA_ORG:
        headers = signed_headers(message_id, call.content, [secret], now)
        return SignedCall({"content-type": JSON, **headers}, call.content)
    form = signed_form(call.world, call.content.decode(), secret)
    return SignedCall({"content-type": FORM}, urlencode(form).encode())


def _aftership(carrier: str, number: str, history: Sequence[Checkpoint]) -> dict[str, Any]:
    checkpoints = []
    for each in history:
        word = _WORDS[World.AFTERSHIP][each.way]
        tag, time = word.partition("_")[0], each.time.isoformat()
        checkpoints.append(
            {"checkpoint_time": time, "tag": tag, "subtag": word, "location": PLACE, "message": f"{TEXT} {each.way}"}
        )
    message = {"tracking_number": number, "slug": carrier, "checkpoints": checkpoints}
    return {"event": "tracking_update", "msg": message}


def _kuaidi100(carrier: str, number: str, history: Sequence[Checkpoint]) -> dict[str, Any]:
    data = [
        {
            "ftime": _china(each.time),
            "statusCode": _WORDS[World.KUAIDI100][each.way],
            "location": PLACE,
            "context": f"{TEXT} {each.way}",
        }
        for each in history
    ]
    return {"status": "polling", "lastResult": {"com": carrier, "nu": number, "data": data}}


def _kdniao(carrier: str, number: str, history: Sequence[Checkpoint]) -> dict[str, Any]:
    traces = [
        {
            "AcceptTime": _china(each.time),
            "Action": _WORDS[World.KDNIAO][each.way],
            "Location": PLACE,
            "AcceptStation": f"{TEXT} {each.way}",
        }
        for each in history
    ]
    data = {"ShipperCode": carrier, "LogisticCode": number, "Success": True, "Traces": traces}
    return {"EBusinessID": "simulated", "Count": "1", "Data": [data]}


def _schema_org(carrier: str, number: str, history: Sequence[Checkpoint]) -> dict[str, Any]:
    events = [
        {
            "@type": "DeliveryEvent",
            "name": _WORDS[World.SCHEMA_ORG][each.way],
            "startDate": each.time.isoformat(),
            "location": PLACE,
            "description": f"{TEXT} {each.way}",
        }
        for each in history
    ]
    return {
        "@context": "https://schema.org",
        "@type": "ParcelDelivery",
        "trackingNumber": number,
        "provider": {"@type": "Organization", "identifier": carrier},
        "deliveryStatus": events,
    }


_CONTENTS: Final = {
    World.AFTERSHIP: _aftership,
    World.KUAIDI100: _kuaidi100,
    World.KDNIAO: _kdniao,
    World.SCHEMA_ORG: _schema_org,
}


def _china(time: datetime) -> str:
    """Return a time as the Chinese services write it: their own, to the second."""
    return time.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
