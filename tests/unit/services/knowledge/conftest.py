"""The whole of knowledge in memory, with readers that move only when a test says so."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import DocumentStore
from services.chassis.eventlog.applier import Projection
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.generations import Generations
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.port import Event, EventLog, NewEvent, Verdict
from services.chassis.metrics import Metrics
from services.kits.event_forms import ProductForm
from services.kits.purchases import ORDER_EVENTS
from services.knowledge.domain.identity import IdentityRules
from services.knowledge.domain.profile import Customer
from services.knowledge.domain.statements import check_statement
from services.knowledge.domain.user_events import IntakeRules, UserEventForm
from services.knowledge.jobs.projecting import (
    build_own_label,
    build_shopping,
    build_statements,
    own_label_generations,
    shopping_generations,
    stated_generations,
)
from services.knowledge.store.class_basis import ClassStore
from services.knowledge.store.collections import CUSTOMER_CLAIMS, CUSTOMERS, PRODUCTS, USER_EVENTS
from services.knowledge.store.customers import CustomerStore
from services.knowledge.store.names import NameStore, name_generations, names_projection
from services.knowledge.store.resolutions import ResolutionStore
from services.knowledge.usecases.announcing import Announcer
from services.knowledge.usecases.customers import CustomerReading, get_customer
from services.knowledge.usecases.intake import BatchVerdict, RefusedForm, Writer, write_user_events
from services.knowledge.usecases.statements import Request, Writing, write_claims
from tests.fakes.clock import ManualClock

SHOP = "main"


@dataclass
class World:
    """Knowledge without a process around it."""

    documents: MemoryDocuments
    clock: ManualClock
    logs: dict[str, DocumentsLog]
    generations: dict[str, Generations]
    projections: dict[str, Projection]
    customers: CustomerStore
    resolutions: ResolutionStore
    classes: ClassStore
    announcer: Announcer
    reading: CustomerReading
    writing: Writing
    names: NameStore
    named: Projection  # follows the claims as well
    positions: dict[str, int] = field(default_factory=dict)

    async def settle(self) -> None:
        """Let every reader come to its log's head."""
        for name, projection in self.projections.items():
            while events := await self.logs[name].read(0, after=self.positions.get(name, 0)):
                await projection.apply(events)
                if name == CUSTOMER_CLAIMS:
                    await self.named.apply(events)
                self.positions[name] = events[-1].seq

    async def write(
        self,
        *forms: UserEventForm | RefusedForm,
        allowed: Sequence[str] = (),
        owner: str = "key",
        synthetic: bool = False,
    ) -> BatchVerdict:
        """Take events in, and let the readers follow."""
        rules = IntakeRules(self.clock.now(), SHOP, "web", frozenset(allowed) or None)
        verdict = await write_user_events(self.logs[USER_EVENTS], forms, rules, Writer(owner, synthetic))
        await self.settle()
        return verdict

    async def orders(self, *facts: NewEvent) -> None:
        """Keep order facts as orders does, and let the readers follow."""
        await self.logs[ORDER_EVENTS].append(facts)
        await self.settle()

    async def claim(
        self,
        *identifiers: str,
        claims: Mapping[str, str] | None = None,
        consents: Mapping[str, str] | None = None,
        account: str = "",
        source: str = "crm",
        verified: bool = True,
        request_id: str = "",
    ) -> Customer:
        """State something of a person; a second later than the statement before."""
        self.clock.advance(1)
        statement = check_statement(
            [(each, verified) for each in identifiers],
            claims=claims or {},
            consents=consents or {},
            account=account,
            source=source,
        )
        return await write_claims(self.writing, statement, Request("key", request_id))

    async def customer(self, name: str) -> Customer:
        """Read a customer."""
        return await get_customer(self.reading, name)

    async def published(self) -> dict[str, Mapping[str, Any]]:
        """Return the last word of the customers log on each identifier."""
        events = await self.events(CUSTOMERS)
        return {event.subject: event.payload for event in events}

    async def events(self, log: str) -> list[Event]:
        """Return all events of a log."""
        found: list[Event] = []
        while events := await self.logs[log].read(0, after=len(found)):
            found.extend(events)
        return found

    async def product(self, product_id: str, tags: Sequence[str] = (), *, version: int = 1) -> tuple[Verdict, ...]:
        """Announce a product as search does."""
        event = NewEvent(
            client_event_id=f"{product_id}/{version}",
            owner="search",
            type="ProductChanged",
            occurred_time=self.clock.now(),
            shop=SHOP,
            channel="",
            subject=product_id,
            payload={"id": product_id, "tags": list(tags), "version": version},
        )
        verdicts = await self.logs[PRODUCTS].append([event])
        await self.settle()
        return verdicts


def make_resolutions(documents: DocumentStore, log: EventLog) -> ResolutionStore:
    """Return the resolutions over a store and a log."""
    return ResolutionStore(documents, log, metrics=Metrics([EVENTLOG_METRICS]))


async def make_world(rules: IdentityRules | None = None, documents: MemoryDocuments | None = None) -> World:
    """Put a world together."""
    documents = documents or MemoryDocuments()
    clock = ManualClock()
    chance = Random(7)
    logs = {
        name: DocumentsLog(documents, name, 1, clock, chance)
        for name in (USER_EVENTS, ORDER_EVENTS, CUSTOMER_CLAIMS, CUSTOMERS, PRODUCTS)
    }
    for log in logs.values():
        await log.open()
    shopping, stated, own_label = (
        shopping_generations(documents),
        stated_generations(documents),
        own_label_generations(documents),
    )
    called = name_generations(documents)
    for generations in (shopping, stated, own_label, called):
        await generations.open()
    customers = CustomerStore(
        documents, rules or IdentityRules(), shopping=shopping, statements=stated, own_label=own_label
    )
    resolutions, classes = make_resolutions(documents, logs[CUSTOMERS]), ClassStore(documents)
    await resolutions.declare()
    await classes.declare()
    announcer = Announcer(customers, resolutions, clock)
    reading = CustomerReading(customers, classes, ZoneInfo("Asia/Shanghai"))
    builds = {
        USER_EVENTS: (shopping, build_shopping(documents, shopping, announcer)),
        CUSTOMER_CLAIMS: (stated, build_statements(documents, stated, announcer)),
        PRODUCTS: (own_label, build_own_label(documents)),
    }
    projections = {
        name: build(generations.projection_name(generations.active), generations.resolve)
        for name, (generations, build) in builds.items()
    }
    projections[ORDER_EVENTS] = projections[USER_EVENTS]

    async def read_back() -> None:
        await world.settle()

    world = World(
        documents=documents,
        clock=clock,
        logs=logs,
        generations={name: generations for name, (generations, _) in builds.items()},
        projections=projections,
        customers=customers,
        resolutions=resolutions,
        classes=classes,
        announcer=announcer,
        reading=reading,
        writing=Writing(reading, logs[CUSTOMER_CLAIMS], clock, lambda: f"{chance.getrandbits(96):024x}", read_back),
        names=NameStore(documents, called),
        named=names_projection(documents, called.projection_name(called.active), called.resolve),
    )
    return world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Return an empty world."""
    made = await make_world()
    yield made
    for log in made.logs.values():
        await log.close()


def event_form(event_id: str, time: datetime, **fields: Any) -> UserEventForm:
    """Return a well-formed page view; ``fields`` replace what a test is about."""
    given: dict[str, Any] = {"type": "detail-page-view", "products": [ProductForm("p-1")], **fields}
    return UserEventForm(id=event_id, time=time, **given)
