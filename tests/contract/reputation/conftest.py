"""Reputation as a process of its own ports, beside the owner of the products that it reads of."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from zhike.reputation.v1 import mention_service_pb2 as mentions_pb
from zhike.reputation.v1 import mention_service_pb2_grpc, source_service_pb2_grpc
from zhike.reputation.v1 import source_service_pb2 as sources_pb
from zhike.type.v1 import import_pb2

from services.chassis.clients import Clients
from services.chassis.eventlog.port import NewEvent
from services.chassis.metrics import Metrics
from services.chassis.server import Running, Runtime, Service, running
from services.chassis.settings import ChassisSettings
from services.reputation.main import build
from services.reputation.settings import ReputationSettings

TIMEOUT_S = 60.0
SHOP = "main"


async def soon(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool]) -> Any:
    """Ask until the answer holds; what was written is heard within a moment."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            answer = await ask()
            if holds(answer):
                return answer
            await asyncio.sleep(0.02)


def mention(mention_id: str, text: str, **fields: Any) -> dict[str, Any]:
    """Return a mention in the public form."""
    now = datetime.now(UTC).isoformat()
    return {"id": mention_id, "source": "weibo", "text": text, "published": now, **fields}


@dataclass
class Reputation:
    """A started service and calls to it."""

    process: Running[ReputationSettings]
    search: Running[ChassisSettings]
    clients: Clients

    @property
    def mentions(self) -> Any:
        return mention_service_pb2_grpc.MentionServiceStub(self.clients.channel("reputation"))

    @property
    def sources(self) -> Any:
        return source_service_pb2_grpc.SourceServiceStub(self.clients.channel("reputation"))

    async def write(self, *items: dict[str, Any]) -> dict[str, Any]:
        request = mentions_pb.WriteMentionsRequest(json=orjson.dumps({"mentions": items}), owner="key")
        answer = await self.mentions.WriteMentions(request, timeout=TIMEOUT_S, wait_for_ready=True)
        said: dict[str, Any] = orjson.loads(answer.json)
        return said

    async def listed(self, **fields: Any) -> list[Any]:
        request = mentions_pb.ListMentionsRequest(shop=SHOP, **fields)
        return list((await self.mentions.ListMentions(request, timeout=TIMEOUT_S)).mentions)

    async def until(self, count: int, **fields: Any) -> list[Any]:
        """List until there are so many."""
        found: list[Any] = await soon(lambda: self.listed(**fields), lambda mentions: len(mentions) == count)
        return found

    async def imported(self, lines: Iterable[bytes], **config: Any) -> import_pb2.ImportProgress:
        """Import a file of lines and wait for the end."""

        async def requests() -> AsyncIterator[import_pb2.ImportRequest]:
            given = {"format": import_pb2.IMPORT_FORMAT_NDJSON, "shop": SHOP, "owner": "key", **config}
            yield import_pb2.ImportRequest(config=import_pb2.ImportConfig(**given))
            yield import_pb2.ImportRequest(chunk=b"\n".join(lines))

        operation = await self.mentions.ImportMentions(requests(), timeout=TIMEOUT_S)
        stub = operations_pb2_grpc.OperationsStub(self.clients.channel("reputation"))
        while not operation.done:
            request = operations_pb2.WaitOperationRequest(name=operation.name)
            operation = await stub.WaitOperation(request, timeout=TIMEOUT_S)
        assert not operation.HasField("error"), operation.error
        progress = import_pb2.ImportProgress()
        operation.response.Unpack(progress)
        return progress

    async def source(self, **fields: Any) -> sources_pb.Source:
        request = sources_pb.CreateSourceRequest(source=sources_pb.Source(shop=SHOP, **fields))
        created: sources_pb.Source = await self.sources.CreateSource(request, timeout=TIMEOUT_S)
        return created

    async def product(self, product_id: str, **title: str) -> None:
        """Announce a product as search does."""
        event = NewEvent(
            client_event_id=f"{product_id}/1",
            owner="search",
            type="ProductChanged",
            occurred_time=datetime.now(UTC),
            shop=SHOP,
            channel="",
            subject=product_id,
            payload={"id": product_id, "title": title, "version": 1},
        )
        await self.search.runtime.event_log("products").append([event])


@asynccontextmanager
async def reputation_in(folder: Path, **changes: Any) -> AsyncIterator[Reputation]:
    """Start the service on ``folder`` and wait until it is ready."""

    async def owner(runtime: Runtime[ChassisSettings]) -> Service:
        runtime.event_log("products")
        return Service(servicers=[])

    async with running("search", ChassisSettings(data=folder, drain_ms=0, grace_ms=0), owner) as search:
        await search.become_ready()
        given = {"data": folder, "drain_ms": 0, "grace_ms": 1_000, "search_address": search.address, **changes}
        settings = ReputationSettings(own_names=("知客", "Zhike"), **given)
        async with running("reputation", settings, build) as process:
            clients = Clients(ChassisSettings(reputation_address=process.address), Metrics())
            try:
                await process.become_ready()
                yield Reputation(process, search, clients)
            finally:
                await clients.close()


@pytest.fixture
async def reputation(tmp_path: Path) -> AsyncIterator[Reputation]:
    async with reputation_in(tmp_path) as started:
        yield started
