"""One trace from the gateway through the services, their logs and the readers of these: the real processes' parts."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from gateway.main import built
from gateway.settings import GatewaySettings
from gateway.tokens import OPERATOR_FILE
from services.chassis.server import running
from services.knowledge.main import build as build_knowledge
from services.knowledge.settings import KnowledgeSettings
from services.orders.main import build as build_orders
from services.orders.settings import OrdersSettings
from services.recommendation.main import build as build_recommendation
from services.recommendation.settings import RecommendationSettings
from services.search.main import build as build_search
from services.search.settings import SearchSettings
from tests.fakes.spans import CollectedSpans, collected_spans, is_child

SEARCH_RPC = "zhike.search.v1.SearchService/Search"
WRITE_RPC = "zhike.knowledge.v1.UserEventService/WriteUserEvents"
PRODUCT = {"id": "p-1", "title": "green tea", "price": {"amount": "9.90", "currency": "CNY"}, "available_quantity": 5}


@dataclass(frozen=True)
class Whole:
    """All services and the gateway in this process, and what they exported."""

    client: httpx.AsyncClient
    spans: CollectedSpans

    async def get(self, path: str, **headers: str) -> Any:
        answer = await self.client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: object) -> Any:
        answer = await self.client.post(path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def purchase(self, event_id: str, **fields: object) -> None:
        event = {
            "id": event_id,
            "type": "purchase-complete",
            "time": datetime.now(UTC).isoformat(),
            "identifiers": ["login:u1"],
            "products": [{"id": "p-1", "quantity": 1, "price": PRODUCT["price"]}],
            "order": {"number": event_id, "total": PRODUCT["price"]},
            **fields,
        }
        verdicts = await self.post("/v1/events", {"events": [event]})
        assert verdicts["stored"] == 1, verdicts


@pytest.fixture(params=[1.0])
async def whole(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Whole]:
    async with AsyncExitStack() as stack:
        spans = stack.enter_context(collected_spans(ratio=request.param))
        kept: dict[str, Any] = {"data": tmp_path, "drain_ms": 0}
        addresses: dict[str, str] = {}
        for name, settings, build in (
            ("orders", OrdersSettings, build_orders),
            ("knowledge", KnowledgeSettings, build_knowledge),
            ("search", SearchSettings, build_search),
            ("recommendation", RecommendationSettings, build_recommendation),
        ):
            process = await stack.enter_async_context(running(name, settings(**kept, **addresses), build))
            await process.become_ready()
            addresses[f"{name}_address"] = process.address
        gateway = await stack.enter_async_context(built(GatewaySettings(**kept, **addresses)))
        token = (tmp_path / OPERATOR_FILE).read_text(encoding="utf-8").strip()
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(gateway.app),
            base_url="http://gateway",
            headers={"Authorization": f"Bearer {token}"},
        )
        yield Whole(await stack.enter_async_context(client), spans)


def said_by(spans: list[ReadableSpan]) -> set[str]:
    return {span.name for span in spans}


async def test_a_request_and_the_service_that_answers_it_are_one_trace(whole: Whole) -> None:
    await whole.get("/v1/search?q=tea")
    edge = whole.spans.one("GET /v1/search")
    client, server = sorted(whole.spans.named(SEARCH_RPC), key=lambda span: span.kind is SpanKind.SERVER)
    assert edge.parent is None and edge.kind is SpanKind.SERVER
    assert is_child(client, edge) and is_child(server, client)
    assert (edge.attributes or {})["http.response.status_code"] == 200
    assert (edge.attributes or {})["zhike.request_id"] == (server.attributes or {})["zhike.request_id"]


async def test_a_served_search_its_log_and_the_logs_reader_are_the_same_trace(whole: Whole) -> None:
    await whole.get("/v1/search?q=tea")
    trace = whole.spans.one("GET /v1/search").context.trace_id
    await whole.spans.until(lambda spans: "apply search-log" in said_by(spans.of_trace(trace)))


async def test_intake_its_log_and_every_reader_in_every_service_are_one_trace(whole: Whole) -> None:
    await whole.purchase("e-1")
    trace = whole.spans.one("POST /v1/events").context.trace_id
    readers = {"apply shopping", "apply search-log", "apply interactions"}  # one in each service
    await whole.spans.until(lambda spans: readers <= said_by(spans.of_trace(trace)))
    server = next(span for span in whole.spans.named(WRITE_RPC) if span.kind is SpanKind.SERVER)
    (appended,) = whole.spans.named("append user-events")
    assert is_child(appended, server) and appended.kind is SpanKind.PRODUCER
    applied = [span for span in whole.spans.of_trace(trace) if span.kind is SpanKind.CONSUMER]
    assert all(is_child(span, server) for span in applied)
    assert {(span.attributes or {})["messaging.destination.name"] for span in applied} == {"user-events"}


async def test_a_purchase_links_to_the_search_that_its_token_names(whole: Whole) -> None:
    found = await whole.get("/v1/search?q=tea")
    search_trace = whole.spans.one("GET /v1/search").context.trace_id
    await whole.spans.until(lambda spans: "apply search-log" in said_by(spans.of_trace(search_trace)))
    await whole.purchase("e-1", attribution_token=found["attribution_token"])
    await whole.purchase("e-2", attribution_token="s1.0123456789abcdef")
    bought, other = [span.context.trace_id for span in whole.spans.named("POST /v1/events")]
    for trace in (bought, other):
        await whole.spans.until(lambda spans, trace=trace: "apply search-log" in said_by(spans.of_trace(trace)))
    served = next(span for span in whole.spans.named(SEARCH_RPC) if span.kind is SpanKind.SERVER)
    (applied,) = [span for span in whole.spans.of_trace(bought) if span.name == "apply search-log"]
    assert [link.context.span_id for link in applied.links] == [served.context.span_id]
    assert [link.context.trace_id for link in applied.links] == [search_trace]
    assert not any(span.links for span in whole.spans.of_trace(other))


async def test_a_changed_product_and_its_readers_are_the_trace_of_the_change(whole: Whole) -> None:
    imported = await whole.client.post(
        "/v1/products:import", content=orjson.dumps(PRODUCT) + b"\n", headers={"Content-Type": "application/x-ndjson"}
    )
    assert imported.status_code < 300, imported.text
    trace = whole.spans.one("POST /v1/products:import").context.trace_id
    readers = {"apply product-index", "apply catalog-memory", "apply shelf"}
    await whole.spans.until(lambda spans: readers <= said_by(spans.of_trace(trace)))


async def test_a_request_follows_the_flag_that_it_came_with(whole: Whole) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    await whole.get("/v1/search?q=tea", Traceparent=f"00-{trace}-b7ad6b7169203331-00")
    assert whole.spans.all() == ()
    await whole.get("/v1/search?q=tea", Traceparent=f"00-{trace}-b7ad6b7169203331-01")
    edge = whole.spans.one("GET /v1/search")
    assert edge.parent is not None and edge.parent.span_id == 0xB7AD6B7169203331
    assert {span.context.trace_id for span in whole.spans.all()} == {int(trace, 16)}


@pytest.mark.parametrize("whole", [0.0], indirect=True)
async def test_a_ratio_of_nothing_traces_only_what_comes_with_a_recorded_trace(whole: Whole) -> None:
    await whole.get("/v1/search?q=tea")
    await whole.purchase("e-1")
    assert whole.spans.all() == ()
    await whole.get("/v1/search?q=tea", Traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    assert len(whole.spans.all()) >= 3


async def test_spans_say_neither_what_was_asked_nor_who_asked(whole: Whole) -> None:
    await whole.get("/v1/search?q=13800138000")
    await whole.purchase("e-1", identifiers=["phone:13800138000"])
    await whole.client.get("/v1/customers/13800138000")
    await whole.client.get("/13800138000")
    await whole.spans.until(lambda spans: "apply search-log" in said_by(list(spans.all())))
    assert "13800138000" not in " ".join(span.to_json() for span in whole.spans.all())


async def test_a_probe_makes_no_span(whole: Whole) -> None:
    await whole.get("/healthz")
    assert whole.spans.all() == ()
