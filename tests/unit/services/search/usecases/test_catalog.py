"""Edits are made once, by compare and set, and each tells the log of itself."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from services.chassis.errors import InvalidArgumentError
from services.kits.money import Money
from services.search.domain.errors import (
    ChangesBehindError,
    ProductNotFoundError,
    RequestIdReusedError,
    UpdateMaskError,
    VersionMismatchError,
)
from services.search.domain.product import Availability, Product
from services.search.store.products import OUTBOX_LIMIT, REQUEST_IDS_LIMIT
from services.search.usecases import catalog
from services.search.usecases.catalog import (
    Edit,
    RowOutcome,
    get_product,
    get_products,
    import_products,
    update_product,
)
from tests.unit.services.search.shop import Shop, product


class Bell:
    """Counts announcements."""

    rung = 0

    def __call__(self) -> None:
        self.rung += 1


async def edit(shop: Shop, product_id: str = "cola", **changes: Any) -> Product:
    request = {name: changes.pop(name) for name in ("expected_version", "request_id") if name in changes}
    return await update_product(shop.store, Edit(product_id, changes, **request), shop.clock, Bell())


async def test_a_new_price_is_found_and_told(shop: Shop) -> None:
    changed = await edit(shop, price=Money(990, "CNY"), expected_version=1)
    assert (changed.version, changed.price) == (2, Money(990, "CNY"))
    (event,) = await shop.settle()
    assert (event.type, event.subject, event.payload["version"]) == ("ProductChanged", "cola", 2)
    assert event.payload["price"] == {"amount": "9.90", "currency": "CNY"}
    assert await shop.ids("", filters=("price:990..991",)) == ["cola"]


async def test_stock_moves_availability_unless_that_is_given(shop: Shop) -> None:
    assert (await edit(shop, available_quantity=0)).availability is Availability.OUT_OF_STOCK
    assert (await edit(shop, available_quantity=2)).availability is Availability.IN_STOCK
    back = await edit(shop, available_quantity=0, availability=Availability.BACKORDER)
    assert back.availability is Availability.BACKORDER
    await shop.settle()
    assert "cola" in await shop.ids("", filters=("in_stock:true",))


async def test_a_withdrawn_product_is_found_no_more_and_still_read(shop: Shop) -> None:
    await edit(shop, withdrawn=True)
    await shop.settle()
    assert "cola" not in await shop.ids("可口可乐")
    assert (await get_product(shop.store, "cola")).withdrawn
    await edit(shop, withdrawn=False)
    await shop.settle()
    assert await shop.ids("可口可乐") == ["cola"]


async def test_the_same_request_edits_once(shop: Shop) -> None:
    first = await edit(shop, price=Money(1, "CNY"), request_id="r1")
    again = await edit(shop, price=Money(1, "CNY"), request_id="r1")
    assert (first.version, again.version) == (2, 2)
    assert len(await shop.settle()) == 1


async def test_another_edit_under_the_same_request_id_is_refused_and_changes_nothing(shop: Shop) -> None:
    await edit(shop, price=Money(1, "CNY"), request_id="r1")
    for other in ({"price": Money(2, "CNY")}, {"available_quantity": 3}, {"price": Money(1, "USD")}):
        with pytest.raises(RequestIdReusedError):
            await edit(shop, request_id="r1", **other)
    with pytest.raises(RequestIdReusedError):
        await edit(shop, price=Money(1, "CNY"), request_id="r1", expected_version=2)
    assert (await get_product(shop.store, "cola")).version == 2
    assert (await edit(shop, price=Money(2, "CNY"), request_id="r10")).version == 3


async def test_many_editors_of_one_product_in_one_process_all_get_through(shop: Shop) -> None:
    editors = OUTBOX_LIMIT // 2
    assert editors > catalog.EDIT_ATTEMPTS
    await asyncio.gather(*(edit(shop, available_quantity=number) for number in range(editors)))
    assert (await get_product(shop.store, "cola")).version == editors + 1


async def test_an_older_version_than_the_editor_saw_is_refused(shop: Shop) -> None:
    await edit(shop, price=Money(1, "CNY"))
    with pytest.raises(VersionMismatchError) as caught:
        await edit(shop, price=Money(2, "CNY"), expected_version=1)
    assert caught.value.metadata["version"] == "2"


async def test_edits_at_once_all_count(shop: Shop) -> None:
    await asyncio.gather(*(edit(shop, available_quantity=number) for number in range(5)))
    assert (await get_product(shop.store, "cola")).version == 6
    assert [event.payload["version"] for event in await shop.settle()] == [2, 3, 4, 5, 6]


async def test_an_edit_of_nothing_or_of_another_field_is_refused(shop: Shop) -> None:
    for changes in ({}, {"title": {"en": "x"}}):
        with pytest.raises(UpdateMaskError):
            await edit(shop, **changes)


@pytest.mark.parametrize("unknown", ["nothing", "", "x" * 129, "💥"])
async def test_an_unknown_product_is_not_found(shop: Shop, unknown: str) -> None:
    with pytest.raises(ProductNotFoundError):
        await get_product(shop.store, unknown)
    with pytest.raises(ProductNotFoundError):
        await edit(shop, unknown, price=Money(1, "CNY"))


async def test_a_product_whose_changes_are_not_told_takes_no_more_than_its_limit(shop: Shop) -> None:
    for number in range(OUTBOX_LIMIT):
        await edit(shop, available_quantity=number)
    with pytest.raises(ChangesBehindError):
        await edit(shop, available_quantity=1)
    await shop.settle()
    await edit(shop, available_quantity=1)


async def test_request_ids_are_remembered_up_to_their_limit(shop: Shop) -> None:
    for number in range(REQUEST_IDS_LIMIT + 1):
        await edit(shop, available_quantity=number, request_id=f"r{number}")
    stored = await shop.store.get("cola")
    assert stored
    assert len(stored.request_ids) == REQUEST_IDS_LIMIT
    with pytest.raises(InvalidArgumentError):
        await edit(shop, available_quantity=1, request_id="x" * (catalog.REQUEST_ID_LIMIT + 1))


async def test_several_products_come_in_the_order_asked(shop: Shop) -> None:
    found = await get_products(shop.store, ["milk", "nothing", "cola", "milk"])
    assert [each.id for each in found] == ["milk", "cola", "milk"]
    for ids in ([], ["x"] * (catalog.BATCH_GET_LIMIT + 1)):
        with pytest.raises(InvalidArgumentError):
            await get_products(shop.store, ids)


async def test_an_import_creates_changes_and_leaves_alone(shop: Shop) -> None:
    before = (await get_product(shop.store, "milk"), await get_product(shop.store, "cola"))
    rows = [product("new", "新品"), before[0], replace(before[1], tags=("sale",))]
    bell = Bell()
    outcomes = await import_products(shop.store, rows, shop.clock, bell)
    assert outcomes == [RowOutcome.CREATED, RowOutcome.DUPLICATE, RowOutcome.CHANGED]
    assert bell.rung
    assert {event.subject: event.payload["version"] for event in await shop.settle()} == {"new": 1, "cola": 2}
    assert await import_products(shop.store, rows, shop.clock, bell) == [RowOutcome.DUPLICATE] * 3
    assert await shop.settle() == []


async def test_a_dry_run_says_what_would_be_and_writes_nothing(shop: Shop) -> None:
    outcomes = await import_products(shop.store, [product("new", "新品")], shop.clock, Bell(), dry_run=True)
    assert outcomes == [RowOutcome.CREATED]
    assert await shop.store.get("new") is None


async def test_two_imports_at_once_both_count(shop: Shop) -> None:
    rows = [product(f"p{number}", f"新品{number}") for number in range(20)]
    other = [replace(each, tags=("sale",)) for each in rows]
    await asyncio.gather(*(import_products(shop.store, each, shop.clock, Bell()) for each in (rows, other)))
    assert [(await get_product(shop.store, each.id)).version for each in rows] == [2] * 20
    assert len(await shop.settle()) == 40


async def test_a_batch_that_names_a_product_twice_is_refused(shop: Shop) -> None:
    with pytest.raises(InvalidArgumentError):
        await import_products(shop.store, [product("a", "一"), product("a", "二")], shop.clock, Bell())
