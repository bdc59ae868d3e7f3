"""Shows how long a document store takes and when it fails, whichever adapter stands behind the port.

Reads and writes fail apart: a store that is full or read-only may answer every read. A write that is refused for what
it says (a taken key, a lost compare and set) tells nothing of the store.
"""

from collections.abc import Awaitable, Mapping, Sequence
from time import perf_counter
from typing import TypeVar

from services.chassis.documents.port import (
    Body,
    Collection,
    Document,
    DocumentStore,
    Page,
    Range,
    Scalar,
    StoreUnavailableError,
)
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.metrics import Metric, MetricKind, Metrics
from services.chassis.standing import DOCUMENT_WRITES, Standings

READS = ("get", "get_many", "find", "scan", "count")
WRITES = ("insert", "insert_many", "replace", "delete")

STORE_METRICS: tuple[Metric, ...] = (
    Metric("zhike_store_seconds", MetricKind.HISTOGRAM, "Time of a document store's operation.", ("operation",)),
    Metric(
        "zhike_store_failures_total",
        MetricKind.COUNTER,
        "Operations that a document store could not do, by reason; a lost compare and set is no failure.",
        ("operation", "reason"),
    ),
)
_FAILURES = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE, ErrorKind.DATA_LOSS, ErrorKind.INTERNAL})

T = TypeVar("T")


class MeasuredDocuments:
    """Keeps services.chassis.documents.port.DocumentStore by passing everything on."""

    def __init__(self, documents: DocumentStore, metrics: Metrics, standings: Standings) -> None:
        self._documents, self._standings = documents, standings
        self._declared: dict[str, Collection] = {}
        self._failures = metrics.counter("zhike_store_failures_total")
        seconds = metrics.histogram("zhike_store_seconds")
        self._observe = {operation: seconds.labels(operation).observe for operation in (*READS, *WRITES)}

    async def declare(self, *collections: Collection) -> None:
        await self._documents.declare(*collections)
        self._declared.update({each.name: each for each in collections})

    def declared(self) -> Sequence[Collection]:
        """Return every collection that this process declared and did not drop."""
        return tuple(self._declared.values())

    async def get(self, collection: Collection, key: str) -> Document | None:
        return await self._timed("get", self._documents.get(collection, key))

    async def get_many(self, collection: Collection, keys: Sequence[str]) -> dict[str, Document]:
        return await self._timed("get_many", self._documents.get_many(collection, keys))

    async def insert(self, collection: Collection, key: str, body: Body) -> Document:
        return await self._written("insert", self._documents.insert(collection, key, body))

    async def insert_many(self, collection: Collection, items: Sequence[tuple[str, Body]]) -> None:
        await self._written("insert_many", self._documents.insert_many(collection, items))

    async def replace(self, collection: Collection, key: str, body: Body, *, expected_revision: int) -> Document:
        replacing = self._documents.replace(collection, key, body, expected_revision=expected_revision)
        return await self._written("replace", replacing)

    async def delete(self, collection: Collection, key: str, *, expected_revision: int | None = None) -> bool:
        deleting = self._documents.delete(collection, key, expected_revision=expected_revision)
        return await self._written("delete", deleting)

    async def find(
        self,
        collection: Collection,
        index: str,
        equals: Mapping[str, Scalar],
        *,
        range_: Range | None = None,
        after: str | None = None,
        limit: int = 100,
        descending: bool = False,
    ) -> Page:
        finding = self._documents.find(
            collection, index, equals, range_=range_, after=after, limit=limit, descending=descending
        )
        return await self._timed("find", finding)

    async def scan(self, collection: Collection, *, after: str | None = None, limit: int = 100) -> Page:
        return await self._timed("scan", self._documents.scan(collection, after=after, limit=limit))

    async def count(
        self, collection: Collection, index: str | None = None, equals: Mapping[str, Scalar] | None = None
    ) -> int:
        return await self._timed("count", self._documents.count(collection, index, equals))

    async def drop(self, collection: Collection) -> None:
        self._declared.pop(collection.name, None)
        await self._documents.drop(collection)

    async def collections(self) -> tuple[Collection, ...]:
        return await self._documents.collections()

    async def leave_no_trace(self) -> None:
        await self._documents.leave_no_trace()

    async def ping(self) -> None:
        await self._documents.ping()

    async def close(self) -> None:
        await self._documents.close()

    async def _written(self, operation: str, writing: Awaitable[T]) -> T:
        try:
            written = await self._timed(operation, writing)
        except StoreUnavailableError as error:
            self._standings.failed(DOCUMENT_WRITES, error.metadata.get("cause", error.message))
            raise
        if self._standings.is_failing(DOCUMENT_WRITES):
            self._standings.works(DOCUMENT_WRITES)
        return written

    async def _timed(self, operation: str, doing: Awaitable[T]) -> T:
        start = perf_counter()
        try:
            return await doing
        except ZhikeError as error:
            if error.kind in _FAILURES:
                self._failures.labels(operation, error.reason).inc()
            raise
        finally:
            self._observe[operation](perf_counter() - start)
