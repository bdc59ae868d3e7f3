"""What product search costs inside its service, and whether simulated shoppers find what they mean.

    python -m benchmarks.search_engine [--parts] [--json]

The demo shop's catalogue (5,927 products of Complete Journey) at 1/16, 1/4 and whole, then 16 times over, with queries
drawn from the demo's simulator: they are simulated, and what each should find is known because it was made from it.
Times are of one process without gRPC and gateway (benchmarks.gateway has those): reading the request's texts, the
engine, the answer as JSON bytes. ``visible_ms`` is a price edit from the call to the first search that shows it.
``search_parts_cpu_us`` (alone with --parts): the CPU of one search by part, see benchmarks.search_parts.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson

from benchmarks.search_parts import parts_cpu_us
from infra.demo.catalog import build_catalog
from infra.demo.extra import data_folder
from infra.demo.products import product_json
from infra.demo.queries import QuerySet, build_queries
from infra.demo.source import read_shop_year
from services.chassis.clock import SystemClock
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.outbox import OutboxRelay
from services.chassis.metrics import Metrics
from services.chassis.searchindex.tantivy import TantivySearchIndex
from services.kits.money import Money
from services.kits.text.segment import Segmenter
from services.search.domain.answers import search_answer_to_json, suggestions_to_json
from services.search.domain.product import Product, product_from_json
from services.search.jobs.indexing import CatalogFollower, Popularity, ProductIndexer
from services.search.store.catalog_memory import CatalogMemory
from services.search.store.product_index import ProductIndex
from services.search.store.products import PRODUCTS, ProductStore
from services.search.usecases.catalog import Edit, import_products, update_product
from services.search.usecases.finding import Finder
from services.search.usecases.searching import Query, Searching, serve_search

SEED = 2017
SAMPLES = 1_500
EDITS = 30
BATCH = 200
FACETS = ("category", "brand", "price", "tag")
TOP = 10


@dataclass
class Bench:
    """One catalogue in one search process's parts."""

    store: ProductStore
    log: DocumentsLog
    publisher: OutboxRelay
    indexer: ProductIndexer
    memory: CatalogMemory
    searching: Searching
    read: int = 0

    async def settle(self) -> None:
        await self.publisher.relay_all()
        while events := await self.log.read(0, after=self.read, limit=1_000):
            await self.indexer.apply(events)
            self.read = events[-1].seq


async def open_bench(folder: Path, segmenter: Segmenter) -> tuple[Bench, CatalogFollower, Any]:
    documents, clock, rng = SqliteDocuments.open(folder / "documents.sqlite"), SystemClock(), Random(SEED)
    store, popularity, memory = ProductStore(documents), Popularity(), CatalogMemory(segmenter)
    await store.declare()
    log = DocumentsLog(documents, "products", 1, clock, rng)
    await log.open()
    engine = TantivySearchIndex(folder / "index")
    index = ProductIndex(engine, segmenter)
    indexer = ProductIndexer(store, index, popularity, clock, log=log)
    await indexer.ensure()
    finder = Finder(index, segmenter, lambda: memory.vocabulary, lambda: memory.price_bounds)
    searching = Searching(finder, clock, rng, b"s" * 32, ZoneInfo("Asia/Shanghai"), lambda _: None)

    async def no_queries() -> list[Any]:
        return []

    async def close() -> None:
        await engine.close()
        await log.close()
        await documents.close()

    follower = CatalogFollower(store, memory, popularity, no_queries)
    publisher = OutboxRelay(documents, PRODUCTS, log, metrics=Metrics([EVENTLOG_METRICS]))
    return Bench(store, log, publisher, indexer, memory, searching), follower, close


async def load(bench: Bench, follower: CatalogFollower, products: Sequence[Product]) -> dict[str, float]:
    """Import, publish and index; return rows per second of the whole and of the index alone."""
    started = time.perf_counter()
    for start in range(0, len(products), BATCH):
        await import_products(bench.store, products[start : start + BATCH], SystemClock(), lambda: None)
        await bench.settle()
    whole_s = time.perf_counter() - started
    started = time.perf_counter()
    await bench.indexer.rebuild()
    index_s = time.perf_counter() - started
    await follower.load()
    return {"import_per_s": round(len(products) / whole_s), "reindex_per_s": round(len(products) / index_s)}


async def search_times(bench: Bench, queries: Sequence[Query]) -> dict[str, float]:
    """Return microseconds of whole searches, their CPU (all threads), and of the engine alone."""
    whole: list[float] = []
    engine: list[float] = []
    size = 0
    cpu_started = time.process_time()
    for query in queries:
        started = time.perf_counter()
        answer = await serve_search(query, bench.searching)
        size += len(orjson.dumps(search_answer_to_json(answer, orjson.Fragment)))
        whole.append((time.perf_counter() - started) * 1e6)
        engine.append(answer.engine_us)
    cpu_us = (time.process_time() - cpu_started) / len(queries) * 1e6
    return {
        "cpu_us": round(cpu_us),
        "p50_us": round(statistics.median(whole)),
        "p99_us": round(float(np.percentile(whole, 99))),
        "engine_p50_us": round(statistics.median(engine)),
        "mean_answer_bytes": round(size / len(queries)),
    }


async def suggest_us(bench: Bench, queries: Sequence[Query]) -> float:
    times = []
    for query in queries:
        started = time.perf_counter()
        phrases = bench.memory.completion.complete(query.query[: max(1, len(query.query) // 2)], query.language)
        orjson.dumps(suggestions_to_json(phrases))
        times.append((time.perf_counter() - started) * 1e6)
    return round(statistics.median(times))


async def visible_ms(bench: Bench, ids: Sequence[str]) -> dict[str, float]:
    """Return milliseconds from an edit to the first search that shows it, the relay and index following at once."""
    times = []
    for number, product_id in enumerate(ids):
        price = 10_000_000 + number
        started = time.perf_counter()
        await update_product(bench.store, Edit(product_id, {"price": Money(price, "USD")}), SystemClock(), lambda: None)
        await bench.settle()
        query = Query("", "en", 1, filters=(f"price:{price}..{price + 1}",))
        assert (await serve_search(query, bench.searching)).total_size == 1
        times.append((time.perf_counter() - started) * 1e3)
    return {"p50": round(statistics.median(times), 1), "max": round(max(times), 1)}


async def found_shares(bench: Bench, simulated: QuerySet, ids: Sequence[str]) -> dict[str, float]:
    """Return, by kind of query, the share with an intended product in the first TOP, and of typos repaired."""
    hits: dict[str, list[bool]] = {}
    repaired: list[bool] = []
    empty: list[bool] = []
    for query in simulated.queries:
        answer = await serve_search(Query(query.text, query.language, TOP), bench.searching)
        shown = {found.product_id for found in answer.results}
        if query.kind == "nothing":
            empty.append(answer.matched_terms != "all")
            continue
        hits.setdefault(query.kind, []).append(bool(shown & {ids[place] for place in query.products}))
        if query.kind == "typo":
            repaired.append(bool(answer.corrected_query))
    shares = {f"found_{kind}": round(float(np.mean(values)), 3) for kind, values in hits.items()}
    return shares | {
        "typo_repaired": round(float(np.mean(repaired)), 3),
        "nothing_not_all": round(float(np.mean(empty)), 3),
    }


async def measure_parts() -> dict[str, Any]:
    """Return the CPU by part on the whole catalogue, and nothing else."""
    rng = np.random.default_rng(SEED)
    items = build_catalog(read_shop_year(data_folder()), rng=rng)
    products = [product_from_json(product_json(item), shop="demo") for item in items]
    sampled = [Query(query.text, query.language, 24) for query in build_queries(items, rng=rng).sample(rng, SAMPLES)]
    with tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder:
        bench, follower, close = await open_bench(Path(folder), Segmenter())
        await load(bench, follower, products)
        parts = await parts_cpu_us(bench.searching, sampled, Path(folder) / "logs")
        await close()
    return {"search_parts_cpu_us": parts}


async def measure() -> dict[str, Any]:
    rng = np.random.default_rng(SEED)
    items = build_catalog(read_shop_year(data_folder()), rng=rng)
    products = [product_from_json(product_json(item), shop="demo") for item in items]
    simulated = build_queries(items, rng=rng)
    sampled = [Query(query.text, query.language, 24) for query in simulated.sample(rng, SAMPLES)]
    copies = [replace(product, id=f"{product.id}-{copy}") for copy in range(16) for product in products]
    segmenter = Segmenter()
    figures: dict[str, Any] = {"queries": len(simulated.queries), "sizes": {}}
    for name, catalogue in (
        ("1/16", products[: len(products) // 16]),
        ("1/4", products[: len(products) // 4]),
        ("whole", products),
        ("16x", copies),
    ):
        with tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder:
            bench, follower, close = await open_bench(Path(folder), segmenter)
            loaded = await load(bench, follower, catalogue)
            figures["sizes"][name] = {
                "products": len(catalogue),
                **loaded,
                "search": await search_times(bench, sampled),
                "search_with_facets": await search_times(bench, [replace(each, facets=FACETS) for each in sampled]),
                "suggest_p50_us": await suggest_us(bench, sampled),
                "visible_ms": await visible_ms(bench, [each.id for each in catalogue[:EDITS]]),
            }
            if name == "whole":
                logs = Path(folder) / "logs"
                figures["search_parts_cpu_us"] = await parts_cpu_us(bench.searching, sampled, logs)
                figures["simulated"] = await found_shares(bench, simulated, [item.id for item in items])
            await close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one line of JSON, last")
    parser.add_argument("--parts", action="store_true", help="only the CPU of one search by part (half a minute)")
    arguments = parser.parse_args()
    figures = asyncio.run(measure_parts() if arguments.parts else measure())
    print(json.dumps(figures) if arguments.json else json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
