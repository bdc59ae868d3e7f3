"""Times as whole microseconds since 1970 UTC: exact, ordered, cheap to store."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
DAY_US = 86_400_000_000


def micros(time: datetime) -> int:
    """Return whole microseconds since 1970 UTC of an aware time."""
    return (time - _EPOCH) // _MICROSECOND


def time_of(time_us: int) -> datetime:
    """Invert ``micros``."""
    return _EPOCH + timedelta(microseconds=time_us)
