"""Turns rows of a file, one line of an order each, into whole orders: each the placing of one.

Rows that follow one another and belong to one order make a run; the runs of an order, wherever they stand in the file,
make the order. Every row ends in an order or in a refusal; none is dropped.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.chassis.canonical import canonical_json
from services.kits.money import decimal_text, is_currency, minor_digits
from services.kits.purchases import (
    BY_SHOP,
    CHARGE,
    FUTURE_TOLERANCE,
    MAX_ORDER_LINES,
    MAX_ORDER_NUMBER_CHARACTERS,
    MAX_PRODUCT_ID_CHARACTERS,
    MAX_QUANTITY,
    MAX_SHOP_CHARACTERS,
    ORDER_PLACED,
    RETURN,
    SALE,
    is_channel,
)
from services.kits.text.identifiers import (
    CARD,
    EMAIL,
    LOGIN,
    PHONE,
    VISITOR,
    IdentifierInvalidError,
    by_strength,
    parse_identifier,
)
from services.kits.times import micros
from services.orders.domain.events import content_id
from services.orders.domain.import_plan import OrderOptions
from services.orders.domain.order import OrderRef
from services.orders.domain.payloads import order_payload

OLDEST_IMPORTED: Final = timedelta(days=50 * 366)
ORDER_LINE, ANONYMOUS = "order-line", "anonymous-order"
MAX_STORE_CHARACTERS: Final = 64
MAX_ORDER_BYTES: Final = 900_000  # of an order's fact; the log keeps a little more
WEIGHED_LINES: Final = 400  # an order of fewer cannot be too large
IMPORT_SOURCE: Final = "import"
TILL: Final = "store"  # the channel in which goods leave with the customer
_HEAD: Final = (
    "order_number",
    "occurred_time",
    "shop",
    "channel",
    CARD,
    LOGIN,
    PHONE,
    EMAIL,
    VISITOR,
    "currency",
    "store",
)
_MAX_AMOUNT: Final = Decimal(10) ** 12
_ZERO: Final = Decimal(0)
# Plain digits only: int() and Decimal() would also take "1_000", "１２" and "1e9", which the API refuses.
_AMOUNT: Final = re.compile(r"[+-]?([0-9]{1,15}(\.[0-9]{0,20})?|\.[0-9]{1,20})")
_WHOLE: Final = re.compile(r"([+-]?[0-9]{1,15})(\.0+)?")


class RowRefusedError(ValueError):
    """A row that cannot become part of an order."""

    def __init__(self, reason: str, message: str, field: str) -> None:
        super().__init__(message)
        self.reason, self.message, self.field = reason, message, field
        self.ended: OrderRun | None = None  # the run that the row ended before it was refused


@dataclass(frozen=True, slots=True)
class OrderHead:
    """What all rows of an order say alike."""

    number: str
    kind: str
    shop: str
    time_us: int
    zone: str
    channel: str
    identifiers: tuple[str, ...]
    currency: str
    store: str


@dataclass(slots=True)
class OrderRun:
    """Rows of one order that follow one another: line bodies, the money of all, rows by what they became."""

    head: OrderHead
    lines: list[dict[str, Any]] = field(default_factory=list)
    total_minor: int = 0
    rows: list[int] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> list[Any]:
        """Return what ``run_from_json`` reads."""
        head = self.head
        return [
            [head.number, head.kind, head.shop, head.time_us, head.zone, head.channel, list(head.identifiers)],
            [head.currency, head.store],
            self.lines,
            self.total_minor,
            self.rows,
            self.kinds,
        ]


def run_from_json(value: Sequence[Any]) -> OrderRun:
    """Invert ``OrderRun.as_json``."""
    number, kind, shop, time_us, zone, channel, identifiers = value[0]
    currency, store = value[1]
    head = OrderHead(number, kind, shop, time_us, zone, channel, tuple(identifiers), currency, store)
    return OrderRun(head, value[2], value[3], value[4], Counter(value[5]))


class OrderRows:
    """Reads rows in file order. ``places``: our field -> place in the row."""

    def __init__(
        self,
        places: Mapping[str, int],
        options: OrderOptions,
        *,
        shop: str,
        channel: str,
        now: datetime,
    ) -> None:
        self._options = options
        self._default_shop, self._default_channel = shop, channel
        self._latest_us = micros(now + FUTURE_TOLERANCE)
        self._oldest_us = micros(now - OLDEST_IMPORTED)
        self._head_places = [(name, places[name]) for name in _HEAD if name in places]
        self._head_order = [place for _, place in self._head_places]
        self._product, self._quantity = places["product_id"], places["quantity"]
        self._line = places.get("line", -1)
        self._price, self._total = places.get("unit_price", -1), places.get("line_total", -1)
        self._discount, self._coupon = places.get("discount", -1), places.get("coupon_discount", -1)
        self._head_key: tuple[str, ...] = ()
        self._run: OrderRun | None = None

    def take(self, row: Sequence[str], number: int) -> OrderRun | None:
        """Read one row; return the run that it ended, if one. Raises RowRefusedError, after which reading goes on."""
        key = tuple([row[place] for place in self._head_order])
        ended = None
        if key != self._head_key or self._run is None:
            head = self._read_head(row)
            self._head_key = key
            if self._run is None or head != self._run.head:
                ended, self._run = self._run, OrderRun(head)
        try:
            self._add_line(self._run, row, number)
        except RowRefusedError as refusal:
            refusal.ended = ended
            raise
        return ended

    def close(self) -> OrderRun | None:
        """Return the last run."""
        ended, self._run = self._run, None
        return ended

    def _add_line(self, run: OrderRun, row: Sequence[str], number: int) -> None:
        product_id = row[self._product].strip()
        if not 0 < len(product_id) <= MAX_PRODUCT_ID_CHARACTERS or not product_id.isprintable():
            raise RowRefusedError(
                "PRODUCT_ID_INVALID",
                f"a product id is 1 to {MAX_PRODUCT_ID_CHARACTERS} printable characters",
                "product_id",
            )
        quantity = self._read_quantity(row[self._quantity], run.head.kind)
        currency = run.head.currency
        line: dict[str, Any] = {"id": product_id, "quantity": quantity}
        due = _ZERO
        if self._price >= 0 and row[self._price]:
            price = _amount(row[self._price], "unit_price")
            line["price"] = _money(price, currency)
            due = price * quantity
        for name, place in (("discount", self._discount), ("coupon_discount", self._coupon)):
            if place >= 0 and row[place]:
                off = _amount(row[place], name)
                if off:
                    line[name] = _money(off, currency)
                    due -= off
        if self._total >= 0 and row[self._total]:
            due = _amount(row[self._total], "line_total")
        elif "price" not in line:
            raise RowRefusedError("PRICE_MISSING", "a row has a unit_price or a line_total", "unit_price")
        if self._line >= 0 and row[self._line]:
            line["line"] = _line_number(row[self._line])
        kind = self._kind(run.head, product_id)
        if kind == CHARGE:
            line["kind"] = CHARGE
        run.lines.append(line)
        run.total_minor += _minor(max(due, _ZERO), currency)
        run.rows.append(number)
        run.kinds[kind] += 1

    def _kind(self, head: OrderHead, product_id: str) -> str:
        """Return what the row counts as; one that is several things counts as the first of them."""
        if self._options.is_charge(product_id):
            return CHARGE
        if head.kind == RETURN:
            return RETURN
        return ORDER_LINE if head.identifiers else ANONYMOUS

    def _read_quantity(self, text: str, kind: str) -> int:
        try:
            quantity = _whole_number(text)
        except ValueError as error:
            raise RowRefusedError(
                "QUANTITY_INVALID", "a quantity is a whole number in digits 0-9", "quantity"
            ) from error
        if kind == RETURN:
            quantity = abs(quantity)
        if quantity <= 0:
            raise RowRefusedError("QUANTITY_NOT_POSITIVE", "a sale's quantity is at least 1", "quantity")
        if quantity > MAX_QUANTITY:
            raise RowRefusedError("QUANTITY_INVALID", f"a quantity is at most {MAX_QUANTITY}", "quantity")
        return quantity

    def _read_head(self, row: Sequence[str]) -> OrderHead:
        said = {name: row[place].strip() for name, place in self._head_places}
        number = said["order_number"]
        if not 0 < len(number) <= MAX_ORDER_NUMBER_CHARACTERS or not number.isprintable():
            raise RowRefusedError(
                "ORDER_NUMBER_INVALID",
                f"a number is 1 to {MAX_ORDER_NUMBER_CHARACTERS} printable characters",
                "order_number",
            )
        prefix = self._options.cancelled_prefix
        shop, channel = said.get("shop") or self._default_shop, said.get("channel") or self._default_channel
        if len(shop) > MAX_SHOP_CHARACTERS or not shop.isprintable():
            raise RowRefusedError("SHOP_INVALID", f"a shop has at most {MAX_SHOP_CHARACTERS} characters", "shop")
        if not is_channel(channel):
            raise RowRefusedError("CHANNEL_INVALID", "a channel is 1 to 32 of a-z 0-9 -", "channel")
        currency = said.get("currency") or self._options.currency
        if not is_currency(currency):
            raise RowRefusedError("CURRENCY_INVALID", "a currency is an ISO 4217 code", "currency")
        store = said.get("store", "")
        if len(store) > MAX_STORE_CHARACTERS or not (store.isprintable() or not store):
            raise RowRefusedError("STORE_INVALID", f"a store has at most {MAX_STORE_CHARACTERS} characters", "store")
        identifiers = self._identifiers(said)
        time_us, zone = self._time(said["occurred_time"])
        return OrderHead(
            number=number,
            kind=RETURN if prefix and number.startswith(prefix) else SALE,
            shop=shop,
            time_us=time_us,
            zone=zone,
            channel=channel,
            identifiers=identifiers,
            currency=currency,
            store=store,
        )

    def _identifiers(self, said: Mapping[str, str]) -> tuple[str, ...]:
        found = []
        for kind in (CARD, LOGIN, PHONE, EMAIL, VISITOR):
            value = said.get(kind)
            if value:
                try:
                    found.append(parse_identifier(f"{kind}:{_without_float(value) if kind == CARD else value}"))
                except IdentifierInvalidError as error:
                    raise RowRefusedError("IDENTIFIER_INVALID", error.message, kind) from error
        if not found and not self._options.anonymous:
            raise RowRefusedError("IDENTIFIER_MISSING", "the row names no customer", CARD)
        return by_strength(found) if found else ()

    def _time(self, text: str) -> tuple[int, str]:
        """Return when it was, and in which zone that was told."""
        try:
            time_us, zone = _read_time(text, self._options)
        except (ValueError, OverflowError) as error:  # year 1, which some tables write for "none", has no UTC
            raise RowRefusedError("TIME_INVALID", "the time cannot be read", "occurred_time") from error
        if time_us > self._latest_us:
            raise RowRefusedError("FUTURE_EVENT", "the time lies in the future", "occurred_time")
        if time_us < self._oldest_us:
            raise RowRefusedError("EVENT_TOO_OLD", "the time lies more than 50 years back", "occurred_time")
        return time_us, zone


@dataclass(frozen=True, slots=True)
class WholeOrder:
    """An order put together from its runs. ``payload``: of its ``order-placed``."""

    time_us: int
    payload: dict[str, Any]
    kinds: Mapping[str, int]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that an order could not take."""

    row: int
    reason: str
    message: str
    field: str


def whole_order(runs: Sequence[OrderRun], *, synthetic: bool = False) -> tuple[WholeOrder | None, list[RefusedRow]]:
    """Join the runs of one (shop, kind, number), in file order; rows that contradict the first are refused."""
    first = runs[0].head
    refused: list[RefusedRow] = []
    identifiers = set(first.identifiers)
    fitting: list[OrderRun] = []
    for run in runs:
        fault = _contradiction(first, identifiers, run.head)
        if fault:
            refused.extend(RefusedRow(row, "ORDER_CONTRADICTS", fault[0], fault[1]) for row in run.rows)
        else:
            identifiers |= set(run.head.identifiers)
            fitting.append(run)
    lines, rows, kinds, total = _lines(fitting, refused)
    if not lines:
        return None, refused
    earliest = min((run.head for run in fitting), key=_time_of)
    head = replace(first, time_us=earliest.time_us, zone=earliest.zone, identifiers=by_strength(identifiers))
    payload = _placing(head, lines, total, synthetic=synthetic)
    if len(lines) > WEIGHED_LINES and len(canonical_json(payload)) > MAX_ORDER_BYTES:
        words = f"an order takes at most {MAX_ORDER_BYTES:,} bytes"
        return None, [*refused, *(RefusedRow(row, "ORDER_TOO_LARGE", words, "line") for row in rows)]
    return WholeOrder(head.time_us, payload, kinds, tuple(rows)), refused


def _lines(
    runs: Iterable[OrderRun], refused: list[RefusedRow]
) -> tuple[list[dict[str, Any]], list[int], Counter[str], int]:
    lines: list[dict[str, Any]] = []
    rows: list[int] = []
    kinds: Counter[str] = Counter()
    total = 0
    for run in runs:
        if len(lines) + len(run.lines) > MAX_ORDER_LINES:
            refused.extend(
                RefusedRow(row, "TOO_MANY_LINES", f"an order has at most {MAX_ORDER_LINES} lines", "line")
                for row in run.rows
            )
            continue
        lines.extend(run.lines)
        rows.extend(run.rows)
        kinds.update(run.kinds)
        total += run.total_minor
    return lines, rows, kinds, total


def _contradiction(first: OrderHead, identifiers: set[str], other: OrderHead) -> tuple[str, str] | None:
    """Return what a row of the same order says otherwise, and its field."""
    if other.currency != first.currency:
        return "another currency than the order's first row", "currency"
    said = {each.partition(":")[0]: each for each in identifiers}
    for identifier in other.identifiers:
        kind = identifier.partition(":")[0]
        if said.get(kind, identifier) != identifier:
            return f"another {kind} than an earlier row of the order", kind
    return None


def _placing(head: OrderHead, lines: list[dict[str, Any]], total_minor: int, *, synthetic: bool) -> dict[str, Any]:
    """Return what ``order-placed`` carries. Named by its content, so that the same again is the same fact."""
    order = order_payload(OrderRef(head.shop, head.number, head.kind if head.kind == RETURN else "", synthetic))
    total = {"amount": decimal_text(total_minor, head.currency), "currency": head.currency}
    payload: dict[str, Any] = {
        "source": IMPORT_SOURCE,
        "occurred_zone": head.zone,
        "order": {**order, "kind": head.kind, "source": BY_SHOP, "total": total},
        "identifiers": list(head.identifiers),
        "shop": head.shop,
        "channel": head.channel,
        "products": lines,
    }
    if head.store:
        payload["attributes"] = {"store": head.store}
    if head.channel == TILL:
        payload["handed_over"] = True
    named = content_id({"type": ORDER_PLACED, "occurred_us": head.time_us, "payload": payload})
    return {**payload, "source_event_id": named}


def _time_of(head: OrderHead) -> int:
    return head.time_us


@lru_cache(maxsize=4_096)
def _read_time(text: str, options: OrderOptions) -> tuple[int, str]:
    if not options.time_format:
        return _in_zone(datetime.fromisoformat(text), options.zone)
    return _in_zone(datetime.strptime(text, options.time_format), options.zone)  # noqa: DTZ007 - the zone follows


def _in_zone(time: datetime, zone: ZoneInfo) -> tuple[int, str]:
    """Return the time and its zone, which is ``zone`` where it names none."""
    if time.tzinfo is None:
        return micros(time.replace(tzinfo=zone).astimezone(UTC)), zone.key
    return micros(time.astimezone(UTC)), time.isoformat()[-6:] if time.utcoffset() else "+00:00"


@lru_cache(maxsize=65_536)
def _amount(text: str, where: str) -> Decimal:
    """Return an amount that is not negative; raises RowRefusedError."""
    stripped = text.strip()
    if not _AMOUNT.fullmatch(stripped):
        raise RowRefusedError("MONEY_INVALID", "an amount is written 19.90: digits 0-9, a point, no separators", where)
    amount = Decimal(stripped)
    if amount >= _MAX_AMOUNT:
        raise RowRefusedError("MONEY_INVALID", f"an amount is less than {_MAX_AMOUNT:f}", where)
    if amount < 0:
        raise RowRefusedError("MONEY_NEGATIVE", "an amount is not negative", where)
    return amount


@lru_cache(maxsize=65_536)
def _minor(amount: Decimal, currency: str) -> int:
    return int(amount.scaleb(minor_digits(currency)).quantize(Decimal(1), ROUND_HALF_EVEN))


@lru_cache(maxsize=65_536)
def _money(amount: Decimal, currency: str) -> Mapping[str, str]:
    return {"amount": decimal_text(_minor(amount, currency), currency), "currency": currency}


@lru_cache(maxsize=4_096)
def _whole_number(text: str) -> int:
    """Return the int of "6" or "6.0"; raises ValueError."""
    match = _WHOLE.fullmatch(text.strip())
    if match is None:
        raise ValueError("a whole number is written in digits 0-9")
    return int(match.group(1))


def _line_number(text: str) -> int:
    try:
        line = _whole_number(text)
    except ValueError as error:
        raise RowRefusedError("LINE_INVALID", "a line's number is a whole number", "line") from error
    if not 0 <= line <= MAX_QUANTITY:
        raise RowRefusedError("LINE_INVALID", f"a line's number is 0 to {MAX_QUANTITY}", "line")
    return line


def _without_float(text: str) -> str:
    """Return "17850" for "17850.0": tables that hold empty cells write their whole numbers so."""
    return text.removesuffix(".0") if text[:-2].lstrip("-").isdecimal() else text
