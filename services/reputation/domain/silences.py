"""Owns what keeps a page from going out: silences that persons set, and alerts that inhibit lesser ones.

A silence names labels, has a reason and an end, and is never edited: it is expired and set anew. An alert of a brand
inhibits those of the brand's products unless they are graver: it is one crisis, told once.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from services.reputation.domain.alerts import Alert, GroupKind
from services.reputation.domain.errors import SilenceInvalidError
from services.reputation.domain.escalation import Suppression

MATCHERS_LIMIT: Final = 8
VALUE_LIMIT: Final = 256  # characters
REASON_LIMIT: Final = 500
DURATION_LIMIT: Final = timedelta(days=30)
SILENCES_LIMIT: Final = 200  # in force at once
LABELS: Final = ("alertname", "shop", "kind", "subject", "brand", "level")


@dataclass(frozen=True, slots=True)
class Matcher:
    """A label and the value that it has, or has not."""

    name: str
    value: str
    is_equal: bool = True


@dataclass(frozen=True, slots=True)
class Silence:
    """Who keeps which pages back, why, and until when."""

    id: str
    matchers: tuple[Matcher, ...]
    reason: str
    created_by: str
    starts_time: datetime
    ends_time: datetime
    version: int = 1

    def is_active(self, now: datetime) -> bool:
        """Tell whether it is in force."""
        return self.starts_time <= now < self.ends_time

    def matches(self, alert: Alert) -> bool:
        """Tell whether it covers the alert; a label that the alert lacks counts as empty."""
        labels = {**alert.labels, "level": str(alert.life.level)}
        return all((labels.get(each.name, "") == each.value) is each.is_equal for each in self.matchers)


def checked_silence(silence: Silence, now: datetime) -> Silence:
    """Return the silence with its texts stripped. Raises SilenceInvalidError."""
    reason, person = silence.reason.strip(), silence.created_by.strip()
    if not 1 <= len(silence.matchers) <= MATCHERS_LIMIT:
        raise SilenceInvalidError(f"a silence names 1 to {MATCHERS_LIMIT} labels", field="matchers")
    for each in silence.matchers:
        if each.name not in LABELS:
            raise SilenceInvalidError(f"a label is one of {', '.join(LABELS)}", field="matchers.name")
        if not 1 <= len(each.value) <= VALUE_LIMIT:
            raise SilenceInvalidError(f"a value has 1 to {VALUE_LIMIT} characters", field="matchers.value")
    if not any(each.is_equal for each in silence.matchers):
        raise SilenceInvalidError("a silence names at least one label that is equal", field="matchers")
    if not 1 <= len(reason) <= REASON_LIMIT or any(unicodedata.category(each) in {"Cc", "Cs"} for each in reason):
        raise SilenceInvalidError(f"a silence has a reason of 1 to {REASON_LIMIT} characters", field="reason")
    if not person:
        raise SilenceInvalidError("a silence says who set it", field="created_by")
    if silence.ends_time <= max(now, silence.starts_time):
        raise SilenceInvalidError("a silence ends after it begins, and not in the past", field="ends_time")
    if silence.ends_time - max(now, silence.starts_time) > DURATION_LIMIT:
        raise SilenceInvalidError(f"a silence lasts at most {DURATION_LIMIT.days} days", field="ends_time")
    return replace(silence, reason=reason, created_by=person)


def expired(silence: Silence, now: datetime) -> Silence:
    """Return the silence ended now; one that has ended stays as it is."""
    if silence.ends_time <= now:
        return silence
    return replace(silence, ends_time=now, starts_time=min(silence.starts_time, now), version=silence.version + 1)


def suppression_of(
    alert: Alert, silences: Iterable[Silence], live: Iterable[Alert], now: datetime
) -> Suppression | None:
    """Return what keeps the alert's pages back now. ``live``: the shop's alerts that may inhibit it."""
    for silence in silences:
        if silence.is_active(now) and silence.matches(alert):
            return Suppression(f"silence:{silence.id}")
    for other in live:
        if _inhibits(other, alert):
            return Suppression(f"alert:{other.id}")
    return None


def _inhibits(other: Alert, alert: Alert) -> bool:
    one, two = other.group, alert.group
    covers = one.kind is GroupKind.BRAND and two.kind is GroupKind.PRODUCT and one.shop == two.shop
    if not covers or one.subject != two.brand or not other.life.state.is_live:
        return False
    return not alert.life.level.is_graver_than(other.life.level)
