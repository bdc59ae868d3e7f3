"""Judges what was heard: each bucket as it closes, and again where late mentions complete it; sources that are missed.

``heard`` is told of every batch after it was counted (services/reputation/jobs/hearing.py). Whatever is judged twice
changes nothing: an alert's id follows from its group, and what was seen in a bucket is seen once. After a start, or
when another replica takes over, the buckets of the last hour are judged first, so nothing falls between two processes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Final

from services.chassis.clock import Clock
from services.chassis.logs import get_log
from services.chassis.metrics import Metric, MetricKind, Metrics
from services.kits.times import micros
from services.reputation.domain.alerts import Alert, Entry, EntryKind, GroupKind
from services.reputation.domain.brands import BrandKind
from services.reputation.domain.bursts import BUCKET_S, FRESH_BUCKETS, WINDOW_BUCKETS, Judgements, Thresholds, bucket_of
from services.reputation.domain.counters import Scope, ScopeKind, bucket_of_us, bucket_time
from services.reputation.domain.hearing import Mention
from services.reputation.domain.levels import Level
from services.reputation.domain.mentions import LAST_TIER
from services.reputation.domain.sale_days import SaleCalendar
from services.reputation.domain.sightings import burst_sighting, is_judged, silence_sighting
from services.reputation.store.mentions import MentionFilter, MentionStore
from services.reputation.store.sources import BrandStore
from services.reputation.store.watches import Judged, Watches
from services.reputation.usecases.alerts import AlertDesk, observe, settle, tick_alerts
from services.reputation.usecases.sources import Watching, missed_sources

CLOSE_DELAY_S: Final = 0.5  # after a bucket's end, for what was said in its last second
LOOK_INTERVAL_S: Final = 1.0  # at the wall clock, which people may move
LATE_DELAY_S: Final = 0.2  # so that the batches of one import are judged together
TICK_INTERVAL_S: Final = 1.0
SILENCE_INTERVAL_S: Final = 60.0
READ_MENTIONS: Final = 200  # of a window that bursts: evidence, sources and brands are taken from these
LATE_LIMIT: Final = 10_000  # scopes that wait to be judged again; more than that is a pass over all

ALERT_METRICS: Final = (
    Metric(
        "zhike_reputation_judged_total",
        MetricKind.COUNTER,
        "Buckets judged, by series and verdict.",
        ("series", "verdict"),
    ),
    Metric("zhike_reputation_alerts_live", MetricKind.GAUGE, "Alerts whose trouble goes on, by level.", ("level",)),
    Metric(
        "zhike_reputation_notices_total",
        MetricKind.COUNTER,
        "What people were told of alerts, by cause: raised, level, escalation, acknowledged, resolved.",
        ("cause",),
    ),
)

log = get_log("judging")


@dataclass(frozen=True, slots=True)
class JudgeParts:
    """What judging takes. ``zone``: the shop's, whose days are sale days."""

    mentions: MentionStore
    watching: Watching
    brands: BrandStore
    own_brands: frozenset[str]  # of the settings
    desk: AlertDesk
    clock: Clock
    metrics: Metrics
    calendar: SaleCalendar
    zone: tzinfo
    thresholds: Thresholds
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)


class Judge:
    """The judging of one process: ``run_closing`` in one replica, ``run_late`` in that which hears."""

    def __init__(self, parts: JudgeParts) -> None:
        self._parts = parts
        self._watches = Watches(parts.mentions, parts.thresholds, self._on_sale)
        self._late: set[Scope] = set()
        self._some_late = asyncio.Event()
        self._turn = asyncio.Lock()
        self._judged = parts.metrics.counter("zhike_reputation_judged_total")
        self._live = parts.metrics.gauge("zhike_reputation_alerts_live")

    async def heard(self, mentions: Sequence[Mention]) -> None:
        """Note which closed buckets a batch changed."""
        head = self._head()
        for mention in mentions:
            bucket = bucket_of_us(mention.published_us)
            if bucket > head:
                continue
            for scope in mention.scopes():
                if scope.kind is ScopeKind.SOURCE:
                    continue
                if bucket <= head - FRESH_BUCKETS:
                    self._watches.forget(scope)
                else:
                    self._late.add(scope)
        if self._late:
            self._some_late.set()

    async def run_late(self) -> None:
        """Judge again what late mentions changed, until cancelled."""
        while True:
            await self._some_late.wait()
            await self._parts.sleep(LATE_DELAY_S)
            self._some_late.clear()
            late, self._late = self._late, set()
            try:
                await self.judge(late if len(late) <= LATE_LIMIT else await self._spoken_of(FRESH_BUCKETS))
            except BaseException:
                self._late |= late  # a crash of this job is no end of what waits
                self._some_late.set()
                raise

    async def run_closing(self) -> None:
        """Judge the last hour, then every bucket as it closes, until cancelled."""
        judged = self._head(delayed=True)
        await self.judge(await self._spoken_of(FRESH_BUCKETS))
        while True:
            await self._parts.sleep(LOOK_INTERVAL_S)
            head = self._head(delayed=True)
            if head > judged:
                await self.judge(await self._spoken_of(min(head - judged, FRESH_BUCKETS)))
            judged = head  # also when the clock was set back

    async def judge(self, scopes: set[Scope]) -> None:
        """Judge scopes up to the last closed bucket, and raise what bursts."""
        own = await self._own_brands()
        for scope in sorted((each for each in scopes if is_judged(each, own)), key=lambda each: each.key):
            async with self._turn:  # the two loops bring the same watches forward
                judged = await self._watches.judged(scope, self._head())
            for bucket, found in judged.buckets.items():
                self._count(found)
                if found.bursts:
                    await self._raise(scope, bucket, judged, own)

    async def look_for_silence(self) -> None:
        """Raise the sources that are missed, and settle those that speak again or are watched no longer."""
        parts = self._parts
        missed = {each.source_id: each for each in await missed_sources(parts.watching)}
        sources = {source.id: source for source in await parts.watching.sources.all()}
        live = {stored.alert.group.subject: stored.alert for stored in await parts.desk.alerts.live(GroupKind.SOURCE)}
        for source_id, alert in live.items():
            if source_id not in missed:
                watched = source_id in sources and sources[source_id].enabled
                await settle(parts.desk, alert.group, "it speaks again" if watched else "it is watched no longer")
        for source_id, silence in missed.items():
            if source_id not in live:
                tier = sources[source_id].tier if source_id in sources else LAST_TIER
                await observe(parts.desk, silence_sighting(silence, tier))

    async def tick(self) -> None:
        """Let the clock pass over the live alerts."""
        live = await tick_alerts(self._parts.desk)
        for level in Level:
            self._live.labels(level.value).set(sum(1 for alert in live if alert.life.level is level))

    async def _raise(self, scope: Scope, bucket: int, judged: Judged, own: frozenset[str]) -> None:
        start = bucket_time(bucket - WINDOW_BUCKETS + 1)
        mentions = await self._read(scope, start, start + timedelta(seconds=BUCKET_S * WINDOW_BUCKETS))
        sighting = burst_sighting(scope, judged.buckets[bucket], judged.tallies, mentions, own)
        alert = await observe(self._parts.desk, sighting)
        log.info("burst seen", alert=alert.id, level=alert.life.level, bucket=bucket, kind=scope.kind)

    async def _read(self, scope: Scope, start: datetime, end: datetime) -> Sequence[Mention]:
        wanted = MentionFilter(
            shop=scope.shop,
            brand=scope.subject if scope.kind is ScopeKind.BRAND else "",
            product=scope.subject if scope.kind is ScopeKind.PRODUCT else "",
            from_us=micros(start),
            until_us=micros(end),
        )
        return (await self._parts.mentions.find(wanted, after=None, limit=READ_MENTIONS)).mentions

    async def _spoken_of(self, buckets: int) -> set[Scope]:
        """Return the scopes with enough mentions for a burst in the last closed ``buckets`` and their windows."""
        head = self._head()
        totals = await self._parts.mentions.totals_between(head - buckets - WINDOW_BUCKETS + 2, head)
        return {scope for scope, total in totals.items() if total >= self._parts.thresholds.minimum_count}

    async def _own_brands(self) -> frozenset[str]:
        kept = await self._parts.brands.all()
        return self._parts.own_brands | {brand.id for brand in kept if brand.kind is BrandKind.OWN}

    def _head(self, *, delayed: bool = False) -> int:
        """Return the last bucket that is closed."""
        now = self._parts.clock.now()
        return bucket_of(now - timedelta(seconds=CLOSE_DELAY_S) if delayed else now) - 1

    def _on_sale(self, bucket: int) -> bool:
        day = bucket_time(bucket).astimezone(self._parts.zone).date()
        return self._parts.calendar.sale_on(day) is not None

    def _count(self, judgements: Judgements) -> None:
        self._judged.labels("volume", judgements.volume.verdict.value).inc()
        self._judged.labels("negative", judgements.negative.verdict.value).inc()


def counting(metrics: Metrics, announce: Callable[[], None]) -> Callable[[Alert, tuple[Entry, ...]], None]:
    """Return what hears of saves: counts what people are told, and has the log told at once."""
    notices = metrics.counter("zhike_reputation_notices_total")

    def saved(_: Alert, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            if entry.kind is EntryKind.NOTIFIED and entry.cause is not None:
                notices.labels(entry.cause.kind.value).inc()
        announce()

    return saved
