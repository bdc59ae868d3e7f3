"""Owns the numbers mined from the logs: queries by day, popularity of products in shards, and which orders count."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from services.chassis.documents.port import BATCH_LIMIT, PAGE_LIMIT, Collection, DocumentStore, Index, Range
from services.chassis.eventlog.generations import Generations
from services.kits.pieces import Line, Step, row_of_step, step_from_row
from services.search.domain.counting import Heard, Said, Telling
from services.search.domain.insights import Act, QueryDay
from services.search.domain.mining import SHARDS
from services.search.domain.popularity import Wanted, shares_of

PROJECTION: Final = "search-log"
BY_DAY: Final = "by_day"
MINED: Final = Collection("mined", (Index(BY_DAY, ("kind", "day")),))
COUNTED_ORDERS: Final = Collection("counted_orders")  # by services.kits.purchases.order_key
QUERY_DAY_KIND: Final = "query-day"
POPULARITY_KIND: Final = "popularity"
LATEST_KIND: Final = "latest"
LATEST_KEY: Final = "latest"
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

    async def query_days_of(self, keys: Sequence[str]) -> list[tuple[str, QueryDay]]:
        """Return (query key, numbers) of those days, named by ``query_day_key``, that have any."""
        collection = self._generations.resolve(MINED)
        found: list[tuple[str, QueryDay]] = []
        for start in range(0, len(keys), BATCH_LIMIT):
            documents = await self._documents.get_many(collection, keys[start : start + BATCH_LIMIT])
            found += [(key.rpartition("/")[2], query_day_from_body(each.body)) for key, each in documents.items()]
        return found

    async def popularity(self) -> Wanted:
        """Return how wanted every product is."""
        collection = self._generations.resolve(MINED)
        shards = await self._documents.get_many(collection, [LATEST_KEY, *map(popularity_key, range(SHARDS))])
        latest = shards.pop(LATEST_KEY, None)
        return Wanted(
            {
                product_id: int(shares, 16)
                for document in shards.values()
                for product_id, shares in document.body.get("products", {}).items()
            },
            0.0 if latest is None else latest.body["time_s"],
        )


def query_day_key(day: str, query_key: str) -> str:
    """Return the key of one query's day."""
    return f"q/{day}/{query_key}"


def popularity_key(shard: int) -> str:
    """Return the key of one shard of popularity."""
    return f"p/{shard:02}"


def query_day_from_body(body: Mapping[str, Any]) -> QueryDay:
    """Read a query's day."""
    day = {name: body[name] for name in _FIELDS if name in body}
    return QueryDay(**{**day, "searchers": tuple(body.get("searchers", ()))})


def body_from_query_day(day: QueryDay) -> dict[str, Any]:
    """Write a query's day."""
    return {
        "kind": QUERY_DAY_KIND,
        **{name: getattr(day, name) for name in _FIELDS},
        "by_position": dict(day.by_position),
        "searchers": list(day.searchers),
    }


def sums_in(body: dict[str, Any] | None) -> dict[str, Any]:
    """Return a shard's body to be changed in place, or a new one."""
    return body if body is not None else {"kind": POPULARITY_KIND, "products": {}}


def add_to(sums: dict[str, Any], products: Iterable[str], weight: float, time_s: float) -> None:
    """Add an act to the sum of each of the products in a shard's body; with a negative weight take it back."""
    kept, more = sums["products"], shares_of(weight, time_s)
    for product_id in products:
        shares = int(kept.pop(product_id, "0"), 16) + more
        if shares:
            kept[product_id] = f"{shares:x}"


def later(body: Mapping[str, Any] | None, time_s: float) -> dict[str, Any]:
    """Return the body that holds the latest act's time."""
    return {"kind": LATEST_KIND, "time_s": time_s if body is None else max(body["time_s"], time_s)}


def heard_from_body(body: Mapping[str, Any] | None) -> tuple[Heard, ...]:
    """Read what was heard of an order."""
    if body is None:
        return ()
    return tuple(step_from_row(each) if isinstance(each[0], str) else _telling_from(*each) for each in body["tellings"])


def body_from_heard(heard: Iterable[Heard]) -> dict[str, Any]:
    """Write what was heard of an order; as arrays, for there is a document of each order."""
    return {"tellings": [row_of_step(each) if isinstance(each, Step) else _row_of_telling(each) for each in heard]}


def _row_of_telling(telling: Telling) -> list[Any]:
    said = telling.said
    act = None if said.act is None else asdict(said.act)
    return [*telling.rank, list(said.wanted), said.time_s, act, [list(line[:3]) for line in telling.lines]]


def _telling_from(
    authority: int,
    recorded_us: int,
    key: str,
    wanted: list[str],
    time_s: float,
    act: Mapping[str, Any] | None,
    lines: Sequence[tuple[int, int, int]] = (),
) -> Telling:
    said = Said(None if act is None else Act(**act), tuple(wanted), time_s)
    return Telling(
        (authority, recorded_us, key), said, tuple(Line(number, product, pieces) for number, product, pieces in lines)
    )
