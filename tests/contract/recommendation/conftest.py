"""Recommendation as a process of its own ports, beside owners of the logs that it reads."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from zhike.chassis.v1 import system_service_pb2, system_service_pb2_grpc
from zhike.recommendation.v1 import model_service_pb2 as models_pb
from zhike.recommendation.v1 import model_service_pb2_grpc, prediction_service_pb2_grpc
from zhike.recommendation.v1 import prediction_service_pb2 as pb
from zhike.type.v1 import answer_pb2, identifier_pb2, import_pb2

from services.chassis.clients import Clients
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import APPEND_LIMIT, Event, NewEvent, VerdictStatus
from services.chassis.metrics import Metrics
from services.chassis.server import Running, Runtime, Service, running
from services.chassis.settings import ChassisSettings
from services.recommendation.jobs.trainer import Command
from services.recommendation.main import build_with
from services.recommendation.settings import RecommendationSettings

TIMEOUT_S = 30.0
PATIENCE_S = 60.0  # of a wait that ends when it holds; only a slow machine ever needs it


async def soon(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool], *, limit_s: float = PATIENCE_S) -> Any:
    """Ask until the answer holds; what was told elsewhere arrives within a moment."""
    async with asyncio.timeout(limit_s):
        while True:
            answer = await ask()
            if holds(answer):
                return answer
            await asyncio.sleep(0.02)


@dataclass
class Owners:
    """The logs that others own."""

    knowledge: Running[ChassisSettings]
    search: Running[ChassisSettings]
    orders: Running[ChassisSettings]
    stop_knowledge: Callable[[], Awaitable[None]]

    def log(self, name: str) -> DocumentsLog:
        owner = {"products": self.search, "order-events": self.orders}.get(name, self.knowledge)
        return owner.runtime.event_log(name)

    async def tell(self, events: Sequence[Event]) -> None:
        """Append events of one log."""
        for start in range(0, len(events), APPEND_LIMIT):
            batch = events[start : start + APPEND_LIMIT]
            verdicts = await self.log(batch[0].log).append([_new(event) for event in batch])
            assert {verdict.status for verdict in verdicts} == {VerdictStatus.STORED}


@dataclass
class Shop:
    """A started recommendation service and calls to it."""

    process: Running[RecommendationSettings]
    clients: Clients
    owners: Owners

    @property
    def _channel(self) -> Any:
        return self.clients.channel("recommendation")

    async def predict(self, placement: str, *identifiers: str, **fields: Any) -> pb.Prediction:
        request = pb.PredictRequest(
            placement=placement, shopper=identifier_pb2.Shopper(identifiers=identifiers), **fields
        )
        stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        return (await stub.Predict(request, timeout=TIMEOUT_S, wait_for_ready=True)).prediction

    async def predict_json(self, placement: str, *identifiers: str) -> bytes:
        request = pb.PredictRequest(
            placement=placement,
            shopper=identifier_pb2.Shopper(identifiers=identifiers),
            format=answer_pb2.ANSWER_FORMAT_JSON,
        )
        stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        return (await stub.Predict(request, timeout=TIMEOUT_S, wait_for_ready=True)).json

    async def cart(self, *identifiers: str) -> pb.GetCartResponse:
        request = pb.GetCartRequest(shopper=identifier_pb2.Shopper(identifiers=identifiers))
        stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        return await stub.GetCart(request, timeout=TIMEOUT_S, wait_for_ready=True)

    async def train(self, **fields: Any) -> operations_pb2.Operation:
        """Train and wait for the end."""
        stub = model_service_pb2_grpc.ModelServiceStub(self._channel)
        operation = await stub.TrainModel(models_pb.TrainModelRequest(**fields), timeout=TIMEOUT_S)
        return await self.ended(operation.name)

    async def start_training(self, **fields: Any) -> str:
        stub = model_service_pb2_grpc.ModelServiceStub(self._channel)
        return (await stub.TrainModel(models_pb.TrainModelRequest(**fields), timeout=TIMEOUT_S)).name

    async def start_scoring(self, **fields: Any) -> str:
        stub = model_service_pb2_grpc.ModelServiceStub(self._channel)
        return (await stub.ScoreCustomers(models_pb.ScoreCustomersRequest(**fields), timeout=TIMEOUT_S)).name

    async def lists(self, name: str) -> list[dict[str, Any]]:
        """Wait for a scoring and return its lines."""
        operation = await self.ended(name)
        assert not operation.HasField("error"), operation.error
        found = import_pb2.ImportProgress()
        operation.response.Unpack(found)
        content = await self.process.runtime.artifacts.read(found.result_file)
        return [orjson.loads(line) for line in content.splitlines()]

    async def progress(self, name: str) -> import_pb2.ImportProgress:
        stub = operations_pb2_grpc.OperationsStub(self._channel)
        request = operations_pb2.GetOperationRequest(name=name)
        found = import_pb2.ImportProgress()
        (await stub.GetOperation(request, timeout=TIMEOUT_S)).metadata.Unpack(found)
        return found

    async def ended(self, name: str) -> operations_pb2.Operation:
        stub = operations_pb2_grpc.OperationsStub(self._channel)
        while True:
            operation = await stub.WaitOperation(operations_pb2.WaitOperationRequest(name=name), timeout=TIMEOUT_S)
            if operation.done:
                return operation

    async def facts(self) -> dict[str, str]:
        stub = system_service_pb2_grpc.SystemServiceStub(self._channel)
        return dict((await stub.GetSystemStatus(system_service_pb2.GetSystemStatusRequest(), timeout=TIMEOUT_S)).facts)

    async def models(self) -> Sequence[models_pb.Model]:
        stub = model_service_pb2_grpc.ModelServiceStub(self._channel)
        return (await stub.ListModels(models_pb.ListModelsRequest(), timeout=TIMEOUT_S)).models

    async def promote(self, version: str, reason: str = "") -> models_pb.Model:
        stub = model_service_pb2_grpc.ModelServiceStub(self._channel)
        request = models_pb.PromoteModelRequest(version=version, reason=reason)
        return await stub.PromoteModel(request, timeout=TIMEOUT_S)

    async def until(self, holds: Callable[[pb.Prediction], bool], placement: str, *identifiers: str) -> pb.Prediction:
        """Ask until an answer holds; what was told arrives within a moment."""
        return await soon(lambda: self.predict(placement, *identifiers), holds)


@pytest.fixture
async def owners(tmp_path: Path) -> AsyncIterator[Owners]:
    async def knowledge(runtime: Runtime[ChassisSettings]) -> Service:
        runtime.event_log("user-events")
        runtime.event_log("customers")
        return Service(servicers=[])

    async def search(runtime: Runtime[ChassisSettings]) -> Service:
        runtime.event_log("products")
        return Service(servicers=[])

    async def orders(runtime: Runtime[ChassisSettings]) -> Service:
        runtime.event_log("order-events")
        return Service(servicers=[])

    settings = ChassisSettings(data=tmp_path, drain_ms=0, grace_ms=0)
    async with AsyncExitStack() as first, AsyncExitStack() as others:
        owner = await first.enter_async_context(running("knowledge", settings, knowledge))
        other = await others.enter_async_context(running("search", settings, search))
        third = await others.enter_async_context(running("orders", settings, orders))
        for each in (owner, other, third):
            await each.become_ready()
        yield Owners(owner, other, third, first.aclose)


@asynccontextmanager
async def shop_in(
    folder: Path, owners: Owners, *, command: Command | None = None, **changes: Any
) -> AsyncIterator[Shop]:
    """Start the service on ``folder`` and wait until it is ready."""
    settings = RecommendationSettings(
        **{
            "data": folder,
            "drain_ms": 0,
            "grace_ms": 1_000,
            "default_consent": "granted",
            "consent_staleness_ms": 30_000,  # what is tested here is not the clock of a busy machine
            "board_interval_ms": 100,
            "train_every_hours": 0,
            "knowledge_address": owners.knowledge.address,
            "search_address": owners.search.address,
            "orders_address": owners.orders.address,
            **changes,
        }
    )

    async def build(runtime: Runtime[RecommendationSettings]) -> Service:
        return await build_with(runtime, command=command)

    async with running("recommendation", settings, build) as process:
        clients = Clients(ChassisSettings(recommendation_address=process.address), Metrics())
        try:
            await process.become_ready()
            yield Shop(process, clients, owners)
        finally:
            await clients.close()


@pytest.fixture
async def shop(tmp_path: Path, owners: Owners) -> AsyncIterator[Shop]:
    async with shop_in(tmp_path, owners) as started:
        yield started


def _new(event: Event) -> NewEvent:
    return NewEvent(
        client_event_id=f"{event.log}-{event.seq}",
        owner="test",
        type=event.type,
        occurred_time=event.occurred_time,
        shop=event.shop,
        channel=event.channel,
        subject=event.subject,
        payload=event.payload,
        synthetic=event.synthetic,
    )
