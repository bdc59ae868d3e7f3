"""Two replicas of knowledge on one MongoDB: whichever holds a job, both answer alike."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from google.longrunning import operations_pb2
from zhike.chassis.v1 import system_service_pb2 as system_pb
from zhike.knowledge.v1 import customer_pb2
from zhike.knowledge.v1 import customer_service_pb2 as customers_pb
from zhike.knowledge.v1 import user_event_service_pb2 as events_pb

from services.chassis.clients import Clients, Method, declare_method
from services.chassis.errors import ErrorKind
from services.chassis.metrics import Metrics
from services.chassis.server import Running, running
from services.chassis.settings import ChassisSettings
from services.chassis.status import RemoteError
from services.knowledge.main import build
from services.knowledge.settings import KnowledgeSettings
from services.knowledge.store.collections import OWN_LABEL_GOODS, SHOPPING, STATED
from services.knowledge.store.names import NAMED
from tests.fakes.log_owner import owner_of
from tests.fakes.replicas import holding

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(400)]

TIMEOUT_MS = 60_000
SOON_S = 60.0
FOLLOWING = tuple(f"follow-{projection}" for projection in (SHOPPING, STATED, OWN_LABEL_GOODS))
REST = ("announce-pending", "announce-by-new-rules", "classes")

CLAIM = declare_method(
    "knowledge",
    customers_pb,
    "CustomerService/WriteClaims",
    customers_pb.WriteClaimsRequest,
    customer_pb2.Customer,
)
GET = declare_method(
    "knowledge",
    customers_pb,
    "CustomerService/GetCustomer",
    customers_pb.GetCustomerRequest,
    customer_pb2.Customer,
)
WRITE = declare_method(
    "knowledge",
    events_pb,
    "UserEventService/WriteUserEvents",
    events_pb.WriteUserEventsRequest,
    events_pb.WriteUserEventsResponse,
)
REBUILD = declare_method(
    "knowledge",
    system_pb,
    "SystemService/RebuildProjection",
    system_pb.RebuildProjectionRequest,
    operations_pb2.Operation,
)
STATUS = declare_method(
    "knowledge",
    system_pb,
    "SystemService/GetSystemStatus",
    system_pb.GetSystemStatusRequest,
    system_pb.SystemStatus,
)
WAIT = Method(
    "knowledge",
    "/google.longrunning.Operations/WaitOperation",
    operations_pb2.WaitOperationRequest,
    operations_pb2.Operation,
    idempotent=True,
)


@dataclass(frozen=True, slots=True)
class Desk:
    """One replica, and calls to it alone."""

    clients: Clients

    async def claim(self, card: str, phone: str) -> customer_pb2.Customer:
        named = [customers_pb.ClaimedIdentifier(identifier=each, verified=True) for each in (card, phone)]
        request = customers_pb.WriteClaimsRequest(identifiers=named, source="crm", owner="key")
        return await self.clients.call(CLAIM, request, timeout_ms=TIMEOUT_MS)

    async def customer(self, identifier: str) -> customer_pb2.Customer:
        """Return the customer; an empty one while nothing is known."""
        request = customers_pb.GetCustomerRequest(id=identifier)
        try:
            return await self.clients.call(GET, request, timeout_ms=TIMEOUT_MS)
        except RemoteError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            return customer_pb2.Customer()

    async def members(self, identifier: str) -> set[str]:
        return {each.identifier for each in (await self.customer(identifier)).identifiers}

    async def buy(self, number: str, card: str) -> None:
        line = {"id": "milk", "quantity": 1, "price": {"amount": "10.00", "currency": "CNY"}}
        event = {
            "id": number,
            "type": "purchase-complete",
            "time": datetime.now(UTC).isoformat(),
            "identifiers": [card],
            "products": [line],
            "order": {"number": number},
        }
        request = events_pb.WriteUserEventsRequest(json=orjson.dumps({"events": [event]}), owner="key")
        assert (await self.clients.call(WRITE, request, timeout_ms=TIMEOUT_MS)).stored == 1

    async def rebuilt(self, projection: str) -> None:
        request = system_pb.RebuildProjectionRequest(projection=projection)
        operation = await self.clients.call(REBUILD, request, timeout_ms=TIMEOUT_MS)
        asked = operations_pb2.WaitOperationRequest(name=operation.name)
        done = await self.clients.call(WAIT, asked, timeout_ms=TIMEOUT_MS)
        assert done.HasField("response"), done

    async def readers(self) -> dict[str, system_pb.ReaderStatus]:
        status = await self.clients.call(STATUS, system_pb.GetSystemStatusRequest(), timeout_ms=TIMEOUT_MS)
        return {reader.projection: reader for reader in status.readers}


async def soon(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool]) -> Any:
    """Ask until the answer holds; what another replica does is seen a moment later."""
    async with asyncio.timeout(SOON_S):
        while True:
            answer = await ask()
            if holds(answer):
                return answer
            await asyncio.sleep(0.05)


@asynccontextmanager
async def replica(
    address: str,
    folder: Path,
    search: Running[ChassisSettings],
    orders: Running[ChassisSettings],
    seed: int,
    *held: str,
) -> AsyncIterator[tuple[Running[KnowledgeSettings], Desk]]:
    settings = KnowledgeSettings(
        data=folder,
        documents=address,
        artifacts="gridfs",
        drain_ms=0,
        search_address=search.address,
        orders_address=orders.address,
        classes_every_s=1.0,
    )
    async with running("knowledge", settings, holding(build, *held), chance=Random(seed)) as process:
        clients = Clients(ChassisSettings(knowledge_address=process.address), Metrics())
        yield process, Desk(clients)
        await clients.close()


@pytest.fixture
async def desks(mongodb_deployment: str, tmp_path: Path) -> AsyncIterator[tuple[Desk, Desk]]:
    """Two replicas: one reads the logs, the other does what is left."""
    async with (
        owner_of("products", "search", tmp_path / "owners", documents="memory") as search,
        owner_of("order-events", "orders", tmp_path / "owners", documents="memory") as orders,
        replica(mongodb_deployment, tmp_path / "1", search, orders, 1, *FOLLOWING) as (reading, holder),
        replica(mongodb_deployment, tmp_path / "2", search, orders, 2, *REST) as (resting, other),
    ):
        await asyncio.gather(reading.become_ready(), resting.become_ready())
        yield holder, other


async def test_what_is_claimed_at_either_is_answered_by_both(desks: tuple[Desk, Desk]) -> None:
    for number, desk in enumerate(desks):
        card, phone = f"card:900{number}", f"phone:+861391234567{number}"
        named = {each.identifier for each in (await desk.claim(card, phone)).identifiers}
        assert named == {card, phone}
        assert [await each.members(card) for each in desks] == [named, named]


async def test_a_purchase_told_to_either_is_counted_by_both_and_makes_classes(desks: tuple[Desk, Desk]) -> None:
    for number, desk in enumerate(desks):
        await desk.buy(f"o-{number}", "card:9000")
    for desk in desks:
        seen = await soon(lambda desk=desk: desk.customer("card:9000"), lambda customer: customer.purchases.orders == 2)
        assert seen.purchases.spend.units == 20
        classed = await soon(lambda desk=desk: desk.customer("card:9000"), lambda customer: len(customer.classes) > 0)
        assert classed.classes[0].value == "A"


async def test_after_a_rebuild_at_either_both_read_and_write_on(desks: tuple[Desk, Desk]) -> None:
    await desks[0].claim("card:9000", "phone:+8613912345600")
    await desks[1].buy("o-1", "card:9000")
    before = await soon(lambda: desks[0].customer("card:9000"), lambda customer: customer.purchases.orders == 1)
    for first, second in (desks, desks[::-1]):
        await asyncio.gather(first.rebuilt(STATED), second.rebuilt(SHOPPING))
        for desk in desks:
            assert (await desk.customer("card:9000")).profile_hash == before.profile_hash
    for number, desk in enumerate(desks):
        card, phone = f"card:910{number}", f"phone:+861391234568{number}"
        await desk.claim(card, phone)
        assert [await each.members(card) for each in desks] == [{card, phone}, {card, phone}]


async def test_both_tell_an_operator_how_far_the_logs_are_read(desks: tuple[Desk, Desk]) -> None:
    await desks[1].buy("o-1", "card:9000")
    for desk in desks:
        readers = await soon(desk.readers, lambda found: all(0 <= reader.staleness_s < 5 for reader in found.values()))
        assert set(readers) == {SHOPPING, STATED, OWN_LABEL_GOODS, NAMED}
        assert {reader.lag_events for reader in readers.values()} == {0}
