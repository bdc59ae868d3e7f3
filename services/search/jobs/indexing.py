"""Keeps the product index and the memory of the catalogue up with the ``products`` log.

The log says which products changed; what is indexed is what their documents say now, under their version, so a replay
or a second reader changes nothing. ``product-index`` is a singleton, ``catalog-memory`` runs in every replica. Each
replica takes what was mined, for its completions, and for what it indexes should it become the one that does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

from services.chassis.clock import Clock
from services.chassis.eventlog.port import Event, EventLog, Head
from services.chassis.logs import get_log
from services.chassis.operation_run import OperationRun
from services.search.domain.popularity import Wanted, value_at
from services.search.domain.suggestions import Phrase
from services.search.store.catalog_memory import CatalogMemory
from services.search.store.product_index import IndexedProduct, ProductIndex
from services.search.store.products import ProductStore, StoredProduct

PAGE: Final = 500
MOVED_SHARE: Final = 0.1  # a popularity that moved by less is not written again
REFRESH_INTERVAL_S: Final = 15.0
MEMORY_INTERVAL_S: Final = 1.0

log = get_log("indexing")


class Popularity:
    """How wanted each product is, as last mined; "now" is the latest act, so that an old import does not fade away."""

    def __init__(self) -> None:
        self._wanted = Wanted({}, 0.0)

    def take(self, wanted: Wanted) -> None:
        """Take what was newly mined."""
        self._wanted = wanted

    def of(self, product_id: str) -> float:
        """Return a product's popularity in purchases."""
        shares = self._wanted.shares.get(product_id, 0)
        return value_at(shares, self._wanted.latest_s) if shares else 0.0

    def values(self) -> dict[str, float]:
        """Return the popularity of every product that was wanted."""
        wanted = self._wanted
        return {product_id: value_at(shares, wanted.latest_s) for product_id, shares in wanted.shares.items()}


class ProductIndexer:
    """The projection ``product-index``, its filling from nothing, and the refresh of popularity in it."""

    name = "product-index"

    def __init__(
        self, store: ProductStore, index: ProductIndex, popularity: Popularity, clock: Clock, *, log: EventLog
    ) -> None:
        self._store = store
        self._log = log
        self._index = index
        self._popularity = popularity
        self._clock = clock
        self._indexed: dict[str, float] = {}
        self._filling = asyncio.Lock()
        self._beside: str | None = None  # the branch being filled gets every change too

    async def apply(self, events: Sequence[Event]) -> None:
        """Index the products that the events name; visible when it returns."""
        ids = list(dict.fromkeys(event.subject for event in events))
        found = await self._store.get_many(ids)
        await self._write([found[product_id] for product_id in ids if product_id in found])

    async def ensure(self) -> None:
        """Return when the index answers: fill it from the products if it is missing, damaged or of another shape."""
        if not await self._index.declare():
            log.info("filling the product index")
            await self.rebuild()

    async def rebuild(self, run: OperationRun | None = None) -> None:
        """Fill a new branch from the products and promote it; searches stay on the old one until then.

        Another replica may follow the log meanwhile and writes to the branch that is live: what the log said since the
        beginning is indexed once more when the new one is.
        """
        async with self._filling:
            before = await self._log.head()
            branch = await self._index.open_branch()
            self._beside = branch
            try:
                after: str | None = None
                while True:
                    products, after = await self._store.scan(after=after, limit=PAGE)
                    entries = self._entries(products)
                    await self._index.write(entries, self._clock.now(), branch=branch)
                    self._note(entries)
                    if run is not None:
                        run.progress.rows += len(products)
                        run.progress.accept("indexed", len(products))
                        await run.report()
                    if after is None:
                        break
                await self._index.promote(branch)
            finally:
                self._beside = None
            await self._follow(before)

    async def refresh_popularity(self, wanted: Wanted) -> int:
        """Write products whose popularity moved; return how many."""
        self._popularity.take(wanted)
        moved = [
            product_id
            for product_id, value in self._popularity.values().items()
            if abs(value - self._indexed.get(product_id, 0.0))
            > MOVED_SHARE * (1.0 + self._indexed.get(product_id, 0.0))
        ]
        for start in range(0, len(moved), PAGE):
            found = await self._store.get_many(moved[start : start + PAGE])
            await self._write(list(found.values()))
            # What no product of the catalogue has is not looked for again until it moves further.
            gone = [each for each in moved[start : start + PAGE] if each not in found]
            self._indexed |= {each: self._popularity.of(each) for each in gone}
        return len(moved)

    async def _follow(self, before: Head) -> None:
        for partition, seq in enumerate(before.seqs):
            after = seq
            while events := await self._log.read(partition, after=after, limit=PAGE):
                await self.apply(events)
                after = events[-1].seq

    async def _write(self, products: Sequence[StoredProduct]) -> None:
        now, entries = self._clock.now(), self._entries(products)
        # What was written in the same second already keeps the popularity that it has, to be written by a later pass.
        self._note(entries, await self._index.write(entries, now))
        if self._beside is not None:
            await self._index.write(entries, now, branch=self._beside)

    def _entries(self, products: Sequence[StoredProduct]) -> list[IndexedProduct]:
        return [
            IndexedProduct(each.product, each.create_time, self._popularity.of(each.product.id)) for each in products
        ]

    def _note(self, entries: Sequence[IndexedProduct], unchanged: Collection[str] = ()) -> None:
        """Remember with which popularity products are in the index now."""
        self._indexed |= {each.product.id: each.popularity for each in entries if each.product.id not in unchanged}


class CatalogFollower:
    """The projection ``catalog-memory``: the shop's words, completions and price bounds of this replica."""

    name = "catalog-memory"

    def __init__(
        self,
        store: ProductStore,
        memory: CatalogMemory,
        popularity: Popularity,
        queries: Callable[[], Awaitable[list[Phrase]]],
    ) -> None:
        self._store = store
        self._memory = memory
        self._popularity = popularity
        self._queries = queries

    async def load(self) -> None:
        """Read every product once; before the follower starts, from the log's head on, and before readiness."""
        after: str | None = None
        while True:
            products, after = await self._store.scan(after=after, limit=PAGE)
            for stored in products:
                self._memory.put(stored.product)
            await asyncio.sleep(0)
            if after is None:
                break
        await self.rebuild()

    async def apply(self, events: Sequence[Event]) -> None:
        """Take the products that the events name as they are now."""
        found = await self._store.get_many(list(dict.fromkeys(event.subject for event in events)))
        for stored in found.values():
            self._memory.put(stored.product)

    async def rebuild_if_changed(self) -> None:
        """Build anew what the catalogue's changes ask for: prices, which move all day long, their bounds alone."""
        if self._memory.spelling_moved:
            await self.rebuild()
        else:
            await self._memory.rebuild_bounds()

    async def rebuild(self) -> None:
        """Build completions and price bounds anew."""
        await self._memory.rebuild(await self._queries(), self._popularity.values())
