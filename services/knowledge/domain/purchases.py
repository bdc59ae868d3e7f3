"""Orders, each counted once by (shop, kind, number), and what they tell of habits (docs/consistency.md rule 17).

Of all reports of an order the one that is believed most holds (services/kits/purchases.py), among equals the later
recorded one: which logs they come by, and in which order these are read, does not matter. What was cancelled of it
before it was sent was not bought (services/kits/pieces.py).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from itertools import pairwise
from statistics import median
from typing import Any, Final, NamedTuple

from services.kits.money import minor_units
from services.kits.pieces import Line as Ordered
from services.kits.pieces import Step, cancelled_pieces, line_numbers
from services.kits.purchases import CHARGE, RETURN, SALE, Authority
from services.kits.times import DAY_US, time_of

HABITS_SHOWN: Final = 20
MIN_TENURE_DAYS: Final = 30.0
_NO_CURRENCY: Final = "XXX"  # ISO 4217: no currency involved


class Line(NamedTuple):  # there are millions of them, and a dataclass takes four times as long to make
    """One line of an order. Money in minor units of the order's currency; ``price`` is that of one unit before
    discount, ``discount`` (the shop's) and ``coupon`` are money off the whole line.
    """

    product_id: str
    quantity: int
    price_minor: int = 0
    discount_minor: int = 0
    coupon_minor: int = 0
    is_charge: bool = False

    @property
    def total_minor(self) -> int:
        """What is paid for the line where nobody says otherwise."""
        return max(0, self.price_minor * self.quantity - self.discount_minor - self.coupon_minor)

    def reduced_to(self, quantity: int) -> "Line":
        """Return the line with fewer pieces; money off the whole line goes with them."""
        discount_minor = self.discount_minor * quantity // self.quantity
        coupon_minor = self.coupon_minor * quantity // self.quantity
        return self._replace(quantity=quantity, discount_minor=discount_minor, coupon_minor=coupon_minor)


@dataclass(frozen=True, slots=True)
class Order:
    """One order or return as it was told. ``subject``: the strongest identifier of who bought. ``numbers``: those of
    the lines, by which they are cancelled; none where they cannot be.
    """

    shop: str
    kind: str
    number: str
    subject: str
    time_us: int
    channel: str
    currency: str
    total_minor: int
    lines: tuple[Line, ...]
    authority: int
    recorded_us: int
    event_key: str
    numbers: tuple[int, ...] = ()

    def outranks(self, other: "Order") -> bool:
        """Tell whether this report of the order holds against the other."""
        return self._rank() > other._rank()

    def _rank(self) -> tuple[int, int, str]:
        return (self.authority, self.recorded_us, self.event_key)


@dataclass(frozen=True, slots=True)
class Habit:
    """A product that is bought again and again."""

    product_id: str
    orders: int
    quantity: int
    median_interval_days: float
    last_us: int


@dataclass(frozen=True, slots=True)
class PurchaseSummary:
    """What a person buys. Spend is net of returns, in ``currency``: the one of most orders."""

    orders: int = 0
    currency: str = ""
    spend_minor: int = 0
    average_order_minor: int = 0
    median_interval_days: float = 0.0
    orders_per_30_days: float = 0.0
    median_lines: float = 0.0
    first_us: int | None = None
    last_us: int | None = None
    usual_hour: int = -1
    usual_weekday: int = 0
    habits: tuple[Habit, ...] = ()
    returned_units: int = 0


@dataclass(frozen=True, slots=True)
class PurchaseMonth:
    """What was bought in a month of the shop, net of returns."""

    month: str  # 2026-11
    orders: int
    spend_minor: int


def order_from_payload(
    payload: Mapping[str, Any],
    *,
    authority: Authority,
    subject: str,
    time_us: int,
    recorded_us: int,
    event_key: str,
) -> Order:
    """Read the order out of the payload of an event that tells of one. Without a number, the event is the order."""
    order = payload.get("order") or {}
    products = payload.get("products") or ()
    currency = _currency(order, products)
    lines = tuple([_line(product, currency) for product in products])
    total = order.get("total")
    return Order(
        shop=payload.get("shop", ""),
        kind=order.get("kind", SALE),
        number=order.get("number") or f"event:{event_key}",
        subject=subject,
        time_us=time_us,
        channel=payload.get("channel", ""),
        currency=currency,
        total_minor=minor_units(total["amount"], currency) if total else sum(line.total_minor for line in lines),
        lines=lines,
        authority=authority,
        recorded_us=recorded_us,
        event_key=event_key,
        numbers=_numbers(payload, order, products),
    )


def bought_of(order: Order, steps: Sequence[Step]) -> Order | None:
    """Return what is left of an order without what was cancelled before it was sent; None where that is all of it.

    Of the total what is left keeps its share by worth, or by pieces where nothing is told of prices.
    """
    if not order.numbers:
        return order
    numbered = list(zip(order.numbers, order.lines, strict=True))
    ordered = [Ordered(number, place, line.quantity, line.is_charge) for place, (number, line) in enumerate(numbered)]
    cancelled = cancelled_pieces(ordered, steps)
    if not cancelled:
        return order
    reduced = [
        line.reduced_to(line.quantity - cancelled[number]) if number in cancelled else line for number, line in numbered
    ]
    left = tuple([line for line in reduced if line.quantity])
    told_goods, goods = (sum(line.quantity for line in lines if not line.is_charge) for lines in (order.lines, left))
    if not left or (told_goods and not goods):
        return None
    told_worth, worth = (sum(line.total_minor for line in lines) for lines in (order.lines, left))
    part, whole = (worth, told_worth) if told_worth else (goods, told_goods)
    total = (2 * order.total_minor * part + whole) // (2 * whole) if whole else order.total_minor  # rounded half up
    return replace(order, total_minor=min(total, order.total_minor), lines=left, numbers=())


def summarise_purchases(orders: Iterable[Order], zone: tzinfo) -> PurchaseSummary:
    """Fold a person's orders, in any order. Hours and weekdays are those of the shop's zone."""
    known = sorted(orders, key=lambda order: (order.time_us, order.shop, order.kind, order.number))
    sales = [order for order in known if order.kind == SALE]
    returned_units = sum(
        line.quantity for order in known if order.kind == RETURN for line in order.lines if not line.is_charge
    )
    currency = main_currency(known)
    if not sales:
        return PurchaseSummary(currency=currency, spend_minor=net_spend(known, currency), returned_units=returned_units)
    counted = [order.total_minor for order in sales if order.currency == currency]
    times = [order.time_us for order in sales]
    tenure_days = max(MIN_TENURE_DAYS, (times[-1] - times[0]) / DAY_US)
    local = [time_of(time_us).astimezone(zone) for time_us in times]
    return PurchaseSummary(
        orders=len(sales),
        currency=currency,
        spend_minor=net_spend(known, currency),
        average_order_minor=round(sum(counted) / len(counted)) if counted else 0,
        median_interval_days=_median_interval_days(times),
        orders_per_30_days=round(len(sales) * 30 / tenure_days, 4),
        median_lines=float(median(len(order.lines) for order in sales)),
        first_us=times[0],
        last_us=times[-1],
        usual_hour=_most_common([time.hour for time in local]),
        usual_weekday=_most_common([time.isoweekday() for time in local]),
        habits=_habits(sales),
        returned_units=returned_units,
    )


def purchase_months(
    orders: Iterable[Order], currency: str, zone: tzinfo, *, until: tuple[int, int], months: int
) -> tuple[PurchaseMonth, ...]:
    """Return the last ``months`` months up to ``until`` (year, month), oldest first, also those without an order."""
    last = until[0] * 12 + until[1] - 1
    counts: Counter[int] = Counter()
    spend: Counter[int] = Counter()
    for order in orders:
        local = time_of(order.time_us).astimezone(zone)
        month = local.year * 12 + local.month - 1
        if not last - months < month <= last:
            continue
        counts[month] += order.kind == SALE
        if order.currency == currency:
            spend[month] += -order.total_minor if order.kind == RETURN else order.total_minor
    return tuple(
        PurchaseMonth(f"{month // 12}-{month % 12 + 1:02d}", counts[month], spend[month])
        for month in range(last - months + 1, last + 1)
    )


def main_currency(orders: Sequence[Order]) -> str:
    """Return the currency of most orders, the first by name on a tie; "" without orders."""
    counts = Counter(order.currency for order in orders)
    return min(counts, key=lambda currency: (-counts[currency], currency)) if counts else ""


def net_spend(orders: Iterable[Order], currency: str) -> int:
    """Return what was paid less what was given back, in minor units of ``currency``."""
    return sum(
        -order.total_minor if order.kind == RETURN else order.total_minor
        for order in orders
        if order.currency == currency
    )


def _numbers(
    payload: Mapping[str, Any], order: Mapping[str, Any], products: Sequence[Mapping[str, Any]]
) -> tuple[int, ...]:
    """Return nothing for what left with the customer, as at a till, and for what came back."""
    if payload.get("handed_over") or order.get("kind", SALE) != SALE:
        return ()
    return tuple(line_numbers(products))


def _currency(order: Mapping[str, Any], products: Sequence[Mapping[str, Any]]) -> str:
    if order.get("total"):
        return str(order["total"]["currency"])
    for product in products:
        if product.get("price"):
            return str(product["price"]["currency"])
    return _NO_CURRENCY


def _line(product: Mapping[str, Any], currency: str) -> Line:
    return Line(
        product["id"],
        product.get("quantity", 1),
        _minor(product["price"], currency) if "price" in product else 0,
        _minor(product["discount"], currency) if "discount" in product else 0,
        _minor(product["coupon_discount"], currency) if "coupon_discount" in product else 0,
        product.get("kind") == CHARGE,
    )


def _minor(money: Mapping[str, str], currency: str) -> int:
    return minor_units(money["amount"], currency)


def _median_interval_days(times: Sequence[int]) -> float:
    """``times`` ascending, microseconds; 0 when fewer than two."""
    if len(times) < 2:
        return 0.0
    return round(median(later - earlier for earlier, later in pairwise(times)) / DAY_US, 4)


def _most_common(values: Iterable[int]) -> int:
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))


def _habits(sales: Sequence[Order]) -> tuple[Habit, ...]:
    times: dict[str, list[int]] = defaultdict(list)
    units: Counter[str] = Counter()
    for order in sales:
        goods = [line for line in order.lines if not line.is_charge]
        for line in goods:
            units[line.product_id] += line.quantity
        for product_id in {line.product_id for line in goods}:
            times[product_id].append(order.time_us)
    ranked = sorted(times, key=lambda product_id: (-len(times[product_id]), -units[product_id], product_id))
    return tuple(
        Habit(
            product_id,
            len(times[product_id]),
            units[product_id],
            _median_interval_days(times[product_id]),
            times[product_id][-1],
        )
        for product_id in ranked[:HABITS_SHOWN]
    )
