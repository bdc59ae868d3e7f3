"""Money is decimal text outside and whole minor units inside, exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kits.money import Money, amount_text, decimal_text, is_currency, minor_units, money_from_text


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("19.90", "CNY", 1990), ("19.9", "CNY", 1990), ("19", "CNY", 1900), ("-0.05", "USD", -5), ("700", "JPY", 700),
     ("1.234", "KWD", 1234), ("19.900", "CNY", 1990), ("999999999999.99", "CNY", 99_999_999_999_999)],
)  # fmt: skip
def test_text_becomes_minor_units(amount: str, currency: str, minor: int) -> None:
    assert money_from_text(amount, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("19.999", "CNY"), ("1.5", "JPY"), ("1,000", "CNY"), ("1e3", "CNY"), ("", "CNY"), ("１", "CNY"), ("1", "yuan"),
     ("1", ""), ("1" * 13, "CNY"), ("NaN", "CNY"), (" 1", "CNY")],
)  # fmt: skip
def test_what_is_no_money_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"amount|currency|decimals"):
        money_from_text(amount, currency)


@given(st.integers(-(10**14) + 1, 10**14 - 1), st.sampled_from(["CNY", "USD", "KWD"]))
def test_what_was_written_reads_back(minor: int, currency: str) -> None:
    assert money_from_text(amount_text(Money(minor, currency)), currency) == Money(minor, currency)


@given(st.integers(-(10**12) + 1, 10**12 - 1), st.sampled_from(["CNY", "JPY", "KWD"]))
def test_bare_minor_units_read_back_as_well(units: int, currency: str) -> None:
    assert minor_units(decimal_text(units, currency), currency) == units


@pytest.mark.parametrize("amount", ["1.", ".5", "1.234", "Infinity", "0x1"])
def test_bare_text_that_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match=r"amount|decimals"):
        minor_units(amount, "CNY")


def test_a_currency_is_three_capital_letters() -> None:
    assert is_currency("CNY")
    assert not any(is_currency(each) for each in ("cny", "CN", "CNYX", "￥", ""))
