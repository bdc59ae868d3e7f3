"""Owns what a source of mentions is, and when it is asked next.

A feed is fetched: after success at its interval, after failure with growing pauses, later still where the other side
asks for it. Mentions of a source that pushes come by the API; the reviews are the shop's own place.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.reputation.domain.canonical_url import canonical_url, host_of
from services.reputation.domain.errors import SourceInvalidError, UrlInvalidError
from services.reputation.domain.hearing import SourceFacts
from services.reputation.domain.mentions import BEST_TIER, LAST_TIER, MAX_REACH, MAX_SHOP_CHARACTERS, is_source_id

MAX_SOURCES: Final = 500
MAX_TITLE_CHARACTERS: Final = 128
SHORTEST_INTERVAL: Final = timedelta(minutes=1)
LONGEST_INTERVAL: Final = timedelta(days=1)
USUAL_INTERVAL: Final = timedelta(minutes=15)
LONGEST_PAUSE: Final = timedelta(hours=6)  # of a feed that fails again and again
GONE_PAUSE: Final = timedelta(days=1)  # of a feed that said that it will not come back
DEAD_AFTER: Final = timedelta(hours=1)
DEAD_FAILURES: Final = 3
DOUBLINGS: Final = 10
HTTP_GONE: Final = "FEED_GONE"


class SourceKind(StrEnum):
    """How mentions come from it."""

    FEED = "feed"
    PUSH = "push"
    REVIEWS = "reviews"


@dataclass(frozen=True, slots=True)
class Source:
    """A source that is watched. ``reach``: of a mention that says none, None when it is not known.

    ``enabled`` False: it is kept, not fetched and not missed. ``version`` grows with every edit.
    """

    id: str
    kind: SourceKind
    shop: str
    title: str = ""
    url: str = ""
    tier: int = LAST_TIER
    reach: int | None = None
    poll_interval: timedelta = USUAL_INTERVAL
    enabled: bool = True
    version: int = 1

    @property
    def host(self) -> str:
        """Return the host that is asked, "" for a source that pushes."""
        return host_of(self.url) if self.url else ""

    @property
    def facts(self) -> SourceFacts:
        """Return what holds for all its mentions."""
        return SourceFacts(self.tier, self.reach, is_own=self.kind is SourceKind.REVIEWS)


@dataclass(frozen=True, slots=True)
class Standing:
    """How fetching a feed goes. ``error``: the reason of the last failure, "" after a success.

    ``etag`` and ``modified`` are repeated to the other side, which then answers only if there is news.
    """

    next_time: datetime
    etag: str = ""
    modified: str = ""
    polled_time: datetime | None = None
    success_time: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0
    error: str = ""
    new_items: int = 0  # since it is watched
    skipped_items: int = 0  # that could not be kept

    def is_dead(self, now: datetime) -> bool:
        """Tell whether it has failed for so long that somebody should look."""
        if self.failing_since is None or self.failures < DEAD_FAILURES:
            return False
        return now - self.failing_since >= DEAD_AFTER


def check_source(source: Source) -> Source:
    """Return the source as it is kept. Raises SourceInvalidError."""
    if not is_source_id(source.id):
        raise SourceInvalidError("a source's id is 1 to 32 of a-z 0-9 -", field="id")
    _check_text(source.title, MAX_TITLE_CHARACTERS, "title")
    _check_text(source.shop, MAX_SHOP_CHARACTERS, "shop")
    if not source.shop:
        raise SourceInvalidError("a source belongs to a shop", field="shop")
    if not BEST_TIER <= source.tier <= LAST_TIER:
        raise SourceInvalidError(f"a tier is {BEST_TIER} to {LAST_TIER}", field="tier")
    if source.reach is not None and not 0 <= source.reach <= MAX_REACH:
        raise SourceInvalidError(f"a reach is 0 to {MAX_REACH:,}", field="reach")
    if not SHORTEST_INTERVAL <= source.poll_interval <= LONGEST_INTERVAL:
        raise SourceInvalidError("a feed is fetched every minute to once a day", field="poll_interval_s")
    return replace(source, url=_url(source), title=source.title.strip())


def after_success(
    standing: Standing, now: datetime, interval: timedelta, *, etag: str = "", modified: str = ""
) -> Standing:
    """Return the standing after an answer, whether there was news or not."""
    return replace(
        standing,
        next_time=now + interval,
        etag=etag,
        modified=modified,
        polled_time=now,
        success_time=now,
        failing_since=None,
        failures=0,
        error="",
    )


def after_failure(
    standing: Standing, now: datetime, interval: timedelta, *, error: str, wanted_pause: timedelta | None = None
) -> Standing:
    """Return the standing after a failure. ``wanted_pause``: what the other side asked for."""
    pause = GONE_PAUSE if error == HTTP_GONE else interval * 2 ** min(standing.failures, DOUBLINGS)
    pause = min(pause, max(LONGEST_PAUSE, interval)) if error != HTTP_GONE else pause
    if wanted_pause is not None:
        pause = max(pause, min(wanted_pause, GONE_PAUSE))
    return replace(
        standing,
        next_time=now + pause,
        polled_time=now,
        failing_since=standing.failing_since or now,
        failures=standing.failures + 1,
        error=error,
    )


class HostBudget:
    """How often one host may be asked: a bucket of ``burst`` requests that fills by one every ``pause``."""

    def __init__(self, burst: int, pause: timedelta) -> None:
        self._burst, self._pause_s = burst, pause.total_seconds()
        self._held: dict[str, tuple[float, float]] = {}  # host -> (requests left, at that moment)

    def take(self, host: str, now_s: float) -> bool:
        """Take one request of the host's budget; False when nothing is left. ``now_s`` is monotonic."""
        left, then_s = self._held.get(host, (float(self._burst), now_s))
        left = min(float(self._burst), left + (now_s - then_s) / self._pause_s)
        self._held[host] = (left - 1.0 if left >= 1.0 else left, now_s)
        if len(self._held) > 2 * MAX_SOURCES:
            self._forget_full(now_s)
        return left >= 1.0

    def _forget_full(self, now_s: float) -> None:
        filled_s = self._burst * self._pause_s
        self._held = {host: held for host, held in self._held.items() if now_s - held[1] < filled_s}


def _url(source: Source) -> str:
    if source.kind is not SourceKind.FEED:
        if source.url:
            raise SourceInvalidError("only a feed has an address", field="url")
        return ""
    try:
        return canonical_url(source.url)
    except UrlInvalidError as error:
        raise SourceInvalidError(error.message, field="url") from error


def _check_text(text: str, limit: int, field: str) -> None:
    if len(text) > limit or not text.isprintable():
        raise SourceInvalidError(f"at most {limit} characters that can be shown", field=field)
