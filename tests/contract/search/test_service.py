"""The search service as its callers see it: over the wire, restarted, with its index gone."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import orjson
import pytest
from zhike.search.v1 import product_pb2
from zhike.type.v1 import import_pb2

from services.chassis.documents.port import StoreUnavailableError
from services.chassis.eventlog.port import NewEvent
from services.chassis.server import Running
from services.chassis.settings import ChassisSettings
from services.search import main
from services.search.jobs.indexing import ProductIndexer
from tests.contract.search.conftest import OpenShop, Shop, soon
from tests.fakes.elastic import remove_indexes
from tests.fakes.events import stored_events
from tests.fakes.order_facts import placed

ROWS = (
    {
        "id": "cola",
        "title": {"zh": "可口可乐 无糖", "en": "Coca-Cola Zero"},
        "price": {"amount": "7.50", "currency": "CNY"},
    },
    {
        "id": "milk",
        "title": {"zh": "蒙牛纯牛奶", "en": "Mengniu milk"},
        "price": {"amount": "59.90", "currency": "CNY"},
    },
)


def ndjson(*rows: Any) -> bytes:
    return b"\n".join(orjson.dumps(row) for row in rows)


async def stocked(shop: Shop) -> None:
    assert (await shop.imported(ndjson(*ROWS))).accepted == 2


def priced(product_id: str, units: int) -> product_pb2.Product:
    product = product_pb2.Product(id=product_id)
    product.price.currency_code, product.price.units = "CNY", units
    return product


async def test_what_an_import_ends_with_can_be_found(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        progress = await shop.imported(ndjson(*ROWS, {"id": "bad"}, ROWS[0]))
        assert (progress.rows, progress.accepted, progress.duplicate, progress.rejected) == (4, 2, 1, 1)
        assert dict(progress.rejected_by_reason) == {"MISSING_FIELD": 1}
        assert await shop.process.runtime.artifacts.read(progress.error_file)
        assert await shop.ids("可口可乐", "zh") == ["cola"]
        assert (await shop.search_json("牛奶"))["results"][0]["product"]["title"] == "蒙牛纯牛奶"


async def test_the_same_request_imports_once(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        first = await shop.imported(ndjson(*ROWS), request_id="r1")
        again = await shop.imported(ndjson(*ROWS), request_id="r1")
        assert first == again
        assert again.accepted == 2


async def test_an_upload_that_breaks_its_rules_is_refused(open_shop: OpenShop) -> None:
    config = import_pb2.ImportRequest(config=import_pb2.ImportConfig(format=import_pb2.IMPORT_FORMAT_CSV))
    chunk = import_pb2.ImportRequest(chunk=b"x")
    async with open_shop() as shop:
        for parts in ([], [chunk], [config, config], [config, import_pb2.ImportRequest(chunk=b"x" * (1024**2 + 1))]):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await shop.upload(parts)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_price_is_found_soon_and_the_log_tells_of_it(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        await stocked(shop)
        changed = await shop.update(priced("milk", 61), "price")
        assert changed.version == 2
        await soon(lambda: shop.ids("", filters=["price:6100..6101"]), lambda ids: ids == ["milk"])
        events = await stored_events(shop.process.runtime.event_log("products"))
        assert [(event.subject, event.payload["version"]) for event in events] == [
            ("cola", 1),
            ("milk", 1),
            ("milk", 2),
        ]


async def test_products_are_indexed_though_popularity_cannot_be_written(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> int:
        raise RuntimeError("a defect")

    monkeypatch.setattr(ProductIndexer, "refresh_popularity", broken)
    monkeypatch.setattr(main, "REFRESH_INTERVAL_S", 0.01)
    async with open_shop() as shop:
        await stocked(shop)
        await shop.update(priced("milk", 61), "price")
        await soon(lambda: shop.ids("", filters=["price:6100..6101"]), lambda ids: ids == ["milk"])


async def test_all_is_there_after_a_restart(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        await stocked(shop)
    async with open_shop() as shop:
        assert await shop.ids("milk") == ["milk"]
        assert (await shop.search("mikl")).corrected_query == "milk"
        assert await shop.suggest("coca") == ["Coca-Cola Zero"]
        await shop.update(priced("milk", 61), "price")
        await soon(lambda: shop.ids("", filters=["price:6100..6101"]), lambda ids: ids == ["milk"])


async def test_an_index_that_is_gone_is_filled_before_the_service_is_ready(
    open_shop: OpenShop, tmp_path: Path, search_index: dict[str, str]
) -> None:
    async with open_shop() as shop:
        await stocked(shop)
        await shop.update(priced("milk", 61), "price")
    if search_index:
        await remove_indexes(search_index["search_index_prefix"])
    else:
        shutil.rmtree(tmp_path / "search" / "index")
    async with open_shop() as shop:
        assert await shop.ids("", filters=["price:6100..6101"]) == ["milk"]


async def test_what_was_saved_and_not_yet_published_is_published_by_the_next_process(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        await stocked(shop)
        publisher_away = shop.process.runtime.event_log("products")

        async def refuse(_: Any) -> Any:
            raise StoreUnavailableError("killed here")

        publisher_away.append = refuse  # type: ignore[method-assign]
        await shop.update(priced("milk", 61), "price")
    async with open_shop() as shop:
        await soon(lambda: shop.ids("", filters=["price:6100..6101"]), lambda ids: ids == ["milk"])


async def test_searches_and_clicks_meet_in_the_insights(
    open_shop: OpenShop, knowledge: Running[ChassisSettings]
) -> None:
    async with open_shop() as shop:
        await stocked(shop)
        answer = await shop.search(" MILK ")
        await shop.search("milk", synthetic=True)
        payload = {"products": [{"id": "milk"}], "attribution_token": answer.attribution_token, "position": 1}
        click = NewEvent("e1", "key", "detail-page-view", datetime.now(UTC), "main", "web", "visitor:v-1", payload)
        await knowledge.runtime.event_log("user-events").append([click])
        # The two logs are read in no order: a click may be counted before its search is.
        met = lambda queries: [(each.searches, each.clicks) for each in queries] == [(1, 1)]  # noqa: E731
        (found,) = await soon(shop.top, met)
        assert (found.query, found.results, found.mean_click_position) == ("milk", 1, 1.0)
        course = await shop.course(" Milk ")
        assert (course.insight.query, len(course.days), course.clicks_by_position[0]) == ("milk", 7, 1)
        counted = [sum(getattr(day, what) for day in course.days) for what in ("searches", "clicks", "empty")]
        assert counted == [1, 1, 0], "on the day of the search, whatever day it is by now"
        searches = shop.process.runtime.event_log("searches")
        await soon(searches.head, lambda head: sum(head.seqs) == 2)
        events = await stored_events(searches)
        assert [event.synthetic for event in events] == [False, True]
        assert events[0].payload["results"] == [{"product_id": "milk", "position": 1}]


async def test_an_order_fact_counts_for_the_search_that_led_to_it_in_place_of_the_browsers_report(
    open_shop: OpenShop, knowledge: Running[ChassisSettings], orders: Running[ChassisSettings]
) -> None:
    async with open_shop() as shop:
        await stocked(shop)
        token, now = (await shop.search("milk")).attribution_token, datetime.now(UTC)
        order = {"number": "7", "kind": "sale", "source": "browser"}
        payload = {"products": [{"id": "milk"}], "attribution_token": token, "order": order}
        report = NewEvent("e1", "key", "purchase-complete", now, "main", "web", "visitor:v-1", payload)
        await knowledge.runtime.event_log("user-events").append([report])
        await soon(shop.top, lambda queries: bool(queries) and queries[0].purchases == 1)
        facts = [placed("f", "7", now, products=[{"id": "tea"}], token=token), placed("g", "8", now, token=token)]
        await orders.runtime.event_log("order-events").append(facts)
        await soon(shop.top, lambda queries: queries[0].purchases == 2)


async def test_search_starts_and_serves_while_knowledge_and_orders_are_away(
    open_shop_of: Callable[[str, str], Any],
) -> None:
    async with open_shop_of("127.0.0.1:1", "127.0.0.1:1") as shop:
        await stocked(shop)
        assert await shop.ids("milk") == ["milk"]
        assert await shop.top() == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"filters": ["nothing"]}, "FILTER_INVALID"),
        ({"order_by": "best"}, "ORDER_BY_INVALID"),
        ({"facets": ["colour"]}, "FACET_INVALID"),
        ({"page_token": "x"}, "INVALID_PAGE_TOKEN"),
        ({"page_size": -1}, "INVALID_ARGUMENT"),
    ],
)
async def test_a_search_that_cannot_be_read_says_why(open_shop: OpenShop, fields: dict[str, Any], reason: str) -> None:
    async with open_shop() as shop:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await shop.search("milk", **fields)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert reason in str(caught.value.trailing_metadata())


async def test_an_unknown_product_is_not_found(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        for call in (shop.get("nothing"), shop.update(priced("nothing", 1), "price")):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
