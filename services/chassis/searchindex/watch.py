"""Owns knowing whether a process's search index answers and takes writes; a full or read-only one may answer.

What a reader of the log could not write it writes again, so a success tells that writes work again.
"""

from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar

from services.chassis.metrics import Metric, MetricKind, Metrics
from services.chassis.searchindex.port import (
    Hit,
    IndexPage,
    IndexQuery,
    IndexSchema,
    IndexUnavailableError,
    SearchIndex,
    Write,
    WriteResult,
)
from services.chassis.standing import SEARCH_INDEX, SEARCH_INDEX_WRITES, Standings

WATCH_INTERVAL_S: Final = 2.0
ANSWERS: Final = "answers"

INDEX_METRICS: Final = (
    Metric(
        "zhike_search_index_up", MetricKind.GAUGE, "1 while the search index of this process answers and takes writes."
    ),
)

T = TypeVar("T")


class WatchedIndex:
    """Keeps services.chassis.searchindex.port.SearchIndex by passing everything on."""

    def __init__(self, index: SearchIndex, metrics: Metrics, standings: Standings) -> None:
        self._index, self._standings = index, standings
        self._up = metrics.gauge("zhike_search_index_up")

    @property
    def standing(self) -> str:
        """What an operator reads of the index."""
        degraded = self._standings.degraded
        return degraded.get(SEARCH_INDEX) or degraded.get(SEARCH_INDEX_WRITES) or ANSWERS

    async def look(self) -> None:
        """Ask once whether it answers; a pass of a job."""
        try:
            await self._index.ping()
        except IndexUnavailableError as error:
            self._note(SEARCH_INDEX, error)
        else:
            self._note(SEARCH_INDEX, None)

    async def declare(self, schema: IndexSchema) -> str | None:
        try:
            live = await self._index.declare(schema)
        except IndexUnavailableError as error:  # a process that starts asks again and again
            self._note(SEARCH_INDEX, error)
            raise
        self._note(SEARCH_INDEX, None)
        return live

    async def open_branch(self, name: str) -> str:
        return await self._written(self._index.open_branch(name))

    async def promote(self, name: str, branch: str, *, expected: str | None) -> None:
        await self._written(self._index.promote(name, branch, expected=expected))

    async def drop_branch(self, name: str, branch: str) -> None:
        await self._index.drop_branch(name, branch)

    async def bulk(self, name: str, writes: Sequence[Write], *, branch: str | None = None) -> tuple[WriteResult, ...]:
        return await self._written(self._index.bulk(name, writes, branch=branch))

    async def refresh(self, name: str, *, branch: str | None = None) -> None:
        await self._index.refresh(name, branch=branch)

    async def search(self, name: str, query: IndexQuery) -> IndexPage:
        return await self._index.search(name, query)

    async def get(self, name: str, ids: Sequence[str]) -> dict[str, Hit]:
        return await self._index.get(name, ids)

    async def count(self, name: str, *, branch: str | None = None) -> int:
        return await self._index.count(name, branch=branch)

    async def ping(self) -> None:
        await self._index.ping()

    async def close(self) -> None:
        await self._index.close()

    async def _written(self, writing: Awaitable[T]) -> T:
        try:
            written = await writing
        except IndexUnavailableError as error:
            self._note(SEARCH_INDEX_WRITES, error)
            raise
        self._note(SEARCH_INDEX_WRITES, None)
        return written

    def _note(self, part: str, error: IndexUnavailableError | None) -> None:
        if error is None:
            self._standings.works(part)
        else:
            self._standings.failed(part, error.message)
        failing = self._standings.is_failing
        self._up.set(not failing(SEARCH_INDEX) and not failing(SEARCH_INDEX_WRITES))
