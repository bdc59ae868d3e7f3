"""The pipeline: each mention counts once whatever is repeated or cut off; copies fold; a rebuild equals the live."""

import asyncio
from typing import Any

import pytest

from services.chassis.documents.port import Collection, StoreUnavailableError
from services.reputation.domain.brands import Brand, BrandKind
from services.reputation.domain.counters import ScopeKind
from services.reputation.domain.sources import Source, SourceKind
from services.reputation.jobs.hearing import SLICE
from services.reputation.store.collections import CLUSTER_KEYS, CLUSTERS, COUNTERS, MENTION_PLACES, MENTIONS
from services.reputation.usecases.sources import create_source
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.unit.services.reputation.hearing_world import SHOP, World, make_world

RECALL = (
    "知客超市今日宣布召回一批自有品牌奶粉，原因是部分批次检出菌落总数超标，消费者可凭小票到任意门店办理退款，太差。"
)
ALL: tuple[Collection, ...] = (MENTIONS, MENTION_PLACES, CLUSTERS, CLUSTER_KEYS, COUNTERS)


async def everything(world: World) -> list[dict[str, dict[str, Any]]]:
    return [await world.bodies(each) for each in ALL]


async def say_much(world: World) -> None:
    """Write what touches every rule, in two batches."""
    await world.write(
        world.form("1", RECALL, url="https://m.example/1", reach=1_000, tier=1),
        world.form("2", "据悉，" + RECALL, author="小明"),
        world.form("3", "知客的蛋糕好吃", author="小红"),
        world.form("4", "转发微博", parent="1"),
        world.form("5", "与谁都无关"),
    )
    await world.write(
        world.form("6", RECALL.replace("，", " "), reach=50),
        world.form("7", "转发", parent="https://m.example/1", reach=7),
    )


async def test_a_mention_is_read_placed_and_counted(hearing: World) -> None:
    await hearing.product("p-1", {"zh": "巧克力生日蛋糕", "en": "Chocolate birthday cake"})
    verdict = await hearing.write(hearing.form("1", "<p>知客的巧克力生日蛋糕坏了，太差</p>", reach=9, tier=2))
    (mention,) = await hearing.heard(brand="zhike", product="p-1", tone="negative")
    assert mention.id == verdict.items[0].mention_id
    assert (mention.text, mention.said.aspect, mention.begins_cluster) == (
        "知客的巧克力生日蛋糕坏了，太差",
        "quality",
        True,
    )
    for kind, subject in (
        (ScopeKind.SHOP, ""),
        (ScopeKind.SOURCE, "weibo"),
        (ScopeKind.BRAND, "zhike"),
        (ScopeKind.PRODUCT, "p-1"),
    ):
        tally = await hearing.counted(kind, subject)
        assert (tally.negative, tally.total, tally.reach, tally.clusters, tally.best_tier) == (1, 1, 9, 1, 2)
        assert tally.aspects == {"quality": 1}


async def test_copies_rewritten_copies_and_reposts_are_one_cluster(hearing: World) -> None:
    await say_much(hearing)
    original = next(each for each in await hearing.heard() if each.source_mention_id == "1")
    together = await hearing.heard(cluster_id=original.cluster_id)
    assert {each.source_mention_id for each in together} == {"1", "2", "4", "6", "7"}
    cluster = (await hearing.mentions.clusters([original.cluster_id]))[original.cluster_id]
    assert (cluster.size, cluster.reach, cluster.mention_id) == (5, 1_057, original.id)
    assert (await hearing.counted()).clusters == 3


async def test_a_bare_repost_counts_for_whom_its_original_speaks_of(hearing: World) -> None:
    await say_much(hearing)
    tally = await hearing.counted(ScopeKind.BRAND, "zhike")
    assert (tally.total, tally.negative) == (6, 5)
    assert len(await hearing.heard(brand="zhike", tone="negative")) == 5


async def test_a_repost_before_its_original_joins_it_and_says_nothing_yet(hearing: World) -> None:
    await hearing.write(hearing.form("r", "转发微博", parent="o"))
    await hearing.write(hearing.form("o", "知客太差"))
    await hearing.write(hearing.form("r2", "转发微博", parent="o"))
    assert len({each.cluster_id for each in await hearing.heard()}) == 1
    assert {each.source_mention_id for each in await hearing.heard(brand="zhike")} == {"o", "r2"}


async def test_what_a_source_says_of_itself_holds_for_its_mentions(hearing: World) -> None:
    await create_source(hearing.watching, Source("weibo", SourceKind.PUSH, SHOP, tier=2, reach=30))
    await hearing.write(hearing.form("1", "知客好"), hearing.form("2", "知客好", reach=0, tier=1))
    assert [(each.tier, each.reach) for each in sorted(await hearing.heard(), key=lambda each: each.tier)] == [
        (1, 0),
        (2, 30),
    ]


async def test_a_brand_counts_from_when_it_is_watched(hearing: World) -> None:
    await hearing.write(hearing.form("1", "隔壁超市好"))
    await hearing.brands.put(Brand("next-door", BrandKind.RIVAL, ("隔壁超市",)))
    await hearing.write(hearing.form("2", "隔壁超市差"))
    assert (await hearing.counted(ScopeKind.BRAND, "next-door")).total == 1
    await hearing.brands.delete("next-door")
    await hearing.write(hearing.form("3", "隔壁超市差"))
    assert (await hearing.counted(ScopeKind.BRAND, "next-door")).total == 1


async def test_a_product_that_is_withdrawn_is_named_no_more_and_a_late_redrive_does_not_bring_it_back(
    hearing: World,
) -> None:
    await hearing.product("p-1", {"zh": "巧克力生日蛋糕"}, version=1)
    await hearing.product("p-1", {"zh": "巧克力生日蛋糕"}, version=3, withdrawn=True)
    await hearing.product("p-1", {"zh": "巧克力生日蛋糕"}, version=2)
    await hearing.write(hearing.form("1", "巧克力生日蛋糕差"))
    assert await hearing.heard(product="p-1") == []


async def test_what_a_load_test_writes_is_heard_by_nobody(hearing: World) -> None:
    await hearing.write(hearing.form("1", "知客差"), synthetic=True)
    assert await everything(hearing) == [{}, {}, {}, {}, {}]
    assert hearing.told == []


async def test_events_applied_again_change_nothing(hearing: World) -> None:
    await say_much(hearing)
    before = await everything(hearing)
    await hearing.reader().apply(await hearing.events())
    assert await everything(hearing) == before


async def test_what_was_decided_stays_although_the_lexicon_changed_before_it_is_read_again(hearing: World) -> None:
    await say_much(hearing)
    before = await everything(hearing)
    await hearing.brands.put(Brand("cake", BrandKind.RIVAL, ("蛋糕",)))
    hearing.clock.advance(2)
    await hearing.reader().apply(await hearing.events())
    assert await everything(hearing) == before


async def test_every_batch_is_told_of_once_all_is_saved(hearing: World) -> None:
    await say_much(hearing)
    assert sorted(each.source_mention_id for each in hearing.told) == ["1", "2", "3", "4", "5", "6", "7"]
    assert all(each.cluster_id for each in hearing.told)


async def _crashed_run(crash_at: int, point: CrashPoint) -> tuple[World, bool]:
    """Write everything, let a reader die at one of its writes, and another one take the log up from its start."""
    world = await make_world()
    world.positions["mentions"] = 10**9  # nobody reads along
    await say_much(world)
    dying = CrashingDocuments(world.documents, crash_at=crash_at, point=point)
    events = await world.events()
    try:
        for half in (events[:5], events[5:]):
            await world.reader(dying).apply(half)
    except StoreUnavailableError:
        pass
    died = dying.crashed
    world.clock.advance(2)
    await world.reader().apply(events)
    return world, died


@pytest.mark.parametrize("point", list(CrashPoint))
async def test_a_crash_at_any_write_loses_and_doubles_nothing(point: CrashPoint) -> None:
    whole, _ = await _crashed_run(0, point)
    expected = await everything(whole)
    crash_at, died = 1, True
    while died:
        world, died = await _crashed_run(crash_at, point)
        mine = await everything(world)
        assert [_without_watermarks(each) for each in mine] == [_without_watermarks(each) for each in expected]
        crash_at += 1
    assert crash_at > 12


def _without_watermarks(bodies: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: {name: value for name, value in body.items() if name != "watermark"} for key, body in bodies.items()}


async def test_two_readers_at_once_count_once(hearing: World) -> None:
    hearing.positions["mentions"] = 10**9
    await say_much(hearing)
    events = await hearing.events()
    await hearing.reader().apply(events)
    once = await everything(hearing)
    other = await make_world()
    other.positions["mentions"] = 10**9
    await say_much(other)
    events = await other.events()
    await asyncio.gather(other.reader().apply(events), other.reader().apply(events))
    assert [_without_watermarks(each) for each in await everything(other)] == [
        _without_watermarks(each) for each in once
    ]


async def test_a_rebuild_equals_the_live_projection(hearing: World) -> None:
    await say_much(hearing)
    live = await everything(hearing)
    told = list(hearing.told)
    generation = await hearing.generations.begin()
    await hearing.generations.declare(generation)
    rebuilding = hearing.reader(generation=generation)
    await rebuilding.apply(await hearing.events())  # in one batch what came in two
    await hearing.generations.promote(generation)
    assert await everything(hearing) == live
    assert hearing.told == told  # a generation that is being built tells nobody


async def test_a_long_batch_lets_others_work_between_its_mentions(hearing: World) -> None:
    hearing.positions["mentions"] = 10**9
    await hearing.write(*(hearing.form(str(number), f"知客 {number}") for number in range(4 * SLICE)))
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count_turns())
    await hearing.reader().apply(await hearing.events())
    counting.cancel()
    assert turns >= 4
