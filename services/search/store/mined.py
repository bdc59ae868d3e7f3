"""Owns the numbers mined from the logs: queries by day, and popularity of products in shards, in one collection."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import fields
from typing import Any, Final

from services.chassis.documents.port import PAGE_LIMIT, Collection, DocumentStore, Index, Range
from services.chassis.eventlog.generations import Generations
from services.search.domain.insights import QueryDay
from services.search.domain.mining import SHARDS
from services.search.domain.popularity import Faded, added

PROJECTION: Final = "search-log"
BY_DAY: Final = "by_day"
MINED: Final = Collection("mined", (Index(BY_DAY, ("kind", "day")),))
QUERY_DAY_KIND: Final = "query-day"
POPULARITY_KIND: Final = "popularity"
_FIELDS: Final = tuple(each.name for each in fields(QueryDay))


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


def query_day_from_body(body: Mapping[str, Any]) -> QueryDay:
    """Read a query's day."""
    return QueryDay(**{name: body[name] for name in _FIELDS if name in body})


def body_from_query_day(day: QueryDay) -> dict[str, Any]:
    """Write a query's day."""
    return {"kind": QUERY_DAY_KIND, **{name: getattr(day, name) for name in _FIELDS}}


def sums_in(body: dict[str, Any] | None) -> dict[str, Any]:
    """Return a shard's body to be changed in place, or a new one."""
    return body if body is not None else {"kind": POPULARITY_KIND, "products": {}}


def add_to(sums: dict[str, Any], products: Iterable[str], weight: float, time_s: float) -> None:
    """Add an act to the sum of each of the products in a shard's body."""
    kept = sums["products"]
    for product_id in products:
        before = kept.get(product_id)
        kept[product_id] = list(added(None if before is None else Faded(*before), weight, time_s))
