"""Taking in what carriers and tracking services push: signed, read, told as facts, answered as each expects.

A call is acknowledged once all of it is durable. Whatever cannot be dated or understood is kept too, as news that moves
nothing (carrier_calls.py); what comes again is the same fact.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from services.chassis.clock import Clock
from services.orders.domain.carrier_calls import MAX_CALL_BYTES, CallReader, Scan, ShipmentReport
from services.orders.domain.carrier_connections import Connection
from services.orders.domain.carrier_errors import CarrierCallTooLargeError, CarrierNotFoundError
from services.orders.domain.carrier_signatures import check_signature
from services.orders.domain.carriers import ESTIMATED, CarrierWords, World
from services.orders.domain.events import content_id
from services.orders.domain.lifecycle import SHIPMENT_SCANNED
from services.orders.domain.reports import MAX_BATCH_EVENTS, EventForm, IntakeRules, ShipmentForm
from services.orders.usecases.writing import DUPLICATE, REJECTED, STORED, ItemVerdict, Writer, Writing

ID_REUSED: Final = "EVENT_ID_REUSED"
DEFAULT_CHANNEL: Final = "web"


@dataclass(frozen=True, slots=True)
class CarrierIntake:
    """What became of a call. ``unknown``: scans in words that no table holds; ``undated``: without a usable time."""

    connection: Connection
    stored: int
    duplicate: int
    rejected: int
    unknown: int
    undated: int
    reply: bytes


class Carriers:
    """Takes in calls. ``zone``: of times that a carrier gives without one."""

    def __init__(
        self,
        writing: Writing,
        connections: Mapping[str, Connection],
        words: CarrierWords,
        clock: Clock,
        *,
        zone: ZoneInfo,
    ) -> None:
        self._writing, self._connections, self._clock = writing, connections, clock
        self._words, self._zone = words, zone

    async def receive(
        self, name: str, headers: Mapping[str, str], body: bytes, *, shop: str, writer: Writer
    ) -> CarrierIntake:
        """Take a call in. ``headers`` by lower-case name.

        Raises CarrierNotFoundError, CarrierSignatureError, CarrierCallError, CarrierCallTooLargeError and, of a
        Standard Webhook, what its kit raises.
        """
        connection = self._connections.get(name)
        if connection is None:
            raise CarrierNotFoundError("no carrier of this name is set up", resource="carrier", id=name)
        if len(body) > MAX_CALL_BYTES:
            raise CarrierCallTooLargeError(f"a call takes at most {MAX_CALL_BYTES:,} bytes", field="body")
        now = self._clock.now()
        check_signature(connection.world, headers, body, connection.secrets, now=now)
        reports = CallReader(connection.world, name, self._words, self._zone).read(body, now=now)
        rules = IntakeRules(now, shop, DEFAULT_CHANNEL, writer.synthetic)
        items: list[ItemVerdict] = []
        forms = [form for report in reports for form in _forms(report, connection, now)]
        for start in range(0, len(forms), MAX_BATCH_EVENTS):
            batch = await self._writing.write(forms[start : start + MAX_BATCH_EVENTS], rules, writer)
            items.extend(batch.items)
        scans = [scan for report in reports for scan in report.scans]
        repeated = sum(1 for item in items if item.status == DUPLICATE or _is_known(item))
        return CarrierIntake(
            connection=connection,
            stored=sum(1 for item in items if item.status == STORED),
            duplicate=repeated,
            rejected=sum(1 for item in items if item.status == REJECTED and not _is_known(item)),
            unknown=sum(1 for scan in scans if not scan.is_known),
            undated=sum(1 for scan in scans if not scan.is_dated),
            reply=_reply(connection.world, now, self._zone),
        )


def _is_known(item: ItemVerdict) -> bool:
    """A scan's id is its content: told again with another time of arrival, it is the same scan."""
    return item.error is not None and item.error.reason == ID_REUSED


def _forms(report: ShipmentReport, connection: Connection, now: datetime) -> list[EventForm]:
    shipment = ShipmentForm(report.carrier, report.tracking_number)
    forms = [_scan_form(scan, shipment, connection) for scan in report.scans]
    if report.expected_time is not None:
        newest = max((scan.time for scan in report.scans if scan.is_dated), default=now)
        told: Mapping[str, Any] = {
            "parcel": [report.carrier, report.tracking_number],
            "expected": report.expected_time.isoformat(),
            "since": newest.isoformat() if report.scans else "",
        }
        forms.append(
            EventForm(
                type=SHIPMENT_SCANNED,
                time=newest,
                id=content_id(told),
                source=connection.name,
                shipment=shipment,
                detail=ESTIMATED,
                expected_time=report.expected_time,
            )
        )
    return forms


def _scan_form(scan: Scan, shipment: ShipmentForm, connection: Connection) -> EventForm:
    return EventForm(
        type=scan.type,
        time=scan.time,
        id=scan.id,
        source=connection.name,
        zone=None if scan.zone == "UTC" else scan.zone,
        shipment=shipment,
        carrier_word=scan.word or None,
        detail=scan.detail or None,
        place=scan.place or None,
        text=scan.text or None,
        raw={"time": scan.time_text},
    )


def _reply(world: World, now: datetime, zone: ZoneInfo) -> bytes:
    """Return what the sender takes for an acknowledgement; each of the aggregators sends again without its own."""
    if world is World.KUAIDI100:
        return orjson.dumps({"result": True, "returnCode": "200", "message": "成功"})
    if world is World.KDNIAO:
        time = now.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        return orjson.dumps({"Success": True, "UpdateTime": time, "Reason": ""})
    return b"{}"
