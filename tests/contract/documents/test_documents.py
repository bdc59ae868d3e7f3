"""One document at a time: what get, insert, replace and delete promise, and their limits."""

from types import MappingProxyType
from typing import Any

import pytest

from services.chassis.documents.port import (
    BATCH_LIMIT,
    BODY_LIMIT_BYTES,
    INDEXED_LIMIT_BYTES,
    KEY_LIMIT_BYTES,
    Collection,
    DocumentFormError,
    DocumentLimitError,
    DocumentStore,
    Index,
    KeyTakenError,
    RevisionMismatchError,
    StoreUnavailableError,
)
from services.chassis.errors import ErrorKind

PEOPLE = Collection("people", (Index("by_card", ("card",), unique=True), Index("by_town", ("town",))))
KEYS = [
    "a",
    "A b",
    "客",
    "知客/1",
    "🙂",
    "é",
    "e\u0301",
    "１２",
    "a\u0000b",
    "'; DROP TABLE c1; --",
    "%_",
    "\u202e",
    "[1]",
]


@pytest.fixture
async def people(documents: DocumentStore) -> DocumentStore:
    await documents.declare(PEOPLE)
    return documents


async def test_what_was_inserted_is_read_back_at_revision_one(people: DocumentStore) -> None:
    body: dict[str, Any] = {
        "text": "知客 🙂 é \u0000 \u202e",
        "int": -(2**63),
        "float": 0.1,
        "yes": True,
        "nothing": None,
        "list": [1, "a", [], {}],
        "nested": {"a.b": {"": 1}},
        "": "empty name",
    }
    inserted = await people.insert(PEOPLE, "p1", body)
    assert (inserted.key, inserted.body, inserted.revision) == ("p1", body, 1)
    assert await people.get(PEOPLE, "p1") == inserted


async def test_an_empty_body_is_a_document(people: DocumentStore) -> None:
    assert (await people.insert(PEOPLE, "p1", {})).body == {}


async def test_a_missing_key_is_none(people: DocumentStore) -> None:
    assert await people.get(PEOPLE, "nobody") is None


async def test_a_taken_key_is_refused_and_changes_nothing(people: DocumentStore) -> None:
    await people.insert(PEOPLE, "p1", {"v": 1})
    with pytest.raises(KeyTakenError) as caught:
        await people.insert(PEOPLE, "p1", {"v": 2})
    error = caught.value
    assert (error.key, error.index, error.position, error.kind) == ("p1", "key", 0, ErrorKind.CONFLICT)
    document = await people.get(PEOPLE, "p1")
    assert document is not None
    assert (document.body, document.revision) == ({"v": 1}, 1)


async def test_a_taken_unique_value_is_refused_by_insert_and_replace(people: DocumentStore) -> None:
    await people.insert(PEOPLE, "p1", {"card": "c1"})
    with pytest.raises(KeyTakenError) as caught:
        await people.insert(PEOPLE, "p2", {"card": "c1"})
    assert (caught.value.key, caught.value.index) == ("p2", "by_card")
    await people.insert(PEOPLE, "p2", {"card": "c2"})
    with pytest.raises(KeyTakenError) as caught:
        await people.replace(PEOPLE, "p2", {"card": "c1"}, expected_revision=1)
    assert (caught.value.key, caught.value.index) == ("p2", "by_card")
    document = await people.get(PEOPLE, "p2")
    assert document is not None
    assert (document.body, document.revision) == ({"card": "c2"}, 1)


async def test_a_document_may_keep_its_own_unique_value(people: DocumentStore) -> None:
    await people.insert(PEOPLE, "p1", {"card": "c1"})
    assert (await people.replace(PEOPLE, "p1", {"card": "c1", "v": 2}, expected_revision=1)).revision == 2


async def test_a_unique_value_is_free_again_after_replace_and_after_delete(people: DocumentStore) -> None:
    await people.insert(PEOPLE, "p1", {"card": "c1"})
    await people.replace(PEOPLE, "p1", {"card": "c2"}, expected_revision=1)
    await people.insert(PEOPLE, "p2", {"card": "c1"})
    await people.delete(PEOPLE, "p2")
    await people.insert(PEOPLE, "p3", {"card": "c1"})


async def test_where_key_and_unique_value_are_taken_the_key_is_named(people: DocumentStore) -> None:
    await people.insert(PEOPLE, "p1", {"card": "c1"})
    with pytest.raises(KeyTakenError) as caught:
        await people.insert(PEOPLE, "p1", {"card": "c1"})
    assert caught.value.index == "key"


async def test_of_two_taken_unique_values_the_first_declared_is_named(documents: DocumentStore) -> None:
    both = Collection("both", (Index("z", ("z",), unique=True), Index("a", ("a",), unique=True)))
    await documents.declare(both)
    await documents.insert(both, "1", {"a": 1, "z": 1})
    with pytest.raises(KeyTakenError) as caught:
        await documents.insert(both, "2", {"a": 1, "z": 1})
    assert caught.value.index == "z"


async def test_a_unique_index_tells_numbers_from_text_and_a_bool_is_a_number(people: DocumentStore) -> None:
    await people.insert(PEOPLE, "text", {"card": "1"})
    await people.insert(PEOPLE, "number", {"card": 1})
    with pytest.raises(KeyTakenError):
        await people.insert(PEOPLE, "yes", {"card": True})


async def test_replace_sets_body_and_next_revision(people: DocumentStore) -> None:
    await people.insert(PEOPLE, "p1", {"v": 1})
    replaced = await people.replace(PEOPLE, "p1", {"w": 2}, expected_revision=1)
    assert (replaced.body, replaced.revision) == ({"w": 2}, 2)
    assert await people.get(PEOPLE, "p1") == replaced


@pytest.mark.parametrize("expected", [0, 2, -1, 2**63, 2**70, -(2**70)])
async def test_another_revision_refuses_replace_and_delete(people: DocumentStore, expected: int) -> None:
    await people.insert(PEOPLE, "p1", {"v": 1})
    for attempt in (
        people.replace(PEOPLE, "p1", {"v": 2}, expected_revision=expected),
        people.delete(PEOPLE, "p1", expected_revision=expected),
    ):
        with pytest.raises(RevisionMismatchError) as caught:
            await attempt
        error = caught.value
        assert (error.key, error.expected, error.actual, error.kind) == ("p1", expected, 1, ErrorKind.ABORTED)
    assert (await people.get(PEOPLE, "p1")).body == {"v": 1}  # type: ignore[union-attr]


async def test_replacing_or_deleting_by_revision_what_is_not_there_names_none_as_actual(people: DocumentStore) -> None:
    for attempt in (
        people.replace(PEOPLE, "p1", {}, expected_revision=1),
        people.delete(PEOPLE, "p1", expected_revision=1),
    ):
        with pytest.raises(RevisionMismatchError) as caught:
            await attempt
        assert caught.value.actual is None


async def test_a_lost_compare_and_set_is_told_before_a_taken_value(people: DocumentStore) -> None:
    await people.insert(PEOPLE, "p1", {"card": "c1"})
    await people.insert(PEOPLE, "p2", {"card": "c2"})
    with pytest.raises(RevisionMismatchError):
        await people.replace(PEOPLE, "p2", {"card": "c1"}, expected_revision=9)


async def test_delete_tells_whether_it_was_there(people: DocumentStore) -> None:
    await people.insert(PEOPLE, "p1", {"town": "a"})
    assert await people.delete(PEOPLE, "p1") is True
    assert await people.delete(PEOPLE, "p1") is False
    assert await people.get(PEOPLE, "p1") is None
    assert (await people.find(PEOPLE, "by_town", {"town": "a"})).documents == ()


async def test_delete_with_the_right_revision_removes(people: DocumentStore) -> None:
    await people.insert(PEOPLE, "p1", {})
    assert await people.delete(PEOPLE, "p1", expected_revision=1) is True


async def test_get_many_returns_those_that_exist(people: DocumentStore) -> None:
    await people.insert_many(PEOPLE, [(key, {"k": key}) for key in KEYS])
    found = await people.get_many(PEOPLE, [*KEYS, "nobody", KEYS[0]])
    assert {key: document.body for key, document in found.items()} == {key: {"k": key} for key in KEYS}
    assert await people.get_many(PEOPLE, []) == {}


async def test_any_text_is_a_key_as_it_is(people: DocumentStore) -> None:
    for key in KEYS:
        await people.insert(PEOPLE, key, {"k": key})
    for key in KEYS:
        assert (await people.get(PEOPLE, key)).body == {"k": key}  # type: ignore[union-attr]


@pytest.mark.parametrize("letter", ["k", "客", "🙂"])
async def test_a_key_at_its_limit_is_taken_and_one_past_it_refused(people: DocumentStore, letter: str) -> None:
    width = len(letter.encode())
    longest = letter * (KEY_LIMIT_BYTES // width) + "k" * (KEY_LIMIT_BYTES % width)
    await people.insert(PEOPLE, longest, {})
    for key in (longest + "k", ""):
        for attempt in (
            people.insert(PEOPLE, key, {}),
            people.insert_many(PEOPLE, [("fine", {}), (key, {})]),
            people.replace(PEOPLE, key, {}, expected_revision=1),
            people.get(PEOPLE, key),
            people.get_many(PEOPLE, ["fine", key]),
            people.delete(PEOPLE, key),
        ):
            with pytest.raises(DocumentLimitError):
                await attempt
    assert await people.count(PEOPLE) == 1, "a batch with one bad item stores nothing"


async def test_a_body_at_its_limit_is_taken_and_one_past_it_refused(people: DocumentStore) -> None:
    longest = {"x": "a" * (BODY_LIMIT_BYTES - len('{"x":""}'))}
    await people.insert(PEOPLE, "p1", longest)
    assert (await people.get(PEOPLE, "p1")).body == longest  # type: ignore[union-attr]
    too_long = {"x": longest["x"] + "a"}
    for attempt in (
        people.insert(PEOPLE, "p2", too_long),
        people.insert_many(PEOPLE, [("p3", {}), ("p2", too_long)]),
        people.replace(PEOPLE, "p1", too_long, expected_revision=1),
    ):
        with pytest.raises(DocumentLimitError):
            await attempt
    assert await people.count(PEOPLE) == 1


async def test_an_indexed_text_at_its_limit_is_taken_and_one_past_it_refused(people: DocumentStore) -> None:
    longest = "城" * (INDEXED_LIMIT_BYTES // 3) + "a" * (INDEXED_LIMIT_BYTES % 3)
    await people.insert(PEOPLE, "p1", {"town": longest})
    assert len((await people.find(PEOPLE, "by_town", {"town": longest})).documents) == 1
    with pytest.raises(DocumentLimitError):
        await people.insert(PEOPLE, "p2", {"town": longest + "a"})


async def test_a_batch_at_its_limit_is_taken_and_one_past_it_refused(people: DocumentStore) -> None:
    items = [(f"k{number:04}", {"n": number}) for number in range(BATCH_LIMIT)]
    await people.insert_many(PEOPLE, items)
    keys = [key for key, _ in items]
    assert len(await people.get_many(PEOPLE, keys)) == BATCH_LIMIT
    with pytest.raises(DocumentLimitError):
        await people.insert_many(PEOPLE, [(f"x{key}", body) for key, body in [*items, ("one more", {})]])
    with pytest.raises(DocumentLimitError):
        await people.get_many(PEOPLE, [*keys, "one more"])
    assert await people.count(PEOPLE) == BATCH_LIMIT


@pytest.mark.parametrize(
    "body", [{1: "x"}, {"x": object()}, {"x": {1, 2}}, {"x": "\ud800"}, {"x": b""}, [], "text", None]
)
async def test_what_json_cannot_say_is_refused_as_a_body(people: DocumentStore, body: Any) -> None:
    for attempt in (people.insert(PEOPLE, "p1", body), people.insert_many(PEOPLE, [("p0", {}), ("p1", body)])):
        with pytest.raises(DocumentFormError):
            await attempt
    assert await people.count(PEOPLE) == 0


@pytest.mark.parametrize("value", [1.5, [], ["a"], {}, {"a": 1}, 2**63])
async def test_an_indexed_value_is_text_or_a_number_of_64_bits(people: DocumentStore, value: Any) -> None:
    await people.insert(PEOPLE, "p0", {})
    for attempt in (
        people.insert(PEOPLE, "p1", {"town": value}),
        people.insert_many(PEOPLE, [("p2", {}), ("p1", {"town": value})]),
        people.replace(PEOPLE, "p0", {"town": value}, expected_revision=1),
        people.find(PEOPLE, "by_town", {"town": value}),
    ):
        with pytest.raises(DocumentFormError):
            await attempt
    assert await people.count(PEOPLE) == 1


async def test_a_key_with_a_lone_surrogate_is_refused(people: DocumentStore) -> None:
    for attempt in (
        people.insert(PEOPLE, "\ud800", {}),
        people.get(PEOPLE, "\ud800"),
        people.scan(PEOPLE, after="\ud800"),
        people.find(PEOPLE, "by_town", {"town": "\ud800"}),
    ):
        with pytest.raises(DocumentFormError):
            await attempt


async def test_a_stored_body_is_no_ones_to_change(people: DocumentStore) -> None:
    body: dict[str, Any] = {"list": [1]}
    inserted = await people.insert(PEOPLE, "p1", body)
    body["list"].append(2)
    inserted.body["list"].append(3)
    first = await people.get(PEOPLE, "p1")
    assert first is not None
    first.body["list"].append(4)
    assert (await people.get(PEOPLE, "p1")).body == {"list": [1]}  # type: ignore[union-attr]


async def test_read_only_mappings_are_bodies_too(people: DocumentStore) -> None:
    body = MappingProxyType({"town": "a", "inner": MappingProxyType({"b": 1})})
    await people.insert(PEOPLE, "p1", body)
    (document,) = (await people.find(PEOPLE, "by_town", {"town": "a"})).documents
    assert document.body == {"town": "a", "inner": {"b": 1}}


async def test_ping_answers_until_the_store_is_closed_and_then_everything_refuses(people: DocumentStore) -> None:
    await people.ping()
    await people.insert(PEOPLE, "p1", {})
    await people.close()
    for attempt in (
        people.ping(),
        people.declare(PEOPLE),
        people.get(PEOPLE, "p1"),
        people.get_many(PEOPLE, ["p1"]),
        people.insert(PEOPLE, "p2", {}),
        people.insert_many(PEOPLE, [("p2", {})]),
        people.replace(PEOPLE, "p1", {}, expected_revision=1),
        people.delete(PEOPLE, "p1"),
        people.find(PEOPLE, "by_town", {}),
        people.scan(PEOPLE),
        people.count(PEOPLE),
        people.drop(PEOPLE),
        people.leave_no_trace(),
    ):
        with pytest.raises(StoreUnavailableError):
            await attempt
    await people.close()
