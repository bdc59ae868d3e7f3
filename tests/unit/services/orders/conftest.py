"""The whole of orders in memory, with a reader that moves only when a test says so."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.eventlog.applier import Projection
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.generations import Generations
from services.chassis.eventlog.port import Event
from services.chassis.idempotency import IdempotentCreates
from services.kits.event_forms import MoneyForm, ProductForm
from services.kits.purchases import ORDER_EVENTS
from services.orders.domain.order import OrderRef
from services.orders.domain.reports import EventForm, IntakeRules, OrderForm, ShipmentForm
from services.orders.jobs.projecting import build_orders, order_generations
from services.orders.store.orders import OrderStore
from services.orders.usecases.doors import Asked, Doors
from services.orders.usecases.reading import OrderAnswer, Reading
from services.orders.usecases.writing import BatchVerdict, RefusedForm, Writer, Writing
from tests.fakes.clock import ManualClock

SHOP = "main"


@dataclass
class World:
    """Orders without a process around it."""

    documents: MemoryDocuments
    clock: ManualClock
    log: DocumentsLog
    generations: Generations
    projection: Projection
    orders: OrderStore
    writing: Writing
    reading: Reading
    doors: Doors
    position: int = 0

    async def settle(self) -> None:
        """Let the reader come to the log's head, and to what it appends itself."""
        while events := await self.log.read(0, after=self.position):
            await self.projection.apply(events)
            self.position = events[-1].seq

    def rules(self, *, synthetic: bool = False) -> IntakeRules:
        return IntakeRules(self.clock.now(), SHOP, "web", synthetic)

    async def tell(self, *forms: EventForm | RefusedForm, synthetic: bool = False) -> BatchVerdict:
        """Take facts in without letting the reader follow."""
        return await self.writing.write(forms, self.rules(synthetic=synthetic), Writer(synthetic))

    async def write(self, *forms: EventForm | RefusedForm, synthetic: bool = False) -> BatchVerdict:
        """Take facts in, and let the reader follow."""
        verdict = await self.tell(*forms, synthetic=synthetic)
        await self.settle()
        return verdict

    async def order(self, number: str = "7", *, synthetic: bool = False) -> OrderAnswer:
        """Read an order."""
        return await self.reading.get(OrderRef(SHOP, number, synthetic=synthetic).id)

    def asked(self, request_id: str = "", **body: Any) -> Asked:
        return Asked(self.rules(), Writer(), "owner", request_id, body)

    async def events(self) -> list[Event]:
        """Return the whole log."""
        found: list[Event] = []
        while events := await self.log.read(0, after=len(found)):
            found.extend(events)
        return found


async def make_world() -> World:
    """Put a world together."""
    documents, clock, chance = MemoryDocuments(), ManualClock(), Random(7)
    log = DocumentsLog(documents, ORDER_EVENTS, 1, clock, chance)
    await log.open()
    generations = order_generations(documents)
    await generations.open()
    creates = IdempotentCreates(documents)
    await creates.open()
    orders = OrderStore(documents, generations)
    reading, writing = Reading(orders), Writing(log, orders)
    build = build_orders(documents, generations, orders, log, moved=reading.moved)
    return World(
        documents=documents,
        clock=clock,
        log=log,
        generations=generations,
        projection=build(generations.projection_name(generations.active), generations.resolve),
        orders=orders,
        writing=writing,
        reading=reading,
        doors=Doors(writing, orders, reading, creates),
    )


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Return an empty world."""
    made = await make_world()
    yield made
    await made.log.close()


def ago(world: World, minutes: float) -> datetime:
    """Return a time that has passed."""
    return world.clock.now() - timedelta(minutes=minutes)


def placing(world: World, number: str = "7", *, minutes: float = 60, **fields: Any) -> EventForm:
    """Return a placing of two lines, 2 and 1 pieces at 10.00."""
    price = MoneyForm("10.00", "CNY")
    given: dict[str, Any] = {
        "type": "order-placed",
        "time": ago(world, minutes),
        "order": OrderForm(number),
        "id": f"placed-{number}",
        "products": [ProductForm("p-1", 2, price), ProductForm("p-2", 1, price)],
        "identifiers": ["card:1000231"],
    }
    return EventForm(**{**given, **fields})


def fact(world: World, type_: str, *, minutes: float = 30, **fields: Any) -> EventForm:
    """Return a fact of order 7."""
    return EventForm(**{"type": type_, "time": ago(world, minutes), "order": OrderForm("7"), **fields})


def parcel_form(number: str = "SF1", ship_date: str | None = None) -> ShipmentForm:
    return ShipmentForm("sf-express", number, ship_date)
