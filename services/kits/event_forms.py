"""What events that come from outside have in common: how one is refused, and the forms of texts, money and lines.

Every refusal names a reason and a field; nothing is repaired by guessing. Texts that name things (ids, shops, order
numbers) refuse control characters.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from services.chassis.errors import InvalidArgumentError
from services.kits.money import is_currency, minor_units
from services.kits.purchases import CHARGE, GOODS, MAX_PRODUCT_ID_CHARACTERS, MAX_QUANTITY
from services.kits.text.identifiers import IdentifierInvalidError, parse_identifier

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MONEY_FIELDS: Final = ("price", "discount", "coupon_discount")


class EventRefusedError(InvalidArgumentError):
    """One event of a batch that cannot be kept; ``reason`` says why, metadata ``field`` where."""

    def __init__(self, reason: str, message: str, *, field: str) -> None:
        super().__init__(message, field=field)
        self.__dict__["reason"] = reason  # one class for the many reasons of an item's verdict
        self.field = field


@dataclass(frozen=True, slots=True)
class MoneyForm:
    """Money as it comes."""

    amount: str
    currency: str


@dataclass(frozen=True, slots=True)
class ProductForm:
    """A product of an event, or a line of an order, as it comes. Discounts are money off the whole line."""

    id: str
    quantity: int = 1
    price: MoneyForm | None = None
    discount: MoneyForm | None = None
    coupon_discount: MoneyForm | None = None
    line: int | None = None
    kind: str | None = None


def checked_product(product: ProductForm, index: int) -> dict[str, Any]:
    """Return a line in its one normalised form. Raises EventRefusedError."""
    if not _is_plain(product.id, MAX_PRODUCT_ID_CHARACTERS):
        checked_name(product.id, MAX_PRODUCT_ID_CHARACTERS, f"products[{index}].id")
    if not 1 <= product.quantity <= MAX_QUANTITY:
        raise EventRefusedError(
            "QUANTITY_INVALID", f"a quantity is 1 to {MAX_QUANTITY}", field=f"products[{index}].quantity"
        )
    body: dict[str, Any] = {"id": product.id, "quantity": product.quantity}
    if product.price is not None:
        body["price"] = checked_money(product.price, "products[{}].price", index)
    if product.discount is not None:
        body["discount"] = checked_money(product.discount, "products[{}].discount", index)
    if product.coupon_discount is not None:
        body["coupon_discount"] = checked_money(product.coupon_discount, "products[{}].coupon_discount", index)
    if product.line is not None:
        if not 0 <= product.line <= MAX_QUANTITY:
            raise EventRefusedError("LINE_INVALID", "a line's number is not negative", field=f"products[{index}].line")
        body["line"] = product.line
    if product.kind is not None:
        if product.kind not in (GOODS, CHARGE):
            raise EventRefusedError("KIND_INVALID", "a line's kind is goods or charge", field=f"products[{index}].kind")
        body["kind"] = product.kind
    return body


def check_one_currency(order: Mapping[str, Any], products: Sequence[Mapping[str, Any]]) -> None:
    """Raise EventRefusedError where an order and its normalised lines are not in one currency."""
    currencies = {order["total"]["currency"]} if "total" in order else set()
    for product in products:
        for name in _MONEY_FIELDS:
            if name in product:
                currencies.add(product[name]["currency"])
    if len(currencies) > 1:
        raise EventRefusedError("CURRENCY_MIXED", "an order is in one currency", field="order")


def checked_money(money: MoneyForm, where: str, index: int = 0) -> dict[str, str]:
    """Return an amount that is not negative, as it is kept. ``where`` may hold a place for ``index``."""
    reason = _money_fault(money.amount, money.currency)
    if reason:
        raise EventRefusedError("MONEY_INVALID", reason, field=where.format(index))
    return {"amount": money.amount, "currency": money.currency}


def checked_identifier(text: str, where: str) -> str:
    """Return the normalised text form of an identifier. Raises EventRefusedError, which never repeats the value."""
    try:
        return parse_identifier(text)
    except IdentifierInvalidError as error:
        raise EventRefusedError("IDENTIFIER_INVALID", error.message, field=where) from error


def checked_name(text: str, limit: int, where: str, *, reason: str = "") -> str:
    """Return a text that names something: not empty, bounded, no control characters. Raises EventRefusedError."""
    if not text:
        raise EventRefusedError(reason or "TEXT_MISSING", f"{where} must not be empty", field=where)
    return checked_text(text, limit, where, reason=reason)


def checked_text(text: str, limit: int, where: str, *, reason: str = "") -> str:
    """Return a text that may be empty. Raises EventRefusedError."""
    if len(text) > limit:
        raise EventRefusedError(reason or "TEXT_TOO_LONG", f"{where} has at most {limit} characters", field=where)
    if not text.isprintable() and CONTROL.search(text):
        raise EventRefusedError(reason or "CONTROL_CHARACTER", f"{where} holds a control character", field=where)
    return text


@lru_cache(maxsize=16_384)  # prices repeat
def _money_fault(amount: str, currency: str) -> str:
    if not is_currency(currency):
        return "a currency is an ISO 4217 code such as CNY"
    try:
        units = minor_units(amount, currency)
    except ValueError as error:
        return str(error)
    return "an amount is not negative; a return says so by its kind" if units < 0 else ""


def _is_plain(text: str, limit: int) -> bool:
    return 0 < len(text) <= limit and text.isprintable()
