"""Branches: reindexing without a gap, and nothing half-built is ever read."""

import pytest

from services.chassis.searchindex.port import (
    BranchConflictError,
    Entry,
    IndexQuery,
    IndexQueryError,
    IndexSchema,
    IndexUnavailableError,
    LongField,
    Put,
    SearchIndex,
    TextField,
)
from tests.contract.searchindex.conftest import Opener

SCHEMA = IndexSchema("things", (TextField("title"),))


async def ids(index: SearchIndex) -> list[str]:
    return [hit.id for hit in (await index.search("things", IndexQuery())).hits]


def put(entry_id: str, version: int = 1) -> Put:
    return Put(Entry(entry_id, version, {"title": "milk"}))


async def test_without_a_live_branch_there_is_no_answer(index: SearchIndex) -> None:
    await index.declare(SCHEMA)
    branch = await index.open_branch("things")
    with pytest.raises(IndexUnavailableError):
        await index.search("things", IndexQuery())
    with pytest.raises(IndexUnavailableError):
        await index.bulk("things", [put("a")])
    await index.bulk("things", [put("a")], branch=branch)
    with pytest.raises(IndexUnavailableError):
        await index.get("things", ["a"])


async def test_an_index_that_was_not_declared_is_unknown(index: SearchIndex) -> None:
    with pytest.raises(IndexQueryError):
        await index.search("things", IndexQuery())


async def test_searches_stay_on_the_live_branch_until_the_new_one_is_promoted(index: SearchIndex) -> None:
    await index.declare(SCHEMA)
    old = await index.open_branch("things")
    await index.promote("things", old, expected=None)
    await index.bulk("things", [put("a")])
    await index.refresh("things")

    new = await index.open_branch("things")
    await index.bulk("things", [put("b"), put("c")], branch=new)
    await index.refresh("things", branch=new)
    assert await ids(index) == ["a"]
    assert await index.count("things", branch=new) == 2

    await index.promote("things", new, expected=old)
    assert await ids(index) == ["b", "c"]
    with pytest.raises(BranchConflictError):
        await index.bulk("things", [put("a")], branch=old)


async def test_promoting_shows_what_was_written_without_a_refresh(index: SearchIndex) -> None:
    await index.declare(SCHEMA)
    branch = await index.open_branch("things")
    await index.bulk("things", [put("a")], branch=branch)
    await index.promote("things", branch, expected=None)
    assert await ids(index) == ["a"]


async def test_a_promotion_that_expects_another_live_branch_loses(index: SearchIndex) -> None:
    await index.declare(SCHEMA)
    first, second = await index.open_branch("things"), await index.open_branch("things")
    await index.promote("things", first, expected=None)
    with pytest.raises(BranchConflictError):
        await index.promote("things", second, expected=None)
    with pytest.raises(BranchConflictError):
        await index.promote("things", "nothing", expected=first)


async def test_only_a_branch_that_is_not_live_can_be_dropped(index: SearchIndex) -> None:
    await index.declare(SCHEMA)
    live, spare = await index.open_branch("things"), await index.open_branch("things")
    await index.promote("things", live, expected=None)
    with pytest.raises(BranchConflictError):
        await index.drop_branch("things", live)
    await index.drop_branch("things", spare)
    await index.drop_branch("things", spare)
    assert await index.declare(SCHEMA) == live


async def test_the_promoted_branch_is_live_after_a_restart_and_unfinished_ones_are_not(opener: Opener) -> None:
    first = await opener()
    await first.declare(SCHEMA)
    live = await first.open_branch("things")
    await first.bulk("things", [put("a")], branch=live)
    await first.promote("things", live, expected=None)
    unfinished = await first.open_branch("things")
    await first.bulk("things", [put("b")], branch=unfinished)
    await first.close()

    second = await opener()
    assert await second.declare(SCHEMA) == live
    assert await ids(second) == ["a"]
    assert await second.open_branch("things") not in {live, unfinished}


async def test_a_changed_schema_has_no_live_branch_until_one_is_filled(opener: Opener) -> None:
    first = await opener()
    await first.declare(SCHEMA)
    await first.promote("things", await first.open_branch("things"), expected=None)
    await first.close()

    second = await opener()
    assert await second.declare(IndexSchema("things", (TextField("title"), LongField("price")))) is None
    weighed = await opener()
    await second.close()
    assert await weighed.declare(IndexSchema("things", (TextField("title", weight=3.0),))) is not None


async def test_a_closed_index_says_so(index: SearchIndex) -> None:
    await index.declare(SCHEMA)
    await index.promote("things", await index.open_branch("things"), expected=None)
    await index.ping()
    await index.close()
    with pytest.raises(IndexUnavailableError):
        await index.ping()
    with pytest.raises(IndexUnavailableError):
        await index.search("things", IndexQuery())
