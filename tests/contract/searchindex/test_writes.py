"""Writes: the newest version wins in any order, a bad item hurts only itself, a refresh makes durable."""

import itertools
from datetime import datetime

import pytest

from services.chassis.searchindex import port
from services.chassis.searchindex.port import (
    DateField,
    Entry,
    IndexQuery,
    IndexQueryError,
    IndexSchema,
    KeywordField,
    LongField,
    Outcome,
    Put,
    Remove,
    SearchIndex,
    Term,
    TextField,
    Value,
    Write,
)
from tests.contract.searchindex.conftest import Opener

SCHEMA = IndexSchema("things", (TextField("title"), KeywordField("tag"), LongField("price"), DateField("released")))


@pytest.fixture
async def live(index: SearchIndex) -> SearchIndex:
    assert await index.declare(SCHEMA) is None
    await index.promote("things", await index.open_branch("things"), expected=None)
    return index


def put(entry_id: str, version: int, title: str = "milk", **values: Value) -> Put:
    return Put(Entry(entry_id, version, {"title": title, **values}, f"{entry_id}@{version}".encode()))


async def outcomes(index: SearchIndex, *writes: Write) -> list[Outcome]:
    return [result.outcome for result in await index.bulk("things", writes)]


async def payloads(index: SearchIndex) -> dict[str, str]:
    await index.refresh("things")
    page = await index.search("things", IndexQuery(limit=100))
    return {hit.id: hit.payload.decode() for hit in page.hits}


async def test_an_older_or_equal_version_changes_nothing(live: SearchIndex) -> None:
    assert await outcomes(live, put("a", 2)) == [Outcome.APPLIED]
    assert await outcomes(live, put("a", 1), put("a", 2), put("a", 3)) == [
        Outcome.STALE,
        Outcome.STALE,
        Outcome.APPLIED,
    ]
    await live.refresh("things")
    assert await outcomes(live, put("a", 3), Remove("a", 2)) == [Outcome.STALE, Outcome.STALE]
    assert await payloads(live) == {"a": "a@3"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("refreshed", [False, True])
async def test_writes_in_any_order_leave_the_newest(live: SearchIndex, order: tuple[int, ...], refreshed: bool) -> None:
    writes: list[Write] = [put("a", 1), Remove("a", 2), put("a", 3, "tea")]
    for place in order:
        await live.bulk("things", [writes[place]])
        if refreshed:
            await live.refresh("things")
    assert await payloads(live) == {"a": "a@3"}
    page = await live.search("things", IndexQuery(text=Term("title", "milk")))
    assert page.total == 0


async def test_a_removed_entry_is_gone_and_older_writes_do_not_bring_it_back(live: SearchIndex) -> None:
    await live.bulk("things", [put("a", 1), put("b", 1)])
    await live.refresh("things")
    assert await outcomes(live, Remove("a", 2), put("a", 1)) == [Outcome.APPLIED, Outcome.STALE]
    assert await payloads(live) == {"b": "b@1"}
    assert await outcomes(live, put("a", 1)) == [Outcome.STALE]
    assert await live.count("things") == 1


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (Put(Entry("", 1, {})), "id is empty"),
        (Put(Entry("x" * (port.ID_LIMIT_BYTES + 1), 1, {})), "id is longer"),
        (Remove("奶" * (port.ID_LIMIT_BYTES // 3 + 1), 1), "id is longer"),
        (Put(Entry("a", -1, {})), "version"),
        (Remove("a", 2**63), "version"),
        (Put(Entry("a", 1, {"nothing": "x"})), "no field"),
        (Put(Entry("a", 1, {"price": "12"})), "whole number"),
        (Put(Entry("a", 1, {"price": True})), "whole number"),
        (Put(Entry("a", 1, {"price": 2**63})), "whole number"),
        (Put(Entry("a", 1, {"released": datetime(2026, 1, 1)})), "aware"),  # noqa: DTZ001 - the naive time is the subject
        (Put(Entry("a", 1, {"title": 3})), "not a string"),
        (Put(Entry("a", 1, {"title": "x" * (port.TEXT_LIMIT_CHARACTERS + 1)})), "longer"),
        (Put(Entry("a", 1, {"tag": ("x" * (port.KEYWORD_LIMIT_BYTES + 1),)})), "longer"),
        (Put(Entry("a", 1, {"tag": ("x",) * (port.KEYWORD_VALUES_LIMIT + 1)})), "more than"),
        (Put(Entry("a", 1, {}, b"x" * (port.PAYLOAD_LIMIT_BYTES + 1))), "payload"),
    ],
)
async def test_a_bad_item_is_rejected_alone_and_says_why(live: SearchIndex, bad: Write, said: str) -> None:
    first, second, third = await live.bulk("things", [put("b", 1), bad, put("c", 1)])
    assert (first.outcome, second.outcome, third.outcome) == (Outcome.APPLIED, Outcome.REJECTED, Outcome.APPLIED)
    assert said in second.message
    assert set(await payloads(live)) == {"b", "c"}


async def test_values_at_the_limits_are_taken(live: SearchIndex) -> None:
    entry = Entry(
        "x" * port.ID_LIMIT_BYTES,
        2**63 - 1,
        {"price": -(2**63), "tag": ("y" * port.KEYWORD_LIMIT_BYTES,), "title": "z " * 1_000},
        b"p" * port.PAYLOAD_LIMIT_BYTES,
    )
    assert await outcomes(live, Put(entry)) == [Outcome.APPLIED]
    await live.refresh("things")
    assert (await live.get("things", [entry.id]))[entry.id].payload == entry.payload


@pytest.mark.parametrize("text", ["\ud800", "\x00", "💥", "e\u0301", '"\\/:*?', "\u2028", "𠮷"])
async def test_any_string_is_stored_and_found_or_replaced(live: SearchIndex, text: str) -> None:
    assert await outcomes(live, put("a", 1, f"milk {text}", tag=(text,))) == [Outcome.APPLIED]
    assert await payloads(live) == {"a": "a@1"}


async def test_a_batch_past_its_limit_is_refused(live: SearchIndex) -> None:
    with pytest.raises(IndexQueryError):
        await live.bulk("things", [put(f"p{number}", 1) for number in range(port.BULK_LIMIT + 1)])
    results = await live.bulk("things", [put(f"p{number}", 1) for number in range(port.BULK_LIMIT)])
    assert len(results) == port.BULK_LIMIT


async def test_get_answers_what_exists_and_no_more_than_a_page(live: SearchIndex) -> None:
    await live.bulk("things", [put("a", 1), put("b", 1)])
    await live.refresh("things")
    assert set(await live.get("things", ["a", "x", "b", "a"])) == {"a", "b"}
    assert await live.get("things", []) == {}
    with pytest.raises(IndexQueryError):
        await live.get("things", [str(number) for number in range(port.PAGE_LIMIT + 1)])


async def test_what_was_refreshed_is_there_after_a_restart(opener: Opener) -> None:
    first = await opener()
    await first.declare(SCHEMA)
    await first.promote("things", await first.open_branch("things"), expected=None)
    await first.bulk("things", [put("a", 3, "可乐 可口可乐")])
    await first.refresh("things")
    await first.close()

    second = await opener()
    assert await second.declare(SCHEMA) is not None
    page = await second.search("things", IndexQuery(text=Term("title", "可口可乐")))
    assert [hit.id for hit in page.hits] == ["a"]
    assert await outcomes(second, put("a", 3), put("a", 4)) == [Outcome.STALE, Outcome.APPLIED]
