"""Search as a process of its own ports, beside the owners of the user events and order facts that it reads."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from zhike.search.v1 import (
    product_pb2,
    product_service_pb2,
    product_service_pb2_grpc,
    query_insight_service_pb2,
    query_insight_service_pb2_grpc,
    search_service_pb2,
    search_service_pb2_grpc,
)
from zhike.type.v1 import answer_pb2, import_pb2

from services.chassis.clients import Clients
from services.chassis.metrics import Metrics
from services.chassis.server import Running, running
from services.chassis.settings import ChassisSettings
from services.search.main import build
from services.search.settings import SearchSettings
from tests.fakes.elastic import REAL, elastic_address, new_prefix, remove_indexes
from tests.fakes.log_owner import owner_of

TIMEOUT_S = 60.0  # of a machine that is busy with other tests
CHUNK_BYTES = 100


async def soon(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool]) -> Any:
    """Ask until the answer holds; what was told elsewhere arrives within a moment."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            answer = await ask()
            if holds(answer):
                return answer
            await asyncio.sleep(0.02)


@dataclass
class Shop:
    """A started search service and calls to it."""

    process: Running[SearchSettings]
    clients: Clients

    @property
    def _channel(self) -> Any:
        return self.clients.channel("search")

    async def search(self, query: str, language: str = "en", **fields: Any) -> search_service_pb2.SearchAnswer:
        request = search_service_pb2.SearchRequest(query=query, language=language, **fields)
        stub = search_service_pb2_grpc.SearchServiceStub(self._channel)
        return (await stub.Search(request, timeout=TIMEOUT_S)).answer

    async def search_json(self, query: str) -> dict[str, Any]:
        request = search_service_pb2.SearchRequest(query=query, format=answer_pb2.ANSWER_FORMAT_JSON)
        stub = search_service_pb2_grpc.SearchServiceStub(self._channel)
        answer: dict[str, Any] = orjson.loads((await stub.Search(request, timeout=TIMEOUT_S)).json)
        return answer

    async def ids(self, query: str, language: str = "en", **fields: Any) -> list[str]:
        return [result.product.id for result in (await self.search(query, language, **fields)).results]

    async def suggest(self, beginning: str, language: str = "en") -> list[str]:
        request = search_service_pb2.CompleteQueryRequest(query=beginning, language=language)
        stub = search_service_pb2_grpc.SearchServiceStub(self._channel)
        return [each.text for each in (await stub.CompleteQuery(request, timeout=TIMEOUT_S)).suggestions]

    async def update(self, product: product_pb2.Product, *paths: str) -> product_pb2.Product:
        request = product_service_pb2.UpdateProductRequest(product=product, update_mask={"paths": paths})
        return await product_service_pb2_grpc.ProductServiceStub(self._channel).UpdateProduct(
            request, timeout=TIMEOUT_S
        )

    async def get(self, product_id: str) -> product_pb2.Product:
        request = product_service_pb2.GetProductRequest(id=product_id)
        stub = product_service_pb2_grpc.ProductServiceStub(self._channel)
        return (await stub.GetProduct(request, timeout=TIMEOUT_S)).product

    async def top(self) -> list[Any]:
        request = query_insight_service_pb2.ListQueryInsightsRequest()
        stub = query_insight_service_pb2_grpc.QueryInsightServiceStub(self._channel)
        return list((await stub.ListQueryInsights(request, timeout=TIMEOUT_S)).queries)

    async def course(self, query: str) -> query_insight_service_pb2.QueryCourse:
        request = query_insight_service_pb2.GetQueryCourseRequest(query=query, window_days=7)
        stub = query_insight_service_pb2_grpc.QueryInsightServiceStub(self._channel)
        return await stub.GetQueryCourse(request, timeout=TIMEOUT_S)

    async def upload(self, parts: Sequence[import_pb2.ImportRequest]) -> operations_pb2.Operation:
        """Send an upload and wait until its operation is done."""

        async def messages() -> AsyncIterator[import_pb2.ImportRequest]:
            for part in parts:
                yield part

        stub = product_service_pb2_grpc.ProductServiceStub(self._channel)
        started = await stub.ImportProducts(messages(), timeout=TIMEOUT_S)
        waiting = operations_pb2.WaitOperationRequest(name=started.name)
        done = await operations_pb2_grpc.OperationsStub(self._channel).WaitOperation(waiting, timeout=TIMEOUT_S)
        assert done.done
        return done

    async def imported(self, content: bytes, **config: Any) -> import_pb2.ImportProgress:
        """Import a file sent in small chunks and return the counters."""
        fields = {"format": import_pb2.IMPORT_FORMAT_NDJSON, "shop": "main", "owner": "key", **config}
        chunks = [content[start : start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES)]
        done = await self.upload(
            [
                import_pb2.ImportRequest(config=import_pb2.ImportConfig(**fields)),
                *(import_pb2.ImportRequest(chunk=chunk) for chunk in chunks),
            ]
        )
        progress = import_pb2.ImportProgress()
        assert done.response.Unpack(progress), done.error
        return progress


OpenShop = Callable[[], Any]


@pytest.fixture
async def knowledge(tmp_path: Path) -> AsyncIterator[Running[ChassisSettings]]:
    """The owner of user events."""
    async with owner_of("user-events", "knowledge", tmp_path) as process:
        yield process


@pytest.fixture
async def orders(tmp_path: Path) -> AsyncIterator[Running[ChassisSettings]]:
    """The owner of order facts."""
    async with owner_of("order-events", "orders", tmp_path) as process:
        yield process


@pytest.fixture(params=["tantivy", REAL])
async def search_index(request: pytest.FixtureRequest) -> AsyncIterator[dict[str, str]]:
    """The settings of the index that search keeps its products in."""
    if request.param == "tantivy":
        yield {}
        return
    prefix = new_prefix()
    yield {"search_index": elastic_address(), "search_index_prefix": prefix}
    await remove_indexes(prefix)


@pytest.fixture
def open_shop_of(tmp_path: Path, search_index: dict[str, str]) -> Callable[[str, str], Any]:
    """Start search on the test's directory with the knowledge and the orders of two addresses."""

    @asynccontextmanager
    async def opened(knowledge_address: str, orders_address: str) -> AsyncIterator[Shop]:
        settings = SearchSettings(
            data=tmp_path,
            documents="sqlite",
            drain_ms=0,
            knowledge_address=knowledge_address,
            orders_address=orders_address,
            **search_index,
        )
        async with running("search", settings, build) as process:
            clients = Clients(ChassisSettings(search_address=process.address), Metrics())
            await process.become_ready()
            yield Shop(process, clients)
            await clients.close()

    return opened


@pytest.fixture
def open_shop(
    open_shop_of: Callable[[str, str], Any], knowledge: Running[ChassisSettings], orders: Running[ChassisSettings]
) -> OpenShop:
    """Start search beside the owners of the logs that it reads; again after it was stopped too."""
    return lambda: open_shop_of(knowledge.address, orders.address)
