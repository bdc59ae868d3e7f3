"""Reading mentions: every condition, any page size, counts of every step."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kits.times import micros
from services.reputation.domain.counters import Scope, ScopeKind
from services.reputation.domain.errors import MentionFilterError, MentionNotFoundError
from services.reputation.store.mentions import LOOKS, MentionFilter
from services.reputation.usecases.reading import (
    LONGEST_COUNTS,
    MAX_FILTER_CHARACTERS,
    MAX_STEPS,
    check_filter,
    count_mentions,
    get_mention,
    list_mentions,
)
from tests.unit.services.reputation.hearing_world import SHOP, World, make_world


async def say(world: World) -> None:
    start = world.clock.now()
    world.clock.advance(3_600)
    await world.write(
        world.form("1", "知客好", author="小明", published=start, tier=1),
        world.form("2", "知客差", published=start + timedelta(minutes=10)),
        world.form("3", "Zhike is ＶＥＲＹ bad", source="forum", published=start + timedelta(minutes=20)),
        world.form("4", "别人", shop="north", published=start + timedelta(minutes=30)),
        world.form("5", "👍", title="标题", published=start + timedelta(minutes=40)),
    )


async def ids(world: World, **wanted: Any) -> str:
    return "".join(mention.source_mention_id for mention in await world.heard(**wanted))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, "5321"),
        ({"brand": "zhike"}, "321"),
        ({"brand": "zhike", "tone": "negative"}, "32"),
        ({"tone": "negative"}, "32"),
        ({"tone": "unknown"}, "5"),
        ({"source": "forum"}, "3"),
        ({"tier": 1}, "1"),
        ({"author": "小明"}, "1"),
        ({"language": "en"}, "3"),
        ({"text": "very BAD"}, "3"),
        ({"text": "标"}, "5"),
        ({"text": "nothing of this"}, ""),
        ({"brand": "nobody"}, ""),
        ({"product": "p-1"}, ""),
        ({"brand": "zhike", "source": "weibo", "tone": "positive", "text": "知客"}, "1"),
    ],
)
async def test_all_conditions_hold_together(hearing: World, wanted: dict[str, Any], expected: str) -> None:
    await say(hearing)
    assert await ids(hearing, **wanted) == expected


async def test_a_span_holds_its_start_and_not_its_end(hearing: World) -> None:
    start = hearing.clock.now()
    await say(hearing)
    second, third = (micros(start + timedelta(minutes=minutes)) for minutes in (10, 20))
    assert await ids(hearing, from_us=second, until_us=third) == "2"
    assert await ids(hearing, from_us=second, brand="zhike") == "32"
    assert await ids(hearing, until_us=third, brand="zhike") == "21"


async def test_a_mention_is_read_with_its_cluster_and_an_unknown_one_is_not_found(hearing: World) -> None:
    await say(hearing)
    (mention,) = await hearing.heard(source="forum")
    view = await get_mention(hearing.mentions, mention.id)
    assert (view.mention, view.cluster and view.cluster.size) == (mention, 1)
    for unknown in ("", "nobody", "x" * 65):
        with pytest.raises(MentionNotFoundError):
            await get_mention(hearing.mentions, unknown)


async def pages(world: World, limit: int, **wanted: Any) -> list[list[str]]:
    found, after = [], None
    while True:
        views, after = await list_mentions(world.mentions, MentionFilter(SHOP, **wanted), after=after, limit=limit)
        found.append([view.mention.source_mention_id for view in views])
        if after is None:
            return found


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from(["知客好", "知客差", "与谁都无关"]), st.integers(0, 3)), max_size=25),
    st.integers(1, 7),
    st.sampled_from(
        [{}, {"brand": "zhike"}, {"tone": "negative"}, {"text": "无关"}, {"source": "weibo", "tone": "positive"}]
    ),
)
def test_pages_of_any_size_hold_each_mention_once(
    said: list[tuple[str, int]], limit: int, wanted: dict[str, Any]
) -> None:
    async def run() -> None:
        world = await make_world()
        now = world.clock.now()
        forms = [
            world.form(str(number), text, published=now - timedelta(minutes=minutes))
            for number, (text, minutes) in enumerate(said)
        ]
        if forms:
            await world.write(*forms)
        whole = [mention.source_mention_id for mention in await world.heard(**wanted)]
        found = await pages(world, limit, **wanted)
        assert [each for page in found for each in page] == whole
        assert all(len(page) <= limit for page in found)

    asyncio.run(run())


async def test_a_rare_match_takes_bounded_looks_and_goes_on(hearing: World) -> None:
    count = 3 * LOOKS
    for start in range(0, count, 60):
        forms = [
            hearing.form(str(number), "少见" if number == 0 else f"话 {number}") for number in range(start, start + 60)
        ]
        await hearing.write(*forms)
    found = await pages(hearing, 1, text="少见")
    assert [page for page in found if page] == [["0"]]
    assert len(found) >= count // LOOKS


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"tone": "angry"}, "tone"),
        ({"tier": 4}, "tier"),
        ({"tier": -1}, "tier"),
        ({"from_us": 5, "until_us": 5}, "end_time"),
        ({"text": "好" * (MAX_FILTER_CHARACTERS + 1)}, "text"),
        ({"brand": "b" * (MAX_FILTER_CHARACTERS + 1)}, "brand"),
    ],
)
def test_a_filter_that_no_mention_could_pass_is_refused(wanted: dict[str, Any], field: str) -> None:
    with pytest.raises(MentionFilterError) as refused:
        check_filter(MentionFilter(SHOP, **wanted))
    assert refused.value.metadata["field"] == field


ALL = Scope(SHOP, ScopeKind.SHOP)
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


async def test_every_step_is_counted_those_without_mentions_too(hearing: World) -> None:
    await say(hearing)  # from eight o'clock on
    start = datetime(2026, 1, 5, 7, 50, tzinfo=UTC)
    counts = await count_mentions(hearing.mentions, ALL, start=start, end=start + timedelta(hours=1), step="15m")
    assert [count.start.strftime("%H:%M") for count in counts] == ["07:45", "08:00", "08:15", "08:30", "08:45"]
    assert [count.tally.total for count in counts] == [0, 2, 1, 1, 0]
    (day,) = await count_mentions(hearing.mentions, ALL, start=NOON, end=NOON + timedelta(hours=1), step="1d")
    assert (day.start.hour, day.tally.total, day.tally.negative) == (0, 4, 2)


@pytest.mark.parametrize(
    ("span", "step"),
    [
        (timedelta(hours=1), "1w"),
        (timedelta(0), "1h"),
        (-timedelta(hours=1), "1h"),
        (LONGEST_COUNTS + timedelta(seconds=1), "1d"),
        (timedelta(minutes=5 * MAX_STEPS + 5), "5m"),
    ],
)
async def test_counts_have_their_bounds(hearing: World, span: timedelta, step: str) -> None:
    with pytest.raises(MentionFilterError):
        await count_mentions(hearing.mentions, ALL, start=NOON, end=NOON + span, step=step)


async def test_the_longest_counts_are_given(hearing: World) -> None:
    days = await count_mentions(hearing.mentions, ALL, start=NOON, end=NOON + LONGEST_COUNTS, step="1d")
    assert len(days) == LONGEST_COUNTS.days + 1
    steps = await count_mentions(
        hearing.mentions, ALL, start=NOON, end=NOON + timedelta(minutes=5 * MAX_STEPS), step="5m"
    )
    assert len(steps) == MAX_STEPS


async def test_what_was_spoken_of_on_a_day_is_known(hearing: World) -> None:
    await say(hearing)
    today = hearing.clock.now().date()
    scopes = await hearing.mentions.scopes_on(today)
    assert Scope(SHOP, ScopeKind.BRAND, "zhike") in scopes
    assert Scope("north", ScopeKind.SHOP) in scopes
    assert await hearing.mentions.scopes_on(today - timedelta(days=1)) == ()
    assert await hearing.mentions.last_day(ALL) == today
    assert await hearing.mentions.last_day(Scope("south", ScopeKind.SHOP)) is None
