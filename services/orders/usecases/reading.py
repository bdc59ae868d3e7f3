"""Reading orders as they stand, and waiting a moment for what was just written."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from services.orders.domain.errors import OrderNotFoundError, OrderNotYoursError
from services.orders.domain.folding import fold_order
from services.orders.domain.order import OrderRef, OrderState
from services.orders.domain.remarks import Doubt, Remark
from services.orders.store.orders import OrderStore, StoredOrder

WAIT_LIMIT_S: Final = 2.0  # for the projection, which is a few milliseconds behind
BATCH_WAIT_LIMIT_S: Final = 0.1  # of several, where one that is late would hold up the others
LOOK_INTERVAL_S: Final = 0.01
MAX_ORDERS: Final = 200  # of one request


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """An order as it stands. ``version``: the number of the latest fact in the log, 0 while it is not read yet."""

    ref: OrderRef
    state: OrderState
    version: int


class Reading:
    """Folds the facts that are kept."""

    def __init__(self, orders: OrderStore) -> None:
        self._orders = orders
        self._moved = asyncio.Event()

    def moved(self) -> None:
        """Hear that this process read on in the log: who waits for a fact looks again."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def get(self, order_id: str, *, only_identifiers: Sequence[str] = ()) -> OrderAnswer:
        """Return an order. ``only_identifiers``: of the shopper who asks.

        Raises OrderNotFoundError, OrderNotYoursError.
        """
        stored = await self._orders.get(order_id)
        if stored is None:
            raise OrderNotFoundError("nothing was told of this order", resource="order", id=order_id)
        answer = answer_of(stored)
        if only_identifiers:
            owners = answer.state.placing.identifiers if answer.state.placing is not None else ()
            if not set(owners) & set(only_identifiers):
                raise OrderNotYoursError("this order is another shopper's", id=order_id)
        return answer

    async def get_many(self, order_ids: Sequence[str], at_least: Mapping[str, int]) -> list[OrderAnswer]:
        """Return those that exist, in the order asked, after a moment's patience for facts on their way."""
        found = await self.settled(order_ids, at_least, limit_s=BATCH_WAIT_LIMIT_S)
        return [answer_of(found[order_id]) for order_id in order_ids if order_id in found]

    async def settled(
        self, order_ids: Sequence[str], at_least: Mapping[str, int], *, limit_s: float
    ) -> dict[str, StoredOrder]:
        """Return the orders once they hold the facts of these numbers, or as they are when that takes too long."""
        deadline = asyncio.get_running_loop().time() + limit_s
        moved = self._moved  # of before the look: what is read on during it ends the wait after it
        found = await self._orders.get_many(order_ids)
        while late := [each for each, seq in at_least.items() if each not in found or found[each].version < seq]:
            if asyncio.get_running_loop().time() >= deadline:
                break
            with suppress(TimeoutError):  # another replica may be the one that reads
                await asyncio.wait_for(moved.wait(), LOOK_INTERVAL_S)
            moved = self._moved
            found |= await self._orders.get_many(late)
        return found


def answer_of(stored: StoredOrder) -> OrderAnswer:
    """Fold a stored order."""
    state = fold_order(stored.facts)
    if stored.dropped:
        state = replace(state, remarks=(*state.remarks, Remark(Doubt.EVENTS_DROPPED, "", quantity=stored.dropped)))
    return OrderAnswer(stored.ref, state, stored.version)
