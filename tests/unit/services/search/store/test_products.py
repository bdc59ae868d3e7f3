"""Each edit of a product reaches the log once, whatever crashes in between (docs/consistency.md rule 1)."""

import asyncio

import pytest

from services.chassis.documents.port import StoreUnavailableError
from services.chassis.errors import UnavailableError
from services.chassis.eventlog.outbox import outbox_of, waiting_in
from services.chassis.eventlog.port import NewEvent, Verdict
from services.kits.money import Money
from services.search.store.products import PRODUCTS
from services.search.usecases.catalog import Edit, update_product
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.fakes.events import stored_events
from tests.unit.services.search.shop import Shop, make_relay


class FailingLog:
    """Takes nothing."""

    name, partitions = "products", 1

    async def append(self, events: list[NewEvent]) -> tuple[Verdict, ...]:
        raise UnavailableError("away")


async def edited(shop: Shop, amount: int) -> None:
    await update_product(shop.store, Edit("cola", {"price": Money(amount, "CNY")}), shop.clock, lambda: None)


async def versions(shop: Shop) -> list[int]:
    return [event.payload["version"] for event in await stored_events(shop.log) if event.subject == "cola"]


async def waiting(shop: Shop) -> int:
    document = await shop.documents.get(PRODUCTS, "cola")
    assert document
    return waiting_in(document.body)


@pytest.mark.parametrize("point", list(CrashPoint))
async def test_a_crash_after_the_append_repeats_it_and_the_log_folds_it(shop: Shop, point: CrashPoint) -> None:
    await edited(shop, 1)
    await edited(shop, 2)
    dying = CrashingDocuments(shop.documents, crash_at=1, point=point)  # the log's own writes go beside it
    with pytest.raises(StoreUnavailableError):
        await make_relay(dying, shop.log).relay_all()
    assert await versions(shop) == [1, 2, 3]
    await edited(shop, 3)
    await shop.settle()
    assert await versions(shop) == [1, 2, 3, 4]
    assert await waiting(shop) == 0


async def test_nothing_is_forgotten_while_the_log_is_away(shop: Shop) -> None:
    await edited(shop, 1)
    with pytest.raises(UnavailableError):
        await make_relay(shop.documents, FailingLog()).relay_all()  # type: ignore[arg-type]
    await shop.settle()
    assert await versions(shop) == [1, 2]


async def test_two_relays_at_once_publish_each_change_once(shop: Shop) -> None:
    for amount in range(1, 9):
        await edited(shop, amount)
    await asyncio.gather(*(make_relay(shop.documents, shop.log).relay_all() for _ in range(3)))
    assert await versions(shop) == list(range(1, 10))


async def test_an_edit_between_reading_and_forgetting_stays(shop: Shop) -> None:
    await edited(shop, 1)
    read = await shop.documents.get(PRODUCTS, "cola")
    assert read
    await edited(shop, 2)
    assert await shop.publisher.relay_documents([read]) == 1
    assert await waiting(shop) == 1
    await shop.settle()
    assert await versions(shop) == [1, 2, 3]


async def test_the_running_job_publishes_when_told(shop: Shop) -> None:
    job = asyncio.create_task(shop.publisher.run())
    await edited(shop, 1)
    shop.publisher.announce()
    async with asyncio.timeout(5):
        while await shop.publisher.is_waiting():  # noqa: ASYNC110 - the store has nobody to tell
            await asyncio.sleep(0)
    job.cancel()
    assert await versions(shop) == [1, 2]


async def test_a_change_tells_the_same_whenever_it_is_published(shop: Shop) -> None:
    await edited(shop, 1)
    first = await shop.store.get("cola")
    shop.clock.advance(60)
    await edited(shop, 2)
    later = await shop.store.get("cola")
    assert first and later
    assert outbox_of(later.outbox)["outbox"][0] == first.outbox["outbox"][0]
    (said, _) = later.outbox["outbox"]
    assert (said["type"], said["subject"], said["shop"]) == ("ProductChanged", "cola", "main")
