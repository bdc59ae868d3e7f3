"""The gRPC services, called without a wire: what is decoded, and what is refused at the door."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
import pytest
from zhike.knowledge.v1 import customer_service_pb2 as customers_pb
from zhike.knowledge.v1 import user_event_service_pb2 as events_pb
from zhike.type.v1 import import_pb2

from services.chassis.errors import InvalidArgumentError
from services.chassis.metrics import Metrics
from services.chassis.operation_run import Operation, OperationState, Progress
from services.chassis.paging import InvalidPageTokenError
from services.kits.imports.servicer import Uploads
from services.knowledge.domain.import_plan import check_plan
from services.knowledge.main import METRICS
from services.knowledge.servicer.customers import CustomerServicer
from services.knowledge.servicer.user_events import UserEventServicer
from services.knowledge.store.collections import USER_EVENTS
from tests.fakes.memory_artifacts import MemoryArtifacts
from tests.unit.services.knowledge.conftest import World

BROWSER = "v-" + "a" * 22
CONTEXT: Any = None


class StartedOperations:
    """Notes what was started."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.started: list[tuple[str, Mapping[str, Any], str, str]] = []

    async def start(
        self, kind: str, arguments: Mapping[str, Any], *, request_id: str = "", owner: str = ""
    ) -> Operation:
        self.started.append((kind, arguments, request_id, owner))
        return Operation("knowledge.1", kind, OperationState.RUNNING, arguments, Progress(), self.world.clock.now())


@pytest.fixture
def operations(world: World) -> StartedOperations:
    return StartedOperations(world)


def uploads(operations: StartedOperations) -> Uploads:
    return Uploads("knowledge", MemoryArtifacts(), operations, check_plan)  # type: ignore[arg-type]


@pytest.fixture
def events(world: World, operations: StartedOperations) -> UserEventServicer:
    metrics = Metrics((METRICS,))
    return UserEventServicer(world.logs[USER_EVENTS], world.clock, metrics, uploads(operations))


@pytest.fixture
def customers(world: World, operations: StartedOperations) -> CustomerServicer:
    return CustomerServicer(world.reading, world.writing, uploads(operations), world.names)


def event(world: World, **fields: Any) -> dict[str, Any]:
    given = {"id": "e1", "type": "home-page-view", "time": world.clock.now().isoformat(), "visitor_id": BROWSER}
    return {**given, **fields}


async def test_a_batch_is_answered_in_finished_json_and_in_numbers(world: World, events: UserEventServicer) -> None:
    body = orjson.dumps({"events": [event(world), event(world, id="e2", type="thought"), event(world)]})
    response = await events.WriteUserEvents(events_pb.WriteUserEventsRequest(json=body, owner="key"), CONTEXT)
    assert (response.stored, response.duplicate, response.rejected) == (1, 1, 1)
    answer = orjson.loads(response.json)
    assert [each["status"] for each in answer["verdicts"]] == ["stored", "rejected", "duplicate"]
    (stored,) = await world.events(USER_EVENTS)
    assert (stored.shop, stored.channel, stored.synthetic) == ("main", "web", False)


async def test_a_principal_writes_only_for_its_own_identifiers(world: World, events: UserEventServicer) -> None:
    body = orjson.dumps({"events": [event(world), event(world, id="e2", identifiers=["login:someone-else"])]})
    request = events_pb.WriteUserEventsRequest(
        json=body, owner="key", only_identifiers=[f"visitor:{BROWSER}"], synthetic=True, default_channel="app"
    )
    answer = orjson.loads((await events.WriteUserEvents(request, CONTEXT)).json)
    assert [each.get("error", {}).get("reason") for each in answer["verdicts"]] == [None, "IDENTIFIER_NOT_ALLOWED"]
    (stored,) = await world.events(USER_EVENTS)
    assert (stored.channel, stored.synthetic) == ("app", True)


async def test_claims_consent_merge_and_unmerge_answer_customers(world: World, customers: CustomerServicer) -> None:
    named = [customers_pb.ClaimedIdentifier(identifier=each, verified=True) for each in ("card:1001", "login:u42")]
    joined = await customers.WriteClaims(
        customers_pb.WriteClaimsRequest(
            identifiers=named, claims=[customers_pb.Claim(field="name", value="Li")], source="crm", owner="key",
            account="household:1", consents={"marketing": "granted"},
        ),
        CONTEXT,
    )  # fmt: skip
    assert [each.identifier for each in joined.identifiers] == ["card:1001", "login:u42"]
    parted = await customers.UnmergeCustomer(
        customers_pb.UnmergeCustomerRequest(id=joined.id, identifiers=["card:1001"], owner="key"), CONTEXT
    )
    assert len(parted.customers) == 2
    again = await customers.MergeCustomers(
        customers_pb.MergeCustomersRequest(ids=[each.id for each in parted.customers], owner="key"), CONTEXT
    )
    assert len(again.identifiers) == 2
    spoken = await customers.SetConsent(
        customers_pb.SetConsentRequest(id=again.id, purpose="marketing", granted=False, owner="key"), CONTEXT
    )
    assert {each.purpose: each.state for each in spoken.consents}["marketing"] == "denied"
    read = await customers.GetCustomer(customers_pb.GetCustomerRequest(id="login:u42"), CONTEXT)
    assert read.profile_hash == spoken.profile_hash
    account = await customers.GetAccount(customers_pb.GetAccountRequest(id=joined.account_id), CONTEXT)
    assert list(account.customer_ids) == [again.id]


async def test_customers_are_listed_by_pages_and_a_foreign_token_is_refused(
    world: World, customers: CustomerServicer
) -> None:
    for number in range(5):
        await world.claim(f"card:10{number:02d}")
    first = await customers.ListCustomers(customers_pb.ListCustomersRequest(page_size=3), CONTEXT)
    request = customers_pb.ListCustomersRequest(page_size=3, page_token=first.next_page_token)
    second = await customers.ListCustomers(request, CONTEXT)
    assert (len(first.customers), len(second.customers), second.next_page_token) == (3, 2, "")
    with pytest.raises(InvalidPageTokenError):
        request = customers_pb.ListCustomersRequest(page_token=first.next_page_token, abc_class="A")
        await customers.ListCustomers(request, CONTEXT)
    with pytest.raises(InvalidArgumentError):
        await customers.ListCustomers(customers_pb.ListCustomersRequest(abc_class="D"), CONTEXT)


def config(**fields: Any) -> import_pb2.ImportRequest:
    given = {"format": import_pb2.IMPORT_FORMAT_CSV, "owner": "key", "request_id": "r1", **fields}
    return import_pb2.ImportRequest(config=import_pb2.ImportConfig(**given))


async def stream(*requests: import_pb2.ImportRequest) -> AsyncIterator[import_pb2.ImportRequest]:
    for request in requests:
        yield request


async def test_customers_and_events_are_imported_too(
    customers: CustomerServicer, events: UserEventServicer, operations: StartedOperations
) -> None:
    await customers.ImportCustomers(stream(config()), CONTEXT)
    await events.ImportUserEvents(stream(config(format=import_pb2.IMPORT_FORMAT_NDJSON)), CONTEXT)
    assert [kind for kind, *_ in operations.started] == ["import-customers", "import-events"]
