"""Reads what tracking services push: one call, some shipments, the scans of each, in the words of the lifecycle table.

Whatever is in a call that can be read at all becomes a scan. One whose time cannot be read, or lies in the future, is
kept as news that moves nothing, dated by its arrival: a carrier's call is answered once and for all, so there is no
later chance to ask what was meant. Services repeat the whole history in every call; a scan's id is its content and what
was understood of it, so a repetition is no second fact, but one that is understood better later is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from services.kits.purchases import FUTURE_TOLERANCE
from services.orders.domain.carrier_errors import CarrierCallError, CarrierCallTooLargeError
from services.orders.domain.carrier_signatures import form_fields
from services.orders.domain.carriers import UNDATED, CarrierWords, Meaning, World
from services.orders.domain.events import content_id
from services.orders.domain.lifecycle import SHIPMENT_SCANNED

MAX_CALL_BYTES: Final = 1024 * 1024
MAX_SHIPMENTS: Final = 200
MAX_SCANS: Final = 1_000  # of all shipments of one call
MAX_TEXT_CHARACTERS: Final = 500
MAX_NUMBER_CHARACTERS: Final = 64
OLDEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
CHINA: Final = ZoneInfo("Asia/Shanghai")

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_CARRIER: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Scan:
    """One report of a carrier. ``zone``: what its time was read in. ``is_dated``: whether ``time`` is the carrier's."""

    id: str
    time: datetime
    zone: str
    type: str
    detail: str
    word: str
    is_known: bool
    place: str = ""
    text: str = ""
    time_text: str = ""
    is_dated: bool = True


@dataclass(frozen=True, slots=True)
class ShipmentReport:
    """What a call tells of one shipment. ``expected_time``: when the carrier says that it will be there."""

    carrier: str
    tracking_number: str
    scans: tuple[Scan, ...]
    expected_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class CallReader:
    """Reads calls. ``carrier``: the name that is set up; ``zone``: of times that say none, but the aggregators'."""

    world: World
    carrier: str
    words: CarrierWords
    zone: ZoneInfo

    def read(self, body: bytes, *, now: datetime) -> tuple[ShipmentReport, ...]:
        """Return the reports of a call whose signature holds. Raises CarrierCallError, CarrierCallTooLargeError."""
        if len(body) > MAX_CALL_BYTES:
            raise CarrierCallTooLargeError(f"a call takes at most {MAX_CALL_BYTES:,} bytes", field="body")
        reports: list[ShipmentReport] = []
        scans = 0
        for entry in _ENTRIES[self.world](body):
            report = self._report(entry, now)
            scans += len(report.scans)
            if len(reports) == MAX_SHIPMENTS or scans > MAX_SCANS:
                words = f"a call tells of at most {MAX_SHIPMENTS} shipments and {MAX_SCANS:,} scans"
                raise CarrierCallTooLargeError(words, field="body")
            reports.append(report)
        return tuple(reports)

    def _report(self, entry: "_Entry", now: datetime) -> ShipmentReport:
        number = entry.number.strip()
        if not 0 < len(number) <= MAX_NUMBER_CHARACTERS or not number.isprintable():
            words = f"a tracking number is 1 to {MAX_NUMBER_CHARACTERS} printable characters"
            raise CarrierCallError(words, field="tracking_number")
        carrier = self.words.carrier(entry.carrier) or self.carrier
        if not _CARRIER.fullmatch(carrier):
            raise CarrierCallError("a carrier is 1 to 64 of a-z 0-9 _ . -", field="carrier")
        scans = tuple(self._scan(carrier, number, checkpoint, now) for checkpoint in entry.checkpoints)
        return ShipmentReport(carrier, number, scans, self._expected(entry.expected, now))

    def _scan(self, carrier: str, number: str, checkpoint: "_Checkpoint", now: datetime) -> Scan:
        zone = CHINA if self.world in (World.KUAIDI100, World.KDNIAO) else self.zone
        time, read_in = _time(checkpoint.time, zone)
        meaning = self.words.meaning(self.world, *checkpoint.words)
        is_dated = time is not None and OLDEST <= time <= now + FUTURE_TOLERANCE
        if time is None or not is_dated:
            time, read_in = now, "UTC"
            meaning = Meaning(SHIPMENT_SCANNED, meaning.word, UNDATED, meaning.is_known)
        place, text = _line(checkpoint.place), _line(checkpoint.text)
        said = [carrier, number, checkpoint.time, list(checkpoint.words), place, text, is_dated, meaning.type]
        return Scan(
            id=content_id({"scan": said}),
            time=time,
            zone=read_in,
            type=meaning.type,
            detail=meaning.detail,
            word=_line(meaning.word),
            is_known=meaning.is_known,
            place=place,
            text=text,
            time_text=checkpoint.time[:MAX_NUMBER_CHARACTERS],
            is_dated=is_dated,
        )

    def _expected(self, text: str, now: datetime) -> datetime | None:
        """Return a carrier's own estimate, a date alone as its end; None for one that cannot be read or has passed."""
        time, _ = _time(text, CHINA if self.world in (World.KUAIDI100, World.KDNIAO) else self.zone)
        if time is not None and _DATE.fullmatch(text.strip()):
            time += timedelta(days=1)
        return time if time is not None and time > now else None


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """A scan as it came. ``words``: the exact code before the coarse one."""

    time: str
    words: tuple[str, ...]
    place: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A shipment of a call as it came."""

    number: str
    carrier: str
    checkpoints: tuple[_Checkpoint, ...]
    expected: str = ""


def _aftership(body: bytes) -> Iterator[_Entry]:
    message = _object(_json(body).get("msg"), "msg")
    checkpoints = tuple(
        _Checkpoint(
            _text(each, "checkpoint_time"),
            (_text(each, "subtag"), _text(each, "tag")),
            _text(each, "location") or _text(each, "city"),
            _text(each, "message"),
        )
        for each in _objects(message.get("checkpoints"), "msg.checkpoints")
    )
    expected = _text(message, "expected_delivery")
    yield _Entry(_text(message, "tracking_number"), _text(message, "slug"), checkpoints, expected)


def _kuaidi100(body: bytes) -> Iterator[_Entry]:
    content = _json(form_fields(body).get("param", "").encode())
    if content.get("lastResult") is None:
        return  # the service gave the parcel up, and says so without a history
    result = _object(content["lastResult"], "param.lastResult")
    checkpoints = tuple(
        _Checkpoint(
            _text(each, "ftime") or _text(each, "time"),
            (_text(each, "statusCode"), _text(each, "status")),
            _text(each, "location") or _text(each, "areaName"),
            _text(each, "context"),
        )
        for each in _objects(result.get("data"), "param.lastResult.data")
    )
    yield _Entry(_text(result, "nu"), _text(result, "com"), checkpoints, _text(result, "arrivalTime"))


def _kdniao(body: bytes) -> Iterator[_Entry]:
    content = _json(form_fields(body).get("RequestData", "").encode())
    for data in _objects(content.get("Data"), "RequestData.Data"):
        checkpoints = tuple(
            _Checkpoint(
                _text(each, "AcceptTime"),
                (_text(each, "Action"),),
                _text(each, "Location"),
                _text(each, "AcceptStation"),
            )
            for each in _objects(data.get("Traces"), "RequestData.Data.Traces")
        )
        arrival = _text(data, "EstimatedDeliveryTime")
        yield _Entry(_text(data, "LogisticCode"), _text(data, "ShipperCode"), checkpoints, arrival)


def _schema_org(body: bytes) -> Iterator[_Entry]:
    """Read a ParcelDelivery, or several in @graph; its deliveryStatus is a DeliveryEvent or several."""
    document = _json(body)
    for parcel in _objects(document.get("@graph", [document]), "@graph"):
        statuses = parcel.get("deliveryStatus")
        events = statuses if isinstance(statuses, list) else [statuses]
        checkpoints = tuple(
            _Checkpoint(
                _text(each, "startDate") or _text(each, "availableFrom"),
                (_text(each, "eventStatus"), _text(each, "name")),
                _place(each.get("location")),
                _text(each, "description"),
            )
            for each in _objects(events, "deliveryStatus")
        )
        provider = parcel.get("provider")
        carrier = _text(provider, "identifier") if isinstance(provider, dict) else ""
        yield _Entry(_text(parcel, "trackingNumber"), carrier, checkpoints, _text(parcel, "expectedArrivalUntil"))


_ENTRIES: Final[Mapping[World, Callable[[bytes], Iterator[_Entry]]]] = {
    World.AFTERSHIP: _aftership,
    World.KUAIDI100: _kuaidi100,
    World.KDNIAO: _kdniao,
    World.SCHEMA_ORG: _schema_org,
}


def _json(text: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise CarrierCallError("the call holds no JSON", field="body") from error
    return _object(value, "body")


def _object(value: Any, field: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CarrierCallError(f"{field} is no object", field=field)
    return value


def _objects(value: Any, field: str) -> list[dict[str, Any]]:
    """Return a list of objects; none at all is an empty one, and a null among them is left out."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise CarrierCallError(f"{field} is no list", field=field)
    return [_object(each, field) for each in value if each is not None]


def _text(entry: Mapping[str, Any], key: str) -> str:
    """Return a field as text: services write codes as numbers or as digits. "" for what is no plain value."""
    value = entry.get(key)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _line(text: str) -> str:
    """Return a text as one line within its bound: line ends, tabs and control characters are spaces."""
    return _CONTROL.sub(" ", text)[:MAX_TEXT_CHARACTERS].strip()


def _place(value: Any) -> str:
    if isinstance(value, dict):
        address = value.get("address")
        return _text(value, "name") or (_text(address, "addressLocality") if isinstance(address, dict) else "")
    return value if isinstance(value, str) else ""


def _time(text: str, zone: tzinfo) -> tuple[datetime | None, str]:
    """Return an ISO 8601 time and the zone that it was read in; a date alone is its first instant."""
    try:
        time = datetime.fromisoformat(text.strip())
        if time.tzinfo is not None:
            return time.astimezone(UTC), "UTC"
        return time.replace(tzinfo=zone).astimezone(UTC), str(zone)
    except (ValueError, OverflowError):
        return None, ""
