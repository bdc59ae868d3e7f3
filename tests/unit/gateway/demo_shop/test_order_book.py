"""The shop's own book: each order once, each guest's alone, the newest first, at most a page."""

from gateway.demo_shop.order_book import LISTED_LIMIT, OrderBook
from services.chassis.documents.memory import MemoryDocuments


async def _book() -> OrderBook:
    book = OrderBook(MemoryDocuments())
    await book.open()
    return book


async def test_a_guest_has_own_orders_the_newest_first() -> None:
    book = await _book()
    await book.note("o-1", "persona:a", placed_us=1)
    await book.note("o-2", "persona:b", placed_us=2)
    await book.note("o-3", "persona:a", placed_us=3)
    assert await book.of("persona:a") == ["o-3", "o-1"]
    assert await book.of("persona:c") == []


async def test_an_order_is_written_down_once() -> None:
    book = await _book()
    await book.note("o-1", "persona:a", placed_us=1)
    await book.note("o-1", "persona:b", placed_us=2)
    assert await book.of("persona:a") == ["o-1"]
    assert await book.of("persona:b") == []


async def test_a_list_ends_at_its_bound() -> None:
    book = await _book()
    for number in range(LISTED_LIMIT + 1):
        await book.note(f"o-{number}", "persona:a", placed_us=number)
    listed = await book.of("persona:a")
    assert len(listed) == LISTED_LIMIT
    assert "o-0" not in listed
