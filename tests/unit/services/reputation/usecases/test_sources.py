"""Watching sources and brands: versions, bounds, and who is missed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.reputation.domain.brands import MAX_BRANDS, Brand, BrandKind
from services.reputation.domain.errors import (
    BrandInvalidError,
    BrandNotFoundError,
    SourceInvalidError,
    SourceNotFoundError,
    SourceTakenError,
    TooManyError,
    VersionMismatchError,
)
from services.reputation.domain.silence import SilenceKind
from services.reputation.domain.sources import DEAD_AFTER, DEAD_FAILURES, MAX_SOURCES, Source, SourceKind, after_failure
from services.reputation.store import sources as store
from services.reputation.usecases.sources import (
    create_source,
    delete_source,
    get_source,
    list_sources,
    missed_sources,
    poll_source,
    put_brand,
    update_source,
)
from tests.unit.services.reputation.hearing_world import SHOP, World

PUSH = Source("weibo", SourceKind.PUSH, SHOP)
FEED = Source("city-news", SourceKind.FEED, SHOP, url="https://n.example/rss")
RIVAL = Brand("next-door", BrandKind.RIVAL, ("隔壁超市",))


async def test_a_source_is_kept_once_and_the_same_again_is_a_success(hearing: World) -> None:
    view = await create_source(hearing.watching, FEED)
    assert view.standing is not None
    assert view.standing.next_time == hearing.clock.now()
    assert (await create_source(hearing.watching, FEED)).source == view.source
    with pytest.raises(SourceTakenError):
        await create_source(hearing.watching, replace(FEED, tier=1))
    with pytest.raises(SourceInvalidError):
        await create_source(hearing.watching, replace(FEED, id="City"))


async def test_a_change_names_fields_and_moves_the_version(hearing: World) -> None:
    await create_source(hearing.watching, FEED)
    changes = replace(FEED, title="城市", tier=2, reach=9)
    view = await update_source(hearing.watching, changes, ["title", "reach"], expected_version=1)
    assert (view.source.title, view.source.tier, view.source.reach, view.source.version) == ("城市", 3, 9, 2)
    with pytest.raises(VersionMismatchError):
        await update_source(hearing.watching, changes, ["title"], expected_version=1)
    again = await update_source(hearing.watching, changes, ["title"], expected_version=0)
    assert again.source.version == 2  # nothing changed


@pytest.mark.parametrize("fields", [[], ["kind"], ["title", "version"]])
async def test_a_change_of_nothing_or_of_what_stays_is_refused(hearing: World, fields: list[str]) -> None:
    await create_source(hearing.watching, FEED)
    with pytest.raises(SourceInvalidError):
        await update_source(hearing.watching, FEED, fields, expected_version=0)


async def test_a_change_is_checked_as_a_whole(hearing: World) -> None:
    await create_source(hearing.watching, PUSH)
    with pytest.raises(SourceInvalidError):
        await update_source(hearing.watching, replace(PUSH, url="https://n.example/"), ["url"], expected_version=0)


async def test_a_source_that_is_removed_is_not_found(hearing: World) -> None:
    await create_source(hearing.watching, FEED)
    with pytest.raises(VersionMismatchError):
        await delete_source(hearing.watching, "city-news", expected_version=7)
    await delete_source(hearing.watching, "city-news", expected_version=1)
    for act in (
        get_source(hearing.watching, "city-news"),
        delete_source(hearing.watching, "city-news", expected_version=0),
        poll_source(hearing.watching, "city-news"),
        update_source(hearing.watching, FEED, ["tier"], expected_version=0),
        get_source(hearing.watching, ""),
    ):
        with pytest.raises(SourceNotFoundError):
            await act


async def test_only_a_feed_is_polled(hearing: World) -> None:
    await create_source(hearing.watching, PUSH)
    with pytest.raises(SourceInvalidError):
        await poll_source(hearing.watching, "weibo")


async def test_sources_are_listed_by_pages(hearing: World) -> None:
    for number in range(5):
        await create_source(hearing.watching, replace(PUSH, id=f"s{number}"))
    first, after = await list_sources(hearing.watching, after=None, limit=3)
    rest, end = await list_sources(hearing.watching, after=after, limit=3)
    assert [view.source.id for view in (*first, *rest)] == [f"s{number}" for number in range(5)]
    assert end is None


async def test_there_are_so_many_sources_and_brands_and_no_more(
    hearing: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_SOURCES", 1)
    monkeypatch.setattr(store, "MAX_BRANDS", 1)
    assert (MAX_SOURCES, MAX_BRANDS) == (500, 1_000)
    await create_source(hearing.watching, PUSH)
    with pytest.raises(TooManyError):
        await create_source(hearing.watching, replace(PUSH, id="other"))
    await put_brand(hearing.brands, RIVAL, expected_version=0)
    await put_brand(hearing.brands, RIVAL, expected_version=0)
    with pytest.raises(TooManyError):
        await put_brand(hearing.brands, replace(RIVAL, id="other"), expected_version=0)


async def test_a_brand_is_put_changed_and_removed_by_version(hearing: World) -> None:
    assert (await put_brand(hearing.brands, RIVAL, expected_version=0)).version == 1
    changed = replace(RIVAL, names=("隔壁超市", "隔壁店"))
    assert (await put_brand(hearing.brands, changed, expected_version=1)).version == 2
    for refused in (
        put_brand(hearing.brands, RIVAL, expected_version=1),
        put_brand(hearing.brands, replace(RIVAL, id="new"), expected_version=3),
        hearing.brands.delete("next-door", expected_version=1),
    ):
        with pytest.raises(VersionMismatchError):
            await refused
    with pytest.raises(BrandInvalidError):
        await put_brand(hearing.brands, replace(RIVAL, names=()), expected_version=0)
    await hearing.brands.delete("next-door")
    with pytest.raises(BrandNotFoundError):
        await hearing.brands.delete("next-door")


async def speak(hearing: World, days: int, **fields: Any) -> None:
    """Let the source speak each hour for some days, and the clock follow."""
    start = hearing.clock.now()
    hearing.clock.advance(days * 86_400)
    for day in range(days):
        times = [start + timedelta(days=day, hours=hour) for hour in range(24)]
        await hearing.write(*(hearing.form(f"{time}", "早", published=time, **fields) for time in times))


async def test_a_source_that_falls_silent_is_missed_and_one_that_is_disabled_is_not(hearing: World) -> None:
    await create_source(hearing.watching, PUSH)
    await create_source(hearing.watching, replace(PUSH, id="never-spoke"))
    await speak(hearing, 5)
    assert await missed_sources(hearing.watching) == ()
    hearing.clock.advance(12 * 3_600)
    (missed,) = await missed_sources(hearing.watching)
    assert (missed.source_id, missed.kind) == ("weibo", SilenceKind.SILENT)
    assert (await get_source(hearing.watching, "weibo")).silence == missed
    await update_source(hearing.watching, replace(PUSH, enabled=False), ["disabled"], expected_version=0)
    assert await missed_sources(hearing.watching) == ()


async def test_a_source_that_was_silent_for_months_is_still_missed(hearing: World) -> None:
    await create_source(hearing.watching, PUSH)
    await speak(hearing, 5)
    hearing.clock.advance(100 * 86_400)
    assert len(await missed_sources(hearing.watching)) == 1


async def test_a_feed_that_cannot_be_fetched_is_dead(hearing: World) -> None:
    await create_source(hearing.watching, FEED)
    for _ in range(DEAD_FAILURES):
        (due,) = await hearing.sources.due(hearing.clock.now(), 10)
        failed = after_failure(due.standing, hearing.clock.now(), FEED.poll_interval, error="FEED_STATUS")
        await hearing.sources.save_standing(replace(due, standing=replace(failed, next_time=hearing.clock.now())))
    assert await missed_sources(hearing.watching) == ()
    hearing.clock.advance(DEAD_AFTER.total_seconds())
    (missed,) = await missed_sources(hearing.watching)
    assert (missed.kind, missed.error) == (SilenceKind.DEAD, "FEED_STATUS")
