"""What was promised of an order, version by version, and when a delay is to be told. Pure.

Every estimate that says something new is a version with its cause, and all are kept (events of type promise-made). What
the shopper holds is less: the first version's promise, until a delay notice puts a later one in its place. An earlier
estimate is shown, but moves no promise, so a promise can only be broken by what is told before.

A slip is one held promise that will not be kept. It is told once: at once when that is nearly sure (the promise lies
before the 10 % quantile), else a day ahead when it is more likely than not (before the likely time). To tell every
likely slip at once would have alarmed for nothing in four of ten cases on real parcels (benchmarks/promise.py). Since
nothing that is not there yet is expected within LEAST_LEFT (promise.py), a slip is likely at the latest within
LEAST_LEFT before the promise breaks; ``next_look_time`` says when to look again, so that it is seen in time even if
nothing more is heard of the order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.orders.domain.promise import LEAST_LEFT, Estimate

MAX_VERSIONS: Final = 200  # of one order; later estimates are told only with a notice
NEWS_AT_LEAST: Final = timedelta(minutes=30)  # a likely time that moves by less is no news
NEWS_SHARE: Final = 0.1  # … nor one that moves by less than this share of what is left
NOTICE_AHEAD: Final = timedelta(hours=24)
SHORTEST_LOOK: Final = timedelta(minutes=1)
LONGEST_LOOK: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why there is a new version: a fact's type and id, or the time that passed without one (both then "")."""

    type: str = ""
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class PromiseVersion:
    """One estimate of an order as it was made. ``number``: 1, 2, 3, …"""

    number: int
    made_time: datetime
    estimate: Estimate
    cause: Cause


@dataclass(frozen=True, slots=True)
class DelayNotice:
    """A slip told. ``slip``: 1 for the first of the order. ``is_late``: told when the promise was broken already."""

    slip: int
    version: int
    broken_time: datetime
    promised_time: datetime
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Promised:
    """Where an order's promise stands. ``held_time``: what the shopper holds; None before the first version."""

    held_time: datetime | None = None
    latest: PromiseVersion | None = None
    versions: int = 0
    slips: int = 0


def promised_of(versions: Iterable[PromiseVersion], notices: Iterable[DelayNotice]) -> Promised:
    """Fold what was promised and told, in any order."""
    ordered = sorted(versions, key=lambda each: each.number)
    if not ordered:
        return Promised()
    held, slips = ordered[0].estimate.promise_time, 0
    for notice in notices:
        held, slips = max(held, notice.promised_time), max(slips, notice.slip)
    return Promised(held, ordered[-1], ordered[-1].number, slips)


def next_version(promised: Promised, estimate: Estimate, cause: Cause, *, now: datetime) -> PromiseVersion | None:
    """Return the version that the estimate makes, None where it says nothing new."""
    latest = promised.latest
    if latest is not None and not (_is_news(latest.estimate, estimate, now) and promised.versions < MAX_VERSIONS):
        return None
    return PromiseVersion(promised.versions + 1, now, estimate, cause)


def delay_due(promised: Promised, estimate: Estimate, *, now: datetime) -> DelayNotice | None:
    """Return the notice that is due, None where the held promise is likely kept, or may be, with more than a day to go.

    The caller asks only of an order that is not there yet, and has the estimate as of ``now``.
    """
    held = promised.held_time
    if held is None or estimate.p50 <= held:
        return None
    if estimate.p10 <= held and held - now > NOTICE_AHEAD:
        return None
    return DelayNotice(
        slip=promised.slips + 1,
        version=promised.versions,
        broken_time=held,
        promised_time=estimate.promise_time,
        is_late=now > held,
    )


def next_look_time(promised: Promised, *, now: datetime) -> datetime:
    """Return when to estimate again if nothing is heard until then.

    A day ahead of the promise, and half-way to the last moment at which a slip can be told in time.
    """
    if promised.held_time is None:
        return now + SHORTEST_LOOK
    last, ahead = promised.held_time - LEAST_LEFT / 2, promised.held_time - NOTICE_AHEAD
    if now < last <= now + SHORTEST_LOOK:
        return last
    look = now + min(max((last - now) / 2, SHORTEST_LOOK), LONGEST_LOOK)
    return min(look, ahead) if now < ahead else look


def _is_news(before: Estimate, after: Estimate, now: datetime) -> bool:
    if before.promise_time != after.promise_time or before.confidence is not after.confidence:
        return True
    if before.reason is not after.reason:
        return True
    moved = abs(after.p50 - before.p50)
    return moved >= max(NEWS_AT_LEAST, (after.p50 - now) * NEWS_SHARE)
