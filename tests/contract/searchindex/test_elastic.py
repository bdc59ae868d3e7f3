"""What only Elasticsearch can get wrong: foreign indexes, promoters at once, lost points in time, an outage."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.chassis.searchindex.elastic import ElasticSearchIndex, Server
from services.chassis.searchindex.elastic_schema import Names
from services.chassis.searchindex.elastic_server import IndexForeignError
from services.chassis.searchindex.elastic_states import FRESH_S
from services.chassis.searchindex.port import (
    BranchConflictError,
    DateField,
    Entry,
    IndexQuery,
    IndexSchema,
    IndexUnavailableError,
    KeywordField,
    LongField,
    Outcome,
    Phrase,
    Put,
    Remove,
    Sort,
    Term,
    TextField,
)
from tests.conftest import missing
from tests.fakes.elastic import elastic_address, new_prefix, open_elastic, remove_indexes

pytestmark = pytest.mark.real

SCHEMA = IndexSchema("things", (TextField("title"), KeywordField("tag"), LongField("price"), DateField("released")))
NODE = Path(__file__).parents[3] / "infra" / "elasticsearch" / "node.sh"
LACKS = 69  # what node.sh ends with on a machine without Java or Maven


@pytest.fixture
async def prefix() -> AsyncIterator[str]:
    name = new_prefix()
    yield name
    await remove_indexes(name)


@pytest.fixture
async def index(prefix: str) -> AsyncIterator[ElasticSearchIndex]:
    opened = open_elastic(prefix)
    yield opened
    await opened.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    opened = Server(elastic_address())
    yield opened
    await opened.close()


@pytest.fixture
async def live(index: ElasticSearchIndex) -> ElasticSearchIndex:
    await index.declare(SCHEMA)
    await index.promote("things", await index.open_branch("things"), expected=None)
    return index


def put(entry_id: str, version: int = 1, title: str = "milk", **values: Any) -> Put:
    return Put(Entry(entry_id, version, {"title": title, **values}, f"{entry_id}@{version}".encode()))


async def stored(index: ElasticSearchIndex, *writes: Put | Remove) -> list[Outcome]:
    results = await index.bulk("things", writes)
    await index.refresh("things")
    return [result.outcome for result in results]


async def ids(index: ElasticSearchIndex, query: IndexQuery) -> list[str]:
    return [hit.id for hit in (await index.search("things", query)).hits]


async def seen(index: ElasticSearchIndex, expected: list[str]) -> None:
    """Return when a browse finds ``expected``; what another process refreshed is seen within FRESH_S."""
    async with asyncio.timeout(5):
        for pause_s in itertools.repeat(FRESH_S / 4):
            if await ids(index, IndexQuery()) == expected:
                return
            await asyncio.sleep(pause_s)


async def test_of_promoters_at_once_one_wins_and_nothing_of_it_is_dropped(prefix: str) -> None:
    indexes = [open_elastic(prefix) for _ in range(5)]
    for each in indexes:
        await each.declare(SCHEMA)
    for expected in (None, "live"):
        live = await indexes[0].declare(SCHEMA) if expected else None
        branches = [await each.open_branch("things") for each in indexes]
        for each, branch in zip(indexes, branches, strict=True):
            await each.bulk("things", [put(branch)], branch=branch)
        outcomes = await asyncio.gather(
            *(each.promote("things", branch, expected=live) for each, branch in zip(indexes, branches, strict=True)),
            return_exceptions=True,
        )
        won = [branch for branch, outcome in zip(branches, outcomes, strict=True) if outcome is None]
        assert len(won) == 1
        assert {type(outcome) for outcome in outcomes if outcome is not None} == {BranchConflictError}
        for each in indexes:
            assert await each.declare(SCHEMA) == won[0]
            assert await ids(each, IndexQuery()) == won
    for each in indexes:
        await each.close()


async def test_branches_opened_at_once_are_different_ones(prefix: str) -> None:
    indexes = [open_elastic(prefix) for _ in range(4)]
    for each in indexes:
        await each.declare(SCHEMA)
    branches = await asyncio.gather(*(each.open_branch("things") for each in indexes))
    assert len(set(branches)) == len(branches)
    for each in indexes:
        await each.close()


async def test_what_one_process_refreshed_another_sees(prefix: str, live: ElasticSearchIndex) -> None:
    other = open_elastic(prefix)
    await other.declare(SCHEMA)
    assert await ids(other, IndexQuery()) == []
    await stored(live, put("a"))
    await seen(other, ["a"])
    branch = await live.open_branch("things")
    await live.bulk("things", [put("b")], branch=branch)
    await live.promote("things", branch, expected=await live.declare(SCHEMA))
    await seen(other, ["b"])
    assert await stored(other, put("c")) == [Outcome.APPLIED]
    assert await ids(live, IndexQuery()) == ["b", "c"]
    await other.close()


async def test_an_alias_that_names_a_foreign_index_is_named(
    index: ElasticSearchIndex, prefix: str, server: Server
) -> None:
    alias = Names(prefix, SCHEMA).live
    await server.ask("PUT", f"/{prefix}-orders", body={"aliases": {alias: {}}})
    with pytest.raises(IndexForeignError, match=f"{prefix}-orders"):
        await index.declare(SCHEMA)


async def test_an_index_under_the_name_of_the_alias_is_named(
    index: ElasticSearchIndex, prefix: str, server: Server
) -> None:
    alias = Names(prefix, SCHEMA).live
    await server.ask("PUT", f"/{alias}")
    with pytest.raises(IndexForeignError, match=alias):
        await index.declare(SCHEMA)


@pytest.mark.parametrize(
    "mappings",
    [
        {"properties": {"title": {"type": "text"}}},
        {"dynamic": "strict", "_meta": {"zhike": {"layout": 999, "index": "things"}}},
    ],
)
async def test_a_branch_with_a_mapping_that_is_not_ours_is_named(
    index: ElasticSearchIndex, prefix: str, server: Server, mappings: dict[str, Any]
) -> None:
    names = Names(prefix, SCHEMA)
    branch = names.branch("b000001")
    await server.ask("PUT", f"/{branch}", body={"mappings": mappings, "aliases": {names.live: {}}})
    with pytest.raises(IndexForeignError, match=branch):
        await index.declare(SCHEMA)


async def test_a_template_of_the_server_that_changes_our_mapping_is_named(
    index: ElasticSearchIndex, prefix: str, server: Server
) -> None:
    extra = {"mappings": {"properties": {"surprise": {"type": "keyword"}}}}
    await server.ask(
        "PUT",
        f"/_index_template/{prefix}",
        body={"index_patterns": [f"{prefix}-*"], "template": extra, "priority": 500},
    )
    try:
        await index.declare(SCHEMA)
        with pytest.raises(IndexForeignError, match="surprise"):
            await index.open_branch("things")
    finally:
        await server.ask("DELETE", f"/_index_template/{prefix}")


async def test_what_is_not_ours_is_not_dropped(live: ElasticSearchIndex, prefix: str, server: Server) -> None:
    foreign = f"{prefix}-things-0123456789ab-b000001"
    await server.ask("PUT", f"/{foreign}")
    await live.promote("things", await live.open_branch("things"), expected=await live.declare(SCHEMA))
    assert foreign in await server.ask("GET", f"/{foreign}")


async def test_a_write_to_a_branch_that_is_gone_creates_nothing(
    live: ElasticSearchIndex, prefix: str, server: Server
) -> None:
    branch = await live.open_branch("things")
    await live.drop_branch("things", branch)
    with pytest.raises(BranchConflictError):
        await live.bulk("things", [put("a")], branch=branch)
    assert len(await server.ask("GET", f"/{prefix}-*")) == 1


async def test_a_walk_whose_point_in_time_the_server_let_go_leads_on_in_the_state_of_now(
    live: ElasticSearchIndex, server: Server
) -> None:
    await stored(live, *(put(f"p{number}", price=number) for number in range(6)))
    query = IndexQuery(sort=Sort("price"), limit=2)
    first = await live.search("things", query)
    await server.ask("DELETE", "/_pit", body={"id": (await _newest_point(live))})
    await stored(live, Remove("p2", 2))
    second = await live.search("things", replace(query, after=first.next_after))
    assert [hit.id for hit in second.hits] == ["p3", "p4"]
    assert second.total == 5


async def _newest_point(index: ElasticSearchIndex) -> str:
    return (await index._index("things").states.newest()).point


async def test_the_largest_and_the_least_number_are_not_taken_for_missing(live: ElasticSearchIndex) -> None:
    await stored(live, put("z", price=2**63 - 1), put("a"), put("y", price=-(2**63)), put("m", price=0))
    for descending, expected in ((False, ["y", "m", "z", "a"]), (True, ["z", "m", "y", "a"])):
        query = IndexQuery(sort=Sort("price", descending=descending), limit=1)
        found: list[str] = []
        while True:
            page = await live.search("things", query)
            found += [hit.id for hit in page.hits]
            if page.next_after is None:
                break
            query = replace(query, after=page.next_after)
        assert found == expected


async def test_a_long_token_is_one_token(live: ElasticSearchIndex) -> None:
    long = "词" * 300
    await stored(live, put("a", title=f"milk {long} tea"), put("b", title=f"{long[:-1]} tea"))
    assert await ids(live, IndexQuery(text=Term("title", long))) == ["a"]
    assert await ids(live, IndexQuery(text=Phrase("title", ("milk", long, "tea")))) == ["a"]
    assert await ids(live, IndexQuery(text=Phrase("title", (long[:-1], "tea")))) == ["b"]
    assert await ids(live, IndexQuery(text=Term("title", long[:255]))) == []


async def test_white_space_parts_tokens_and_nothing_else(live: ElasticSearchIndex) -> None:
    await stored(live, put("a", title="no\u00a0break\u3000wide\tline\nend a-b_c.d"))
    for token in ("no", "break", "wide", "line", "end", "a-b_c.d"):
        assert await ids(live, IndexQuery(text=Term("title", token))) == ["a"], token
    assert await ids(live, IndexQuery(text=Phrase("title", ("no", "break", "wide")))) == ["a"]
    assert await ids(live, IndexQuery(text=Phrase("title", ("no break", "wide")))) == []


async def test_an_index_that_was_made_read_only_is_unavailable_and_works_again(
    live: ElasticSearchIndex, prefix: str, server: Server
) -> None:
    path = f"/{Names(prefix, SCHEMA).live}/_settings"
    await stored(live, put("a"))
    await server.ask("PUT", path, body={"index.blocks.read_only_allow_delete": True})  # as a full disk does
    with pytest.raises(IndexUnavailableError, match="disk may be full"):
        await live.bulk("things", [put("b")])
    assert await ids(live, IndexQuery()) == ["a"]
    await server.ask("PUT", path, body={"index.blocks.read_only_allow_delete": None})
    assert await stored(live, put("b")) == [Outcome.APPLIED]


async def test_a_batch_larger_than_a_request_is_written_in_order(live: ElasticSearchIndex) -> None:
    writes = [Put(Entry("a", version, {"title": "milk"}, bytes([version]) * 1_000_000)) for version in range(1, 13)]
    assert set(await stored(live, *writes)) == {Outcome.APPLIED}
    assert (await live.get("things", ["a"]))["a"].payload == bytes([12]) * 1_000_000


async def node(action: str, folder: Path) -> str:
    """Run node.sh and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        str(NODE), action, str(folder), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, said = await process.communicate()
    if process.returncode == LACKS:
        missing(f"a part of an Elasticsearch node ({said.decode().strip()})")
    assert process.returncode == 0, said.decode()
    return printed.decode().strip()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_node_that_is_stopped_and_killed_loses_nothing_acknowledged_and_is_used_again(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    address = await node("start", folder)
    index = ElasticSearchIndex(Server(address))
    try:
        await index.declare(SCHEMA)
        await index.promote("things", await index.open_branch("things"), expected=None)
        await stored(index, *(put(f"p{number}", price=number) for number in range(9)))
        query = IndexQuery(sort=Sort("price"), limit=3)
        first = await index.search("things", query)
        for ending in ("stop", "kill"):
            await node(ending, folder)
            for call in (
                index.search("things", query),
                index.bulk("things", [put("lost")]),
                index.refresh("things"),
                index.count("things"),
                index.ping(),
            ):
                with pytest.raises(IndexUnavailableError):
                    await call
            assert await node("start", folder) == address
            await index.ping()
            assert await index.count("things") == 9
            page = await index.search("things", replace(query, after=first.next_after))
            assert [hit.id for hit in page.hits] == ["p3", "p4", "p5"]
            assert await stored(index, put("p0", 1), put(f"after-{ending}"), Remove(f"after-{ending}", 2)) == [
                Outcome.STALE,
                Outcome.APPLIED,
                Outcome.APPLIED,
            ]
    finally:
        await index.close()
        await node("stop", folder)
