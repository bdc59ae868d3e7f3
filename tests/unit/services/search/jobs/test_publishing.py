"""Each edit reaches the log once, whatever crashes in between."""

import asyncio
from typing import Any

import pytest

from services.chassis.errors import UnavailableError
from services.chassis.eventlog.port import NewEvent, Verdict
from services.kits.money import Money
from services.search.jobs.publishing import ProductPublisher, event_of
from services.search.store.products import ProductStore
from services.search.usecases.catalog import Edit, update_product
from tests.fakes.events import stored_events
from tests.unit.services.search.shop import Shop


class FailingStore(ProductStore):
    """Loses its process before it can forget what was published."""

    async def trim(self, published: Any) -> None:
        raise UnavailableError("killed")


class FailingLog:
    """Takes nothing."""

    name, partitions = "products", 1

    async def append(self, events: list[NewEvent]) -> tuple[Verdict, ...]:
        raise UnavailableError("away")


async def edited(shop: Shop, amount: int) -> None:
    await update_product(shop.store, Edit("cola", {"price": Money(amount, "CNY")}), shop.clock, lambda: None)


async def versions(shop: Shop) -> list[int]:
    return [event.payload["version"] for event in await stored_events(shop.log) if event.subject == "cola"]


async def test_a_crash_after_the_append_repeats_it_and_the_log_folds_it(shop: Shop) -> None:
    await edited(shop, 1)
    await edited(shop, 2)
    with pytest.raises(UnavailableError):
        await ProductPublisher(FailingStore(shop.documents), shop.log).publish_some()
    assert await versions(shop) == [1, 2, 3]
    await edited(shop, 3)
    await shop.settle()
    assert await versions(shop) == [1, 2, 3, 4]
    assert await shop.store.pending(10) == []


async def test_nothing_is_forgotten_while_the_log_is_away(shop: Shop) -> None:
    await edited(shop, 1)
    with pytest.raises(UnavailableError):
        await ProductPublisher(shop.store, FailingLog()).publish_some()  # type: ignore[arg-type]
    await shop.settle()
    assert await versions(shop) == [1, 2]


async def test_two_publishers_at_once_publish_each_change_once(shop: Shop) -> None:
    for amount in range(1, 9):
        await edited(shop, amount)
    await asyncio.gather(*(ProductPublisher(shop.store, shop.log).publish_some() for _ in range(3)))
    assert await versions(shop) == list(range(1, 10))


async def test_an_edit_between_reading_and_forgetting_stays(shop: Shop) -> None:
    await edited(shop, 1)
    waiting = await shop.store.pending(10)
    await edited(shop, 2)
    await shop.store.trim(waiting)
    (left,) = await shop.store.pending(10)
    assert [change.version for change in left.outbox] == [3]


async def test_the_running_job_publishes_when_told(shop: Shop) -> None:
    job = asyncio.create_task(shop.publisher.run())
    await edited(shop, 1)
    shop.publisher.announce()
    async with asyncio.timeout(5):
        while await shop.store.pending(1):  # noqa: ASYNC110 - the store has nobody to tell
            await asyncio.sleep(0)
    job.cancel()
    assert await versions(shop) == [1, 2]


async def test_a_change_tells_the_same_whenever_it_is_published(shop: Shop) -> None:
    await edited(shop, 1)
    (first,) = await shop.store.pending(10)
    told = event_of(first, first.outbox[0])
    shop.clock.advance(60)
    await edited(shop, 2)
    (later,) = await shop.store.pending(10)
    assert event_of(later, later.outbox[0]) == told
