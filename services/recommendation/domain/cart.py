"""The cart, derived from what the shopper did (docs/architecture.md: carts are derived from events)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.recommendation.domain.interactions import DAY_S, Kind

LINES_LIMIT = 200
QUANTITY_LIMIT = 9_999
MAX_AGE_S = 90 * DAY_S  # what was put in longer ago is forgotten


@dataclass(frozen=True, slots=True)
class CartAct:
    """Something that touches a cart. A purchase at the till leaves the web cart alone and is no such act."""

    time_s: int
    kind: Kind
    product_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class CartLine:
    """So many of a product."""

    product_id: str
    quantity: int


def fold_cart(acts: Sequence[CartAct], *, now_s: int) -> tuple[CartLine, ...]:
    """Return the cart after ``acts``, the product added first first.

    Adding adds, removing takes away (all of it when no quantity was said), buying a product takes its line out. Acts of
    several identifiers are one person's: they are folded in the order in which they happened. Within a second buying
    comes last, for another log may tell of it, and the two are read in no order.
    """
    quantities: dict[str, int] = {}
    for act in sorted(acts, key=lambda each: (each.time_s, each.kind is Kind.PURCHASE)):
        if act.time_s < now_s - MAX_AGE_S:
            continue
        held = quantities.get(act.product_id, 0)
        if act.kind is Kind.ADD:
            quantities[act.product_id] = min(QUANTITY_LIMIT, held + max(1, act.quantity))
        elif act.kind is Kind.REMOVE:
            quantities[act.product_id] = max(0, held - act.quantity) if act.quantity else 0
        elif act.kind is Kind.PURCHASE:
            quantities.pop(act.product_id, None)
    lines = [CartLine(product_id, quantity) for product_id, quantity in quantities.items() if quantity]
    return tuple(lines[:LINES_LIMIT])


@dataclass(frozen=True, slots=True)
class FoldedCart:
    """A cart and the span of whole seconds in which its acts fold to it: from ``since_s`` to ``until_s``."""

    lines: tuple[CartLine, ...]
    since_s: float
    until_s: float

    def holds_at(self, now_s: int) -> bool:
        """Tell whether no act grows too old, or young enough again, between then and ``now_s``."""
        return self.since_s <= now_s <= self.until_s


def folded_cart(acts: Sequence[CartAct], *, now_s: int) -> FoldedCart:
    """Fold ``acts`` and tell how long the result stands: time changes it only by making an act too old."""
    oldest_s = now_s - MAX_AGE_S
    forgotten = max((act.time_s for act in acts if act.time_s < oldest_s), default=-math.inf)
    kept = min((act.time_s for act in acts if act.time_s >= oldest_s), default=math.inf)
    return FoldedCart(fold_cart(acts, now_s=now_s), since_s=forgotten + MAX_AGE_S + 1, until_s=kept + MAX_AGE_S)


def total_price(prices: Sequence[tuple[dict[str, str], int]]) -> dict[str, str] | None:
    """Return the sum of (price, quantity); None without lines or when currencies differ: there is no honest sum."""
    currencies = {price["currency"] for price, _ in prices}
    if len(currencies) != 1:
        return None
    amounts = [Decimal(price["amount"]) for price, _ in prices]
    total = sum((amount * quantity for amount, (_, quantity) in zip(amounts, prices, strict=True)), Decimal(0))
    digits = max(-int(amount.as_tuple().exponent) for amount in amounts)
    return {"amount": f"{total:.{max(0, digits)}f}", "currency": currencies.pop()}
