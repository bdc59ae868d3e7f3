"""Dead letters over the wire: one service owns the log, another's reader fails at it (docs/consistency.md rule 9)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from google.longrunning import operations_pb2
from zhike.chassis.v1 import event_log_service_pb2 as log_pb
from zhike.chassis.v1 import system_service_pb2 as system_pb
from zhike.type.v1 import import_pb2

from services.chassis.clients import Clients, Method, declare_method
from services.chassis.eventlog.port import Event, NewEvent
from services.chassis.eventlog.reader import Reader
from services.chassis.jobs import Job
from services.chassis.metrics import Metrics
from services.chassis.server import Runtime, Service, running
from services.chassis.settings import ChassisSettings
from services.chassis.status import RemoteError
from tests.fakes.readers import QUICK

READER, OWNER = "recommendation", "search"
STATUS = declare_method(
    READER, system_pb, "SystemService/GetSystemStatus", system_pb.GetSystemStatusRequest, system_pb.SystemStatus,
    idempotent=True,
)  # fmt: skip
LIST = declare_method(
    READER, system_pb, "SystemService/ListDeadLetters", system_pb.ListDeadLettersRequest,
    system_pb.ListDeadLettersResponse, idempotent=True,
)  # fmt: skip
REDRIVE = declare_method(
    READER, system_pb, "SystemService/RedriveDeadLetters", system_pb.RedriveDeadLettersRequest,
    operations_pb2.Operation, idempotent=True,
)  # fmt: skip
WAIT: Method = Method(
    READER, "/google.longrunning.Operations/WaitOperation", operations_pb2.WaitOperationRequest,
    operations_pb2.Operation, idempotent=True,
)  # fmt: skip
EVENT = declare_method(
    OWNER, log_pb, "EventLogService/GetLogEvent", log_pb.GetLogEventRequest, log_pb.LogEvent, idempotent=True
)


@dataclass
class Shelf:
    """A copy of products that cannot read one kind of event until it is mended."""

    name: str = "shelf"
    mended: bool = False
    applied: list[str] = field(default_factory=list)

    async def apply(self, events: Sequence[Event]) -> None:
        if not self.mended and any(event.payload.get("price") == "free" for event in events):
            raise ValueError("the price of 牛奶 is no number")
        self.applied.extend(event.subject for event in events)


@dataclass
class Pair:
    """The owner and the reading service, and clients to both."""

    owner: Runtime[ChassisSettings]
    reader: Reader
    clients: Clients
    shelf: Shelf

    async def call(self, method: Method, request: object) -> object:
        return await self.clients.call(method, request, timeout_ms=10_000)

    async def publish(self, *products: str, price: str = "3.99") -> None:
        await self.owner.event_log("products").append([
            NewEvent(
                client_event_id=product, owner="search", type="ProductChanged",
                occurred_time=datetime(2026, 1, 5, tzinfo=UTC), shop="main", channel="web", subject=product,
                payload={"id": product, "price": price},
            )
            for product in products
        ])  # fmt: skip
        await self.reader.caught_up()

    async def letters(self, **fields: object) -> list[system_pb.DeadLetter]:
        page = await self.call(LIST, system_pb.ListDeadLettersRequest(**fields))
        assert isinstance(page, system_pb.ListDeadLettersResponse)
        return list(page.dead_letters)

    async def waiting(self) -> int:
        status = await self.call(STATUS, system_pb.GetSystemStatusRequest())
        return sum(reader.dead_letters for reader in status.readers)

    async def redrive(self, *ids: str, request_id: str = "") -> tuple[str, import_pb2.ImportProgress]:
        request = system_pb.RedriveDeadLettersRequest(projection="shelf", ids=ids, request_id=request_id)
        started = await self.call(REDRIVE, request)
        ended = await self.call(WAIT, operations_pb2.WaitOperationRequest(name=started.name))
        assert ended.done and not ended.HasField("error"), ended
        progress = import_pb2.ImportProgress()
        assert ended.response.Unpack(progress)
        return ended.name, progress


@asynccontextmanager
async def reading(folder: Path, documents: str, address: str, shelf: Shelf) -> AsyncIterator[tuple[Reader, str]]:
    """Run the reading service on its own data."""
    readers: list[Reader] = []

    async def build(runtime: Runtime[ChassisSettings]) -> Service:
        source = runtime.source("products", OWNER)
        reader = Reader(
            source, shelf, runtime.documents, runtime.clock, rng=Random(1), metrics=runtime.metrics, timing=QUICK
        )
        readers.append(reader)
        return Service(servicers=[], jobs=[Job("shelf", reader.run)], readers=lambda: readers)

    settings = ChassisSettings(data=folder, documents=documents, drain_ms=0, search_address=address)
    async with running(READER, settings, build) as process:
        await process.become_ready()
        yield readers[0], process.address


@asynccontextmanager
async def owning(folder: Path, documents: str) -> AsyncIterator[tuple[Runtime[ChassisSettings], str]]:
    async def build(runtime: Runtime[ChassisSettings]) -> Service:
        runtime.event_log("products")
        return Service(servicers=[])

    settings = ChassisSettings(data=folder, documents=documents, log_partitions=1, drain_ms=0)
    async with running(OWNER, settings, build) as process:
        await process.become_ready()
        yield process.runtime, process.address


@asynccontextmanager
async def paired(folder: Path, documents: str, shelf: Shelf) -> AsyncIterator[Pair]:
    async with (
        owning(folder, documents) as (owner, owner_address),
        reading(folder, documents, owner_address, shelf) as (reader, address),
    ):
        clients = Clients(ChassisSettings(search_address=owner_address, recommendation_address=address), Metrics())
        yield Pair(owner, reader, clients, shelf)
        await clients.close()


@pytest.fixture(params=["memory", "sqlite", pytest.param("mongodb", marks=pytest.mark.real)])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    documents = request.getfixturevalue("mongodb_deployment") if request.param == "mongodb" else request.param
    async with paired(tmp_path, documents, Shelf()) as pair:
        yield pair


async def test_what_a_reader_sets_aside_is_listed_without_quoting_the_event(pair: Pair) -> None:
    await pair.publish("p-1")
    await pair.publish("p-2", price="free")
    await pair.publish("p-3")
    assert (pair.shelf.applied, await pair.waiting()) == (["p-1", "p-3"], 1)
    (letter,) = await pair.letters()
    assert (letter.projection, letter.log, letter.log_owner) == ("shelf", "products", OWNER)
    assert (letter.partition, letter.seq, letter.type) == (0, 2, "ProductChanged")
    assert (letter.reason, letter.tries, letter.redrives, letter.message) == ("ValueError", 5, 0, "")
    (full,) = await pair.letters(projection="shelf", with_message=True)
    assert "牛奶" in full.message
    place = log_pb.GetLogEventRequest(log="products", partition=0, seq=2, key=letter.id)
    assert b'"free"' in (await pair.call(EVENT, place)).payload
    for wrong in ({"seq": 1}, {"key": "0" * 32}, {"log": "orders"}, {"seq": 9}):
        request = log_pb.GetLogEventRequest()
        request.CopyFrom(place)
        for name, value in wrong.items():
            setattr(request, name, value)
        with pytest.raises(RemoteError) as caught:
            await pair.call(EVENT, request)
        assert caught.value.reason == "NOT_FOUND"


async def test_a_redrive_is_one_operation_for_a_request_id_and_counts_once(pair: Pair) -> None:
    await pair.publish("p-1", "p-2", price="free")
    first, second = await pair.letters()
    failed, progress = await pair.redrive(first.id, request_id="r-1")
    assert (progress.rejected, dict(progress.rejected_by_reason)) == (1, {"ValueError": 1})
    (again,) = [each for each in await pair.letters() if each.id == first.id]
    assert (again.tries, again.redrives, again.seq) == (10, 1, first.seq)
    pair.shelf.mended = True
    assert (await pair.redrive(first.id, request_id="r-1"))[0] == failed  # the first answer is kept
    assert pair.shelf.applied == []
    with pytest.raises(RemoteError) as caught:
        await pair.redrive(second.id, request_id="r-1")
    assert caught.value.reason == "REQUEST_ID_REUSED"
    _, progress = await pair.redrive(request_id="r-2")
    assert (progress.accepted, progress.rejected) == (2, 0)
    _, progress = await pair.redrive(first.id, second.id, request_id="r-3")
    assert (progress.accepted, progress.duplicate) == (0, 2)
    assert (sorted(pair.shelf.applied), await pair.waiting(), await pair.letters()) == (["p-1", "p-2"], 0, [])


async def test_letters_are_paged_with_a_token_that_fits_one_query_only(pair: Pair) -> None:
    await pair.publish(*(f"p-{number}" for number in range(5)), price="free")
    seen, token = [], ""
    while True:
        page = await pair.call(LIST, system_pb.ListDeadLettersRequest(page_size=2, page_token=token))
        seen += [letter.id for letter in page.dead_letters]
        token, last = page.next_page_token, token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 5
    for request in (
        system_pb.ListDeadLettersRequest(projection="shelf", page_token=last),
        system_pb.ListDeadLettersRequest(page_token="garbled"),
        system_pb.ListDeadLettersRequest(page_size=-1),
    ):
        with pytest.raises(RemoteError) as caught:
            await pair.call(LIST, request)
        assert caught.value.reason in {"INVALID_PAGE_TOKEN", "INVALID_ARGUMENT"}


async def test_what_nobody_set_aside_is_not_found(pair: Pair) -> None:
    for projection, ids in (("carts", []), ("shelf", ["0" * 32]), ("shelf", ["💥" * 100])):
        with pytest.raises(RemoteError) as caught:
            await pair.call(REDRIVE, system_pb.RedriveDeadLettersRequest(projection=projection, ids=ids))
        assert caught.value.reason == "NOT_FOUND"
    with pytest.raises(RemoteError) as caught:
        await pair.call(REDRIVE, system_pb.RedriveDeadLettersRequest(projection="shelf", ids=["x"] * 101))
    assert caught.value.reason == "INVALID_ARGUMENT"
    with pytest.raises(RemoteError) as caught:
        await pair.call(LIST, system_pb.ListDeadLettersRequest(projection="carts"))
    assert caught.value.reason == "NOT_FOUND" and "shelf" in caught.value.message


async def test_letters_outlive_the_reading_process_and_are_redriven_by_the_next(tmp_path: Path) -> None:
    async with owning(tmp_path, "sqlite") as (owner, address):
        for shelf in (Shelf(), Shelf(mended=True)):
            async with reading(tmp_path, "sqlite", address, shelf) as (reader, own_address):
                clients = Clients(
                    ChassisSettings(search_address=address, recommendation_address=own_address), Metrics()
                )
                pair = Pair(owner, reader, clients, shelf)
                await pair.publish("p-1", price="free")
                assert (await pair.waiting(), shelf.applied) == (1, [])
                if shelf.mended:
                    _, progress = await pair.redrive()
                    assert (progress.accepted, shelf.applied, await pair.waiting()) == (1, ["p-1"], 0)
                await clients.close()
