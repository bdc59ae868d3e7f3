"""Products and orders at the console, on fakes."""

from collections.abc import AsyncIterator

import pytest

from gateway.console.staffing import StaffRole
from services.chassis.errors import NotFoundError
from tests.fakes.console import ConsoleOnFakes, fields_of, open_console


@pytest.fixture
async def console() -> AsyncIterator[ConsoleOnFakes]:
    opened = await open_console()
    async with opened.client, opened.shop.client:
        yield opened


async def test_the_catalogue_is_looked_through_without_counting_as_a_search(console: ConsoleOnFakes) -> None:
    await console.page("/products?find=milk")
    asked = console.services.last("Search")
    assert (asked.query, asked.synthetic) == ("milk", True)


async def test_a_product_is_edited_once_and_leaves_a_line_in_the_trail(console: ConsoleOnFakes) -> None:
    fields = fields_of(await console.page("/products/p-1"), "edit")
    sent = {**fields, "price": "19.9", "available_quantity": "4", "availability": "in_stock"}
    saved = await console.post("/products/p-1", "edit", sent)
    assert saved.headers["location"] == "/console/products/p-1", saved.text
    asked = console.services.last("UpdateProduct")
    assert (asked.request_id, asked.expected_version) == (fields["_submit"], 3)
    assert (asked.product.price.units, asked.product.price.nanos) == (19, 900_000_000)
    again = await console.post("/products/p-1", "edit", {**sent, "_submit": "another-submit-id-of-16"})
    assert again.status_code == 412
    assert console.services.version == 4


async def test_only_a_merchandiser_edits(console: ConsoleOnFakes) -> None:
    console.roles = [StaffRole.DESK]
    assert "form-edit" not in await console.page("/products/p-1")
    refused = await console.post("/products/p-1", "edit", {"price": "1"})
    assert refused.status_code == 403


async def test_an_unknown_product_is_a_404(console: ConsoleOnFakes) -> None:
    assert (await console.get("/products/no-such-product")).status_code == 404


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_an_order_shows_what_was_told_of_it(console: ConsoleOnFakes, language: str) -> None:
    console.language = language
    html = await console.page("/orders/o-1")
    assert {"en": "On its way", "zh": "运输中"}[language] in html
    assert "u42" in html


async def test_an_order_is_found_by_its_number_too(console: ConsoleOnFakes) -> None:
    console.services.failures["GetOrder"] = NotFoundError("nothing was told of this order")
    assert (await console.get("/orders/7")).status_code == 404
    assert console.services.last("GetOrder").number == "7"


@pytest.mark.parametrize(("language", "why"), [("en", "2 Feb"), ("zh", "2月2日")])
async def test_late_orders_are_listed_with_what_was_promised_and_why(
    console: ConsoleOnFakes, language: str, why: str
) -> None:
    console.language = language
    console.roles = [StaffRole.DESK]
    html = await console.page("/orders")
    assert "/console/orders/o-7" in html
    assert why in html
    assert (await console.get("/orders?format=csv")).status_code == 200


async def test_the_start_page_of_the_desk_counts_late_orders(console: ConsoleOnFakes) -> None:
    console.roles = [StaffRole.DESK]
    html = await console.page("/")
    assert "Late orders" in html
    assert "/console/orders/o-7" in html


async def test_a_merchandiser_sees_no_late_orders(console: ConsoleOnFakes) -> None:
    console.roles = [StaffRole.MERCHANDISER]
    assert (await console.get("/orders")).status_code == 403
    assert "/console/orders" not in await console.page("/")
