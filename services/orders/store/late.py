"""The late orders, by the promise that was broken first: a list that the promise job keeps, and no projection.

An order's entry depends on its facts and on the time alone, and is written before the order's next look is set: where
the job ends in between, or another holder looked at the order meanwhile, the order is looked at again.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    RevisionMismatchError,
)
from services.kits.times import micros, time_of
from services.orders.domain.late import LateOrder
from services.orders.domain.order import OrderRef
from services.orders.domain.promise import Reason
from services.orders.store.bodies import ref_body, ref_from_body

BROKEN: Final = "broken"
LATE_ORDERS: Final = Collection("late_orders", (Index(BROKEN, ("broken_us",)),))


class LateStore:
    """The list."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Declare the collection."""
        await self._documents.declare(LATE_ORDERS)

    async def known(self, orders: Sequence[OrderRef]) -> Mapping[str, Document]:
        """Return the entries of these orders, by order id; for ``settle``. At most BATCH_LIMIT."""
        return await self._documents.get_many(LATE_ORDERS, [order.id for order in orders])

    async def settle(self, order: OrderRef, late: LateOrder | None, known: Document | None) -> None:
        """Have the list say this of an order. Where another holder of the job wrote meanwhile, that stays."""
        body = None if late is None else _body(late)
        if body == (None if known is None else known.body):
            return
        with suppress(KeyTakenError, RevisionMismatchError):
            if body is None:
                assert known is not None
                await self._documents.delete(LATE_ORDERS, order.id, expected_revision=known.revision)
            elif known is None:
                await self._documents.insert(LATE_ORDERS, order.id, body)
            else:
                await self._documents.replace(LATE_ORDERS, order.id, body, expected_revision=known.revision)

    async def page(self, *, after: str | None, limit: int) -> tuple[list[LateOrder], str | None]:
        """Return late orders, the promise that was broken first at the top, and where the next page begins."""
        page = await self._documents.find(LATE_ORDERS, BROKEN, {}, after=after, limit=limit)
        return [_late(each.body) for each in page.documents], page.next_after

    async def count(self) -> int:
        """Return how many orders are late."""
        return await self._documents.count(LATE_ORDERS)


def _body(late: LateOrder) -> dict[str, Any]:
    return {
        "order": ref_body(late.order),
        "broken_us": micros(late.broken_time),
        "promised_us": micros(late.promised_time),
        "likely_us": micros(late.likely_time),
        "slips": late.slips,
        "reason": late.reason.value,
    }


def _late(body: Mapping[str, Any]) -> LateOrder:
    return LateOrder(
        order=ref_from_body(body["order"]),
        broken_time=time_of(body["broken_us"]),
        promised_time=time_of(body["promised_us"]),
        likely_time=time_of(body["likely_us"]),
        slips=body["slips"],
        reason=Reason(body["reason"]),
    )
