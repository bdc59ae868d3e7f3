"""Reads by a declared index and in key order: which documents, in which order, page by page."""

from typing import Any

import pytest

from services.chassis.documents.port import (
    PAGE_LIMIT,
    Collection,
    Document,
    DocumentFormError,
    DocumentLimitError,
    DocumentStore,
    Index,
    Range,
    UnknownIndexError,
)

ORDERS = Collection(
    "orders",
    (
        Index("by_shop_day", ("shop", "day", "total")),
        Index("by_number", ("shop", "number"), unique=True),
        Index("by_card", ("person.card",)),
    ),
)
# Values in their one order: None, numbers, text bytewise by UTF-8.
ORDERED_VALUES = [
    None,
    -(2**63),
    -1,
    0,
    1,
    2**63 - 1,
    "",
    "\u0000",
    "1",
    "A",
    "a",
    "ab",
    "é",
    "客",
    "知",
    "\uffff",
    "🙂",
]


@pytest.fixture
async def orders(documents: DocumentStore) -> DocumentStore:
    await documents.declare(ORDERS)
    return documents


def keys(documents: tuple[Document, ...]) -> list[str]:
    return [document.key for document in documents]


async def find_all(
    store: DocumentStore, index: str, equals: dict[str, Any], *, limit: int = 2, **more: Any
) -> list[str]:
    """Read every page; whatever the limit, the pages together are the answer."""
    found: list[str] = []
    after = None
    while True:
        page = await store.find(ORDERS, index, equals, after=after, limit=limit, **more)
        assert len(page.documents) <= limit
        found += keys(page.documents)
        after = page.next_after
        if after is None:
            return found
        assert len(page.documents) == limit


async def scan_all(store: DocumentStore, *, limit: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = await store.scan(ORDERS, after=after, limit=limit)
        found += keys(page.documents)
        after = page.next_after
        if after is None:
            return found


@pytest.fixture
async def sample(orders: DocumentStore) -> DocumentStore:
    await orders.insert_many(
        ORDERS,
        [
            ("o5", {"shop": "s1", "day": 2, "total": 50, "number": "5"}),
            ("o1", {"shop": "s1", "day": 1, "total": 90, "number": "1"}),
            ("o4", {"shop": "s1", "day": 2, "total": 40, "number": "4"}),
            ("o2", {"shop": "s1", "day": 1, "total": 90, "number": "2"}),
            ("o3", {"shop": "s1", "day": 2, "number": "3"}),
            ("o6", {"shop": "s1", "day": 3, "total": 10}),
            ("o7", {"shop": "s2", "day": 1, "total": 10, "number": "1"}),
            ("o8", {"day": 1}),
        ],
    )
    return orders


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("equals", "expected"),
    [
        ({}, ["o8", "o1", "o2", "o3", "o4", "o5", "o6", "o7"]),
        ({"shop": "s1"}, ["o1", "o2", "o3", "o4", "o5", "o6"]),
        ({"shop": "s1", "day": 2}, ["o3", "o4", "o5"]),
        ({"day": 1, "shop": "s1", "total": 90}, ["o1", "o2"]),
        ({"shop": "s1", "day": 2, "total": None}, ["o3"]),
        ({"shop": None}, ["o8"]),
        ({"shop": "s3"}, []),
    ],
)
async def test_a_find_by_leading_fields_is_in_index_order_then_key(
    sample: DocumentStore, equals: dict[str, Any], expected: list[str], limit: int
) -> None:
    assert await find_all(sample, "by_shop_day", equals, limit=limit) == expected
    assert await find_all(sample, "by_shop_day", equals, limit=limit, descending=True) == expected[::-1]
    assert await sample.count(ORDERS, "by_shop_day", equals) == len(expected)


@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize(
    ("equals", "range_", "expected"),
    [
        ({"shop": "s1"}, Range(at_least=2), ["o3", "o4", "o5", "o6"]),
        ({"shop": "s1"}, Range(below=2), ["o1", "o2"]),
        ({"shop": "s1"}, Range(at_least=2, below=3), ["o3", "o4", "o5"]),
        ({"shop": "s1"}, Range(at_least=3, below=2), []),
        ({"shop": "s1"}, Range(), ["o1", "o2", "o3", "o4", "o5", "o6"]),
        ({"shop": "s1", "day": 2}, Range(below=50), ["o4"]),
        ({"shop": "s1", "day": 2}, Range(at_least=0), ["o4", "o5"]),
        ({"shop": "s1"}, Range(at_least="a"), []),
        ({}, Range(at_least="s2"), ["o7"]),
        ({}, Range(below="s2"), ["o1", "o2", "o3", "o4", "o5", "o6"]),
        ({}, Range(below=1_000), []),
    ],
)
async def test_a_range_takes_at_least_and_below_on_the_next_field_and_never_none(
    sample: DocumentStore, equals: dict[str, Any], range_: Range, expected: list[str], limit: int
) -> None:
    assert await find_all(sample, "by_shop_day", equals, range_=range_, limit=limit) == expected
    assert await find_all(sample, "by_shop_day", equals, range_=range_, limit=limit, descending=True) == expected[::-1]


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_a_unique_index_leaves_out_what_lacks_one_of_its_fields(sample: DocumentStore, limit: int) -> None:
    assert await find_all(sample, "by_number", {}, limit=limit) == ["o1", "o2", "o3", "o4", "o5", "o7"]
    assert await find_all(sample, "by_number", {"shop": "s1"}, limit=limit) == ["o1", "o2", "o3", "o4", "o5"]
    descending = await find_all(sample, "by_number", {"shop": "s1"}, limit=limit, descending=True)
    assert descending == ["o5", "o4", "o3", "o2", "o1"]
    ranged = await find_all(sample, "by_number", {"shop": "s1"}, limit=limit, range_=Range(at_least="2", below="5"))
    assert ranged == ["o2", "o3", "o4"]
    assert await find_all(sample, "by_number", {"shop": "s1", "number": "4"}, limit=limit) == ["o4"]
    assert await find_all(sample, "by_number", {"shop": "s1", "number": None}, limit=limit) == []
    assert await sample.count(ORDERS, "by_number") == 6
    assert await sample.count(ORDERS, "by_number", {"shop": None}) == 0


async def test_several_documents_may_lack_a_unique_field(orders: DocumentStore) -> None:
    await orders.insert_many(ORDERS, [("a", {"shop": "s"}), ("b", {"shop": "s"}), ("c", {"shop": "s", "number": None})])
    await orders.replace(ORDERS, "a", {}, expected_revision=1)
    assert await orders.count(ORDERS) == 3


async def test_a_dotted_path_reads_inside_the_body_and_what_is_not_there_is_none(orders: DocumentStore) -> None:
    await orders.insert_many(
        ORDERS,
        [
            ("in", {"person": {"card": "c1"}}),
            ("dotted name", {"person.card": "c1"}),
            ("no card", {"person": {}}),
            ("no person", {}),
            ("text", {"person": "c1"}),
            ("list", {"person": [{"card": "c1"}]}),
            ("null", {"person": {"card": None}}),
        ],
    )
    assert await find_all(orders, "by_card", {"person.card": "c1"}) == ["in"]
    assert await find_all(orders, "by_card", {"person.card": None}) == [
        "dotted name",
        "list",
        "no card",
        "no person",
        "null",
        "text",
    ]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_values_order_none_then_numbers_then_text_bytewise(
    orders: DocumentStore, limit: int, descending: bool
) -> None:
    items = [(f"k{place:02}", {"person": {"card": value}}) for place, value in enumerate(ORDERED_VALUES)]
    await orders.insert_many(ORDERS, items[::-1])
    expected = [key for key, _ in items]
    found = await find_all(orders, "by_card", {}, limit=limit, descending=descending)
    assert found == (expected[::-1] if descending else expected)
    for place, value in enumerate(ORDERED_VALUES):
        assert await find_all(orders, "by_card", {"person.card": value}) == [f"k{place:02}"]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 100])
async def test_a_range_holds_values_of_its_bounds_type_only(
    orders: DocumentStore, limit: int, descending: bool
) -> None:
    values = [None, -5, 0, 5, "", "a", "b"]
    items = [(f"{value!r}", {"person": {"card": value}}) for value in values]
    await orders.insert_many(ORDERS, items)
    for range_, expected in (
        (Range(at_least=0), ["0", "5"]),
        (Range(below=5), ["-5", "0"]),
        (Range(at_least=""), ["''", "'a'", "'b'"]),
        (Range(below="b"), ["''", "'a'"]),
    ):
        found = await find_all(orders, "by_card", {}, range_=range_, limit=limit, descending=descending)
        assert found == (expected[::-1] if descending else expected)


async def test_a_bool_is_found_as_the_number_that_it_is(orders: DocumentStore) -> None:
    await orders.insert_many(ORDERS, [("yes", {"person": {"card": True}}), ("no", {"person": {"card": False}})])
    assert await find_all(orders, "by_card", {"person.card": 1}) == ["yes"]
    assert await find_all(orders, "by_card", {"person.card": False}) == ["no"]
    assert (await orders.get(ORDERS, "yes")).body == {"person": {"card": True}}  # type: ignore[union-attr]


@pytest.mark.parametrize("limit", [1, 4, 100])
async def test_a_scan_is_in_bytewise_key_order(orders: DocumentStore, limit: int) -> None:
    names = [value for value in ORDERED_VALUES if isinstance(value, str) and value]
    await orders.insert_many(ORDERS, [(name, {}) for name in names[::-1]])
    assert await scan_all(orders, limit=limit) == sorted(names, key=lambda name: name.encode())


async def test_a_scan_goes_on_after_any_key_there_or_not(sample: DocumentStore) -> None:
    assert keys((await sample.scan(ORDERS, after="o6")).documents) == ["o7", "o8"]
    assert keys((await sample.scan(ORDERS, after="o6x")).documents) == ["o7", "o8"]
    assert keys((await sample.scan(ORDERS, after="z")).documents) == []


async def test_the_last_page_says_that_it_is_the_last(sample: DocumentStore) -> None:
    page = await sample.find(ORDERS, "by_shop_day", {"shop": "s1"}, limit=6)
    assert (len(page.documents), page.next_after) == (6, None)
    page = await sample.find(ORDERS, "by_shop_day", {"shop": "s1"}, limit=5)
    assert page.next_after is not None
    page = await sample.scan(ORDERS, limit=8)
    assert (len(page.documents), page.next_after) == (8, None)


async def test_paging_while_others_write_gives_each_untouched_document_once(sample: DocumentStore) -> None:
    found: list[str] = []
    after = None
    rounds = 0
    while True:
        page = await sample.find(ORDERS, "by_shop_day", {"shop": "s1"}, after=after, limit=2)
        found += keys(page.documents)
        after = page.next_after
        if after is None:
            break
        # Before and after the position: new documents, the one at the position gone, one already read rewritten.
        await sample.insert(ORDERS, f"new-{rounds}-a", {"shop": "s1", "day": -rounds})
        await sample.insert(ORDERS, f"new-{rounds}-z", {"shop": "s1", "day": 100 + rounds})
        await sample.delete(ORDERS, page.documents[-1].key)
        rounds += 1
    untouched = ["o1", "o2", "o3", "o4", "o5", "o6"]
    assert [key for key in found if key in untouched] == untouched
    assert len(found) == len(set(found))
    assert not any(key.endswith("-a") for key in found), "what is before the position is not returned to"


async def test_a_changed_document_leaves_its_old_place_in_every_index(sample: DocumentStore) -> None:
    await sample.replace(ORDERS, "o6", {"shop": "s2", "day": 9, "number": "6"}, expected_revision=1)
    assert "o6" not in await find_all(sample, "by_shop_day", {"shop": "s1"})
    assert await find_all(sample, "by_shop_day", {"shop": "s2"}) == ["o7", "o6"]
    assert await find_all(sample, "by_number", {"shop": "s2"}) == ["o7", "o6"]


async def test_a_find_returns_whole_documents(sample: DocumentStore) -> None:
    (document,) = (await sample.find(ORDERS, "by_number", {"shop": "s2"})).documents
    assert document == await sample.get(ORDERS, "o7")


@pytest.mark.parametrize(
    ("index", "equals", "range_"),
    [
        ("by_nothing", {}, None),
        ("by_shop_day", {"day": 1}, None),
        ("by_shop_day", {"shop": "s1", "total": 1}, None),
        ("by_shop_day", {"shop": "s1", "colour": "red"}, None),
        ("by_shop_day", {"shop": "s1", "day": 1, "total": 1, "more": 1}, None),
        ("by_number", {"shop": "s1", "number": "1"}, Range(at_least=1)),
    ],
)
async def test_what_no_declared_index_serves_is_refused(
    sample: DocumentStore, index: str, equals: dict[str, Any], range_: Range | None
) -> None:
    with pytest.raises(UnknownIndexError):
        await sample.find(ORDERS, index, equals, range_=range_)
    if range_ is None:
        with pytest.raises(UnknownIndexError):
            await sample.count(ORDERS, index, equals)


async def test_a_count_of_equal_fields_needs_an_index(sample: DocumentStore) -> None:
    assert await sample.count(ORDERS) == 8
    assert await sample.count(ORDERS, "by_shop_day") == 8
    with pytest.raises(UnknownIndexError):
        await sample.count(ORDERS, None, {"shop": "s1"})


async def test_bounds_of_two_types_are_refused(sample: DocumentStore) -> None:
    with pytest.raises(DocumentFormError):
        await sample.find(ORDERS, "by_shop_day", {}, range_=Range(at_least=1, below="a"))


@pytest.mark.parametrize("limit", [0, -1, PAGE_LIMIT + 1])
async def test_a_page_out_of_bounds_is_refused(sample: DocumentStore, limit: int) -> None:
    with pytest.raises(DocumentLimitError):
        await sample.find(ORDERS, "by_shop_day", {}, limit=limit)
    with pytest.raises(DocumentLimitError):
        await sample.scan(ORDERS, limit=limit)


async def test_a_page_at_its_bound_is_served(orders: DocumentStore) -> None:
    await orders.insert_many(ORDERS, [(f"k{number:04}", {"shop": "s"}) for number in range(PAGE_LIMIT)])
    await orders.insert(ORDERS, "one more", {"shop": "s"})
    page = await orders.find(ORDERS, "by_shop_day", {"shop": "s"}, limit=PAGE_LIMIT)
    assert len(page.documents) == PAGE_LIMIT
    page = await orders.find(ORDERS, "by_shop_day", {"shop": "s"}, after=page.next_after, limit=PAGE_LIMIT)
    assert (keys(page.documents), page.next_after) == (["one more"], None)
    assert len((await orders.scan(ORDERS, limit=PAGE_LIMIT)).documents) == PAGE_LIMIT


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "[]", "{}", "null", '"o1"', "[1]", '["o1"]', "[1,2,3,4,5]", "[1,2,3]", '[[],1,"k"]', '[1.5,1,"k"]'],
)
async def test_a_cursor_that_the_query_did_not_write_is_refused(sample: DocumentStore, cursor: str) -> None:
    with pytest.raises(DocumentFormError):
        await sample.find(ORDERS, "by_shop_day", {"shop": "s1"}, after=cursor)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("cursor", ['[null,null,"a"]', '["z","z","z"]', '[0,0,"a"]', '[99,0,"a"]', '[2,40,"o4"]'])
async def test_a_forged_cursor_never_leads_out_of_the_range(
    sample: DocumentStore, cursor: str, descending: bool
) -> None:
    page = await sample.find(
        ORDERS, "by_shop_day", {"shop": "s1"}, range_=Range(at_least=2, below=3), after=cursor, descending=descending
    )
    assert set(keys(page.documents)) <= {"o3", "o4", "o5"}
