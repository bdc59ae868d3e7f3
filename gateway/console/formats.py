"""Numbers, money, days and times as people of one language and time zone write them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_compact_decimal, format_currency

LOCALES: Final[Mapping[str, str]] = {"zh": "zh_CN", "en": "en_GB"}
NOTHING: Final = "–"
NANOS: Final = Decimal(1_000_000_000)
BYTE_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def time_of(value: Any) -> datetime | None:
    """Return an aware time of a datetime, a protobuf Timestamp or RFC 3339 text; None for none."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    if not value.seconds and not value.nanos:
        return None
    time: datetime = value.ToDatetime(tzinfo=UTC)
    return time


def amount_of(value: Any) -> tuple[Decimal, str]:
    """Return amount and currency of a google.type.Money or of the JSON form."""
    if isinstance(value, Mapping):
        return Decimal(str(value["amount"])), str(value["currency"])
    return Decimal(value.units) + Decimal(value.nanos) / NANOS, str(value.currency_code)


class Formats:
    """Writes values. ``now`` is what relative times count from."""

    def __init__(self, language: str, zone: ZoneInfo, now: datetime) -> None:
        self._locale, self._zone, self._now = LOCALES[language], zone, now

    def number(self, value: float | Decimal | None, digits: int = 0) -> str:
        """1,234; at most ``digits`` after the point."""
        if value is None:
            return NOTHING
        return _grouped(value, digits)

    def short(self, value: float | None) -> str:
        """12K, 1.2万."""
        if value is None:
            return NOTHING
        return str(format_compact_decimal(value, locale=self._locale, fraction_digits=1))

    def percent(self, share: float | None, digits: int = 1) -> str:
        """12.5%, of a share between 0 and 1."""
        if share is None:
            return NOTHING
        return f"{_grouped(share * 100, digits)}%"

    def money(self, value: Any) -> str:
        """¥19.90."""
        if value is None:
            return NOTHING
        amount, currency = amount_of(value)
        if currency == "CNY":
            return f"{'-' if amount < 0 else ''}¥{abs(amount):,.2f}"  # en_GB would print CN¥
        return str(format_currency(amount, currency or "XXX", locale=self._locale))

    def day(self, value: Any) -> str:
        """30 Nov 2026, 2026年11月30日."""
        if isinstance(value, date) and not isinstance(value, datetime):
            return str(format_date(value, "medium", locale=self._locale))
        time = time_of(value)
        return NOTHING if time is None else str(format_date(self.local(time), "medium", locale=self._locale))

    def short_day(self, value: Any) -> str:
        """30 Nov, 11月30日."""
        skeleton = "M月d日" if self._locale == "zh_CN" else "d MMM"
        if isinstance(value, date) and not isinstance(value, datetime):
            return str(format_date(value, skeleton, locale=self._locale))
        time = time_of(value)
        return NOTHING if time is None else str(format_date(self.local(time), skeleton, locale=self._locale))

    def clock(self, value: Any) -> str:
        """17:05."""
        time = time_of(value)
        return NOTHING if time is None else str(format_time(self.local(time), "HH:mm", locale=self._locale))

    def moment(self, value: Any) -> str:
        """30 Nov 2026, 17:05."""
        time = time_of(value)
        if time is None:
            return NOTHING
        pattern = "y年M月d日 HH:mm" if self._locale == "zh_CN" else "d MMM y, HH:mm"
        return str(format_datetime(self.local(time), pattern, locale=self._locale))

    def ago(self, value: Any) -> str:
        """3 hours ago, in 2 days."""
        time = time_of(value)
        if time is None:
            return NOTHING
        return str(format_timedelta(time - self._now, add_direction=True, locale=self._locale))

    def duration(self, seconds: float | None) -> str:
        """3 hours."""
        return NOTHING if seconds is None else str(format_timedelta(round(seconds), locale=self._locale))

    def size(self, value: float) -> str:
        """1.5 MiB."""
        unit = 0
        while value >= 1024 and unit < len(BYTE_UNITS) - 1:
            value, unit = value / 1024, unit + 1
        return f"{self.number(value, 1 if unit else 0)} {BYTE_UNITS[unit]}"

    def local(self, time: datetime) -> datetime:
        """Return a time in the shop's zone."""
        return time.astimezone(self._zone)

    def iso(self, value: Any) -> str:
        """Return a time for machines: datetime attributes and CSV."""
        time = time_of(value)
        return "" if time is None else time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _grouped(value: float | Decimal, digits: int) -> str:
    """Write a number as both languages do; by Babel it takes sixty times as long, and a table has hundreds."""
    text = f"{value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if digits else text
    return "0" if text == "-0" else text
