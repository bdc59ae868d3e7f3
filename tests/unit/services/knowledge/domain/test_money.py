"""Decimal text and minor units."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.knowledge.domain.money import amount_text, is_currency, minor_units


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [("19.90", "CNY", 1990), ("19.9", "CNY", 1990), ("0", "CNY", 0), ("-1.05", "USD", -105), ("300", "JPY", 300),
     ("1.234", "KWD", 1234), ("2.500", "CNY", 250)],
)  # fmt: skip
def test_amounts_become_minor_units(amount: str, currency: str, units: int) -> None:
    assert minor_units(amount, currency) == units


@pytest.mark.parametrize(
    "amount", ["", "1,000.00", "１", "1.", ".5", "1.234", "1e3", "NaN", "Infinity", " 1", "1" * 13, "0x1"]
)
def test_text_that_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError):
        minor_units(amount, "CNY")


@given(units=st.integers(-(10**13), 10**13), currency=st.sampled_from(["CNY", "JPY", "KWD"]))
def test_writing_and_reading_an_amount_is_exact(units: int, currency: str) -> None:
    if abs(units) < 10**12:
        assert minor_units(amount_text(units, currency), currency) == units


def test_a_currency_is_three_capital_letters() -> None:
    assert is_currency("CNY")
    assert not any(is_currency(each) for each in ("cny", "CN", "CNYX", "￥", ""))
