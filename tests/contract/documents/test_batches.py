"""Ordered batches and many callers at once: a prefix stays, one winner, nobody harmed by another's failure."""

import asyncio
from typing import Any

import pytest

from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    RevisionMismatchError,
)

EVENTS = Collection("events", (Index("seq", ("log", "partition", "seq"), unique=True),))


@pytest.fixture
async def events(documents: DocumentStore) -> DocumentStore:
    await documents.declare(EVENTS)
    return documents


def event(seq: int | None) -> dict[str, Any]:
    return {"log": "l", "partition": 0, "seq": seq}


async def keys(store: DocumentStore) -> list[str]:
    return [document.key for document in (await store.scan(EVENTS, limit=1_000)).documents]


async def test_a_batch_is_stored_in_order(events: DocumentStore) -> None:
    await events.insert_many(EVENTS, [(f"e{number}", event(number)) for number in range(9, 0, -1)])
    found = (await events.find(EVENTS, "seq", {"log": "l", "partition": 0})).documents
    assert [document.key for document in found] == [f"e{number}" for number in range(1, 10)]
    assert {document.revision for document in found} == {1}


async def test_an_empty_batch_is_nothing(events: DocumentStore) -> None:
    await events.insert_many(EVENTS, [])
    assert await events.count(EVENTS) == 0


@pytest.mark.parametrize("place", [0, 1, 4])
async def test_a_batch_stops_at_the_first_taken_key_and_keeps_its_prefix(events: DocumentStore, place: int) -> None:
    await events.insert(EVENTS, "taken", {})
    items = [(f"e{number}", event(number)) for number in range(5)]
    items[place] = ("taken", event(place))
    with pytest.raises(KeyTakenError) as caught:
        await events.insert_many(EVENTS, items)
    error = caught.value
    assert (error.position, error.key, error.index) == (place, "taken", "key")
    assert await keys(events) == [f"e{number}" for number in range(place)] + ["taken"]


@pytest.mark.parametrize("place", [0, 1, 4])
async def test_a_batch_stops_at_the_first_taken_number_and_names_the_index(events: DocumentStore, place: int) -> None:
    await events.insert(EVENTS, "z", event(place))
    with pytest.raises(KeyTakenError) as caught:
        await events.insert_many(EVENTS, [(f"e{number}", event(number)) for number in range(5)])
    error = caught.value
    assert (error.position, error.key, error.index) == (place, f"e{place}", "seq")
    assert await keys(events) == [f"e{number}" for number in range(place)] + ["z"]


async def test_a_key_repeated_inside_a_batch_is_taken_the_second_time(events: DocumentStore) -> None:
    with pytest.raises(KeyTakenError) as caught:
        await events.insert_many(EVENTS, [("a", {"v": 1}), ("b", {}), ("a", {"v": 2}), ("c", {})])
    assert (caught.value.position, caught.value.index) == (2, "key")
    assert await keys(events) == ["a", "b"]
    assert (await events.get(EVENTS, "a")).body == {"v": 1}  # type: ignore[union-attr]


async def test_fifty_contenders_for_one_revision_have_one_winner(events: DocumentStore) -> None:
    await events.insert(EVENTS, "doc", {"winner": None})

    async def contend(name: int) -> Document | RevisionMismatchError:
        try:
            return await events.replace(EVENTS, "doc", {"winner": name}, expected_revision=1)
        except RevisionMismatchError as error:
            return error

    results = await asyncio.gather(*(contend(name) for name in range(50)))
    winners = [result for result in results if isinstance(result, Document)]
    losers = [result for result in results if isinstance(result, RevisionMismatchError)]
    assert (len(winners), len(losers)) == (1, 49)
    assert {loser.actual for loser in losers} == {2}
    assert await events.get(EVENTS, "doc") == winners[0]


async def test_fifty_compare_and_set_loops_lose_no_increment(events: DocumentStore) -> None:
    await events.insert(EVENTS, "counter", {"value": 0})

    async def increment() -> None:
        while True:
            document = await events.get(EVENTS, "counter")
            assert document is not None
            body = {"value": document.body["value"] + 1}
            try:
                await events.replace(EVENTS, "counter", body, expected_revision=document.revision)
            except RevisionMismatchError:
                continue
            return

    await asyncio.gather(*(increment() for _ in range(50)))
    document = await events.get(EVENTS, "counter")
    assert document is not None
    assert (document.body, document.revision) == ({"value": 50}, 51)


async def test_of_many_inserts_of_one_key_or_number_one_is_stored(events: DocumentStore) -> None:
    by_key = await asyncio.gather(
        *(events.insert(EVENTS, "same", {"by": name}) for name in range(30)), return_exceptions=True
    )
    by_number = await asyncio.gather(
        *(events.insert(EVENTS, f"e{name}", event(1)) for name in range(30)), return_exceptions=True
    )
    for results, index in ((by_key, "key"), (by_number, "seq")):
        assert sum(isinstance(result, Document) for result in results) == 1
        assert {result.index for result in results if isinstance(result, KeyTakenError)} == {index}


async def test_failures_among_concurrent_writes_harm_no_other(events: DocumentStore) -> None:
    await events.insert_many(EVENTS, [("taken", event(0)), ("edited", {})])
    await events.replace(EVENTS, "edited", {}, expected_revision=1)

    async def attempt(number: int) -> str:
        kind = number % 5
        try:
            if kind == 0:
                await events.insert(EVENTS, f"good{number:03}", event(number + 1))
            elif kind == 1:
                await events.insert(EVENTS, "taken", {})
            elif kind == 2:
                await events.replace(EVENTS, "edited", {}, expected_revision=1)
            elif kind == 3:
                await events.insert_many(EVENTS, [(f"half{number:03}", {}), ("taken", {}), (f"never{number}", {})])
            else:
                await events.delete(EVENTS, "taken", expected_revision=7)
        except (KeyTakenError, RevisionMismatchError) as error:
            return type(error).__name__
        return "done"

    results = await asyncio.gather(*(attempt(number) for number in range(100)))
    expected = ["done", "KeyTakenError", "RevisionMismatchError", "KeyTakenError", "RevisionMismatchError"]
    assert results == expected * 20
    stored = await keys(events)
    assert sum(key.startswith("good") for key in stored) == 20
    assert sum(key.startswith("half") for key in stored) == 20
    assert not any(key.startswith("never") for key in stored)


async def test_a_read_after_an_acknowledgement_sees_the_write(events: DocumentStore) -> None:
    async def write_and_read(number: int) -> None:
        await events.insert(EVENTS, f"k{number}", event(number))
        assert await events.get(EVENTS, f"k{number}") is not None
        found = await events.find(EVENTS, "seq", {"log": "l", "partition": 0, "seq": number})
        assert len(found.documents) == 1
        assert f"k{number}" in await events.get_many(EVENTS, [f"k{number}"])
        assert await events.count(EVENTS, "seq", {"log": "l", "partition": 0, "seq": number}) == 1

    await asyncio.gather(*(write_and_read(number) for number in range(100)))


async def test_a_caller_that_goes_away_leaves_the_others_answered(events: DocumentStore) -> None:
    tasks = [asyncio.create_task(events.insert(EVENTS, f"k{number}", {})) for number in range(40)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, Document) for result in results[1::2])
    stored = set(await keys(events))
    assert {f"k{number}" for number in range(1, 40, 2)} <= stored
    await events.insert(EVENTS, "next", {})


async def test_closing_finishes_what_was_accepted(events: DocumentStore) -> None:
    tasks = [asyncio.create_task(events.insert(EVENTS, f"k{number}", {})) for number in range(40)]
    await asyncio.sleep(0)
    await events.close()
    assert all(isinstance(result, Document) for result in await asyncio.gather(*tasks))
