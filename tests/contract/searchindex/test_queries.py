"""Queries past a limit, against the schema or with a foreign cursor are refused; long walks end where they say."""

import base64
from dataclasses import replace

import pytest

from services.chassis.searchindex import port
from services.chassis.searchindex.port import (
    AllOf,
    AnyOf,
    Boost,
    Entry,
    IndexCursorError,
    IndexQuery,
    IndexQueryError,
    IndexSchema,
    KeywordField,
    KeywordFilter,
    LongField,
    Node,
    Put,
    RangeFilter,
    RangesFacet,
    SearchIndex,
    Sort,
    Term,
    TermsFacet,
    TextField,
)

SCHEMA = IndexSchema("things", (TextField("title"), KeywordField("tag"), LongField("price")))
MILK = Term("title", "milk")


@pytest.fixture
async def live(index: SearchIndex) -> SearchIndex:
    await index.declare(SCHEMA)
    await index.promote("things", await index.open_branch("things"), expected=None)
    writes = [
        Put(Entry(f"p{number:04}", 1, {"title": "milk", "tag": "x", "price": number % 3})) for number in range(30)
    ]
    await index.bulk("things", writes)
    await index.refresh("things")
    return index


@pytest.mark.parametrize(
    "query",
    [
        IndexQuery(limit=0),
        IndexQuery(limit=port.PAGE_LIMIT + 1),
        IndexQuery(text=AnyOf((MILK,) * port.NODE_LIMIT)),
        IndexQuery(text=AllOf(())),
        IndexQuery(text=MILK, tiers=(MILK,) * (port.TIER_LIMIT + 1)),
        IndexQuery(text=Term("price", "1")),
        IndexQuery(text=Term("nothing", "x")),
        IndexQuery(filters=(KeywordFilter("tag", ("x",)),) * (port.FILTER_LIMIT + 1)),
        IndexQuery(filters=(KeywordFilter("tag", ()),)),
        IndexQuery(filters=(KeywordFilter("tag", ("x",) * (port.FILTER_VALUES_LIMIT + 1)),)),
        IndexQuery(filters=(KeywordFilter("title", ("milk",)),)),
        IndexQuery(filters=(RangeFilter("tag", 1, 2),)),
        IndexQuery(filters=(RangeFilter("price"),)),
        IndexQuery(filters=(RangeFilter("price", at_least=2**63),)),
        IndexQuery(facets=(TermsFacet("tag"),) * (port.FACET_LIMIT + 1)),
        IndexQuery(facets=(TermsFacet("price"),)),
        IndexQuery(facets=(TermsFacet("tag", port.BUCKET_LIMIT + 1),)),
        IndexQuery(facets=(RangesFacet("price", ()),)),
        IndexQuery(facets=(RangesFacet("price", (2, 1)),)),
        IndexQuery(facets=(RangesFacet("tag", (1, 2)),)),
        IndexQuery(sort=Sort("tag")),
        IndexQuery(text=MILK, boosts=(Boost("tag", 1.0),)),
        IndexQuery(text=MILK, boosts=(Boost("price", -1.0),)),
        IndexQuery(text=MILK, boosts=(Boost("price", 1.0, pivot=0.0),)),
    ],
)
async def test_a_query_past_a_limit_or_against_the_schema_is_refused(live: SearchIndex, query: IndexQuery) -> None:
    with pytest.raises(IndexQueryError):
        await live.search("things", query)


async def test_a_query_at_its_limits_is_answered(live: SearchIndex) -> None:
    wide = AnyOf((MILK,) * (port.NODE_LIMIT - 1))
    assert (await live.search("things", IndexQuery(text=wide, limit=port.PAGE_LIMIT))).total == 30
    tiers: tuple[Node, ...] = (MILK,) * port.TIER_LIMIT
    page = await live.search("things", IndexQuery(text=MILK, tiers=tiers, limit=1))
    assert page.hits[0].tier == port.TIER_LIMIT


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "=" * 8,
        "A" * (port.CURSOR_LIMIT_CHARACTERS + 1),
        base64.urlsafe_b64encode(b'["relevance",1]').decode(),
    ],
)
@pytest.mark.parametrize("query", [IndexQuery(), IndexQuery(text=MILK), IndexQuery(sort=Sort("price"))])
async def test_a_garbled_cursor_is_refused(live: SearchIndex, query: IndexQuery, cursor: str) -> None:
    if not cursor:
        assert (await live.search("things", replace(query, after=None))).total == 30
        return
    with pytest.raises(IndexCursorError):
        await live.search("things", replace(query, after=cursor))


async def test_a_cursor_of_another_order_is_refused(live: SearchIndex) -> None:
    by_price = await live.search("things", IndexQuery(sort=Sort("price"), limit=5))
    assert by_price.next_after
    for other in (IndexQuery(), IndexQuery(text=MILK), IndexQuery(sort=Sort("price", descending=True))):
        with pytest.raises(IndexCursorError):
            await live.search("things", replace(other, after=by_price.next_after))


async def test_relevance_pages_join_up_across_the_window_and_end_at_the_depth(live: SearchIndex) -> None:
    for start in range(0, port.RELEVANCE_DEPTH + 200, 400):
        writes = [
            Put(Entry(f"q{number:04}", 1, {"title": "tea" + " leaf" * (number % 7), "price": number}))
            for number in range(start, min(start + 400, port.RELEVANCE_DEPTH + 200))
        ]
        await live.bulk("things", writes)
        await live.refresh("things")
    query = IndexQuery(text=Term("title", "tea"), boosts=(Boost("price", 0.5, 500.0),), limit=90)
    found: list[str] = []
    scores: list[float] = []
    page = await live.search("things", query)
    while True:
        found += [hit.id for hit in page.hits]
        scores += [hit.score for hit in page.hits]
        if page.next_after is None:
            break
        page = await live.search("things", replace(query, after=page.next_after))
    assert page.total == port.RELEVANCE_DEPTH + 200
    assert len(found) == len(set(found)) == port.RELEVANCE_DEPTH
    window = scores[: port.RERANK_WINDOW]
    assert window == sorted(window, reverse=True)


async def test_a_cursor_of_an_entry_that_went_away_still_leads_on(live: SearchIndex) -> None:
    query = IndexQuery(sort=Sort("price"), limit=7)
    first = await live.search("things", query)
    await live.bulk("things", [port.Remove(hit.id, 2) for hit in first.hits])
    await live.refresh("things")
    second = await live.search("things", replace(query, after=first.next_after))
    assert [hit.id for hit in second.hits] == ["p0021", "p0024", "p0027", "p0001", "p0004", "p0007", "p0010"]
