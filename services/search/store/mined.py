"""Owns the numbers mined from the logs: queries by day, and popularity of products in shards, in one collection."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, fields
from typing import Any, Final

from services.chassis.documents.port import PAGE_LIMIT, Collection, DocumentStore, Index, Range
from services.chassis.eventlog.generations import Generations
from services.search.domain.insights import QueryDay
from services.search.domain.mining import SHARDS
from services.search.domain.popularity import Faded

PROJECTION: Final = "search-log"
BY_DAY: Final = "by_day"
MINED: Final = Collection("mined", (Index(BY_DAY, ("kind", "day")),))
QUERY_DAY_KIND: Final = "query-day"
POPULARITY_KIND: Final = "popularity"
_FIELDS: Final = frozenset(each.name for each in fields(QueryDay))


class MinedStore:
    """Reads what the log miner writes, from whichever generation is in force."""

    def __init__(self, documents: DocumentStore, generations: Generations) -> None:
        self._documents = documents
        self._generations = generations

    async def query_days(self, first_day: str) -> AsyncIterator[tuple[str, QueryDay]]:
        """Yield (query key, numbers) of every day from ``first_day`` (YYYYMMDD) on."""
        collection = self._generations.resolve(MINED)
        after: str | None = None
        while True:
            page = await self._documents.find(
                collection,
                BY_DAY,
                {"kind": QUERY_DAY_KIND},
                range_=Range(at_least=first_day),
                after=after,
                limit=PAGE_LIMIT,
            )
            for document in page.documents:
                yield document.key.rpartition("/")[2], query_day_from_body(document.body)
            if page.next_after is None:
                return
            after = page.next_after

    async def popularity(self) -> dict[str, Faded]:
        """Return the faded sum of every product that was wanted."""
        collection = self._generations.resolve(MINED)
        shards = await self._documents.get_many(collection, [popularity_key(shard) for shard in range(SHARDS)])
        return {
            product_id: Faded(value, time_s)
            for document in shards.values()
            for product_id, (value, time_s) in document.body.get("products", {}).items()
        }


def query_day_key(day: str, query_key: str) -> str:
    """Return the key of one query's day."""
    return f"q/{day}/{query_key}"


def popularity_key(shard: int) -> str:
    """Return the key of one shard of popularity."""
    return f"p/{shard:02}"


def shard_in(key: str) -> int:
    """Return the shard that ``popularity_key`` made a key of."""
    return int(key[2:])


def query_day_from_body(body: Mapping[str, Any]) -> QueryDay:
    """Read a query's day."""
    return QueryDay(**{name: value for name, value in body.items() if name in _FIELDS})


def body_from_query_day(day: QueryDay) -> dict[str, Any]:
    """Write a query's day."""
    return {"kind": QUERY_DAY_KIND, **asdict(day)}


def sums_in(body: dict[str, Any] | None) -> dict[str, Any]:
    """Return a shard's body to be changed in place, or a new one."""
    return body if body is not None else {"kind": POPULARITY_KIND, "products": {}}
