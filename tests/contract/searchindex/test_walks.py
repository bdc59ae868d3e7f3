"""A walk through the pages shows everything once, whatever is written meanwhile, and ends where it says."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.chassis.searchindex.port import (
    RERANK_WINDOW,
    Boost,
    Entry,
    Hit,
    IndexCursorError,
    IndexPage,
    IndexQuery,
    IndexSchema,
    KeywordField,
    KeywordFilter,
    LongField,
    Put,
    Remove,
    SearchIndex,
    Sort,
    Term,
    TextField,
)

SCHEMA = IndexSchema("things", (TextField("title"), KeywordField("tag"), LongField("price")))
TEA = Term("title", "tea")
ENTRIES = 60
LIMIT = 7
QUERIES = (
    IndexQuery(text=TEA, limit=LIMIT),
    IndexQuery(text=TEA, boosts=(Boost("price", 0.5, 10.0),), limit=LIMIT),
    IndexQuery(text=TEA, tiers=(Term("title", "leaf"),), limit=LIMIT),
    IndexQuery(sort=Sort("price"), limit=LIMIT),
    IndexQuery(sort=Sort("price", descending=True), filters=(KeywordFilter("tag", ("sold",)),), limit=LIMIT),
    IndexQuery(limit=LIMIT),
)
WORDINGS = ("tea", "tea leaf", "tea leaf green", "tea tea", "green tea leaf pot")


def entry(number: int, version: int = 1) -> Entry:
    title = WORDINGS[(number + version) % len(WORDINGS)] + " pot" * (number % 3)
    values = {"title": title, "tag": "sold", "price": (number * 7 + version * 11) % 23}
    return Entry(f"t{number:04}", version, values, f"{number} v{version}".encode())


@pytest.fixture
async def live(index: SearchIndex) -> SearchIndex:
    await index.declare(SCHEMA)
    await index.promote("things", await index.open_branch("things"), expected=None)
    await index.bulk("things", [Put(entry(number)) for number in range(ENTRIES)])
    await index.refresh("things")
    return index


async def pages(index: SearchIndex, query: IndexQuery) -> AsyncIterator[IndexPage]:
    while True:
        page = await index.search("things", query)
        yield page
        if page.next_after is None:
            return
        query = replace(query, after=page.next_after)


async def hits(index: SearchIndex, query: IndexQuery) -> list[Hit]:
    return [hit async for page in pages(index, query) for hit in page.hits]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
async def test_a_walk_repeats_and_misses_nothing_while_entries_are_written_over(
    live: SearchIndex, query: IndexQuery
) -> None:
    expected = [hit.id for hit in await hits(live, query)]
    walked: list[str] = []
    version = 1
    async for page in pages(live, query):
        walked += [hit.id for hit in page.hits]
        assert page.total == ENTRIES
        version += 1
        await live.bulk("things", [Put(entry(number, version)) for number in range(0, ENTRIES, 3)])
        await live.bulk("things", [Put(Entry(f"new{version}", 1, {"title": "tea", "tag": "sold", "price": 1}))])
        await live.refresh("things")
    assert walked == expected


async def test_a_later_page_says_what_is_so_now_and_leaves_out_what_is_gone(live: SearchIndex) -> None:
    query = IndexQuery(sort=Sort("price"), limit=ENTRIES // 2)
    first = await live.search("things", query)
    rest = [hit.id for hit in await hits(live, query)][ENTRIES // 2 :]
    gone, changed = rest[0], rest[1]
    await live.bulk("things", [Remove(gone, 2), Put(entry(int(changed[1:]), 5))])
    await live.refresh("things")
    second = await live.search("things", replace(query, after=first.next_after))
    assert [hit.id for hit in second.hits] == rest[1:]
    assert second.hits[0].payload == f"{int(changed[1:])} v5".encode()
    assert {hit.payload for hit in second.hits[1:]} == {f"{int(each[1:])} v1".encode() for each in rest[2:]}


async def test_a_walk_goes_on_behind_a_promotion(live: SearchIndex) -> None:
    query = IndexQuery(sort=Sort("price"), limit=LIMIT)
    expected = [hit.id for hit in await hits(live, query)]
    first = await live.search("things", query)
    branch = await live.open_branch("things")
    await live.bulk("things", [Put(entry(number)) for number in range(ENTRIES)], branch=branch)
    await live.promote("things", branch, expected=await live.declare(SCHEMA))
    rest = await hits(live, replace(query, after=first.next_after))
    assert [hit.id for hit in (*first.hits, *rest)] == expected


async def test_equal_scores_are_walked_by_id_however_many_they_are(live: SearchIndex) -> None:
    many = 1_450
    numbers = [number * 769 % many for number in range(many)]  # written in another order than that of the ids
    for start in range(0, many, 500):
        writes = [Put(Entry(f"e{number:05}", 1, {"title": "cup"})) for number in numbers[start : start + 500]]
        await live.bulk("things", writes)
        await live.refresh("things")
    found = [hit.id for hit in await hits(live, IndexQuery(text=Term("title", "cup"), limit=90))]
    assert len(found) == len(set(found)) == many
    assert found[RERANK_WINDOW:] == sorted(found[RERANK_WINDOW:])


@pytest.mark.parametrize("cursor", ["", ".", "x", "1", "1.", ".abc", "g.abc", "-1.abc", "+1.abc", "1_0.abc", "１.abc"])
async def test_a_cursor_without_a_sound_beginning_is_refused(live: SearchIndex, cursor: str) -> None:
    with pytest.raises(IndexCursorError):
        await live.search("things", IndexQuery(text=TEA, limit=LIMIT, after=cursor))
    good = (await live.search("things", IndexQuery(text=TEA, limit=LIMIT))).next_after
    assert good
    with pytest.raises(IndexCursorError):
        await live.search("things", IndexQuery(text=TEA, limit=LIMIT, after=f"{'f' * 40}{good}"))


async def test_a_cursor_of_a_state_that_nobody_holds_leads_on_in_the_state_of_now(live: SearchIndex) -> None:
    first = await live.search("things", IndexQuery(sort=Sort("price"), limit=LIMIT))
    assert first.next_after
    position = first.next_after.partition(".")[2]
    elsewhere = IndexQuery(sort=Sort("price"), limit=LIMIT, after=f"ffff.{position}")
    second = await live.search("things", elsewhere)
    assert {hit.id for hit in first.hits}.isdisjoint({hit.id for hit in second.hits})
