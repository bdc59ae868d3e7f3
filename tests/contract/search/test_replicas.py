"""Two replicas of search on one MongoDB and one Elasticsearch: whichever holds a job, both answer alike."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from zhike.chassis.v1 import system_service_pb2, system_service_pb2_grpc
from zhike.search.v1 import product_pb2, query_insight_service_pb2, query_insight_service_pb2_grpc

from services.chassis.clients import Clients
from services.chassis.eventlog.port import NewEvent
from services.chassis.metrics import Metrics
from services.chassis.server import Running, running
from services.chassis.settings import ChassisSettings
from services.search import main
from services.search.settings import SearchSettings
from tests.contract.search.conftest import TIMEOUT_S, Shop, soon
from tests.fakes.elastic import elastic_address, new_prefix, remove_indexes
from tests.fakes.replicas import holding

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(400)]

INDEXING = ("product-index",)
REST = ("product-publisher", "search-log-mining")
QUICK_S = 0.3
ROWS = [
    {"id": f"milk-{number}", "title": {"en": f"Milk number {number}"}, "price": {"amount": "7.50", "currency": "CNY"}}
    for number in range(4)
]


def ndjson(*rows: Any) -> bytes:
    return b"\n".join(orjson.dumps(row) for row in rows)


def channel(shop: Shop) -> Any:
    return shop.clients.channel("search")


@pytest.fixture
async def shops(
    mongodb_deployment: str,
    tmp_path: Path,
    knowledge: Running[ChassisSettings],
    orders: Running[ChassisSettings],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[tuple[Shop, Shop]]:
    """Two replicas: one writes the index, the other publishes and mines."""
    monkeypatch.setattr(main, "REFRESH_INTERVAL_S", QUICK_S)
    monkeypatch.setattr(main, "SETTLE_LIMIT_S", 1_000.0)  # an import that waits for nobody never ends
    prefix = new_prefix()
    async with AsyncExitStack() as stack:
        opened = []
        stack.push_async_callback(remove_indexes, prefix)
        for number, held in enumerate((INDEXING, REST)):
            settings = SearchSettings(
                data=tmp_path / str(number),
                documents=mongodb_deployment,
                artifacts="gridfs",
                search_index=elastic_address(),
                search_index_prefix=prefix,
                drain_ms=0,
                knowledge_address=knowledge.address,
                orders_address=orders.address,
            )
            build = holding(main.build, *held)
            process = await stack.enter_async_context(running("search", settings, build, chance=Random(number)))
            clients = Clients(ChassisSettings(search_address=process.address), Metrics())
            stack.push_async_callback(clients.close)
            opened.append(Shop(process, clients))
        await asyncio.gather(*(shop.process.become_ready() for shop in opened))
        yield opened[0], opened[1]


async def bought(knowledge: Running[ChassisSettings], product_id: str, times: int, **payload: Any) -> None:
    events = [
        NewEvent(
            f"{product_id}-{number}",
            "key",
            "purchase-complete",
            datetime.now(UTC),
            "main",
            "web",
            "visitor:v-1",
            {"products": [{"id": product_id, "quantity": 1}], **payload},
        )
        for number in range(times)
    ]
    await knowledge.runtime.event_log("user-events").append(events)


async def as_of(shop: Shop) -> datetime:
    stub = query_insight_service_pb2_grpc.QueryInsightServiceStub(channel(shop))
    page = await stub.ListQueryInsights(query_insight_service_pb2.ListQueryInsightsRequest(), timeout=TIMEOUT_S)
    time: datetime = page.as_of_time.ToDatetime(tzinfo=UTC)
    return time


async def rebuilt(shop: Shop, projection: str) -> None:
    request = system_service_pb2.RebuildProjectionRequest(projection=projection)
    started = await system_service_pb2_grpc.SystemServiceStub(channel(shop)).RebuildProjection(
        request, timeout=TIMEOUT_S
    )
    waiting = operations_pb2.WaitOperationRequest(name=started.name)
    done = await operations_pb2_grpc.OperationsStub(channel(shop)).WaitOperation(waiting, timeout=TIMEOUT_S)
    assert done.HasField("response"), done


async def test_what_is_imported_at_either_is_found_at_both_when_its_import_ends(shops: tuple[Shop, Shop]) -> None:
    for number, shop in enumerate(shops[::-1]):
        row = {"id": f"tea-{number}", "title": {"en": f"Tea leaf {number}"}}
        assert (await shop.imported(ndjson(row))).accepted == 1
        assert f"tea-{number}" in await shop.ids("tea")
        for each in shops:
            await soon(lambda each=each: each.ids("tea"), lambda ids, number=number: len(ids) == number + 1)
            await soon(lambda each=each: each.suggest("lea"), lambda texts, number=number: len(texts) == number + 1)


async def test_what_is_wanted_stands_first_at_both_and_stays_there_when_it_is_edited(
    shops: tuple[Shop, Shop], knowledge: Running[ChassisSettings]
) -> None:
    await shops[0].imported(ndjson(*ROWS))
    await bought(knowledge, "milk-3", 20)
    for shop in shops:
        await soon(lambda shop=shop: shop.ids("", order_by="popularity"), lambda ids: ids[:1] == ["milk-3"])
        await soon(lambda shop=shop: shop.suggest("milk"), lambda texts: texts[:1] == ["Milk number 3"])
    for number, shop in enumerate(shops, 20):
        dearer = product_pb2.Product(id="milk-3")
        dearer.price.currency_code, dearer.price.units = "CNY", number
        await shop.update(dearer, "price")
        priced = [f"price:{number}00..{number}01"]
        for each in shops:
            await soon(lambda each=each, priced=priced: each.ids("", filters=priced), lambda ids: ids == ["milk-3"])
            assert (await each.ids("", order_by="popularity"))[0] == "milk-3"
            assert (await each.ids("milk"))[0] == "milk-3"


async def test_what_people_did_is_counted_alike_at_both_and_says_as_of_when(
    shops: tuple[Shop, Shop], knowledge: Running[ChassisSettings]
) -> None:
    await shops[0].imported(ndjson(*ROWS))
    answers = [await shop.search("milk number") for shop in shops]
    await bought(knowledge, "milk-1", 1, attribution_token=answers[0].attribution_token)
    for shop in shops:
        (found,) = await soon(
            shop.top, lambda queries: [(each.searches, each.purchases) for each in queries] == [(2, 1)]
        )
        assert found.query == "milk number"
        await soon(lambda shop=shop: as_of(shop), lambda time: datetime.now(UTC) - time < timedelta(minutes=1))


async def test_after_a_rebuild_at_either_both_answer_on(shops: tuple[Shop, Shop]) -> None:
    await shops[0].imported(ndjson(*ROWS))
    await shops[0].search("milk number")
    for shop in shops:
        await soon(shop.top, lambda queries: len(queries) == 1)
    for first, second in (shops, shops[::-1]):
        await asyncio.gather(rebuilt(first, "search-log"), rebuilt(second, "product-index"))
        for shop in shops:
            assert [each.query for each in await shop.top()] == ["milk number"]
            assert len(await shop.ids("milk number")) == len(ROWS)
    await shops[1].imported(ndjson({"id": "milk-4", "title": {"en": "Milk number 4"}}))
    for shop in shops:
        await soon(lambda shop=shop: shop.ids("milk"), lambda ids: "milk-4" in ids)


async def test_both_tell_an_operator_how_far_the_logs_are_read(shops: tuple[Shop, Shop]) -> None:
    await shops[1].imported(ndjson(*ROWS))

    async def readers(shop: Shop) -> list[system_service_pb2.ReaderStatus]:
        stub = system_service_pb2_grpc.SystemServiceStub(channel(shop))
        status = await stub.GetSystemStatus(system_service_pb2.GetSystemStatusRequest(), timeout=TIMEOUT_S)
        return list(status.readers)

    for shop in shops:
        found = await soon(
            lambda shop=shop: readers(shop),
            lambda found: all(0 <= each.staleness_s < 5 and not each.lag_events for each in found),
        )
        assert {each.projection for each in found} == {"product-index", "catalog-memory", "search-log"}
