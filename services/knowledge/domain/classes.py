"""Classes of customers and how one compares with the others: ABC, RFM, shares of promotions.

A basis is computed over all customers at one moment: cut-offs and quantiles, a few numbers whatever the shop's size. A
customer's class is what its own figures are against the basis, so it can be explained and asked at any time.

ABC: customers by falling spend; A make the first 80 % of all spend, B the next 15 %, C the rest. RFM (Hughes 1994):
quintiles of recency, frequency and monetary value, 5 the best. Equal figures always get equal classes.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.kits.money import decimal_text
from services.kits.purchases import SALE
from services.kits.times import DAY_US
from services.knowledge.domain.purchases import Order

A_SHARE: Final = 0.80
B_SHARE: Final = 0.95
COMPARED_ORDERS: Final = 5  # orders from which on a customer's shares are compared
QUINTILES: Final = 5
_PERCENTILES: Final = 100
DISCOUNT, COUPON, OWN_LABEL = "discount", "coupon", "own-label"
SHARES: Final = (DISCOUNT, COUPON, OWN_LABEL)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the classes of one customer rest on. Line counts are goods lines of sales."""

    currency: str = ""
    spend_minor: int = 0
    orders: int = 0
    last_order_us: int = 0
    lines: int = 0
    lines_by_share: Mapping[str, int] = field(default_factory=dict)

    def share(self, name: str) -> float:
        """Return the share of goods lines bought that way, 0 without lines."""
        return self.lines_by_share.get(name, 0) / self.lines if self.lines else 0.0


@dataclass(frozen=True, slots=True)
class CurrencyBasis:
    """Cut-offs among the customers who buy in one currency. Quintile cuts: values at 20, 40, 60, 80 %."""

    customers: int
    spend_minor: int
    a_from_minor: int
    b_from_minor: int
    recency_cuts: tuple[int, ...]
    frequency_cuts: tuple[int, ...]
    monetary_cuts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ClassBasis:
    """The basis of one moment. ``quantiles``: 101 values by share among customers with enough orders."""

    as_of_us: int
    by_currency: Mapping[str, CurrencyBasis] = field(default_factory=dict)
    quantiles: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    compared: int = 0


@dataclass(frozen=True, slots=True)
class CustomerClass:
    """A class with its explanation by language and the numbers behind it."""

    scheme: str
    value: str
    explanation: Mapping[str, str]
    terms: Mapping[str, float]
    as_of_us: int


@dataclass(frozen=True, slots=True)
class ComparedShare:
    """A share, the percentile among the others (-1: unknown) and their median."""

    share: float
    percentile: float = -1.0
    median: float = 0.0


class Tally:
    """Adds up one person's orders, in any order, so that all customers can be counted in one pass over all orders."""

    __slots__ = ("_by_currency", "_lines", "_shares", "last_order_us", "orders")

    def __init__(self) -> None:
        self._by_currency: dict[str, list[int]] = {}  # orders and returns, net spend
        self._lines = 0
        self._shares = [0, 0, 0]
        self.orders = 0
        self.last_order_us = 0

    def add(self, order: Order, own_label: frozenset[str]) -> None:
        """Count one order or return."""
        goods = [line for line in order.lines if not line.is_charge]
        counts = (
            len(goods),
            sum(1 for line in goods if line.discount_minor > 0),
            sum(1 for line in goods if line.coupon_minor > 0),
            sum(1 for line in goods if line.product_id in own_label),
        )
        self.add_counted(order.kind, order.currency, order.total_minor, order.time_us, counts)

    def add_counted(
        self, kind: str, currency: str, total_minor: int, time_us: int, counts: tuple[int, int, int, int]
    ) -> None:
        """Count an order whose goods lines were counted: all, discounted, with coupon, of the own label."""
        money = self._by_currency.setdefault(currency, [0, 0])
        money[0] += 1
        if kind != SALE:
            money[1] -= total_minor
            return
        money[1] += total_minor
        self.orders += 1
        self.last_order_us = max(self.last_order_us, time_us)
        self._lines += counts[0]
        shares = self._shares
        shares[0] += counts[1]
        shares[1] += counts[2]
        shares[2] += counts[3]

    def merge(self, other: "Tally") -> None:
        """Count what the other counted too: two identifiers of one person."""
        for currency, (count, spend) in other._by_currency.items():
            money = self._by_currency.setdefault(currency, [0, 0])
            money[0] += count
            money[1] += spend
        self._lines += other._lines
        self._shares = [one + two for one, two in zip(self._shares, other._shares, strict=True)]
        self.orders += other.orders
        self.last_order_us = max(self.last_order_us, other.last_order_us)

    def figures(self) -> Figures:
        """Return the sums, spend in the currency of most orders."""
        if not self._by_currency:
            return Figures()
        currency = min(self._by_currency, key=lambda each: (-self._by_currency[each][0], each))
        return Figures(
            currency=currency,
            spend_minor=self._by_currency[currency][1],
            orders=self.orders,
            last_order_us=self.last_order_us,
            lines=self._lines,
            lines_by_share=dict(zip(SHARES, self._shares, strict=True)),
        )


def figures_of(orders: Iterable[Order], own_label: frozenset[str]) -> Figures:
    """Return the figures of one person's orders."""
    tally = Tally()
    for order in orders:
        tally.add(order, own_label)
    return tally.figures()


def class_basis(customers: Iterable[Figures], as_of_us: int) -> ClassBasis:
    """Compute the basis over all customers with at least one order; n log n."""
    buyers: dict[str, list[Figures]] = defaultdict(list)
    compared: list[Figures] = []
    for figures in customers:
        if figures.orders:
            buyers[figures.currency].append(figures)
            if figures.orders >= COMPARED_ORDERS and figures.lines:
                compared.append(figures)
    return ClassBasis(
        as_of_us,
        {currency: _currency_basis(group) for currency, group in sorted(buyers.items())},
        {name: _quantiles([figures.share(name) for figures in compared]) for name in SHARES} if compared else {},
        len(compared),
    )


def abc_value(figures: Figures, basis: CurrencyBasis) -> str:
    """Return A, B or C."""
    if figures.spend_minor > 0 and figures.spend_minor >= basis.a_from_minor:
        return "A"
    return "B" if figures.spend_minor > 0 and figures.spend_minor >= basis.b_from_minor else "C"


def classes_of(figures: Figures, basis: ClassBasis | None) -> tuple[CustomerClass, ...]:
    """Return ABC and RFM; nothing for who never bought or before a basis stands."""
    if basis is None or not figures.orders or figures.currency not in basis.by_currency:
        return ()
    against = basis.by_currency[figures.currency]
    return (_abc(figures, against, basis.as_of_us), _rfm(figures, against, basis.as_of_us))


def compared_share(figures: Figures, name: str, basis: ClassBasis | None) -> ComparedShare:
    """Return a share and where it stands among customers with enough orders."""
    share = round(figures.share(name), 6)
    values = basis.quantiles.get(name, ()) if basis else ()
    if not values or not figures.lines:
        return ComparedShare(share)
    rank = (bisect_left(values, share) + bisect_right(values, share)) / 2
    return ComparedShare(share, round(_PERCENTILES * rank / len(values), 1), values[len(values) // 2])


def _currency_basis(group: list[Figures]) -> CurrencyBasis:
    spends = sorted((figures.spend_minor for figures in group if figures.spend_minor > 0), reverse=True)
    total, before = sum(spends), 0
    a_from = b_from = spends[0] if spends else 0
    for spend in spends:
        if before < A_SHARE * total:
            a_from = spend
        if before < B_SHARE * total:
            b_from = spend
        before += spend
    return CurrencyBasis(
        len(group),
        total,
        a_from,
        b_from,
        _cuts([figures.last_order_us for figures in group]),
        _cuts([figures.orders for figures in group]),
        _cuts([figures.spend_minor for figures in group]),
    )


def _cuts(values: list[int]) -> tuple[int, ...]:
    ordered = sorted(values)
    return tuple(ordered[-(-len(ordered) * part // QUINTILES) - 1] for part in range(1, QUINTILES))


def _quintile(value: int, cuts: Sequence[int]) -> int:
    return 1 + bisect_left(cuts, value)


def _quantiles(values: list[float]) -> tuple[float, ...]:
    ordered = sorted(values)
    last = len(ordered) - 1
    return tuple(round(ordered[round(last * part / _PERCENTILES)], 6) for part in range(_PERCENTILES + 1))


def _abc(figures: Figures, basis: CurrencyBasis, as_of_us: int) -> CustomerClass:
    value = abc_value(figures, basis)
    spend = _money(figures.spend_minor, figures.currency)
    share = figures.spend_minor / basis.spend_minor if basis.spend_minor else 0.0
    bounds = {
        "A": (_money(basis.a_from_minor, figures.currency), "前 80 %", "the first 80 %"),
        "B": (_money(basis.b_from_minor, figures.currency), "80 % 至 95 %", "80 % to 95 %"),
        "C": (_money(basis.b_from_minor, figures.currency), "最后 5 %", "the last 5 %"),
    }
    bound, zh_part, en_part = bounds[value]
    zh_word, en_word = ("低于", "below") if value == "C" else ("不低于", "at least")
    return CustomerClass(
        "abc",
        value,
        {
            "zh": f"按消费额排序，属于贡献{zh_part}消费额的顾客：净消费 {spend}，{zh_word} {bound}。",
            "en": f"Among the customers who make {en_part} of all spend: net spend {spend}, {en_word} {bound}.",
        },
        {
            "spend": figures.spend_minor,
            "a_from": basis.a_from_minor,
            "b_from": basis.b_from_minor,
            "share_of_spend": round(share, 8),
            "customers": basis.customers,
        },
        as_of_us,
    )


def _rfm(figures: Figures, basis: CurrencyBasis, as_of_us: int) -> CustomerClass:
    recency = _quintile(figures.last_order_us, basis.recency_cuts)
    frequency = _quintile(figures.orders, basis.frequency_cuts)
    monetary = _quintile(figures.spend_minor, basis.monetary_cuts)
    days = max(0.0, round((as_of_us - figures.last_order_us) / DAY_US, 1))
    spend = _money(figures.spend_minor, figures.currency)
    return CustomerClass(
        "rfm",
        f"{recency}-{frequency}-{monetary}",
        {
            "zh": f"最近一次购买在 {days:g} 天前（第 {recency} 档），共 {figures.orders} 单（第 {frequency} 档），"
            f"净消费 {spend}（第 {monetary} 档）；每档为五分之一顾客，5 档最高。",
            "en": f"Last order {days:g} days ago (quintile {recency}), {figures.orders} orders (quintile {frequency}), "
            f"net spend {spend} (quintile {monetary}); a quintile is a fifth of the customers, 5 the best.",
        },
        {
            "recency_days": days,
            "orders": figures.orders,
            "spend": figures.spend_minor,
            "recency": recency,
            "frequency": frequency,
            "monetary": monetary,
            "customers": basis.customers,
        },
        as_of_us,
    )


def _money(units: int, currency: str) -> str:
    return f"{currency} {decimal_text(units, currency)}"
