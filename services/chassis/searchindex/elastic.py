"""The search index on an Elasticsearch server, 8.19 or 9: the only file that imports its client.

Asks for nothing that a plain node lacks: no scripts, no analyzers of our own, no reindexing. Any number of processes
may share an index; which branch is live is the server's to say, and changes by compare and set on an alias.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import elasticsearch
from elastic_transport import AiohttpHttpNode
from elastic_transport._node import NodeApiResponse
from elasticsearch import AsyncElasticsearch

from services.chassis.clock import Clock, SystemClock
from services.chassis.recent import Recent
from services.chassis.searchindex.checks import check_query, check_schema, id_problem
from services.chassis.searchindex.elastic_branches import Branches
from services.chassis.searchindex.elastic_bulk import written
from services.chassis.searchindex.elastic_query import QueryCompiler
from services.chassis.searchindex.elastic_schema import Names, is_sound, payload_of
from services.chassis.searchindex.elastic_search import Found, FoundPage, Reading
from services.chassis.searchindex.elastic_server import IndexServerError, Refused, check_versions, refusals_named
from services.chassis.searchindex.elastic_states import State, States
from services.chassis.searchindex.port import (
    BULK_LIMIT,
    PAGE_LIMIT,
    Hit,
    IndexPage,
    IndexQuery,
    IndexQueryError,
    IndexSchema,
    IndexUnavailableError,
    Write,
    WriteResult,
)
from services.chassis.searchindex.walks import brought_up_to_date, parted, with_number

CONNECTIONS: Final = 32
SEARCH_PATIENCE_S: Final = 5.0
PATIENCE_S: Final = 60.0  # of writes, refreshes and changes of branches
PING_PATIENCE_S: Final = 2.0
STATE_TRIES: Final = 3
KEPT_BYTES: Final = 24 * 1024 * 1024  # payloads that were read lately
_OVERHEAD_BYTES: Final = 256
_PREFIX: Final = "zhike"
_STATE_GONE: Final = frozenset({404, 503})
_FORBIDDEN: Final = 403
_WHOLE_BODY_BYTES: Final = 1024 * 1024  # larger bodies are sent piece by piece, so that others get their turn

# Its warnings repeat, with a stack, what becomes an IndexUnavailableError here.
logging.getLogger("elastic_transport").setLevel(logging.CRITICAL)


class _Node(AiohttpHttpNode):
    """A connection that sends large bodies piece by piece and copies none, with what people search for, into a log."""

    async def perform_request(  # type: ignore[override] # as the client's own
        self, method: str, target: str, body: Any = None, *rest: Any, **more: Any
    ) -> NodeApiResponse:
        if body is not None and len(body) > _WHOLE_BODY_BYTES:
            body = BytesIO(body)
        return await super().perform_request(method, target, body, *rest, **more)

    def _log_request(self, *_: Any, **__: Any) -> None:
        """Log nothing."""


class Server:
    """A connection to the server: one request at a time, its failures typed."""

    def __init__(self, address: str, *, api_key: str = "", ca_file: Path | None = None) -> None:
        options: dict[str, Any] = {"api_key": api_key} if api_key else {}
        if ca_file is not None:
            options["ca_certs"] = str(ca_file)
        # One more try for a connection that the server closed meanwhile; every request may be repeated.
        self._client = AsyncElasticsearch(
            address,
            node_class=_Node,
            connections_per_node=CONNECTIONS,
            max_retries=1,
            retry_on_status=(),
            retry_on_timeout=False,
            serializers={"application/json": elasticsearch.OrjsonSerializer()},
            **options,
        )
        self._waiting: dict[float, AsyncElasticsearch] = {}
        self._closed = False

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | list[bytes] | None = None,
        params: Mapping[str, str] | None = None,
        patience_s: float | None = None,
    ) -> dict[str, Any]:
        """Return the answer's body; see elastic_server.Ask."""
        if self._closed:
            raise IndexUnavailableError("the index is closed")
        headers = {"accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/x-ndjson" if isinstance(body, list) else "application/json"
        client = self._patient(patience_s or PATIENCE_S)
        try:
            answer = await client.perform_request(method, path, params=params, headers=headers, body=body)
        except elasticsearch.UnsupportedProductError as error:
            raise IndexServerError("what answers at the address of the search index is no Elasticsearch") from error
        except elasticsearch.ApiError as error:
            raise _refusal(error) from error
        except elasticsearch.ConnectionTimeout as error:
            raise IndexUnavailableError("Elasticsearch did not answer in time") from error
        except elasticsearch.TransportError as error:
            raise IndexUnavailableError(f"Elasticsearch cannot be reached ({type(error).__name__})") from error
        found: dict[str, Any] = answer.body if isinstance(answer.body, dict) else {}
        return found

    async def close(self) -> None:
        """Close the connections."""
        self._closed = True
        await self._client.close()

    def _patient(self, patience_s: float) -> AsyncElasticsearch:
        client = self._waiting.get(patience_s)
        if client is None:
            client = self._waiting[patience_s] = self._client.options(request_timeout=patience_s)
        return client


def _refusal(error: elasticsearch.ApiError) -> Refused:
    body = error.body if isinstance(error.body, dict) else {}
    said = body.get("error")
    if not isinstance(said, dict):
        return Refused(error.meta.status, "", str(said or ""))
    return Refused(error.meta.status, str(said.get("type", "")), str(said.get("reason", "")))


@dataclass(slots=True)
class _Index:
    names: Names
    compiler: QueryCompiler
    branches: Branches
    states: States


class ElasticSearchIndex:
    """The port on a server. ``prefix`` begins the names of all that it makes there: one deployment's, one service's."""

    def __init__(self, server: Server, *, prefix: str = _PREFIX, clock: Clock | None = None) -> None:
        self._server, self._prefix, self._clock = server, prefix, clock or SystemClock()
        self._indexes: dict[str, _Index] = {}
        self._payloads: Recent[tuple[str, str, int], bytes] = Recent(KEPT_BYTES)
        self._known_server = False
        self._closed = False

    async def declare(self, schema: IndexSchema) -> str | None:
        check_schema(schema)
        self._check_open(schema.name)
        known = self._indexes.get(schema.name)
        if known is None or known.names.schema.fingerprint != schema.fingerprint:
            names = Names(self._prefix, schema)
            branches = Branches(self._server.ask, names)
            known = _Index(names, QueryCompiler(schema), branches, States(self._server.ask, names, self._clock))
        elif known.names.schema != schema:
            known.compiler = QueryCompiler(schema)
        with refusals_named(schema.name):
            await self._check_server()
            live = await known.branches.live()
        before, self._indexes[schema.name] = self._indexes.get(schema.name), known
        if before is not None and before is not known:
            await before.states.close()
        return live

    async def open_branch(self, name: str) -> str:
        index = self._index(name)
        with refusals_named(name):
            return await index.branches.open()

    async def promote(self, name: str, branch: str, *, expected: str | None) -> None:
        index = self._index(name)
        with refusals_named(name):
            await index.branches.promote(branch, expected)
            index.states.clear()
            await index.branches.drop_others(branch)

    async def drop_branch(self, name: str, branch: str) -> None:
        index = self._index(name)
        with refusals_named(name):
            await index.branches.drop(branch)

    async def bulk(self, name: str, writes: Sequence[Write], *, branch: str | None = None) -> tuple[WriteResult, ...]:
        if len(writes) > BULK_LIMIT:
            raise IndexQueryError(f"a batch has more than {BULK_LIMIT} writes", index=name)
        index = self._index(name)
        target = index.names.live if branch is None else index.names.writes(branch)
        with refusals_named(name, branch):
            return await written(self._server.ask, f"/{quote(target)}/_bulk", writes, index.names.schema)

    async def refresh(self, name: str, *, branch: str | None = None) -> None:
        index = self._index(name)
        try:
            with refusals_named(name, branch):
                await index.branches.refresh(branch)
        finally:
            index.states.changed()

    async def search(self, name: str, query: IndexQuery) -> IndexPage:
        index = self._index(name)
        check_query(query, index.names.schema)
        number = 0
        if query.after is not None:
            number, position = parted(query.after)
            query = replace(query, after=position)
        with refusals_named(name):
            newest, state, found = await self._read(index, query, number)
            page = await self._completed(index, state, found, up_to_date=state is newest)
        if page.next_after is not None:
            page = replace(page, next_after=with_number(page.next_after, index.states.walks.hold(state, number)))
        return page

    async def get(self, name: str, ids: Sequence[str]) -> dict[str, Hit]:
        if len(ids) > PAGE_LIMIT:
            raise IndexQueryError(f"more than {PAGE_LIMIT} ids", index=name)
        index = self._index(name)
        with refusals_named(name):
            found = await self._got(index, ids)
        return {entry_id: Hit(entry_id, payload) for entry_id, (_, payload) in found.items()}

    async def count(self, name: str, *, branch: str | None = None) -> int:
        index = self._index(name)
        with refusals_named(name, branch):
            return await index.branches.count(branch)

    async def ping(self) -> None:
        self._check_open("")
        # The cluster may have red indexes that are none of ours.
        params = {"wait_for_status": "yellow", "timeout": "1s", "filter_path": "status,timed_out"}
        with refusals_named(self._prefix):
            path = f"/_cluster/health/{quote(self._prefix)}-*"
            await self._server.ask("GET", path, params=params, patience_s=PING_PATIENCE_S)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.gather(*(index.states.close() for index in self._indexes.values()))
        await self._server.close()

    async def _read(self, index: _Index, query: IndexQuery, number: int) -> tuple[State, State, FoundPage]:
        """Return the newest state, the one that the page was read from, and the page."""
        states = index.states
        for tries_left in reversed(range(STATE_TRIES)):
            newest = await states.newest()
            state = states.walks.state(number, newest)
            reading = Reading(
                self._server.ask,
                index.compiler,
                state,
                keep_alive=states.keep_alive,
                patience_s=SEARCH_PATIENCE_S,
            )
            try:
                return newest, state, await reading.page(query)
            except Refused as refused:
                # A state that the server let go (restarted, branch dropped): the position leads on in that of now.
                if refused.status not in _STATE_GONE or not tries_left:
                    raise
                states.lost(state)
        raise AssertionError("unreachable")

    async def _completed(self, index: _Index, state: State, found: FoundPage, *, up_to_date: bool) -> IndexPage:
        """Return the page with its payloads: those of now."""
        page = IndexPage(tuple(each.hit for each in found.hits), found.total, found.facets, found.next_after)
        if not up_to_date:
            return brought_up_to_date(page, await self.get(index.names.schema.name, [hit.id for hit in page.hits]))
        hits = [self._read_lately(state, each) for each in found.hits]
        unread = [each.hit.id for each, hit in zip(found.hits, hits, strict=True) if hit is None]
        if not unread:
            return replace(page, hits=tuple(hit for hit in hits if hit is not None))
        got = await self._got(index, unread)
        for entry_id, (version, payload) in got.items():
            self._payloads.put((state.branch, entry_id, version), payload, len(payload) + _OVERHEAD_BYTES)
        completed = (
            hit or each.hit._replace(payload=got[each.hit.id][1])
            for each, hit in zip(found.hits, hits, strict=True)
            if hit is not None or each.hit.id in got
        )
        return replace(page, hits=tuple(completed))

    def _read_lately(self, state: State, found: Found) -> Hit | None:
        """Return the hit if its payload came with it or is remembered."""
        if found.read:
            return found.hit
        payload = self._payloads.get((state.branch, found.hit.id, found.version))
        return None if payload is None else found.hit._replace(payload=payload)

    async def _got(self, index: _Index, ids: Sequence[str]) -> dict[str, tuple[int, bytes]]:
        """Return version and payload, as of the last refresh, of those entries that exist."""
        wanted = [each for each in dict.fromkeys(ids) if is_sound(each) and not id_problem(each)]
        if not wanted:
            return {}
        params = {"realtime": "false", "stored_fields": "payload"}
        path = f"/{quote(index.names.live)}/_mget"
        answer = await self._server.ask("POST", path, body={"ids": wanted}, params=params, patience_s=SEARCH_PATIENCE_S)
        for each in answer["docs"]:
            if "error" in each:
                raise Refused(404, each["error"]["type"], each["error"].get("reason", ""))
        return {
            each["_id"]: (each["_version"], payload_of(each.get("fields", {})))
            for each in answer["docs"]
            if each["found"]
        }

    async def _check_server(self) -> None:
        if self._known_server:
            return
        try:
            answer = await self._server.ask("GET", "/_nodes/http", params={"filter_path": "nodes.*.version"})
        except Refused as refused:
            if refused.status != _FORBIDDEN:  # not every user may look at the nodes
                raise
        else:
            check_versions([node["version"] for node in answer.get("nodes", {}).values()])
        self._known_server = True

    def _index(self, name: str) -> _Index:
        self._check_open(name)
        if name not in self._indexes:
            raise IndexQueryError(f"index {name} was not declared", index=name)
        return self._indexes[name]

    def _check_open(self, name: str) -> None:
        if self._closed:
            raise IndexUnavailableError("the index is closed", index=name)
