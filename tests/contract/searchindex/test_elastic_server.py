"""What a server of another kind, version or mood is called, without a server: answers are canned on a local port."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web

from services.chassis.errors import ZhikeError
from services.chassis.searchindex.elastic import ElasticSearchIndex, Server
from services.chassis.searchindex.elastic_server import IndexServerError
from services.chassis.searchindex.port import (
    Entry,
    IndexQuery,
    IndexSchema,
    IndexUnavailableError,
    Put,
    TextField,
)

SCHEMA = IndexSchema("things", (TextField("title"),))
ELASTIC = {"X-Elastic-Product": "Elasticsearch"}

Answer = Callable[[web.Request], tuple[int, dict[str, Any]]]


@asynccontextmanager
async def answering(answer: Answer, headers: dict[str, str] = ELASTIC) -> AsyncIterator[ElasticSearchIndex]:
    """Serve canned answers on a free port of this machine."""

    async def handle(request: web.Request) -> web.Response:
        status, body = answer(request)
        return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    index = ElasticSearchIndex(Server(f"http://127.0.0.1:{port}"))
    try:
        yield index
    finally:
        await index.close()
        await runner.cleanup()


def failing(status: int, kind: str, reason: str = "said so") -> Answer:
    """Answer well until a branch is asked for, then refuse everything."""

    def answer(request: web.Request) -> tuple[int, dict[str, Any]]:
        if request.path == "/_nodes/http":
            return 200, {"nodes": {"one": {"version": "8.19.21"}}}
        if request.path.startswith("/_alias/"):
            return 404, {"error": "alias missing"}
        if request.path.startswith("/_resolve/"):
            return 200, {"indices": []}
        return status, {"error": {"type": kind, "reason": reason}, "status": status}

    return answer


OPERATIONS: dict[str, Callable[[ElasticSearchIndex], Awaitable[object]]] = {
    "search": lambda index: index.search("things", IndexQuery()),
    "bulk": lambda index: index.bulk("things", [Put(Entry("a", 1, {"title": "milk"}))]),
    "refresh": lambda index: index.refresh("things"),
    "open": lambda index: index.open_branch("things"),
    "get": lambda index: index.get("things", ["a"]),
    "count": lambda index: index.count("things"),
    "ping": lambda index: index.ping(),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (429, "es_rejected_execution_exception", "429"),
        (429, "circuit_breaking_exception", "429"),
        (403, "cluster_block_exception", "disk may be full"),
        (429, "cluster_block_exception", "disk may be full"),
        (503, "search_phase_execution_exception", "503"),
        (503, "no_shard_available_action_exception", "503"),
        (408, "", "408"),
        (401, "security_exception", "credentials"),
        (403, "security_exception", "credentials"),
    ],
)
async def test_a_server_that_cannot_answer_now_is_unavailable_and_says_why(
    operation: str, status: int, kind: str, said: str
) -> None:
    async with answering(failing(status, kind)) as index:
        await index.declare(SCHEMA)
        with pytest.raises(IndexUnavailableError, match=said):
            await OPERATIONS[operation](index)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "es_rejected_execution_exception"), (403, "cluster_block_exception"), (503, "unavailable_shards_exception")],
)
async def test_a_batch_of_which_one_write_must_wait_is_written_again_as_a_whole(status: int, kind: str) -> None:
    def answer(request: web.Request) -> tuple[int, dict[str, Any]]:
        if request.path.endswith("/_bulk"):
            items = [{"index": {"status": 201}}, {"index": {"status": status, "error": {"type": kind, "reason": ""}}}]
            return 200, {"errors": True, "items": items}
        return failing(500, "")(request)

    async with answering(answer) as index:
        await index.declare(SCHEMA)
        writes = [Put(Entry(entry_id, 1, {"title": "milk"})) for entry_id in "ab"]
        with pytest.raises(IndexUnavailableError):
            await index.bulk("things", writes)


@pytest.mark.parametrize("version", ["7.17.29", "8.18.9", "10.0.0", "2.19.0"])
async def test_a_server_of_another_version_is_named(version: str) -> None:
    def answer(request: web.Request) -> tuple[int, dict[str, Any]]:
        return 200, {"nodes": {"one": {"version": "9.5.3"}, "two": {"version": version}}}

    async with answering(answer) as index:
        with pytest.raises(IndexServerError, match=version.replace(".", r"\.")):
            await index.declare(SCHEMA)


async def test_a_server_that_does_not_know_the_protocol_is_named() -> None:
    reason = "A compatible version is required on both Content-Type and Accept headers"
    async with answering(
        lambda _: (400, {"error": {"type": "media_type_header_exception", "reason": reason}})
    ) as index:
        with pytest.raises(IndexServerError, match=r"8\.19 or 9"):
            await index.declare(SCHEMA)


async def test_something_else_at_the_address_is_named() -> None:
    async with answering(lambda _: (200, {"hello": "world"}), headers={}) as index:
        with pytest.raises(IndexServerError, match="no Elasticsearch"):
            await index.declare(SCHEMA)


@pytest.mark.parametrize("version", ["8.19.0", "8.20.1", "9.0.0", "9.5.3"])
async def test_a_server_of_a_known_version_is_taken(version: str) -> None:
    def answer(request: web.Request) -> tuple[int, dict[str, Any]]:
        if request.path == "/_nodes/http":
            return 200, {"nodes": {"one": {"version": version}}}
        return failing(500, "")(request)

    async with answering(answer) as index:
        assert await index.declare(SCHEMA) is None


async def test_nobody_at_the_address_is_unavailable() -> None:
    index = ElasticSearchIndex(Server("http://127.0.0.1:1"))
    with pytest.raises(IndexUnavailableError, match="cannot be reached"):
        await index.declare(SCHEMA)
    with pytest.raises(ZhikeError):
        await index.ping()
    await index.close()
