"""Placing an order, packing a parcel, opening a return: one fact each, once under its natural key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.chassis.errors import ZhikeError
from services.chassis.eventlog.port import VerdictStatus
from services.chassis.idempotency import CreateRequest, IdempotentCreates
from services.kits.purchases import ORDER_PLACED
from services.orders.domain.doors import (
    NewOrderForm,
    NewReturnForm,
    NewShipmentForm,
    check_new_order,
    check_new_return,
    check_new_shipment,
)
from services.orders.domain.errors import (
    OrderFullError,
    OrderNumberTakenError,
    ReturnTakenError,
    ShipmentTakenError,
)
from services.orders.domain.events import uncorrected
from services.orders.domain.order import OrderRef, OrderState
from services.orders.domain.remarks import Remark
from services.orders.domain.reports import CheckedEvent, IntakeRules
from services.orders.store.orders import OrderStore, StoredOrder
from services.orders.usecases.reading import WAIT_LIMIT_S, Reading
from services.orders.usecases.writing import MAX_ORDER_EVENTS, Writer, Writing, state_with


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, with what: ``request_id`` "" without an idempotency key, ``body`` what the key is bound to."""

    rules: IntakeRules
    writer: Writer
    owner: str
    request_id: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Created:
    """A fact that was told, and the order as it stands with it. ``is_new``: it was not told before."""

    event: CheckedEvent
    order: OrderRef
    state: OrderState
    version: int
    is_new: bool

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What is odd about the fact, as far as is known now."""
        return tuple(remark for remark in self.state.remarks if remark.event_id == self.event.fact.id)


class Doors:
    """The doors for a shop's own backend."""

    def __init__(self, writing: Writing, orders: OrderStore, reading: Reading, creates: IdempotentCreates) -> None:
        self._writing, self._orders, self._reading, self._creates = writing, orders, reading, creates

    async def create_order(self, form: NewOrderForm, asked: Asked) -> Created:
        """Place an order. Raises EventRefusedError, OrderNumberTakenError, IdempotencyKeyReusedError."""
        event = check_new_order(form, asked.rules)
        taken = OrderNumberTakenError("the shop has another order of this number", number=form.number)
        return await self._create("orders", event, asked, taken)

    async def create_shipment(self, form: NewShipmentForm, asked: Asked) -> Created:
        """Pack a parcel. Raises EventRefusedError, ShipmentTakenError, OrderFullError, IdempotencyKeyReusedError."""
        event = check_new_shipment(form, asked.rules)
        taken = ShipmentTakenError("the carrier has another parcel of this number and day", carrier=form.carrier)
        return await self._create("shipments", event, asked, taken)

    async def create_return(self, form: NewReturnForm, asked: Asked) -> Created:
        """Open a return. Raises EventRefusedError, ReturnTakenError, OrderFullError, IdempotencyKeyReusedError."""
        event = check_new_return(form, asked.rules)
        taken = ReturnTakenError("the order has another return of this id", id=event.fact.return_id)
        return await self._create("returns", event, asked, taken)

    async def _create(self, route: str, event: CheckedEvent, asked: Asked, taken: ZhikeError) -> Created:
        async def tell(_: str) -> Mapping[str, Any]:
            return await self._tell(event, asked.writer, taken)

        if asked.request_id:
            request = CreateRequest(asked.owner, "", route, asked.request_id, asked.body)
            told = (await self._creates.run(request, tell)).answer
        else:
            told = await tell("")
        return await self._created(event, told["seq"], is_new=told["is_new"])

    async def _tell(self, event: CheckedEvent, writer: Writer, taken: ZhikeError) -> Mapping[str, Any]:
        assert event.order is not None
        _check_room(event, await self._orders.get(event.order.id), taken)
        verdict = (await self._writing.append([event], writer))[0]
        if verdict.status is VerdictStatus.REUSED:
            raise taken
        return {"seq": verdict.seq, "is_new": verdict.status is VerdictStatus.STORED}

    async def _created(self, event: CheckedEvent, seq: int, *, is_new: bool) -> Created:
        order = event.order
        assert order is not None
        stored = (await self._reading.settled([order.id], {order.id: seq}, limit_s=WAIT_LIMIT_S)).get(order.id)
        version = stored.version if stored is not None else 0
        return Created(event, order, state_with(stored, [event.fact]), version, is_new)


def _check_room(event: CheckedEvent, stored: StoredOrder | None, taken: ZhikeError) -> None:
    """Raise ``taken`` for a second placing under another id, OrderFullError beyond the bound."""
    if stored is None or any(fact.id == event.fact.id for fact in stored.facts):
        return
    if event.fact.type == ORDER_PLACED and any(fact.type == ORDER_PLACED for fact in uncorrected(stored.facts)):
        raise taken
    if len(stored.facts) >= MAX_ORDER_EVENTS:
        raise OrderFullError(f"an order takes at most {MAX_ORDER_EVENTS:,} events", limit=MAX_ORDER_EVENTS)
