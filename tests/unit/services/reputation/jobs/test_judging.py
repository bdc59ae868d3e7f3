"""From what is heard to an alert: as a bucket closes, when late mentions complete it, and after a start."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.chassis.metrics import Metrics
from services.kits.times import micros
from services.reputation.domain.alerts import Alert, AlertName, AlertState
from services.reputation.domain.bursts import BUCKET_S, SHIPPED
from services.reputation.domain.counters import bucket_of_us, bucket_time
from services.reputation.domain.escalation import ladder_of
from services.reputation.domain.mentions import MentionForm
from services.reputation.domain.sale_days import sale_calendar
from services.reputation.domain.sources import Source, SourceKind
from services.reputation.jobs.judging import ALERT_METRICS, Judge, JudgeParts, counting
from services.reputation.store.alerts import AlertStore, SilenceStore
from services.reputation.usecases.alerts import AlertDesk, list_alerts
from tests.unit.services.reputation.hearing_world import SHOP, World

HOUR = timedelta(hours=1)


@dataclass
class Judging:
    """A judge beside a world that hears."""

    world: World
    desk: AlertDesk
    metrics: Metrics
    announced: list[None]

    def judge(self, *, sale_days: str = "") -> Judge:
        """Return the judge of a process that has just started."""
        return Judge(
            JudgeParts(
                mentions=self.world.mentions,
                watching=self.world.watching,
                brands=self.world.brands,
                own_brands=frozenset({"zhike"}),
                desk=self.desk,
                clock=self.world.clock,
                metrics=self.metrics,
                calendar=sale_calendar(sale_days),
                zone=ZoneInfo("Asia/Shanghai"),
                thresholds=SHIPPED,
                sleep=self.world.clock.sleep,
            )
        )

    async def alerts(self) -> tuple[Alert, ...]:
        return (await list_alerts(self.desk, SHOP, None, after=None, limit=100))[0]

    async def alert(self) -> Alert:
        (found,) = await self.alerts()
        return found

    async def raised(self) -> Alert:
        """Return the alert once a thread has made its watch; no time passes for anybody meanwhile."""
        async with asyncio.timeout(30):
            while not await self.alerts():  # noqa: ASYNC110 - a store tells nobody
                await asyncio.sleep(0.005)
        return await self.alert()

    async def listened(self, days: float = 2) -> None:
        """Have the brand been spoken of for some days, a little each hour."""
        now = self.world.clock.now()
        start = now - timedelta(days=days)
        for number in range(int(days * 24)):
            await self.world.write(self.form(f"old-{number}", "知客 还行", published=start + number * HOUR))

    def form(self, mention_id: str, text: str, **fields: object) -> MentionForm:
        return self.world.form(mention_id, text, **fields)

    async def burst(self, at: datetime, count: int = 30, *, prefix: str = "new") -> None:
        """Have many complain at one moment."""
        forms = [
            self.form(f"{prefix}-{number}", f"知客 的东西太差了 {number} {'啊' * number}", published=at)
            for number in range(count)
        ]
        await self.world.write(*forms)


@pytest.fixture
async def judging(hearing: World) -> AsyncIterator[Judging]:
    metrics, announced = Metrics([ALERT_METRICS]), list[None]()
    alerts, silences = AlertStore(hearing.documents), SilenceStore(hearing.documents)
    await alerts.declare()
    await silences.declare()
    saved = counting(metrics, lambda: announced.append(None))
    desk = AlertDesk(alerts, silences, hearing.clock, SHIPPED.hold, ladder_of("I=5;II=15;III=60"), saved)
    yield Judging(hearing, desk, metrics, announced)


async def running(job: object) -> asyncio.Task[None]:
    task = asyncio.ensure_future(job)  # type: ignore[call-overload]
    for _ in range(50):
        await asyncio.sleep(0)
    return task


def to_bucket_end(world: World) -> float:
    """Return the seconds until the present bucket closes."""
    now = world.clock.now()
    end = bucket_time(bucket_of_us(micros(now)) + 1)
    return (end - now).total_seconds()


async def test_an_alert_is_raised_within_five_seconds_of_the_buckets_close(judging: Judging) -> None:
    await judging.listened()
    judge = judging.judge()
    task = await running(judge.run_closing())
    await judging.burst(judging.world.clock.now())
    await judge.heard(judging.world.told)
    await judging.world.clock.run_for(to_bucket_end(judging.world) - 1)
    assert await judging.alerts() == ()
    await judging.world.clock.run_for(4)
    alert = await judging.raised()
    assert (alert.group.subject, alert.name, alert.life.state) == ("zhike", AlertName.BURST, AlertState.OPEN)
    assert set(alert.signals) == {"negative", "volume"}
    assert {each.source for each in alert.evidence} == {"weibo"}
    assert judging.announced
    task.cancel()


async def test_a_late_batch_that_completes_a_closed_bucket_raises_it_at_once(judging: Judging) -> None:
    await judging.listened()
    judge = judging.judge()
    task = await running(judge.run_late())
    await judging.burst(judging.world.clock.now() - timedelta(minutes=12))
    await judge.heard(judging.world.told)
    await judging.world.clock.run_for(1)
    assert (await judging.raised()).life.state is AlertState.OPEN
    task.cancel()


async def test_what_happened_yesterday_wakes_nobody(judging: Judging) -> None:
    await judging.listened()
    judge = judging.judge()
    task = await running(judge.run_late())
    await judging.burst(judging.world.clock.now() - timedelta(hours=3))
    await judge.heard(judging.world.told)
    await judging.world.clock.run_for(5)
    assert await judging.alerts() == ()
    task.cancel()


async def test_after_a_start_the_last_hour_is_judged(judging: Judging) -> None:
    await judging.listened()
    await judging.burst(judging.world.clock.now() - timedelta(minutes=40))
    task = await running(judging.judge().run_closing())
    first = await judging.raised()
    task.cancel()
    again = judging.judge()
    await again.judge({scope for mention in judging.world.told for scope in mention.scopes()})
    assert await judging.alert() == first  # judged twice it is one alert


async def test_a_known_sale_day_is_no_crisis(judging: Judging) -> None:
    await judging.listened()
    now = judging.world.clock.now()
    forms = [judging.form(f"s-{each}", f"知客 大促 {each} 好 {'呀' * each}", published=now) for each in range(30)]
    await judging.world.write(*forms)
    judging.world.clock.advance(BUCKET_S)
    day = now.astimezone(ZoneInfo("Asia/Shanghai")).date()
    scopes = {scope for mention in judging.world.told for scope in mention.scopes()}
    await judging.judge(sale_days=day.isoformat()).judge(scopes)
    assert await judging.alerts() == ()
    await judging.judge().judge(scopes)
    assert len(await judging.alerts()) == 1


async def test_a_rival_and_the_whole_shop_raise_nothing_of_their_own(judging: Judging) -> None:
    await judging.listened()
    await judging.burst(judging.world.clock.now())
    judging.world.clock.advance(BUCKET_S)
    scopes = {scope for mention in judging.world.told for scope in mention.scopes()}
    await judging.judge().judge(scopes)
    assert [alert.group.kind for alert in await judging.alerts()] == ["brand"]


async def test_the_clock_pages_and_counts_the_live_ones(judging: Judging) -> None:
    await judging.listened()
    await judging.burst(judging.world.clock.now())
    judging.world.clock.advance(BUCKET_S)
    judge = judging.judge()
    await judge.judge({scope for mention in judging.world.told for scope in mention.scopes()})
    level = (await judging.alert()).life.level
    judging.world.clock.advance(3 * 3_600)
    await judge.tick()
    read = judging.metrics.registry.get_sample_value
    assert read("zhike_reputation_alerts_live", {"level": level.value}) == 1
    assert read("zhike_reputation_notices_total", {"cause": "raised"}) == 1
    assert read("zhike_reputation_notices_total", {"cause": "escalation"}) == 1
    assert read("zhike_reputation_judged_total", {"series": "negative", "verdict": "burst"}) >= 1


async def test_a_source_that_is_missed_is_an_alert_until_it_speaks_again(judging: Judging) -> None:
    world = judging.world
    source = Source("weibo", SourceKind.PUSH, SHOP, tier=1)
    await world.sources.create(source, world.clock.now())
    await judging.listened(days=5)
    judge = judging.judge()
    await judge.look_for_silence()
    assert await judging.alerts() == ()
    world.clock.advance(48 * 3_600)
    await judge.look_for_silence()
    alert = await judging.alert()
    assert (alert.name, alert.group.subject, alert.life.state) == (AlertName.SOURCE_SILENT, "weibo", AlertState.OPEN)
    await judge.look_for_silence()
    assert await judging.alert() == alert  # seen again, nothing changes
    await world.write(world.form("back", "知客 还在"))
    await judge.look_for_silence()
    assert (await judging.alert()).life.state is AlertState.RESOLVED


async def test_a_source_that_is_watched_no_longer_is_not_missed(judging: Judging) -> None:
    world = judging.world
    source = Source("weibo", SourceKind.PUSH, SHOP)
    await world.sources.create(source, world.clock.now())
    await judging.listened(days=5)
    world.clock.advance(48 * 3_600)
    judge = judging.judge()
    await judge.look_for_silence()
    await world.sources.replace(replace(source, enabled=False))
    await judge.look_for_silence()
    assert (await judging.alert()).life.state is AlertState.RESOLVED
    assert "no longer" in (await judging.alert()).history[-2].comment


async def test_a_crash_of_the_late_job_keeps_what_waits(judging: Judging) -> None:
    await judging.listened()
    await judging.burst(judging.world.clock.now() - timedelta(minutes=12))
    judge = judging.judge()
    await judge.heard(judging.world.told)

    class AwayError(Exception):
        pass

    async def away(_: object) -> None:
        raise AwayError

    really, judge.judge = judge.judge, away  # type: ignore[method-assign]
    task = await running(judge.run_late())
    await judging.world.clock.run_for(1)
    with pytest.raises(AwayError):
        await task
    judge.judge = really  # type: ignore[method-assign]
    task = await running(judge.run_late())
    await judging.world.clock.run_for(1)
    assert (await judging.raised()).life.state is AlertState.OPEN
    task.cancel()
