"""The search index's engines side by side: the part ``--engines`` of benchmarks.search.

    python -m benchmarks.search --engines tantivy,elasticsearch [--json]

20,000 products (Chorus' 19,406 and the first of them again under other ids), the same queries: the 75 judged ones and
words that stand side by side in titles, drawn with a seed. Each goes through the search service's own finder, behind
the port, as a shopper's query does: relevance with boosts, the same with facets, by price. Engines take turns, so that
both meet the same machine. ``p50_ms`` and ``p95_ms``: one at a time; ``qps``: IN_FLIGHT at a time; ``cpu_ms``: CPU of a
query in this process and, for Elasticsearch, in its node too. Times are the best of ROUNDS turns: other work on the
machine only adds. ``same``: shares of queries with equal totals and equal first DEPTH hits on both engines, and with
those hits the same as a set (scores differ a little: Lucene counts documents and lengths by field).

Without a server named by ZHIKE_TEST_ELASTICSEARCH, infra/elasticsearch/with-elasticsearch.sh starts a node for the run.
"""

import asyncio
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import numpy as np

from services.chassis.searchindex.elastic import ElasticSearchIndex, Server
from services.chassis.searchindex.port import SearchIndex
from services.chassis.searchindex.tantivy import TantivySearchIndex
from services.kits.text.segment import Segmenter
from services.kits.text.spelling import Vocabulary
from services.search.domain.product import Product
from services.search.domain.query import FacetField, OrderBy
from services.search.store.product_index import IndexedProduct, ProductIndex
from services.search.usecases.finding import Finder, Request

PRODUCTS = 20_000
QUERIES = 500
LIMIT = 24
DEPTH = 10
ROUNDS = 3
IN_FLIGHT = 16
BATCH = 500
SEED = 8_19
VARIABLE = "ZHIKE_TEST_ELASTICSEARCH"
NODE = Path(__file__).parents[1] / "infra" / "elasticsearch" / "with-elasticsearch.sh"
FACETS = (FacetField.CATEGORY, FacetField.BRAND, FacetField.PRICE)
PRICE_BOUNDS = (1_000, 5_000, 20_000)

Cpu = Callable[[], Awaitable[float]]


@dataclass(frozen=True)
class Engine:
    """An engine under test: its finder, and milliseconds of CPU that it and this process have spent."""

    name: str
    finder: Finder
    cpu_ms: Cpu


def ensure_node(engines: Sequence[str]) -> None:
    """Run this command beside a node of its own where one is needed and none is named."""
    if "elasticsearch" not in engines or os.environ.get(VARIABLE):
        return
    if os.environ.get("ZHIKE_BENCH_NODE"):
        sys.exit("no Elasticsearch could be started for this benchmark")
    os.environ["ZHIKE_BENCH_NODE"] = "1"
    os.environ.setdefault("ZHIKE_ELASTICSEARCH_OPTIONS", "")  # compile as a server does
    os.execv(NODE, [str(NODE), sys.executable, "-m", "benchmarks.search", *sys.argv[1:]])


async def measure_engines(names: Sequence[str], products: Sequence[Product], judged: Sequence[str]) -> dict[str, Any]:
    """Return the figures of each engine, and how alike they answer."""
    catalogue = _filled_up(products)
    requests = _requests(catalogue, judged)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zhike-bench-")))
        segmenter = Segmenter()
        engines, loaded = [], {}
        for name in names:
            engine, seconds = await _opened(name, folder, segmenter, catalogue, stack)
            engines.append(engine)
            loaded[name] = round(len(catalogue) / seconds)
        figures: dict[str, Any] = {"products": len(catalogue), "queries": len(requests["relevance"])}
        figures["indexed_per_s"] = loaded
        for kind, asked in requests.items():
            figures[kind] = await _side_by_side(engines, asked)
        if len(engines) > 1:
            figures["same"] = {kind: await _alike(engines, asked) for kind, asked in requests.items()}
    return figures


def _filled_up(products: Sequence[Product]) -> list[Product]:
    again = (replace(product, id=f"{product.id}-again") for product in itertools.cycle(products))
    return [*products[:PRODUCTS], *itertools.islice(again, max(0, PRODUCTS - len(products)))]


def _requests(products: Sequence[Product], judged: Sequence[str]) -> Mapping[str, list[Request]]:
    rng = Random(SEED)
    texts = list(judged)
    while len(texts) < QUERIES:
        words = rng.choice(products).title["en"].split()
        length = rng.randint(1, 3)
        start = rng.randrange(max(1, len(words) - length + 1))
        texts.append(" ".join(words[start : start + length]))
    plain = [Request(text, "en", LIMIT) for text in texts]
    return {
        "relevance": plain,
        "facets": [replace(each, facets=FACETS) for each in plain],
        "by_price": [replace(each, order_by=OrderBy.PRICE_ASCENDING) for each in plain],
    }


async def _opened(
    name: str, folder: Path, segmenter: Segmenter, products: Sequence[Product], stack: AsyncExitStack
) -> tuple[Engine, float]:
    index, cpu_ms = _open_index(name, folder, stack)
    stack.push_async_callback(index.close)
    catalogue = ProductIndex(index, segmenter)
    await catalogue.declare()
    branch = await catalogue.open_branch()
    vocabulary = Vocabulary()
    started = time.perf_counter()
    for start in range(0, len(products), BATCH):
        part = products[start : start + BATCH]
        now = part[0].update_time
        await catalogue.write([IndexedProduct(product, now) for product in part], now, branch=branch)
    await catalogue.promote(branch)
    seconds = time.perf_counter() - started
    vocabulary.add(
        word for product in products for text in product.title.values() for word in segmenter.vocabulary_words(text)
    )
    return Engine(name, Finder(catalogue, segmenter, lambda: vocabulary, lambda: PRICE_BOUNDS), cpu_ms), seconds


def _open_index(name: str, folder: Path, stack: AsyncExitStack) -> tuple[SearchIndex, Cpu]:
    async def own_ms() -> float:
        return time.process_time() * 1e3

    if name == "tantivy":
        return TantivySearchIndex(folder / "index"), own_ms
    prefix = f"zhike-bench-{uuid4().hex[:12]}"
    server = Server(os.environ[VARIABLE])

    async def both_ms() -> float:
        asked = {"filter_path": "nodes.*.process.cpu.total_in_millis"}
        nodes = (await server.ask("GET", "/_nodes/stats/process", params=asked))["nodes"]
        return time.process_time() * 1e3 + sum(node["process"]["cpu"]["total_in_millis"] for node in nodes.values())

    async def remove() -> None:
        found = await server.ask("GET", f"/{prefix}*", params={"filter_path": "*.settings.index.uuid"})
        await server.ask("DELETE", f"/{','.join(found)}")
        await server.close()

    stack.push_async_callback(remove)
    return ElasticSearchIndex(Server(os.environ[VARIABLE]), prefix=prefix), both_ms


async def _side_by_side(engines: Sequence[Engine], requests: Sequence[Request]) -> dict[str, dict[str, float]]:
    turns: dict[str, list[dict[str, float]]] = {engine.name: [] for engine in engines}
    for turn in range(ROUNDS + 1):
        for engine in engines:
            measured = await _turn(engine, requests)
            if turn:  # the first warms both up
                turns[engine.name].append(measured)
    return {name: _best(measured) for name, measured in turns.items()}


async def _turn(engine: Engine, requests: Sequence[Request]) -> dict[str, float]:
    times = []
    for request in requests:
        started = time.perf_counter()
        await engine.finder.first_page(request)
        times.append((time.perf_counter() - started) * 1e3)
    cpu_ms, started = await engine.cpu_ms(), time.perf_counter()
    waiting = iter(requests)

    async def ask(turn: Iterable[Request]) -> None:
        for request in turn:
            await engine.finder.first_page(request)

    await asyncio.gather(*(ask(waiting) for _ in range(IN_FLIGHT)))
    seconds = time.perf_counter() - started
    return {
        "qps": len(requests) / seconds,
        "p50_ms": float(np.percentile(times, 50)),
        "p95_ms": float(np.percentile(times, 95)),
        "cpu_ms": (await engine.cpu_ms() - cpu_ms) / len(requests),
    }


def _best(turns: Sequence[Mapping[str, float]]) -> dict[str, float]:
    least = {name: min(turn[name] for turn in turns) for name in ("p50_ms", "p95_ms", "cpu_ms")}
    return {"qps": round(max(turn["qps"] for turn in turns), 1), **{name: round(ms, 3) for name, ms in least.items()}}


async def _alike(engines: Sequence[Engine], requests: Sequence[Request]) -> dict[str, float]:
    totals, orders, sets = [], [], []
    for request in requests:
        pages = [(await engine.finder.first_page(request)).page for engine in engines]
        ids = [tuple(hit.id for hit in page.hits[:DEPTH]) for page in pages]
        totals.append(len({page.total for page in pages}) == 1)
        orders.append(len(set(ids)) == 1)
        sets.append(len({frozenset(each) for each in ids}) == 1)
    return {"total": _share(totals), "order": _share(orders), "set": _share(sets)}


def _share(held: Sequence[bool]) -> float:
    return round(sum(held) / len(held), 3)
