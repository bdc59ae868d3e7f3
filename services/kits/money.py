"""Money: decimal text outside, integer minor units inside."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_AMOUNT: Final = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,4}))?", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
# ISO 4217 currencies whose minor unit is not a hundredth.
_DIGITS: Final = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of an ISO 4217 currency."""

    amount_minor: int
    currency: str


def minor_digits(currency: str) -> int:
    """Return how many decimals the currency's minor unit has."""
    return _DIGITS.get(currency, 2)


def is_currency(text: str) -> bool:
    """Tell whether the text has the shape of an ISO 4217 code."""
    return _CURRENCY.fullmatch(text) is not None


@lru_cache(maxsize=65_536)  # prices repeat
def minor_units(amount: str, currency: str) -> int:
    """Return "19.90" CNY as 1990 fen. Raises ValueError for other text or more decimals than the currency has."""
    match = _AMOUNT.fullmatch(amount)
    if match is None:
        raise ValueError('an amount is written "19.90": at most 12 digits, a point, no separators')
    sign, whole, fraction = match.group(1), match.group(2), (match.group(3) or "").rstrip("0")
    digits = minor_digits(currency)
    if len(fraction) > digits:
        raise ValueError(f"{currency} has {digits} decimals")
    units = int(whole + fraction.ljust(digits, "0"))
    return -units if sign else units


def decimal_text(units: int, currency: str) -> str:
    """Invert ``minor_units``: 1990 CNY is "19.90"."""
    digits = minor_digits(currency)
    if digits == 0:
        return str(units)
    whole, fraction = divmod(abs(units), 10**digits)
    return f"{'-' if units < 0 else ''}{whole}.{fraction:0{digits}d}"


def money_from_text(amount: str, currency: str) -> Money:
    """Return "19.90" CNY as Money. Raises ValueError as ``minor_units``, and for what is no currency."""
    if not is_currency(currency):
        raise ValueError("a currency is three capital letters (ISO 4217)")
    return Money(minor_units(amount, currency), currency)


def amount_text(money: Money) -> str:
    """Invert ``money_from_text``."""
    return decimal_text(money.amount_minor, money.currency)
