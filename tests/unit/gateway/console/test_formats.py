"""Values as people of each language and zone write them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from babel.numbers import format_decimal, format_percent
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.formats import Formats

NOW = datetime(2026, 11, 30, 9, 5, tzinfo=UTC)
ENGLISH, CHINESE = (Formats(each, ZoneInfo("Asia/Shanghai"), NOW) for each in ("en", "zh"))


@given(st.one_of(st.integers(-(10**12), 10**12), st.decimals(-(10**9), 10**9, places=4)), st.integers(0, 3))
def test_numbers_are_written_as_babel_writes_them(value: int | Decimal, digits: int) -> None:
    pattern = "#,##0" + ("." + "#" * digits if digits else "")
    for formats, locale in ((ENGLISH, "en_GB"), (CHINESE, "zh_CN")):
        written = format_decimal(value, pattern, locale=locale)
        assert formats.number(value, digits) == ("0" if written == "-0" else written)


def test_shares_and_money() -> None:
    assert ENGLISH.percent(0.1234) == format_percent(0.1234, "#,##0.#%", locale="en_GB")
    assert ENGLISH.percent(None) == "–"
    assert ENGLISH.money(Money(currency_code="CNY", units=1234, nanos=500_000_000)) == "¥1,234.50"
    assert CHINESE.money({"amount": "-19.90", "currency": "CNY"}) == "-¥19.90"
    assert ENGLISH.money({"amount": "5", "currency": "EUR"}) == "€5.00"


def test_times_stand_in_the_shops_zone() -> None:
    late = datetime(2026, 11, 30, 18, 30, tzinfo=UTC)
    assert ENGLISH.moment(late) == "1 Dec 2026, 02:30"
    assert CHINESE.moment(late) == "2026年12月1日 02:30"
    assert CHINESE.day(date(2026, 11, 30)) == "2026年11月30日"
    assert ENGLISH.short_day(late) == "1 Dec"
    assert ENGLISH.clock("2026-11-30T09:05:00Z") == "17:05"


@pytest.mark.parametrize("nothing", [None, "", Timestamp()])
def test_no_time_is_a_dash(nothing: object) -> None:
    assert [ENGLISH.day(nothing), ENGLISH.moment(nothing), ENGLISH.ago(nothing)] == ["–"] * 3
    assert ENGLISH.iso(nothing) == ""


def test_spans_and_sizes() -> None:
    assert ENGLISH.ago(datetime(2026, 11, 30, 6, 5, tzinfo=UTC)) == "3 hours ago"
    assert CHINESE.ago(datetime(2026, 11, 30, 6, 5, tzinfo=UTC)) == "3小时前"
    assert ENGLISH.duration(7_200.4) == "2 hours"
    assert ENGLISH.size(1536) == "1.5 KiB"
    assert CHINESE.short(12_345) == "1.2万"
