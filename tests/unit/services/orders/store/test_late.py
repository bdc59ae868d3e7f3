"""The list of late orders."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.chassis.documents.memory import MemoryDocuments
from services.orders.domain.late import LateOrder, late_order
from services.orders.domain.order import OrderRef
from services.orders.domain.promise import Confidence, Estimate, Reason
from services.orders.domain.promised import DelayNotice, Promised
from services.orders.store.late import LateStore

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
LATE = LateOrder(OrderRef("main", "7"), NOW, NOW + timedelta(days=1), NOW + timedelta(hours=5), 1, Reason.OVERDUE)


async def opened() -> LateStore:
    late = LateStore(MemoryDocuments())
    await late.declare()
    return late


async def settle(store: LateStore, entry: LateOrder) -> None:
    known = await store.known([entry.order])
    await store.settle(entry.order, entry, known.get(entry.order.id))


async def test_the_promise_that_was_broken_first_is_at_the_top_page_by_page() -> None:
    store = await opened()
    for number in range(5):
        order = OrderRef("main", str(number))
        await settle(store, replace(LATE, order=order, broken_time=NOW - timedelta(hours=number)))
    first, after = await store.page(after=None, limit=3)
    rest, end = await store.page(after=after, limit=3)
    assert [each.order.number for each in (*first, *rest)] == ["4", "3", "2", "1", "0"]
    assert end is None
    assert await store.count() == 5


async def test_an_entry_is_read_back_as_it_was_written() -> None:
    store = await opened()
    await settle(store, LATE)
    assert await store.page(after=None, limit=1) == ([LATE], None)


async def test_another_holder_s_entry_stays_and_what_is_there_leaves() -> None:
    store = await opened()
    await settle(store, LATE)
    known = (await store.known([LATE.order]))[LATE.order.id]
    newer = replace(LATE, slips=2)
    await store.settle(LATE.order, newer, known)
    await store.settle(LATE.order, replace(LATE, slips=9), known)  # by who read before that
    await store.settle(LATE.order, replace(LATE, slips=9), None)
    assert (await store.page(after=None, limit=9))[0] == [newer]
    await store.settle(LATE.order, None, known)
    assert await store.count() == 1
    await store.settle(LATE.order, None, (await store.known([LATE.order]))[LATE.order.id])
    assert await store.count() == 0


def test_who_was_told_no_delay_is_not_late_and_a_load_test_s_order_never_is() -> None:
    estimate = Estimate(NOW, NOW, NOW, NOW, Confidence.LOW, (Reason.OVERDUE,), 3, "lane-quantiles/1")
    notices = [DelayNotice(1, 1, NOW, NOW + timedelta(days=1)), DelayNotice(2, 2, NOW + timedelta(days=1), NOW)]
    promised = Promised(NOW + timedelta(days=2), None, 2, 2)
    late = late_order(LATE.order, notices, promised, estimate)
    assert late is not None
    assert (late.broken_time, late.promised_time, late.slips) == (NOW, NOW + timedelta(days=2), 2)
    assert late_order(LATE.order, [], promised, estimate) is None
    assert late_order(OrderRef("main", "7", synthetic=True), notices, promised, estimate) is None
