"""What anybody may tell about an order: the public form of an event, its bounds, and the one form that is kept.

What is malformed by itself (a negative quantity, a time that cannot be) is refused with a reason and a field. What does
not fit the order is no matter of this module: it may only have come early, so it is kept and remarked (folding.py).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.chassis.canonical import canonical_json
from services.chassis.errors import InvalidArgumentError
from services.kits.event_forms import (
    EventRefusedError,
    MoneyForm,
    ProductForm,
    check_one_currency,
    checked_identifier,
    checked_money,
    checked_name,
    checked_product,
    checked_text,
)
from services.kits.purchases import (
    BY_SHOP,
    FUTURE_TOLERANCE,
    MAX_ORDER_LINES,
    MAX_ORDER_NUMBER_CHARACTERS,
    MAX_QUANTITY,
    MAX_SHOP_CHARACTERS,
    ORDER_PLACED,
    RETURN,
    SALE,
    is_channel,
)
from services.kits.text.identifiers import by_strength
from services.kits.times import micros
from services.orders.domain.events import OrderEvent, content_id
from services.orders.domain.lifecycle import (
    CORRECTION,
    RETURN_REQUESTED,
    SHIPMENT_CREATED,
    STAGE_COMPLETED,
    STAGE_ENTERED,
    TYPES,
    Axis,
    Subject,
)
from services.orders.domain.order import OrderRef
from services.orders.domain.payloads import OWN_SOURCE, fact_of, order_of, order_payload

MAX_BATCH_EVENTS: Final = 500
MAX_EVENT_BYTES: Final = 900_000  # below what the log keeps, so that one long order never fails the batch
MAX_RAW_BYTES: Final = 16 * 1024
MAX_ID_CHARACTERS: Final = 128
MAX_SOURCE_CHARACTERS: Final = 64
MAX_TRACKING_CHARACTERS: Final = 64
MAX_RETURN_CHARACTERS: Final = 64
MAX_IDENTIFIERS: Final = 8
MAX_ITEMS: Final = MAX_ORDER_LINES
MAX_CORRECTED: Final = 50
MAX_STAGE_CHARACTERS: Final = 128
MAX_WORD_CHARACTERS: Final = 128
MAX_TEXT_CHARACTERS: Final = 500
MAX_TOKEN_CHARACTERS: Final = 1_024
MAX_ZONE_CHARACTERS: Final = 64
OLDEST_AGE: Final = timedelta(days=50 * 366)
SHIP_DATE_SPAN: Final = timedelta(days=366)  # between a parcel's day and what is told of it
EXPECTED_SPAN: Final = timedelta(days=366)  # between an event and what is expected after it
DEFAULT_SOURCE: Final = "shop"

_CARRIER: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}", re.ASCII)
_DESTINATION: Final = re.compile(r"pickup|[A-Z]{2}(-[A-Z0-9]{1,3})?", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_WEIGHED_LINES: Final = 400  # an event with fewer cannot be too large
_TEXTS: Final = {
    "stage": MAX_STAGE_CHARACTERS,
    "family": MAX_STAGE_CHARACTERS,
    "carrier_word": MAX_WORD_CHARACTERS,
    "detail": MAX_WORD_CHARACTERS,
    "place": MAX_TEXT_CHARACTERS,
    "text": MAX_TEXT_CHARACTERS,
    "reason": MAX_TEXT_CHARACTERS,
}


@dataclass(frozen=True, slots=True)
class OrderForm:
    """Which order, and of a placing its kind and total."""

    number: str
    shop: str | None = None
    kind: str | None = None
    total: MoneyForm | None = None


@dataclass(frozen=True, slots=True)
class ItemForm:
    """Pieces of a line; without ``quantity`` all of it."""

    line: int
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class ShipmentForm:
    """A parcel's natural key; ``ship_date`` is the day on which it was packed, where it is known."""

    carrier: str
    tracking_number: str
    ship_date: str | None = None


@dataclass(frozen=True, slots=True)
class CorrectedForm:
    """Names a fact by its source's id; without ``source`` the one of the correction itself."""

    id: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class EventForm:
    """An event as it comes."""

    type: str
    time: datetime
    id: str | None = None
    source: str | None = None
    zone: str | None = None
    order: OrderForm | None = None
    line: int | None = None
    quantity: int | None = None
    items: Sequence[ItemForm] = ()
    shipment: ShipmentForm | None = None
    return_id: str | None = None
    corrects: Sequence[CorrectedForm] = ()
    raw: Any = None
    # of a placing
    identifiers: Sequence[str] = ()
    products: Sequence[ProductForm] = ()
    channel: str | None = None
    attribution_token: str | None = None
    handed_over: bool | None = None
    destination: str | None = None
    # of other types
    expected_time: datetime | None = None
    amount: MoneyForm | None = None
    stage: str | None = None
    family: str | None = None
    carrier_word: str | None = None
    detail: str | None = None
    place: str | None = None
    text: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class IntakeRules:
    """What holds for all events of one request."""

    now: datetime
    default_shop: str
    default_channel: str
    synthetic: bool = False
    oldest_age: timedelta = OLDEST_AGE


@dataclass(frozen=True, slots=True)
class CheckedEvent:
    """An event in the form that the log keeps. ``order`` None: only its parcel is named."""

    time: datetime
    shop: str
    channel: str
    payload: dict[str, Any]
    fact: OrderEvent
    order: OrderRef | None


def check_event(form: EventForm, rules: IntakeRules) -> CheckedEvent:
    """Return the normalised event. Raises EventRefusedError."""
    type_ = TYPES.get(form.type)
    if type_ is None or type_.own:
        names = ", ".join(each.name for each in TYPES.values() if not each.own)
        raise EventRefusedError("UNKNOWN_EVENT_TYPE", f"type is one of {names}", field="type")
    time, zone = _time(form, rules)
    shop = checked_name((form.order and form.order.shop) or rules.default_shop, MAX_SHOP_CHARACTERS, "order.shop")
    payload: dict[str, Any] = {"source": _source(form.source, "source"), "occurred_zone": zone}
    needed = type_.axis is not Axis.SHIPMENT or form.type == SHIPMENT_CREATED
    _add_order(payload, form, shop, needed=needed, synthetic=rules.synthetic)
    _add_pieces(payload, form)
    if form.shipment is not None:
        payload["shipment"] = _shipment(form, time, zone)
    if form.return_id is not None:
        payload["return_id"] = checked_name(form.return_id, MAX_RETURN_CHARACTERS, "return_id")
    _add_corrected(payload, form)
    channel = form.channel or rules.default_channel
    if not is_channel(channel):
        raise EventRefusedError("CHANNEL_INVALID", "a channel is 1 to 32 of a-z 0-9 -", field="channel")
    if form.type == ORDER_PLACED:
        _add_placing(payload, form, channel)
    _add_details(payload, form)
    _check_subject(form, payload, type_.subject)
    payload["source_event_id"] = _source_event_id(form, payload, micros(time))
    if len(form.products) > _WEIGHED_LINES and len(canonical_json(payload)) > MAX_EVENT_BYTES:
        raise EventRefusedError(
            "EVENT_TOO_LARGE", f"an event takes at most {MAX_EVENT_BYTES:,} bytes", field="products"
        )
    return CheckedEvent(
        time=time,
        shop=shop,
        channel=channel,
        payload=payload,
        fact=fact_of(form.type, payload, occurred_us=micros(time)),
        order=order_of(payload, synthetic=rules.synthetic),
    )


def _time(form: EventForm, rules: IntakeRules) -> tuple[datetime, str]:
    """Return when it happened, in UTC, and the zone in which it was told."""
    time = form.time
    if form.zone is not None:
        named = _zone(form.zone)
        time = _local(time, named) if time.tzinfo is None else time
        zone = form.zone
    elif time.tzinfo is None:
        raise EventRefusedError("EVENT_TIME_INVALID", "a time needs its zone: 2026-11-23T10:00:00+08:00", field="time")
    else:
        zone = time.isoformat()[-6:] if time.utcoffset() else "+00:00"
    try:
        age = rules.now - time
        time = time.astimezone(UTC)
    except OverflowError as error:
        raise EventRefusedError("EVENT_TIME_INVALID", "a time lies within the years 1 to 9999", field="time") from error
    if age < -FUTURE_TOLERANCE:
        raise EventRefusedError("FUTURE_EVENT", "the time lies more than 5 minutes in the future", field="time")
    if age > rules.oldest_age:
        raise EventRefusedError(
            "EVENT_TOO_OLD", f"the time lies more than {rules.oldest_age.days // 366} years back", field="time"
        )
    return time, zone


def _local(time: datetime, zone: ZoneInfo) -> datetime:
    """Return a local time in its zone; one that the clocks leap over there never was."""
    local = time.replace(tzinfo=zone)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != time:
        raise EventRefusedError("EVENT_TIME_IMPOSSIBLE", f"the clocks of {zone.key} skip this time", field="time")
    return local


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name) if len(name) <= MAX_ZONE_CHARACTERS else ZoneInfo("")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise EventRefusedError("ZONE_INVALID", "a zone is a name such as Asia/Shanghai", field="zone") from error


def _source(text: str | None, where: str) -> str:
    source = checked_name(DEFAULT_SOURCE if text is None else text, MAX_SOURCE_CHARACTERS, where)
    if source == OWN_SOURCE:
        raise EventRefusedError("SOURCE_RESERVED", f"{OWN_SOURCE} is what this service writes itself", field=where)
    return source


def _add_order(payload: dict[str, Any], form: EventForm, shop: str, *, needed: bool, synthetic: bool) -> None:
    if form.order is None:
        if needed:
            raise EventRefusedError("ORDER_MISSING", "order says which order it is about", field="order")
        payload["shop"] = shop
        return
    number = checked_name(form.order.number, MAX_ORDER_NUMBER_CHARACTERS, "order.number")
    kind = form.order.kind
    if kind is not None and kind not in (SALE, RETURN):
        raise EventRefusedError("KIND_INVALID", "an order's kind is sale or return", field="order.kind")
    payload["order"] = order_payload(OrderRef(shop, number, RETURN if kind == RETURN else "", synthetic))


def _add_pieces(payload: dict[str, Any], form: EventForm) -> None:
    if form.line is not None and form.items:
        raise EventRefusedError("ITEMS_AMBIGUOUS", "name either a line or items", field="items")
    if form.quantity is not None and form.line is None:
        raise EventRefusedError("LINE_MISSING", "a quantity is of a line", field="line")
    if form.line is not None:
        payload |= _item(ItemForm(form.line, form.quantity), "")
    if len(form.items) > MAX_ITEMS:
        raise EventRefusedError("TOO_MANY_ITEMS", f"at most {MAX_ITEMS} items", field="items")
    if form.items:
        payload["items"] = [_item(item, f"items[{place}].") for place, item in enumerate(form.items)]
        if len({item.line for item in form.items}) < len(form.items):
            raise EventRefusedError("LINE_REPEATED", "items name each line once", field="items")


def _item(item: ItemForm, where: str) -> dict[str, int]:
    if not 0 <= item.line <= MAX_QUANTITY:
        raise EventRefusedError("LINE_INVALID", f"a line's number is 0 to {MAX_QUANTITY}", field=f"{where}line")
    if item.quantity is None:
        return {"line": item.line}
    if not 1 <= item.quantity <= MAX_QUANTITY:
        raise EventRefusedError("QUANTITY_INVALID", f"a quantity is 1 to {MAX_QUANTITY}", field=f"{where}quantity")
    return {"line": item.line, "quantity": item.quantity}


def _shipment(form: EventForm, time: datetime, zone: str) -> dict[str, str]:
    shipment = form.shipment
    assert shipment is not None
    if not _CARRIER.fullmatch(shipment.carrier):
        raise EventRefusedError("CARRIER_INVALID", "a carrier is 1 to 64 of a-z 0-9 _ . -", field="shipment.carrier")
    number = checked_name(shipment.tracking_number, MAX_TRACKING_CHARACTERS, "shipment.tracking_number")
    body = {"carrier": shipment.carrier, "tracking_number": number}
    if shipment.ship_date is not None:
        body["ship_date"] = _ship_date(shipment.ship_date, time)
    elif form.type == SHIPMENT_CREATED:
        body["ship_date"] = _day(time, zone)
    return body


def _ship_date(text: str, time: datetime) -> str:
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or abs(day - time.date()) > SHIP_DATE_SPAN:
        raise EventRefusedError(
            "SHIP_DATE_INVALID", "a day such as 2026-11-23, within a year of the event", field="shipment.ship_date"
        )
    return text


def _day(time: datetime, zone: str) -> str:
    """Return the day of a time where it happened."""
    if zone[0] in "+-":
        sign = -1 if zone[0] == "-" else 1
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        return (time + sign * timedelta(hours=hours, minutes=minutes)).date().isoformat()
    return time.astimezone(_zone(zone)).date().isoformat()


def _add_corrected(payload: dict[str, Any], form: EventForm) -> None:
    if len(form.corrects) > MAX_CORRECTED:
        raise EventRefusedError("TOO_MANY_CORRECTED", f"at most {MAX_CORRECTED} events", field="corrects")
    corrected = []
    for place, each in enumerate(form.corrects):
        where = f"corrects[{place}]"
        name = {"id": checked_name(each.id, MAX_ID_CHARACTERS, f"{where}.id")}
        if each.source is not None:
            name["source"] = checked_name(each.source, MAX_SOURCE_CHARACTERS, f"{where}.source")
        if each.id == form.id and name.get("source", payload["source"]) == payload["source"]:
            raise EventRefusedError("CORRECTS_ITSELF", "an event cannot correct itself", field=where)
        corrected.append(name)
    if corrected:
        payload["corrects"] = corrected


def _add_placing(payload: dict[str, Any], form: EventForm, channel: str) -> None:
    if not form.products:
        raise EventRefusedError("PRODUCTS_MISSING", "an order has at least one line", field="products")
    if len(form.products) > MAX_ORDER_LINES:
        raise EventRefusedError("TOO_MANY_PRODUCTS", f"at most {MAX_ORDER_LINES} lines", field="products")
    if len(form.identifiers) > MAX_IDENTIFIERS:
        raise EventRefusedError("TOO_MANY_IDENTIFIERS", f"at most {MAX_IDENTIFIERS} identifiers", field="identifiers")
    numbers = [product.line for product in form.products if product.line is not None]
    if len(set(numbers)) < len(numbers) or len(numbers) not in (0, len(form.products)):
        raise EventRefusedError("LINE_REPEATED", "either no line has a number or each its own", field="products")
    found = [checked_identifier(text, f"identifiers[{place}]") for place, text in enumerate(form.identifiers)]
    payload["identifiers"] = list(by_strength(found)) if found else []
    payload["shop"], payload["channel"] = payload["order"]["shop"], channel
    payload["products"] = [checked_product(product, place) for place, product in enumerate(form.products)]
    order = payload["order"]
    order |= {"kind": order.get("kind", SALE), "source": BY_SHOP}
    if form.order is not None and form.order.total is not None:
        order["total"] = checked_money(form.order.total, "order.total")
    check_one_currency(order, payload["products"])
    if form.attribution_token:
        payload["attribution_token"] = checked_name(form.attribution_token, MAX_TOKEN_CHARACTERS, "attribution_token")
    if form.handed_over:
        payload["handed_over"] = True
    if form.destination:
        payload["destination"] = checked_destination(form.destination)


def checked_destination(text: str) -> str:
    """Return where goods go: a country or its part by ISO 3166 ("CN-31"), or pickup. Raises EventRefusedError."""
    if not _DESTINATION.fullmatch(text):
        raise EventRefusedError(
            "DESTINATION_INVALID", "a destination is a country or its part (CN, US-OH) or pickup", field="destination"
        )
    return text


def _add_details(payload: dict[str, Any], form: EventForm) -> None:
    if form.amount is not None:
        payload["amount"] = checked_money(form.amount, "amount")
    for name, limit in _TEXTS.items():
        value = getattr(form, name)
        if value:
            payload[name] = checked_text(value, limit, name)
    if form.expected_time is not None:
        payload["expected_time"] = _expected(form.expected_time, form.time)
    if form.raw is not None:
        try:
            size = len(canonical_json(form.raw))
        except InvalidArgumentError as error:
            raise EventRefusedError("RAW_INVALID", error.message, field="raw") from error
        if size > MAX_RAW_BYTES:
            raise EventRefusedError("RAW_TOO_LARGE", f"raw takes at most {MAX_RAW_BYTES:,} bytes", field="raw")
        payload["raw"] = form.raw


def _expected(expected: datetime, time: datetime) -> str:
    """Return when who does the work expects to be done, in UTC."""
    if expected.tzinfo is None:
        raise EventRefusedError("EXPECTED_TIME_INVALID", "an expected time needs its zone", field="expected_time")
    if time.tzinfo is not None and abs(expected - time) > EXPECTED_SPAN:
        raise EventRefusedError("EXPECTED_TIME_INVALID", "it lies within a year of the event", field="expected_time")
    return expected.astimezone(UTC).isoformat()


def _check_subject(form: EventForm, payload: dict[str, Any], subject: Subject) -> None:
    """Refuse an event that does not say what it is about."""
    if subject is Subject.SHIPMENT and "shipment" not in payload:
        raise EventRefusedError("SHIPMENT_MISSING", f"{form.type} names its shipment", field="shipment")
    if subject is Subject.RETURN and "return_id" not in payload:
        raise EventRefusedError("RETURN_MISSING", f"{form.type} names its return", field="return_id")
    if (subject is Subject.LINE or form.type == RETURN_REQUESTED) and not {"line", "items"} & payload.keys():
        raise EventRefusedError("LINE_MISSING", f"{form.type} names a line", field="line")
    if form.type in (STAGE_ENTERED, STAGE_COMPLETED) and "stage" not in payload:
        raise EventRefusedError("STAGE_MISSING", f"{form.type} names its stage", field="stage")
    if form.type == CORRECTION and "corrects" not in payload:
        raise EventRefusedError("CORRECTS_MISSING", "a correction names what it corrects", field="corrects")


def _source_event_id(form: EventForm, payload: dict[str, Any], occurred_us: int) -> str:
    if form.id is not None:
        return checked_name(form.id, MAX_ID_CHARACTERS, "id", reason="EVENT_ID_INVALID")
    return content_id({"type": form.type, "occurred_us": occurred_us, "payload": payload})
