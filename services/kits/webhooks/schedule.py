"""When to try again, and when no more: the specification's schedule over three days, jittered. Pure.

Source: Standard Webhooks 1.0.0, "Deliverability and reliability", "Delivery success and failure".
"""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final

# Waits before each try, the first at once: ten tries within 75 h 35 min and 5 s, where nothing delays them.
SCHEDULE_S: Final = (0, 5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600)
TRIES_LIMIT: Final = len(SCHEDULE_S)
JITTER: Final = 0.2  # of a wait, either way: deliveries that failed together do not come back together
RETRY_AFTER_LIMIT_S: Final = 24 * 3_600
RETRY_AFTER_TEXT_LIMIT: Final = 64  # characters
_NO_WAIT: Final = timedelta(0)


def wait_before_try(failures: int, chance: Random, *, retry_after: timedelta = _NO_WAIT) -> timedelta | None:
    """Return the wait after the ``failures``-th failure, at least what the receiver asked for; None: that was the last.

    ``failures`` counts from 1.
    """
    if failures >= TRIES_LIMIT:
        return None
    wait_s = SCHEDULE_S[failures] * chance.uniform(1 - JITTER, 1 + JITTER)
    return max(timedelta(seconds=wait_s), retry_after)


def retry_after_of(header: str, now: datetime) -> timedelta:
    """Read Retry-After, seconds or an HTTP date, capped at RETRY_AFTER_LIMIT_S; no wait for what is neither."""
    text = header.strip()
    if not text or len(text) > RETRY_AFTER_TEXT_LIMIT:
        return _NO_WAIT
    limit = timedelta(seconds=RETRY_AFTER_LIMIT_S)
    if text.isascii() and text.isdecimal():
        return min(timedelta(seconds=min(int(text), RETRY_AFTER_LIMIT_S)), limit)
    try:
        time = parsedate_to_datetime(text)
    except ValueError:
        return _NO_WAIT
    if time.tzinfo is None:
        return _NO_WAIT
    return min(max(time - now, _NO_WAIT), limit)
