"""A small shop in memory: products, log, index and memory wired as the service wires them, moved by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import DocumentStore
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.outbox import OutboxRelay
from services.chassis.eventlog.port import Event, EventLog
from services.chassis.metrics import Metrics
from services.chassis.searchindex.tantivy import TantivySearchIndex
from services.kits.text.segment import Segmenter
from services.search.domain.answers import SearchAnswer
from services.search.domain.product import Product, product_from_json
from services.search.jobs.indexing import CatalogFollower, Popularity, ProductIndexer
from services.search.store.catalog_memory import CatalogMemory
from services.search.store.product_index import ProductIndex
from services.search.store.products import PRODUCTS, ProductStore
from services.search.usecases.catalog import import_products
from services.search.usecases.finding import Finder
from services.search.usecases.searching import Query, Searching, Served, serve_search
from tests.fakes.clock import ManualClock

SEGMENTER = Segmenter()
SECRET = b"s" * 32
ZONE = ZoneInfo("Asia/Shanghai")


def row(product_id: str, zh: str = "", en: str = "", **fields: Any) -> dict[str, Any]:
    """A product in its public form."""
    title = {language: text for language, text in (("zh", zh), ("en", en)) if text}
    price = fields.pop("price", None)
    priced = {"price": {"amount": price, "currency": "CNY"}} if price else {}
    return {"id": product_id, "title": title, **priced, **fields}


def product(product_id: str, zh: str = "", en: str = "", **fields: Any) -> Product:
    return product_from_json(row(product_id, zh, en, **fields), shop="main")


SHELF = (
    row("cola", "可口可乐 无糖汽水 2升", "Coca-Cola Zero soda 2 L", brands=["Coca-Cola"], price="7.50",
        tags=["sugar-free"],
        categories=[{"zh": "饮料 > 汽水", "en": "Drinks > Soda"}], available_quantity=5),
    row("pepsi", "百事可乐 330ml", "Pepsi cola 330 ml", brands=["Pepsi"], price="2.50",
        categories=[{"zh": "饮料 > 汽水", "en": "Drinks > Soda"}], available_quantity=0),
    row("milk", "蒙牛纯牛奶 250ml", "Mengniu milk 250 ml", brands=["蒙牛"], price="59.90", tags=["own-label"],
        categories=[{"zh": "乳品 > 牛奶", "en": "Dairy > Milk"}], attributes={"size": ["250 ml"]}),
    row("cheese", "马苏里拉奶酪", "Mozzarella cheese", brands=["Acme, Inc"], price="19.90",
        categories=[{"zh": "乳品 > 奶酪", "en": "Dairy > Cheese"}]),
    row("shampoo", "去屑洗发水", "Anti-dandruff shampoo", brands=["Acme, Inc"], price="35.00",
        categories=[{"zh": "个护", "en": "Care"}], description={"en": "Leaves no cola stains"}),
)  # fmt: skip


@dataclass
class Shop:
    """Everything of one search process."""

    clock: ManualClock
    documents: MemoryDocuments
    store: ProductStore
    log: DocumentsLog
    engine: TantivySearchIndex
    index: ProductIndex
    popularity: Popularity
    memory: CatalogMemory
    publisher: OutboxRelay
    indexer: ProductIndexer
    follower: CatalogFollower
    searching: Searching
    served: list[Served] = field(default_factory=list)
    read: int = 0

    async def stock(self, *rows: dict[str, Any]) -> None:
        """Import products and let all follow."""
        await import_products(self.store, [product_from_json(each, shop="main") for each in rows], self.clock, _nothing)
        await self.settle()

    async def settle(self) -> list[Event]:
        """Publish what waits and apply it everywhere, as the jobs do; return the events."""
        await self.publisher.relay_all()
        events = list(await self.log.read(0, after=self.read, limit=1_000))
        if events:
            self.read = events[-1].seq
            await self.indexer.apply(events)
            await self.follower.apply(events)
        await self.follower.rebuild()
        return events

    async def search(self, query: str = "", language: str = "zh", **changes: Any) -> SearchAnswer:
        return await serve_search(Query(query, language, changes.pop("limit", 24), **changes), self.searching)

    async def ids(self, query: str = "", language: str = "zh", **changes: Any) -> list[str]:
        return [found.product.id for found in (await self.search(query, language, **changes)).results]


def _nothing() -> None:
    """Nobody is told: the tests settle by hand."""


async def _no_queries() -> list[Any]:
    return []


def make_relay(documents: DocumentStore, log: EventLog) -> OutboxRelay:
    """Return what publishes changes of products."""
    return OutboxRelay(documents, PRODUCTS, log, metrics=Metrics([EVENTLOG_METRICS]))


@asynccontextmanager
async def open_shop(folder: Path) -> AsyncIterator[Shop]:
    clock, documents = ManualClock(), MemoryDocuments()
    store, popularity, memory = ProductStore(documents), Popularity(), CatalogMemory(SEGMENTER)
    await store.declare()
    log = DocumentsLog(documents, "products", 1, clock, Random(1))
    await log.open()
    engine = TantivySearchIndex(folder)
    index = ProductIndex(engine, SEGMENTER)
    indexer = ProductIndexer(store, index, popularity, clock, log=log)
    await indexer.ensure()
    served: list[Served] = []
    finder = Finder(index, SEGMENTER, lambda: memory.vocabulary, lambda: memory.price_bounds)
    shop = Shop(
        clock=clock,
        documents=documents,
        store=store,
        log=log,
        engine=engine,
        index=index,
        popularity=popularity,
        memory=memory,
        publisher=make_relay(documents, log),
        indexer=indexer,
        follower=CatalogFollower(store, memory, popularity, _no_queries),
        searching=Searching(finder, clock, Random(7), SECRET, ZONE, served.append, lambda: memory.currency),
        served=served,
    )
    yield shop
    await engine.close()
